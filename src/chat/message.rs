use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AgentId, RoomId, Side, Timestamp};

/// The id that the sender chose for a message; unique in its room forever.
pub type MessageId = Uuid;

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum SenderType {
    /// The visitor.
    Customer,
    /// Any of the shop's agents.
    Admin,
    /// Shoptalk itself, noting a change of status.
    System,
}

impl SenderType {
    /// The word used on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Admin => "admin",
            Self::System => "system",
        }
    }
}

impl From<Side> for SenderType {
    fn from(side: Side) -> Self {
        match side {
            Side::Visitor => Self::Customer,
            Side::Agent => Self::Admin,
        }
    }
}

/// What a `system` message records. The front ends translate it; `content` is in English.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum SystemEvent {
    /// The conversation was ended.
    Closed,
    /// The conversation was opened again by an agent.
    Reopened,
}

impl SystemEvent {
    /// The word used on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Reopened => "reopened",
        }
    }

    /// The English text that is stored as the message's content.
    pub fn content(self) -> &'static str {
        match self {
            Self::Closed => "Conversation closed",
            Self::Reopened => "Conversation reopened",
        }
    }
}

/// How a message came in, if not through the chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// By a mail in reply to one of the shop's.
    Mail,
}

/// One entry of a room's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Message {
    /// The id it was posted with.
    #[cfg_attr(feature = "server", schema(value_type = Uuid))]
    pub id: MessageId,
    /// The room whose log it is in.
    #[cfg_attr(feature = "server", schema(value_type = Uuid))]
    pub room_id: RoomId,
    /// Its place in the room: 1, 2, 3, … without a gap.
    pub seq: u64,
    /// Which side wrote it.
    pub sender_type: SenderType,
    /// The name to show beside it.
    pub sender_name: String,
    /// The text, as sent. Text only, never markup.
    pub content: String,
    /// Set on `system` messages alone.
    pub event: Option<SystemEvent>,
    /// Whether the other side's read mark has reached it (for a `system`
    /// message, the customer's).
    pub is_read: bool,
    /// Whether its text was removed for good; `content` is empty then. Absent otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "server", schema(required = false))]
    #[cfg_attr(test, ts(optional, as = "Option<bool>"))]
    pub redacted: bool,
    /// How it came in, if not through the chat. Absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "server", schema(required = false))]
    #[cfg_attr(test, ts(optional, as = "Option<Via>"))]
    pub via: Option<Via>,
    /// Which agent wrote it, where that is known. Agents alone get it.
    // Encoded by `for_agents` alone.
    #[serde(default, skip_serializing)]
    #[cfg_attr(feature = "server", schema(ignore))]
    #[cfg_attr(test, ts(optional = nullable))]
    pub agent_id: Option<AgentId>,
    /// When it was committed.
    pub created_at: Timestamp,
}

/// The newest message of a room as a summary shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LastMessage {
    /// Its place in the room.
    pub seq: u64,
    /// Which side wrote it.
    pub sender_type: SenderType,
    /// The name to show beside it.
    pub sender_name: String,
    /// The first 200 characters.
    pub content: String,
    /// When it was committed.
    pub created_at: Timestamp,
}

impl LastMessage {
    /// Characters of the content that a summary keeps.
    pub const CONTENT_CHARS: usize = 200;
}

impl From<&Message> for LastMessage {
    fn from(message: &Message) -> Self {
        Self {
            seq: message.seq,
            sender_type: message.sender_type,
            sender_name: message.sender_name.clone(),
            content: message.content.chars().take(Self::CONTENT_CHARS).collect(),
            created_at: message.created_at,
        }
    }
}
