//! How outgoing mail looks.

use jiff::tz::TimeZone;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message as Mail, MultiPart, SinglePart};
use lettre::{Address, message};

use super::address::ReplyAddresses;
use super::words::Words;
use crate::chat::{Message, SenderType};
use crate::persistence::DueMail;

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
    let mut text = format!("{}\r\n\r\n", content.words.greeting);
    for message in content.messages {
        text.push_str(&format!("{}\r\n", heading(message, &zone)));
        for line in message.content.lines() {
            text.push_str(&format!("{line}\r\n"));
        }
        text.push_str("\r\n");
    }
    text.push_str(&format!("-- \r\n{}\r\n", content.words.footer));
    text
}

fn html(content: &Content<'_>) -> String {
    let zone = zone(content);
    let lines = |text: &str| {
        let lines: Vec<String> = text.lines().map(escaped).collect();
        lines.join("<br>\r\n")
    };
    let mut html = format!(
        "<!doctype html>\r\n<html><body style=\"font-family: sans-serif; max-width: 40em\">\r\n\
         <p>{}</p>\r\n",
        lines(&content.words.greeting)
    );
    for message in content.messages {
        html.push_str(&format!(
            "<p dir=\"auto\"><small>{}</small><br>\r\n{}</p>\r\n",
            escaped(&heading(message, &zone)),
            lines(&message.content)
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

/// Who wrote a message, and when: minutes are enough for people.
fn heading(message: &Message, zone: &TimeZone) -> String {
    let at = jiff::Timestamp::from_millisecond(message.created_at.0).unwrap_or_default();
    let at = at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M %Z");
    match message.sender_type {
        SenderType::System => at.to_string(),
        SenderType::Admin | SenderType::Customer => format!("{}, {at}", message.sender_name),
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
mod tests {
    use uuid::Uuid;

    use super::super::address::AddressKind;
    use super::super::address::tests::addresses;
    use super::super::received::{Origin, read};
    use super::*;
    use crate::chat::Timestamp;
    use crate::persistence::MailKind;

    fn sender() -> SenderIdentity {
        SenderIdentity {
            from: "The Shop <chat@shop.example>".parse().expect("a mailbox"),
            addresses: addresses(1, "epoch"),
            takes_replies: true,
        }
    }

    fn due(room: Uuid) -> DueMail {
        DueMail {
            id: Uuid::now_v7(),
            kind: MailKind::Answers,
            room: Some(room),
            recipient: None,
            after_seq: 0,
            until_seq: None,
            text: None,
            tries: 0,
            due: Timestamp(0),
            created_at: Timestamp(0),
        }
    }

    fn message(content: &str) -> Message {
        Message {
            id: Uuid::now_v7(),
            room_id: Uuid::now_v7(),
            seq: 1,
            sender_type: SenderType::Admin,
            sender_name: "Zoë <b>".to_owned(),
            content: content.to_owned(),
            agent_id: None,
            via: None,
            event: None,
            is_read: false,
            redacted: false,
            created_at: Timestamp(0),
        }
    }

    fn written(mail: &DueMail, content: &str) -> String {
        let messages = [message(content)];
        let content = Content {
            words: Words {
                subject: "Your conversation".to_owned(),
                greeting: "Hello".to_owned(),
                footer: "Bye".to_owned(),
            },
            messages: &messages,
            time_zone: "Europe/Berlin".to_owned(),
        };
        let mail = sender()
            .write(mail, "ada@example.com", &content, true)
            .expect("it is written");
        String::from_utf8(mail.bytes).expect("ASCII")
    }

    #[test]
    fn a_mail_is_automatic_and_its_reply_address_names_the_room() {
        let room = Uuid::now_v7();
        let raw = written(&due(room), "Grüße & <script>\n.\nfrom here");
        assert!(raw.contains("Auto-Submitted: auto-generated\r\n"), "{raw}");
        assert!(raw.contains("References: <"), "{raw}");
        let ours = addresses(1, "epoch");
        let reply_to = raw
            .replace("\r\n ", " ")
            .lines()
            .find_map(|line| Some(line.strip_prefix("Reply-To: ")?.to_owned()))
            .expect("a reply address");
        let address = reply_to
            .rsplit('<')
            .next()
            .expect("one")
            .trim_end_matches('>');
        let expected = AddressKind::Room {
            room,
            is_older_epoch: false,
        };
        assert_eq!(ours.kind(address), expected);
        let read = read(raw.as_bytes()).expect("a mail");
        assert_eq!(
            read.origin,
            Origin::Automatic,
            "it is not answered by ourselves"
        );
        assert!(
            read.text.contains("Grüße & <script>\n.\nfrom here")
                || read.text.contains("Grüße & <script>\r\n.\r\nfrom here")
        );
        assert!(
            read.text.contains("Zoë <b>, 1970-01-01 01:00 CET"),
            "{}",
            read.text
        );
        assert!(raw.is_ascii());
        assert!(!raw.contains("<script>") || raw.matches("<script>").count() == 1);
        assert!(raw.contains("&lt;script&gt;"), "{raw}");
    }

    #[test]
    fn the_same_mail_keeps_its_id() {
        let mail = due(Uuid::now_v7());
        let id = |raw: &str| read(raw.as_bytes()).expect("a mail").message_id;
        assert_eq!(id(&written(&mail, "a")), id(&written(&mail, "a")));
        assert_ne!(
            id(&written(&mail, "a")),
            id(&written(&due(Uuid::now_v7()), "a"))
        );
    }
}
