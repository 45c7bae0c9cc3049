/** How often typing is sent: the server passes it on every two seconds at most. */
export const TYPING_INTERVAL_MS = 2_500;

/** Characters of a message, until the welcome brings the server's limit. */
export const MAX_CONTENT = 8_000;
