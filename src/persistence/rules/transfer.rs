use std::collections::HashSet;

use crate::chat::limits::{self, BadContent, Violation};
use crate::chat::{Details, Message, Note, PastMessage, ROOM_TAGS_MAX, RoomRecord, SenderType};
use crate::persistence::rules::open_room::new_room;
use crate::persistence::rules::visitors::StoredVisitor;
use crate::persistence::{TransferRoom, WholeRoom};

/// A room of an export before its messages are appended.
pub(crate) fn begin(line: &TransferRoom, visitor: &StoredVisitor) -> RoomRecord {
    let room = &line.room;
    let details = Details {
        name: room.customer_name.clone(),
        email: room.customer_email.clone(),
        phone: room.customer_phone.clone(),
        page_url: room.page_url.clone(),
    };
    let mut record = new_room(room.id, visitor, None, details, room.created_at);
    record.signed = line.signed;
    record
}

/// Appends the next message of the room's export.
pub(crate) fn append(record: &mut RoomRecord, message: &Message) -> Message {
    let past = PastMessage {
        id: message.id,
        sender_type: message.sender_type,
        sender_name: message.sender_name.clone(),
        content: message.content.clone(),
        via: message.via,
        event: message.event,
        agent_id: message.agent_id,
        created_at: message.created_at,
    };
    record.append_past(past)
}

/// Applies the rest of the room's line, after all of its messages were appended.
pub(crate) fn settle(
    record: &mut RoomRecord,
    line: &TransferRoom,
    log: &[Message],
) -> Result<(), String> {
    let mark = line.room.admin_read_seq;
    let unread =
        |message: &&Message| message.sender_type == SenderType::Customer && message.seq > mark;
    let unread_count = log.iter().filter(unread).count();
    record.set_past_state(&line.room, unread_count as u64)
}

/// Checks that a room can be imported with these messages.
///
/// # Errors
///
/// What contradicts itself, or is past a limit.
pub fn check_room(line: &TransferRoom, log: &[Message]) -> Result<(), String> {
    check_details(line).map_err(|violation| sentence(&violation))?;
    if line.desk.tags.len() > ROOM_TAGS_MAX {
        return Err(format!("it has more than {ROOM_TAGS_MAX} tags"));
    }
    let visitor = StoredVisitor {
        id: line.visitor_id,
        user: line.room.user.clone(),
        blocked: false,
    };
    let mut record = begin(line, &visitor);
    let mut ids = HashSet::with_capacity(log.len());
    for message in log {
        if !ids.insert(message.id) {
            return Err(format!("the message id {} occurs twice in it", message.id));
        }
        append(&mut record, message);
    }
    settle(&mut record, line, log)
}

/// Checks that a message can be the next one of its room.
///
/// # Errors
///
/// What does not fit.
pub fn check_message(line: &TransferRoom, seq: u64, message: &Message) -> Result<(), String> {
    if message.room_id != line.room.id {
        return Err(format!(
            "the message is of the room {}, but follows the line of {}",
            message.room_id, line.room.id
        ));
    }
    if message.seq != seq {
        return Err(format!(
            "seq is {}, but the next message of the room is {seq}",
            message.seq
        ));
    }
    if (message.sender_type == SenderType::System) != message.event.is_some() {
        return Err("messages of sender_type system have an event, and no others".into());
    }
    if message.redacted {
        return match message.content.is_empty() {
            true => Ok(()),
            false => Err("a redacted message has no content".into()),
        };
    }
    check_text(&message.content)
}

fn check_text(content: &str) -> Result<(), String> {
    limits::check_content(content).map_err(|bad| match bad {
        BadContent::TooLarge => {
            format!("content has more than {} characters", limits::CONTENT_CHARS)
        }
        BadContent::Invalid(violation) => sentence(&violation),
    })
}

/// Checks that a note can be the next one of its room.
///
/// # Errors
///
/// What does not fit.
pub fn check_note(room: &WholeRoom, note: &Note) -> Result<(), String> {
    let id = room.line.room.id;
    if note.room_id != id {
        return Err(format!(
            "the note is about the room {}, but follows the line of {id}",
            note.room_id
        ));
    }
    let next = room.notes.len() as u64 + 1;
    if note.no != next {
        return Err(format!(
            "no is {}, but the next note about the room is {next}",
            note.no
        ));
    }
    let after = room.notes.last().map_or(0, |before| before.after_seq);
    let head = room.line.room.last_seq;
    if !(after..=head).contains(&note.after_seq) {
        return Err(format!(
            "after_seq is {}, but has to be {after} to {head}",
            note.after_seq
        ));
    }
    if room.notes.iter().any(|other| other.id == note.id) {
        return Err(format!("the note id {} occurs twice in its room", note.id));
    }
    check_text(&note.content)
}

fn check_details(line: &TransferRoom) -> Result<(), Violation> {
    let room = &line.room;
    for (field, value, chars) in [
        ("customer_name", &room.customer_name, limits::NAME_CHARS),
        ("customer_email", &room.customer_email, limits::EMAIL_CHARS),
        ("customer_phone", &room.customer_phone, limits::PHONE_CHARS),
        ("page_url", &room.page_url, limits::PAGE_URL_CHARS),
        ("user", &room.user, limits::USER_CHARS),
    ] {
        let Some(value) = value else { continue };
        if value.contains('\0') || value.chars().count() > chars {
            let message = format!("must have at most {chars} characters, and no NUL");
            return Err(Violation::new(field, message));
        }
    }
    Ok(())
}

fn sentence(violation: &Violation) -> String {
    format!("{} {}", violation.field, violation.message)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::chat::{SignedFields, Status, SystemEvent, Timestamp};

    fn room(messages: u64) -> TransferRoom {
        let visitor = StoredVisitor {
            id: Uuid::from_u128(1),
            user: None,
            blocked: false,
        };
        let opened_at = Timestamp(1);
        let mut room = new_room(
            Uuid::from_u128(2),
            &visitor,
            None,
            Details::default(),
            opened_at,
        )
        .room;
        room.last_seq = messages;
        TransferRoom {
            room,
            visitor_id: visitor.id,
            signed: SignedFields::default(),
            desk: Default::default(),
        }
    }

    fn message(seq: u64, sender_type: SenderType) -> Message {
        Message {
            id: Uuid::from_u128(seq.into()),
            room_id: Uuid::from_u128(2),
            seq,
            sender_type,
            sender_name: "Ann".into(),
            content: "hello".into(),
            event: (sender_type == SenderType::System).then_some(SystemEvent::Closed),
            is_read: false,
            redacted: false,
            via: None,
            agent_id: None,
            created_at: Timestamp(10),
        }
    }

    #[test]
    fn a_room_is_refused_when_its_line_contradicts_its_messages() {
        let log = [
            message(1, SenderType::Customer),
            message(2, SenderType::Admin),
        ];
        let good = room(2);
        assert_eq!(check_room(&good, &log), Ok(()));
        let refused = |change: fn(&mut TransferRoom), word: &str| {
            let mut line = good.clone();
            change(&mut line);
            let error = check_room(&line, &log).expect_err(word);
            assert!(error.contains(word), "{error}");
        };
        refused(|line| line.room.last_seq = 3, "last_seq");
        refused(|line| line.room.admin_read_seq = 3, "admin_read_seq");
        refused(|line| line.room.customer_read_seq = 9, "customer_read_seq");
        refused(|line| line.room.status = Status::Waiting, "waiting");
        refused(
            |line| line.room.customer_name = Some("n".repeat(101)),
            "customer_name",
        );
        let twice = [
            log[0].clone(),
            Message {
                seq: 2,
                ..log[0].clone()
            },
        ];
        assert!(check_room(&good, &twice).is_err_and(|error| error.contains("twice")));
    }

    #[test]
    fn a_message_is_refused_when_it_is_not_the_next_one() {
        let line = room(2);
        assert_eq!(
            check_message(&line, 1, &message(1, SenderType::Customer)),
            Ok(())
        );
        assert_eq!(
            check_message(&line, 1, &message(1, SenderType::System)),
            Ok(())
        );
        let elsewhere = Message {
            room_id: Uuid::from_u128(9),
            ..message(1, SenderType::Admin)
        };
        let blank = Message {
            content: " ".into(),
            ..message(1, SenderType::Admin)
        };
        let redacted = Message {
            content: String::new(),
            redacted: true,
            ..message(1, SenderType::Admin)
        };
        assert_eq!(check_message(&line, 1, &redacted), Ok(()));
        let not_redacted = Message {
            redacted: true,
            ..message(1, SenderType::Admin)
        };
        let event = Message {
            event: None,
            ..message(1, SenderType::System)
        };
        let second = message(2, SenderType::Admin);
        for wrong in [second, elsewhere, blank, not_redacted, event] {
            assert!(check_message(&line, 1, &wrong).is_err(), "{wrong:?}");
        }
    }
}
