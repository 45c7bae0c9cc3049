/** English, and the keys that every translation must have. */
export const texts = {
  hello: "Hello! How can we help?",
  yourName: "Name",
  yourEmail: "Email",
  yourPhone: "Phone (optional)",
  startChat: "Start chat",
  yourMessage: "Message",
  send: "Send",
  end: "End conversation",
  beginNew: "Start a new conversation",
  earlier: "Earlier conversations",
  back: "Back",
  minimize: "Minimize",
  here: "We are online",
  away: "Leave a message and we will reply here",
  isTyping: "{} is typing…",
  edit: "Edit",
  redacted: "Message removed",
  newer: "New messages",
  signIn: "Your sign-in has expired. Please reload the page",
  failed: "Something went wrong. Please try again",
};

/** Texts for events, connection states and marks: the keys are the names in the code. */
export const labels = {
  closed: "Conversation ended",
  reopened: "Conversation reopened",
  connected: "Real-time connected",
  "catching-up": "Catching up",
  offline: "Offline. Your messages are kept and sent later",
  sending: "Sending",
  sent: "Sent",
  read: "Read",
};

/** Texts of the further file (`more.ts`), which most visitors never load. */
export const moreTexts = {
  backAt: "We are back {day} at {time}",
  onWeekday: "on {}",
  onDate: "on {}",
  mailIt: "Send by mail",
  mailed: "It is on its way",
  toWhom: "To which address?",
  unanswered: "You can have it by mail once we have answered",
  often: "You were sent it several times today. Try again tomorrow",
  quote: "Quoted text",
  rate: "How was this conversation?",
  score: "{} of 5",
  comment: "Comment (optional)",
  sendComment: "Send comment",
  thanks: "Thank you for your rating",
  ratingIsFinal: "This rating can no longer be changed",
};

export type Texts = Record<keyof typeof texts, string>;
export type Labels = Record<keyof typeof labels, string>;
export type MoreTexts = Record<keyof typeof moreTexts, string>;
