//! How outgoing mail looks.

use jiff::tz::TimeZone;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message as Mail, MultiPart, SinglePart};
use lettre::{Address, message};

use super::address::ReplyAddresses;
use super::words::{self, Words};
use crate::chat::{Language, Message, NAMELESS, SenderType};
use crate::persistence::DueMail;

/// Invisible marks around what keeps its order of signs among Arabic ones.
const LEFT_TO_RIGHT: char = '\u{2066}';
const END_OF_DIRECTION: char = '\u{2069}';

/// Why a mail cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ComposeError {
    /// The recipient's address is none.
    #[error("the address of the recipient is no address")]
    Recipient,
    /// The library refuses it.
    #[error("the mail cannot be written: {0}")]
    Library(#[from] lettre::error::Error),
}

/// What a mail is made of.
pub(crate) struct Content<'m> {
    pub(crate) words: Words,
    pub(crate) messages: &'m [Message],
    /// The zone of the times in it.
    pub(crate) time_zone: String,
}

/// Who sends mail.
#[derive(Debug, Clone)]
pub(crate) struct SenderIdentity {
    pub(crate) from: Mailbox,
    pub(crate) addresses: ReplyAddresses,
    /// Whether replies are read.
    pub(crate) takes_replies: bool,
}

/// A mail that can be handed to a relay.
pub(crate) struct WrittenMail {
    pub(crate) envelope: Envelope,
    pub(crate) recipient: Address,
    pub(crate) bytes: Vec<u8>,
}

impl SenderIdentity {
    /// The name that mail is from.
    pub(crate) fn name(&self) -> &str {
        self.from
            .name
            .as_deref()
            .unwrap_or_else(|| self.from.email.domain())
    }

    /// Writes a mail. The same mail has the same id whenever it is written. A reply address is in it
    /// if `takes_reply`.
    pub(crate) fn write(
        &self,
        mail: &DueMail,
        recipient: &str,
        content: &Content<'_>,
        takes_reply: bool,
    ) -> Result<WrittenMail, ComposeError> {
        let recipient: Address = recipient.parse().map_err(|_| ComposeError::Recipient)?;
        let mut builder = Mail::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, recipient.clone()))
            .subject(content.words.subject.clone())
            .raw_header(raw("Content-Language", content.words.language.code()))
            .message_id(Some(self.addresses.message_id(mail.id, mail.room)))
            .raw_header(raw("Auto-Submitted", "auto-generated"))
            .raw_header(raw("X-Auto-Response-Suppress", "All"));
        // Reports about mail that was not delivered come to the address that names the room.
        let mut sender = self.from.email.clone();
        if let Some(room) = mail.room {
            builder = builder.references(self.addresses.thread_id(room));
            sender = self.addresses.of_room(room);
            if takes_reply {
                builder = builder.reply_to(Mailbox::new(self.from.name.clone(), sender.clone()));
            }
        }
        let envelope = Envelope::new(Some(sender), vec![recipient.clone()])?;
        let written = builder
            .envelope(envelope.clone())
            .multipart(body(content))?;
        Ok(WrittenMail {
            envelope,
            recipient,
            bytes: written.formatted(),
        })
    }
}

fn raw(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

fn body(content: &Content<'_>) -> MultiPart {
    let part = |kind, text: String| {
        SinglePart::builder()
            .header(kind)
            .header(message::header::ContentTransferEncoding::QuotedPrintable)
            .body(text)
    };
    MultiPart::alternative()
        .singlepart(part(ContentType::TEXT_PLAIN, plain(content)))
        .singlepart(part(ContentType::TEXT_HTML, html(content)))
}

fn plain(content: &Content<'_>) -> String {
    let zone = zone(content);
    let language = content.words.language;
    let mut text = format!("{}\r\n\r\n", content.words.greeting);
    for message in content.messages {
        let at = written_at(message, &zone);
        let heading = match sender(message, language) {
            Some(sender) if language == Language::Arabic => {
                format!("{sender}, {LEFT_TO_RIGHT}{at}{END_OF_DIRECTION}")
            }
            Some(sender) => format!("{sender}, {at}"),
            None => at,
        };
        text.push_str(&format!("{heading}\r\n"));
        for line in text_of(message, language).lines() {
            text.push_str(&format!("{line}\r\n"));
        }
        text.push_str("\r\n");
    }
    text.push_str(&format!("-- \r\n{}\r\n", content.words.footer));
    text
}

fn html(content: &Content<'_>) -> String {
    let zone = zone(content);
    let language = content.words.language;
    let direction = match language {
        Language::Arabic => "rtl",
        _ => "ltr",
    };
    let lines = |text: &str| {
        let lines: Vec<String> = text.lines().map(escaped).collect();
        lines.join("<br>\r\n")
    };
    let mut html = format!(
        "<!doctype html>\r\n<html lang=\"{}\" dir=\"{direction}\">\
         <body style=\"font-family: sans-serif; max-width: 40em\">\r\n<p>{}</p>\r\n",
        language.code(),
        lines(&content.words.greeting)
    );
    for message in content.messages {
        let sender = sender(message, language)
            .map(|sender| format!("<bdi>{}</bdi>, ", escaped(sender)))
            .unwrap_or_default();
        html.push_str(&format!(
            "<p><small>{sender}<bdi>{}</bdi></small></p>\r\n<p dir=\"auto\">{}</p>\r\n",
            written_at(message, &zone),
            lines(text_of(message, language))
        ));
    }
    html.push_str(&format!(
        "<hr>\r\n<p><small>{}</small></p>\r\n</body></html>\r\n",
        lines(&content.words.footer)
    ));
    html
}

fn zone(content: &Content<'_>) -> TimeZone {
    TimeZone::get(&content.time_zone).unwrap_or(TimeZone::UTC)
}

/// Who wrote a message; nobody if it records an event.
fn sender(message: &Message, language: Language) -> Option<&str> {
    match message.sender_type {
        SenderType::System => None,
        SenderType::Customer if message.sender_name == NAMELESS => Some(words::visitor(language)),
        SenderType::Admin | SenderType::Customer => Some(&message.sender_name),
    }
}

/// When a message was written: minutes are enough for people.
fn written_at(message: &Message, zone: &TimeZone) -> String {
    let at = jiff::Timestamp::from_millisecond(message.created_at.0).unwrap_or_default();
    let at = at.to_zoned(zone.clone());
    at.strftime("%Y-%m-%d %H:%M %Z").to_string()
}

/// The text of a message; events are stored in English.
fn text_of(message: &Message, language: Language) -> &str {
    match message.event {
        Some(event) => words::event(language, event),
        None => &message.content,
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            char => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests;
