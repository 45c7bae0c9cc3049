use uuid::Uuid;

use super::super::address::AddressKind;
use super::super::address::tests::addresses;
use super::super::received::{Origin, read};
use super::*;
use crate::chat::{SystemEvent, Timestamp};
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
            language: Language::English,
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

/// Set to write the files of [`every_language_has_its_mail`] anew.
const WRITE: &str = "SHOPTALK_WRITE_MAILS";

/// A mail whose bytes are always the same: what the library makes of time and chance is replaced.
fn fixed(raw: &str) -> String {
    let boundary = raw.split("boundary=\"").nth(1).expect("it has parts");
    let boundary = boundary.split('"').next().expect("it ends");
    let fixed = raw.replace(boundary, "BOUNDARY");
    let date = fixed.lines().find(|line| line.starts_with("Date: "));
    fixed.replace(date.expect("a date"), "Date: DATE")
}

/// A transcript in this language, with all that depends on the language.
fn transcript(language: Language) -> String {
    let room = Uuid::from_u128(2);
    let mail = DueMail {
        id: Uuid::from_u128(1),
        ..due(room)
    };
    let asked = Message {
        sender_type: SenderType::Customer,
        sender_name: NAMELESS.to_owned(),
        ..message("Is it red?\nأم أزرق؟")
    };
    let closed = Message {
        sender_type: SenderType::System,
        event: Some(SystemEvent::Closed),
        ..message(SystemEvent::Closed.content())
    };
    let messages = [asked, message("Yes & blue."), closed];
    let content = Content {
        words: words::transcript(language, "The Shop"),
        messages: &messages,
        time_zone: "Europe/Berlin".to_owned(),
    };
    let written = sender().write(&mail, "ada@example.com", &content, false);
    String::from_utf8(written.expect("it is written").bytes).expect("ASCII")
}

/// The files are the mails as they are transmitted, with `\n` at the ends of lines.
#[test]
fn every_language_has_its_mail() {
    for language in Language::ALL {
        let raw = fixed(&transcript(language));
        assert_eq!(raw.matches('\n').count(), raw.matches("\r\n").count());
        let raw = raw.replace("\r\n", "\n");
        let file = format!("src/mail/compose/{}.eml", language.code());
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        if std::env::var_os(WRITE).is_some() {
            std::fs::write(&path, &raw).expect("the file can be written");
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(raw, expected, "{}", path.display());
        let text = read(raw.as_bytes()).expect("a mail").text;
        let (visitor, closed) = (
            words::visitor(language),
            words::event(language, SystemEvent::Closed),
        );
        assert!(text.contains(visitor) && text.contains(closed), "{text}");
        let direction = match language {
            Language::Arabic => "dir=3D\"rtl\"",
            _ => "dir=3D\"ltr\"",
        };
        assert!(raw.contains(direction), "{raw}");
    }
}
