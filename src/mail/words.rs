//! The words of mail. Mail to customers is in the language of their chat, mail to the shop in English,
//! since the shop's settings have no language.

use crate::chat::{Language, SystemEvent};
use crate::translations::texts;

/// What a mail says apart from a room's messages.
pub(crate) struct Words {
    pub(crate) language: Language,
    pub(crate) subject: String,
    /// In front of the messages.
    pub(crate) greeting: String,
    /// Behind them.
    pub(crate) footer: String,
}

/// A mail with answers that the customer has not read.
pub(super) fn answers(language: Language, shop: &str, takes_reply: bool) -> Words {
    let texts = texts(language);
    let footer = match takes_reply {
        true => texts.replies_are_read,
        false => texts.replies_are_not_read,
    };
    of_conversation(language, shop, texts.answers, footer)
}

/// A whole conversation.
pub(super) fn transcript(language: Language, shop: &str) -> Words {
    let texts = texts(language);
    let footer = texts.transcript_was_asked_for;
    of_conversation(language, shop, texts.transcript, footer)
}

fn of_conversation(language: Language, shop: &str, greeting: &str, footer: &str) -> Words {
    let fill_in = |text: &str| text.replace("{shop}", shop);
    Words {
        language,
        subject: fill_in(texts(language).subject),
        greeting: fill_in(greeting),
        footer: fill_in(footer),
    }
}

/// A notice to the shop.
pub(super) fn alert(shop: &str, subject: String, body: String) -> Words {
    Words {
        language: Language::English,
        subject,
        greeting: body,
        footer: format!("{shop}: this address is set in alerts.mail_to."),
    }
}

/// What a customer without a name is called.
pub(super) fn visitor(language: Language) -> &'static str {
    texts(language).visitor
}

/// What a `system` message says.
pub(super) fn event(language: Language, event: SystemEvent) -> &'static str {
    match event {
        SystemEvent::Closed => texts(language).closed,
        SystemEvent::Reopened => texts(language).reopened,
    }
}
