//! Customers who wait, and how far their alerts are.

use crate::chat::{AgentId, RoomId, Timestamp};

/// How far the alerts of one wait are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertProgress {
    /// How often devices have rung.
    pub rung: u8,
    /// Whether a mail was sent.
    pub mailed: bool,
    /// When there is something to do; `None` when everything is done.
    pub next_at: Option<Timestamp>,
}

/// A customer who waits, for whom something is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueAlert {
    /// The room.
    pub room_id: RoomId,
    /// Which wait it is: the number of the oldest message without an answer.
    pub wait: i64,
    /// Since when the customer waits.
    pub since: Timestamp,
    /// How far it is.
    pub progress: AlertProgress,
    /// The customer, if named.
    pub customer_name: Option<String>,
    /// The beginning of the newest message.
    pub content: String,
    /// The agent who answers this room, if there is one who is on duty.
    pub assignee: Option<AgentId>,
}
