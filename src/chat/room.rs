use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Assignee, LastMessage, Tag, Timestamp};

/// Identifies one conversation.
pub type RoomId = Uuid;

/// Identifies one visitor, anonymous or identified, inside the store. It is never sent to anybody.
pub type VisitorId = Uuid;

/// What a visitor without a name is called. Faces and mail say it in the language of whoever reads it.
pub const NAMELESS: &str = "Visitor";

/// The state of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The customer waits for the shop's answer.
    Waiting,
    /// The shop has answered, or nobody has written yet.
    Active,
    /// Ended. A new message of the customer opens it again.
    Closed,
}

impl Status {
    /// Every status, in the order in which the store counts them.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Active, Self::Closed];

    /// The word used on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Active => "active",
            Self::Closed => "closed",
        }
    }
}

impl std::str::FromStr for Status {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| format!("'{text}' is not a status; use waiting, active or closed"))
    }
}

/// The two sides of a conversation. All agents together are one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Side {
    /// The visitor.
    #[serde(rename = "customer")]
    Visitor,
    /// The agents.
    #[serde(rename = "admin")]
    Agent,
}

impl Side {
    /// The word used on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Visitor => "customer",
            Self::Agent => "admin",
        }
    }
}

/// A conversation as both sides may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Room {
    /// The room's id.
    #[cfg_attr(feature = "server", schema(value_type = Uuid))]
    pub id: RoomId,
    /// The state of the conversation.
    pub status: Status,
    /// The customer's name, when known.
    pub customer_name: Option<String>,
    /// The customer's email address, when known.
    pub customer_email: Option<String>,
    /// The customer's phone number, when known.
    pub customer_phone: Option<String>,
    /// The signed identity's `sub`; null for an anonymous visitor.
    pub user: Option<String>,
    /// The page that the chat was opened on.
    pub page_url: Option<String>,
    /// When the room was made.
    pub created_at: Timestamp,
    /// When the room last changed in any way.
    pub updated_at: Timestamp,
    /// When the newest message was committed.
    pub last_message_at: Option<Timestamp>,
    /// The newest message's seq; 0 while there is none.
    pub last_seq: u64,
    /// How far the customer has read.
    pub customer_read_seq: u64,
    /// How far the agents have read.
    pub admin_read_seq: u64,
}

impl Room {
    /// The mark of one side.
    pub fn read_seq(&self, side: Side) -> u64 {
        match side {
            Side::Visitor => self.customer_read_seq,
            Side::Agent => self.admin_read_seq,
        }
    }

    /// The customer's name as agents and messages show it.
    pub fn display_name(&self) -> &str {
        self.customer_name.as_deref().unwrap_or(NAMELESS)
    }
}

/// A room as the console lists it: state, not a delta. The higher `version` wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Summary {
    /// The room itself.
    #[serde(flatten)]
    pub room: Room,
    /// The newest message.
    pub last_message: Option<LastMessage>,
    /// Customer messages past the agents' read mark.
    pub unread_count: u64,
    /// Since when the customer has waited for an answer.
    pub waiting_since: Option<Timestamp>,
    /// Whether the visitor has the chat open.
    pub customer_online: bool,
    /// Whether the visitor is kept from posting.
    pub blocked: bool,
    /// Who answers.
    #[serde(default)]
    #[cfg_attr(feature = "server", schema(required))]
    #[cfg_attr(test, ts(as = "Option<Assignee>"))]
    pub assignee: Option<Assignee>,
    /// Its tags, by name.
    #[serde(default)]
    #[cfg_attr(feature = "server", schema(required))]
    #[cfg_attr(test, ts(as = "Vec<Tag>"))]
    pub tags: Vec<Tag>,
    /// Whether it is outside of lists and counts, and rings nobody.
    #[serde(default)]
    #[cfg_attr(feature = "server", schema(required))]
    #[cfg_attr(test, ts(as = "bool"))]
    pub spam: bool,
    /// Until when it is put off, unless the customer writes before.
    #[serde(default)]
    #[cfg_attr(feature = "server", schema(required))]
    #[cfg_attr(test, ts(as = "Option<Timestamp>"))]
    pub snoozed_until: Option<Timestamp>,
    /// How often the room has changed.
    pub version: u64,
}

/// How many listed rooms have each status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Counts {
    /// Rooms waiting for the shop.
    pub waiting: u64,
    /// Rooms answered or newly opened.
    pub active: u64,
    /// Rooms ended.
    pub closed: u64,
}

impl Counts {
    /// The count of one status.
    pub fn of(&self, status: Status) -> u64 {
        match status {
            Status::Waiting => self.waiting,
            Status::Active => self.active,
            Status::Closed => self.closed,
        }
    }

    /// The place where one status is counted.
    pub fn of_mut(&mut self, status: Status) -> &mut u64 {
        match status {
            Status::Waiting => &mut self.waiting,
            Status::Active => &mut self.active,
            Status::Closed => &mut self.closed,
        }
    }
}
