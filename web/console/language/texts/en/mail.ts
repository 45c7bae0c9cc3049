/** Mail that became no message. */
export const mail = {
  "mail.title": "Mail without a conversation",
  "mail.hint":
    "What came in by mail and became no message, with the reason. It is kept for 30 days.",
  "mail.none": "There is none.",
  "mail.noSender": "No sender",
  "mail.open": "Open the conversation",
  "mail.undeliverable": "Mail to this address does not arrive, so none is sent: {reason}",
  "settings.openMail": "Open Mail without a conversation",
  "mail.reason.too_large": "It is too large.",
  "mail.reason.unreadable": "It cannot be read.",
  "mail.reason.automatic": "A program sent it: an automatic reply, or a list.",
  "mail.reason.own_mail": "This server sent it.",
  "mail.reason.delivery_report": "It reports that a mail did not arrive.",
  "mail.reason.no_reply_address": "It was sent to no reply address.",
  "mail.reason.forged": "Its reply address was not made by this server.",
  "mail.reason.no_sender": "It has no sender, or several.",
  "mail.reason.foreign_sender": "It is not from the address that was mailed.",
  "mail.reason.no_room": "The conversation is gone.",
  "mail.reason.blocked": "The customer is blocked.",
  "mail.reason.empty": "Nothing is written in it.",
  "command.mail": "Mail without a conversation",
} as const;
