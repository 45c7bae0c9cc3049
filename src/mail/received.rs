//! A mail that has arrived, as far as it matters here.

use mail_parser::{HeaderForm, HeaderName, Message, MessageParser, MimeHeaders};
use sha2::{Digest, Sha256};

/// Bytes of a mail that are read; larger ones are refused before.
pub(crate) const MAIL_BYTES: usize = 10 * 1024 * 1024;
/// Addresses that a mail is looked for.
const RECIPIENTS_MAX: usize = 200;
/// Characters of a subject that are kept.
const SUBJECT_CHARS: usize = 200;
/// Bytes of a mail's id; a longer one counts as missing.
const MESSAGE_ID_BYTES: usize = 998;
/// Headers in which mail servers say to whom a mail was delivered.
const DELIVERED_TO: &[&str] = &[
    "Delivered-To",
    "X-Original-To",
    "Envelope-To",
    "X-Envelope-To",
];

/// What a mail says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReceivedMail {
    /// SHA-256 of its bytes.
    pub(crate) digest: [u8; 32],
    pub(crate) size: usize,
    pub(crate) message_id: Option<String>,
    /// In lower case.
    pub(crate) from: Vec<String>,
    pub(crate) recipients: Vec<String>,
    pub(crate) subject: String,
    pub(crate) origin: Origin,
    pub(crate) text: String,
    /// The names of its attachments.
    pub(crate) attachments: Vec<String>,
}

/// Who or what has sent a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Person,
    /// A program: an automatic reply, a list, a bulk sender (RFC 3834).
    Automatic,
    /// A report about mail that was sent, with the addresses that it could not reach for good.
    Report {
        failed: Vec<(String, String)>,
    },
}

/// SHA-256 of a mail.
pub(crate) fn digest(raw: &[u8]) -> [u8; 32] {
    Sha256::digest(raw).into()
}

/// Reads a mail, or `None` if it is none. The library is made for hostile mail; if it panics all the
/// same, the mail is one that cannot be read.
pub(crate) fn read(raw: &[u8]) -> Option<ReceivedMail> {
    std::panic::catch_unwind(|| read_unguarded(raw))
        .ok()
        .flatten()
}

fn read_unguarded(raw: &[u8]) -> Option<ReceivedMail> {
    let mail = MessageParser::default().parse(raw)?;
    Some(ReceivedMail {
        digest: digest(raw),
        size: raw.len(),
        message_id: message_id(&mail),
        from: from(&mail),
        recipients: recipients(&mail),
        subject: mail
            .subject()
            .unwrap_or_default()
            .chars()
            .filter(|char| !char.is_control())
            .take(SUBJECT_CHARS)
            .collect(),
        origin: origin(&mail),
        text: mail.body_text(0).unwrap_or_default().into_owned(),
        attachments: attachments(&mail),
    })
}

fn message_id(mail: &Message<'_>) -> Option<String> {
    mail.message_id()
        .filter(|id| !id.trim().is_empty() && id.len() <= MESSAGE_ID_BYTES)
        .map(str::to_owned)
}

fn from(mail: &Message<'_>) -> Vec<String> {
    addresses(mail, HeaderName::From)
}

fn recipients(mail: &Message<'_>) -> Vec<String> {
    let mut found = addresses(mail, HeaderName::To);
    found.extend(addresses(mail, HeaderName::Cc));
    for name in DELIVERED_TO {
        found.extend(addresses(mail, HeaderName::from(*name)));
    }
    found.truncate(RECIPIENTS_MAX);
    found
}

/// The addresses in all headers of this name, in lower case.
fn addresses(mail: &Message<'_>, name: HeaderName<'static>) -> Vec<String> {
    let mut found = Vec::new();
    for value in mail.header_as(name, HeaderForm::Addresses) {
        let Some(list) = value.as_address() else {
            continue;
        };
        let addresses = list.iter().filter_map(|entry| entry.address());
        found.extend(addresses.take(RECIPIENTS_MAX).map(str::to_lowercase));
        if found.len() >= RECIPIENTS_MAX {
            break;
        }
    }
    found
}

fn origin(mail: &Message<'_>) -> Origin {
    if is_report(mail) {
        return Origin::Report {
            failed: failed_recipients(mail),
        };
    }
    match is_automatic(mail) {
        true => Origin::Automatic,
        false => Origin::Person,
    }
}

fn header<'m>(mail: &'m Message<'_>, name: &'static str) -> Option<&'m str> {
    mail.header_raw(name).map(str::trim)
}

fn is_report(mail: &Message<'_>) -> bool {
    mail.content_type().is_some_and(|kind| {
        kind.ctype().eq_ignore_ascii_case("multipart")
            && kind
                .subtype()
                .is_some_and(|kind| kind.eq_ignore_ascii_case("report"))
    })
}

fn is_automatic(mail: &Message<'_>) -> bool {
    let is_set = |name, automatic: &dyn Fn(&str) -> bool| {
        header(mail, name).is_some_and(|value| automatic(&value.to_lowercase()))
    };
    // An empty return path is what all of them should have.
    is_set("Auto-Submitted", &|value| {
        value.split([';', ' ']).next() != Some("no")
    }) || is_set("Return-Path", &|value| value == "<>")
        || is_set("Precedence", &|value| {
            ["bulk", "junk", "list", "auto_reply"].contains(&value)
        })
        || [
            "List-Id",
            "X-Autoreply",
            "X-Autorespond",
            "X-Auto-Reply",
            "X-Loop",
            "Feedback-ID",
        ]
        .into_iter()
        .any(|name| header(mail, name).is_some())
        || from(mail).iter().any(|from| {
            ["mailer-daemon@", "postmaster@"]
                .iter()
                .any(|name| from.starts_with(name))
        })
}

/// The recipients that a delivery report gives up, with its status codes (RFC 3464).
fn failed_recipients(mail: &Message<'_>) -> Vec<(String, String)> {
    let mut failed = Vec::new();
    for part in &mail.parts {
        let is_status = part.content_type().is_some_and(|kind| {
            kind.subtype()
                .is_some_and(|kind| kind.eq_ignore_ascii_case("delivery-status"))
        });
        if !is_status {
            continue;
        }
        let text = String::from_utf8_lossy(part.contents());
        let text = text.replace("\r\n", "\n");
        failed.extend(text.split("\n\n").filter_map(failed_recipient));
    }
    failed.truncate(RECIPIENTS_MAX);
    failed
}

fn failed_recipient(fields: &str) -> Option<(String, String)> {
    let field = |name: &str| {
        fields.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field
                .trim()
                .eq_ignore_ascii_case(name)
                .then(|| value.trim())
        })
    };
    let action = field("Action")?.to_lowercase();
    let status = field("Status").unwrap_or("5.0.0");
    if action != "failed" || !status.starts_with('5') {
        return None;
    }
    let recipient = field("Final-Recipient").or_else(|| field("Original-Recipient"))?;
    let address = recipient
        .rsplit(';')
        .next()?
        .trim()
        .trim_matches(['<', '>']);
    Some((address.to_lowercase(), status.chars().take(20).collect()))
}

fn attachments(mail: &Message<'_>) -> Vec<String> {
    mail.attachments()
        .filter(|part| !part.is_message())
        .take(20)
        .map(|part| {
            let name = part.attachment_name().unwrap_or("attachment");
            name.chars().take(200).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(headers: &str, body: &str) -> ReceivedMail {
        let raw = format!("{headers}\r\n\r\n{body}").replace("\r\r", "\r");
        read(raw.as_bytes()).expect("a mail")
    }

    #[test]
    fn the_parts_that_matter_are_read() {
        let raw = "From: Ada <Ada@Example.com>\r\nTo: a@shop.example, B <b@shop.example>\r\n\
             Delivered-To: c@shop.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\
             Message-ID: <1@example.com>\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\r\nSch=F6n\r\n";
        let mail = read(raw.as_bytes()).expect("a mail");
        assert_eq!(mail.from, ["ada@example.com"]);
        assert_eq!(
            mail.recipients,
            ["a@shop.example", "b@shop.example", "c@shop.example"]
        );
        assert_eq!(mail.subject, "Grüße");
        assert_eq!(mail.message_id.as_deref(), Some("1@example.com"));
        assert_eq!(mail.text.trim(), "Schön");
        assert_eq!(mail.origin, Origin::Person);
    }

    #[test]
    fn html_alone_becomes_text() {
        let mail = mail(
            "From: a@b.example\r\nContent-Type: text/html",
            "<p>Hello</p><script>x()</script><p>you</p>",
        );
        assert!(mail.text.contains("Hello") && mail.text.contains("you"));
        assert!(!mail.text.contains('<'), "{}", mail.text);
    }

    #[test]
    fn programs_are_told_from_people() {
        for (header, automatic) in [
            ("Auto-Submitted: auto-replied", true),
            ("Auto-Submitted: no", false),
            ("Auto-Submitted: auto-generated (away)", true),
            ("Precedence: bulk", true),
            ("Precedence: first-class", false),
            ("List-Id: <list.example>", true),
            ("Return-Path: <>", true),
            ("Return-Path: <a@b.example>", false),
            ("X-Autoreply: yes", true),
        ] {
            let origin = mail(&format!("From: a@b.example\r\n{header}"), "Hi").origin;
            let expected = match automatic {
                true => Origin::Automatic,
                false => Origin::Person,
            };
            assert_eq!(origin, expected, "{header}");
        }
        let daemon = mail("From: MAILER-DAEMON@b.example", "Sorry").origin;
        assert_eq!(daemon, Origin::Automatic);
    }

    #[test]
    fn a_delivery_report_names_who_was_not_reached() {
        let report = mail(
            "From: MAILER-DAEMON@b.example\r\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=x",
            "--x\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n--x\r\n\
             Content-Type: message/delivery-status\r\n\r\n\
             Reporting-MTA: dns; b.example\r\n\r\n\
             Final-Recipient: rfc822; Ada@Example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n\
             Final-Recipient: rfc822; bob@example.com\r\nAction: delayed\r\nStatus: 4.4.1\r\n\
             --x--\r\n",
        );
        let failed = vec![("ada@example.com".to_owned(), "5.1.1".to_owned())];
        assert_eq!(report.origin, Origin::Report { failed });
    }

    #[test]
    fn a_mail_without_anything_is_still_read() {
        let mail = read(b"\r\n").or_else(|| read(b"x")).map(|mail| mail.from);
        assert!(mail.is_none_or(|from| from.is_empty()));
        assert_eq!(read(b""), None);
    }
}
