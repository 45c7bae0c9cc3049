//! The words of mail, in English.

/// What a mail says apart from a room's messages.
pub(crate) struct Words {
    pub(crate) subject: String,
    /// In front of the messages.
    pub(crate) greeting: String,
    /// Behind them.
    pub(crate) footer: String,
}

/// A mail with answers that the customer has not read.
pub(super) fn answers(shop: &str, takes_reply: bool) -> Words {
    Words {
        subject: subject(shop),
        greeting: format!("{shop} has answered you in the chat:"),
        footer: match takes_reply {
            true => format!("You can reply to this mail: {shop} reads your reply in the chat."),
            false => {
                "Please do not reply to this mail: nobody reads replies. Use the chat instead."
                    .into()
            }
        },
    }
}

/// A whole conversation.
pub(super) fn transcript(shop: &str) -> Words {
    Words {
        subject: subject(shop),
        greeting: format!("This is your conversation with {shop}:"),
        footer: "You get this mail because somebody asked for it in the chat. \
                 Please do not reply to it: nobody reads replies."
            .into(),
    }
}

/// A notice to the shop.
pub(super) fn alert(shop: &str, subject: String, body: String) -> Words {
    Words {
        subject,
        greeting: body,
        footer: format!("{shop}: this address is set in alerts.mail_to."),
    }
}

/// The same for all mail of a conversation, so that mail programs show it together.
fn subject(shop: &str) -> String {
    format!("Your conversation with {shop}")
}
