use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AgentId, RoomId, RoomRecord, Timestamp};

/// The id that an agent chose for a note; unique among the notes of its room forever.
pub type NoteId = Uuid;

/// Words among agents about a conversation. Notes have an order of their own in their room, and no
/// visitor ever gets one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Note {
    /// The id it was written with.
    #[cfg_attr(feature = "server", schema(value_type = Uuid))]
    pub id: NoteId,
    /// The room that it is about.
    #[cfg_attr(feature = "server", schema(value_type = Uuid))]
    pub room_id: RoomId,
    /// Its place among the notes of the room: 1, 2, 3, … without a gap.
    pub no: u64,
    /// The seq of the newest message when it was written; 0 before any.
    pub after_seq: u64,
    /// Which agent wrote it, or which API token.
    #[cfg_attr(feature = "server", schema(value_type = Uuid))]
    pub agent_id: AgentId,
    /// The name of who wrote it, at that time.
    pub agent_name: String,
    /// The text, as sent. Text only, never markup.
    pub content: String,
    /// When it was committed.
    pub created_at: Timestamp,
}

/// A note that has no number yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteDraft {
    /// Chosen by the agent, so that a retry is recognised.
    pub id: NoteId,
    /// Who writes it.
    pub agent_id: AgentId,
    /// The name that the other agents see.
    pub agent_name: String,
    /// It has passed [`limits::check_content`](super::limits::check_content).
    pub content: String,
}

impl NoteDraft {
    /// The note at the next number, behind the newest message.
    pub fn at(self, room: &RoomRecord, no: u64, now: Timestamp) -> Note {
        Note {
            id: self.id,
            room_id: room.room.id,
            no,
            after_seq: room.room.last_seq,
            agent_id: self.agent_id,
            agent_name: self.agent_name,
            content: self.content,
            created_at: now,
        }
    }
}
