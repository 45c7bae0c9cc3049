//! What becomes of a mail that has arrived: pure rules.

use uuid::Uuid;

use super::address::{AddressKind, ReplyAddresses};
use super::received::{Origin, ReceivedMail};
use crate::chat::{MessageId, RoomId};
use crate::persistence::QuarantineReason;

/// What becomes of a mail, as far as the mail itself decides it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is a reply from this address to mail about a room, if the address was mailed.
    Reply { room: RoomId, from: String },
    /// A report about mail about a room: these addresses were not reached.
    Report {
        room: RoomId,
        failed: Vec<(String, String)>,
    },
    /// It is kept apart.
    Quarantine {
        reason: QuarantineReason,
        room: Option<RoomId>,
    },
}

/// Judges a mail. Its subject and its references decide nothing: anybody can write them.
pub(crate) fn judge(mail: &ReceivedMail, addresses: &ReplyAddresses) -> Verdict {
    let target = target(mail, addresses);
    let room = match target {
        AddressKind::Room { room, .. } => Some(room),
        _ => None,
    };
    let quarantine = |reason| Verdict::Quarantine { reason, room };
    if let Origin::Report { failed } = &mail.origin {
        return match room {
            Some(room) => Verdict::Report {
                room,
                failed: failed.clone(),
            },
            None => quarantine(QuarantineReason::DeliveryReport),
        };
    }
    let is_own = |from: &String| addresses.kind(from) != AddressKind::Foreign;
    if mail.from.iter().any(is_own) {
        return quarantine(QuarantineReason::OwnMail);
    }
    if mail.origin == Origin::Automatic {
        return quarantine(QuarantineReason::Automatic);
    }
    match target {
        AddressKind::Foreign | AddressKind::Plain => {
            return quarantine(QuarantineReason::NoReplyAddress);
        }
        AddressKind::Forged => return quarantine(QuarantineReason::Forged),
        AddressKind::Room { .. } => {}
    }
    match (room, mail.from.as_slice()) {
        (Some(room), [from]) => Verdict::Reply {
            room,
            from: from.clone(),
        },
        _ => quarantine(QuarantineReason::NoSender),
    }
}

/// The best of a mail's recipients: a room, then a forgery.
fn target(mail: &ReceivedMail, addresses: &ReplyAddresses) -> AddressKind {
    let mut best = AddressKind::Foreign;
    for recipient in &mail.recipients {
        match addresses.kind(recipient) {
            room @ AddressKind::Room { .. } => return room,
            AddressKind::Forged => best = AddressKind::Forged,
            AddressKind::Plain if best == AddressKind::Foreign => best = AddressKind::Plain,
            AddressKind::Plain | AddressKind::Foreign => {}
        }
    }
    best
}

/// The id of the message that part `part` of a mail becomes: the same whenever the mail arrives.
pub(crate) fn message_id(mail: &ReceivedMail, room: RoomId, part: usize) -> MessageId {
    let mut name = match &mail.message_id {
        Some(id) => format!("mail:{id}"),
        None => format!(
            "mail-digest:{}",
            data_encoding::HEXLOWER.encode(&mail.digest)
        ),
    };
    if part > 0 {
        name = format!("{name}/{part}");
    }
    Uuid::new_v5(&room, name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::address::tests::addresses;
    use super::super::received::read;
    use super::*;

    fn received(headers: &str) -> ReceivedMail {
        read(format!("{headers}\r\nSubject: Re: your order\r\n\r\nHello\r\n").as_bytes())
            .expect("a mail")
    }

    #[test]
    fn only_a_signed_address_and_one_sender_make_a_reply() {
        let ours = addresses(1, "epoch");
        let room = Uuid::now_v7();
        let signed = ours.of_room(room);
        let forged = addresses(2, "epoch").of_room(room);
        let verdict = |headers: &str| judge(&received(headers), &ours);
        assert_eq!(
            verdict(&format!(
                "From: Ada@example.com\r\nTo: x@y.example, {signed}"
            )),
            Verdict::Reply {
                room,
                from: "ada@example.com".to_owned()
            }
        );
        for (headers, reason, about) in [
            (
                format!("From: a@x.example\r\nTo: {forged}"),
                QuarantineReason::Forged,
                None,
            ),
            (
                "From: a@x.example\r\nTo: chat@shop.example".to_owned(),
                QuarantineReason::NoReplyAddress,
                None,
            ),
            (
                "From: a@x.example\r\nTo: b@y.example".to_owned(),
                QuarantineReason::NoReplyAddress,
                None,
            ),
            (
                format!("From: a@x.example, b@x.example\r\nTo: {signed}"),
                QuarantineReason::NoSender,
                Some(room),
            ),
            (
                format!("To: {signed}"),
                QuarantineReason::NoSender,
                Some(room),
            ),
            (
                format!("From: chat@shop.example\r\nTo: {signed}"),
                QuarantineReason::OwnMail,
                Some(room),
            ),
            (
                format!("From: a@x.example\r\nTo: {signed}\r\nAuto-Submitted: auto-replied"),
                QuarantineReason::Automatic,
                Some(room),
            ),
        ] {
            let expected = Verdict::Quarantine {
                reason,
                room: about,
            };
            assert_eq!(verdict(&headers), expected, "{headers}");
        }
    }

    #[test]
    fn the_same_mail_gives_the_same_message() {
        let room = Uuid::now_v7();
        let mail = received("From: a@x.example\r\nMessage-ID: <1@x>");
        assert_eq!(message_id(&mail, room, 0), message_id(&mail, room, 0));
        assert_ne!(message_id(&mail, room, 0), message_id(&mail, room, 1));
        assert_ne!(
            message_id(&mail, room, 0),
            message_id(&mail, Uuid::now_v7(), 0)
        );
        let nameless = received("From: a@x.example");
        let other = received("From: b@x.example");
        assert_eq!(
            message_id(&nameless, room, 0),
            message_id(&nameless, room, 0)
        );
        assert_ne!(message_id(&nameless, room, 0), message_id(&other, room, 0));
    }
}
