/** English, and the list of what every translation says. */
export const words = {
  hello: "Hello! How can we help?",
  yourName: "Name",
  yourEmail: "Email",
  yourPhone: "Phone (optional)",
  startChat: "Start chat",
  yourMessage: "Message",
  sendIt: "Send",
  end: "End conversation",
  again: "Start a new conversation",
  earlier: "Earlier conversations",
  back: "Back",
  minimize: "Minimize",
  here: "We are online",
  away: "Leave a message, we will answer here",
  isTyping: "{} is typing…",
  edit: "Edit",
  newer: "New messages",
  signIn: "Your sign-in has expired. Please reload this page",
  failed: "That did not work. Please try again",
};

/** What the protocol has a name for. */
export const said = {
  closed: "The conversation has ended",
  reopened: "The conversation goes on",
  connected: "Real-time connected",
  "catching-up": "Catching up",
  offline: "Offline. Your messages are kept and sent later",
  sending: "Sending",
  sent: "Sent",
  read: "Read",
};

export type Words = Record<keyof typeof words, string>;
export type Said = Record<keyof typeof said, string>;
