//! Upper bounds on the bytes of messages and summaries as JSON.

use crate::chat::{Message, Note, RoomRecord, limits};

/// Bytes of a page left to the frame around it: names, numbers and a whole room.
const FRAME_SLACK_BYTES: usize = 20 * 1024;
/// Bytes of messages or summaries in one page, counted by the functions below.
pub(crate) const PAGE_BUDGET_BYTES: usize = limits::PAGE_BYTES - FRAME_SLACK_BYTES;
/// Bytes of a message without its texts, names of the fields included.
const MESSAGE_BYTES: usize = 360;
/// Messages in one page: more do not fit, however short they are.
pub(crate) const PAGE_BUDGET_MESSAGES: usize = PAGE_BUDGET_BYTES / MESSAGE_BYTES;
/// Bytes of a note without its texts, names of the fields included.
const NOTE_BYTES: usize = 320;
/// Bytes of a summary without its texts, names of the fields included.
const SUMMARY_BYTES: usize = 900;

/// Bytes of a text as a JSON string without its quotes.
fn text(text: &str) -> usize {
    text.bytes()
        .map(|byte| match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
            0..0x20 => 6,
            _ => 1,
        })
        .sum()
}

fn optional(value: Option<&String>) -> usize {
    value.map_or(0, |value| text(value))
}

/// Bytes of a message.
pub(crate) fn message(message: &Message) -> usize {
    MESSAGE_BYTES + text(&message.content) + text(&message.sender_name)
}

/// Bytes of a note.
pub(crate) fn note(note: &Note) -> usize {
    NOTE_BYTES + text(&note.content) + text(&note.agent_name)
}

/// Bytes of a room's summary.
pub(crate) fn summary(record: &RoomRecord) -> usize {
    let room = &record.room;
    let last = record
        .last_message
        .as_ref()
        .map_or(0, |last| text(&last.content) + text(&last.sender_name));
    SUMMARY_BYTES
        + optional(room.customer_name.as_ref())
        + optional(room.customer_email.as_ref())
        + optional(room.customer_phone.as_ref())
        + optional(room.user.as_ref())
        + optional(room.page_url.as_ref())
        + last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{SenderType, SystemEvent, Timestamp, Via, for_agents};
    use uuid::Uuid;

    #[test]
    fn the_estimate_is_never_below_the_truth() {
        for content in ["a", "\u{1}\u{2}", "\"\\\n\t", "ä€😀", "\u{7f}\u{2028}"] {
            let sample = Message {
                id: Uuid::now_v7(),
                room_id: Uuid::now_v7(),
                seq: u64::MAX,
                sender_type: SenderType::Customer,
                sender_name: content.repeat(20),
                content: content.repeat(500),
                event: Some(SystemEvent::Reopened),
                is_read: false,
                redacted: true,
                via: Some(Via::Mail),
                agent_id: Some(Uuid::now_v7()),
                created_at: Timestamp(0),
            };
            let mut encoded = serde_json::Serializer::new(Vec::new());
            for_agents::message(&sample, &mut encoded).expect("it serialises");
            let real = encoded.into_inner().len();
            assert!(message(&sample) >= real, "{content:?}");
            assert!(message(&sample) < real + MESSAGE_BYTES, "{content:?}");
            let sample = Note {
                id: Uuid::now_v7(),
                room_id: Uuid::now_v7(),
                no: u64::MAX,
                after_seq: u64::MAX,
                agent_id: Uuid::now_v7(),
                agent_name: content.repeat(20),
                content: content.repeat(500),
                created_at: Timestamp(0),
            };
            let real = serde_json::to_string(&sample).expect("it serialises").len();
            assert!(note(&sample) >= real, "{content:?}");
            assert!(note(&sample) < real + NOTE_BYTES, "{content:?}");
        }
    }
}
