//! A room that was written elsewhere, before it came here: its messages and its state, under their
//! own names and at their own times.

use super::{Entry, RoomRecord};
use crate::chat::{
    AgentId, Message, MessageId, Room, SenderType, Side, Status, SystemEvent, Timestamp, Via, rules,
};

/// A message that was written elsewhere, before it came here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastMessage {
    /// The same in every import of this message, so that a second import finds it.
    pub id: MessageId,
    /// Which side wrote it.
    pub sender_type: SenderType,
    /// The name to show beside it.
    pub sender_name: String,
    /// It has passed [`limits::check_content`](crate::chat::limits::check_content).
    pub content: String,
    /// How it came in, if not through the chat.
    pub via: Option<Via>,
    /// What a `system` message records, where that is known.
    pub event: Option<SystemEvent>,
    /// Which agent wrote it, where that is known.
    pub agent_id: Option<AgentId>,
    /// When it was written.
    pub created_at: Timestamp,
}

impl RoomRecord {
    /// Appends a message that was written elsewhere, at its own time and under its own name. Status
    /// and unread count follow as if it had been posted then.
    pub fn append_past(&mut self, past: PastMessage) -> Message {
        let side = match past.sender_type {
            SenderType::Customer => Some(Side::Visitor),
            SenderType::Admin => Some(Side::Agent),
            SenderType::System => None,
        };
        if side == Some(Side::Visitor) {
            self.unread_count += 1;
        }
        let status = side
            .map(rules::status_after_message)
            .or(past.event.map(rules::status_after_event));
        if let Some(status) = status {
            self.enter(status, past.created_at);
        }
        let entry = Entry {
            sender_type: past.sender_type,
            sender_name: past.sender_name,
            agent_id: past.agent_id,
            content: past.content,
            via: past.via,
            event: past.event,
        };
        self.append(past.id, entry, past.created_at)
    }

    /// Closes an imported room that was closed elsewhere, without a `system` message.
    pub fn close_past(&mut self) {
        self.enter(Status::Closed, self.room.updated_at);
    }

    /// Applies what does not follow from an imported room's log: status, read marks and when
    /// it last changed. The caller counts the unread messages.
    ///
    /// # Errors
    ///
    /// What contradicts the log. All messages have to be appended before.
    pub fn set_past_state(&mut self, past: &Room, unread_count: u64) -> Result<(), String> {
        let head = self.room.last_seq;
        for (field, seq, fits) in [
            ("last_seq", past.last_seq, past.last_seq == head),
            (
                "customer_read_seq",
                past.customer_read_seq,
                past.customer_read_seq <= head,
            ),
            (
                "admin_read_seq",
                past.admin_read_seq,
                past.admin_read_seq <= head,
            ),
        ] {
            if !fits {
                return Err(format!(
                    "{field} is {seq}, but the room has {head} messages"
                ));
            }
        }
        if past.status == Status::Waiting && self.room.status != Status::Waiting {
            return Err("status is waiting, but no message of the customer waits".into());
        }
        if past.status != self.room.status {
            self.enter(past.status, past.updated_at);
        }
        self.room.customer_read_seq = past.customer_read_seq;
        self.room.admin_read_seq = past.admin_read_seq;
        self.unread_count = unread_count;
        self.touch(past.updated_at);
        Ok(())
    }
}
