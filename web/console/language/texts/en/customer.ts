/** Beside a conversation: who the customer is, and what programs suggest. */
export const customer = {
  "suggestion.name": "Suggestion",
  "suggestion.by": "{name} suggests",
  "suggestion.stale": "The customer has written since.",
  "suggestion.take": "Take",
  "suggestion.dismiss": "Dismiss",
  "profile.name": "About the customer",
  "profile.firstVisit": "First visit",
  "profile.lastVisit": "Last visit",
  "profile.language": "Language",
  "profile.localTime": "Local time",
  "profile.attributes": "From the shop",
  "profile.dropped": "What the shop signed was dropped:",
  "profile.pages": "Pages",
  "profile.others": "Other conversations",
} as const;
