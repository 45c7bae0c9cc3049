//! The console's list and search.

use crate::chat::{AgentId, RoomRecord, Status, TagId};

/// How a list of rooms is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RoomOrder {
    /// The newest message first.
    #[default]
    Activity,
    /// The longest waiting first, then the rest by activity.
    Waiting,
}

/// Which rooms a list has, apart from their status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoomFilter {
    /// Those of one agent, or of nobody.
    pub assignee: Option<Option<AgentId>>,
    /// Those with a tag.
    pub tag: Option<TagId>,
    /// Spam, or everything else.
    pub spam: bool,
}

impl RoomFilter {
    /// Whether a room passes.
    pub fn matches(&self, record: &RoomRecord) -> bool {
        let desk = &record.desk;
        desk.spam == self.spam
            && self
                .assignee
                .is_none_or(|assignee| desk.assignee == assignee)
            && self.tag.is_none_or(|tag| desk.tags.contains(&tag))
    }
}

/// Open rooms that are no spam, as an agent counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AssignedCounts {
    /// Those of the agent.
    pub mine: u64,
    /// Those of nobody.
    pub unassigned: u64,
}

/// A page of the console's list.
#[derive(Debug, Clone)]
pub struct RoomQuery {
    /// Rooms of one status, or all.
    pub status: Option<Status>,
    /// Which of them.
    pub filter: RoomFilter,
    /// The order.
    pub order: RoomOrder,
    /// Where the last page ended: its `next`.
    pub cursor: Option<String>,
    /// Rooms at most.
    pub limit: usize,
}

/// A page of rooms.
#[derive(Debug, Clone)]
pub struct RoomPage {
    /// The rooms.
    pub records: Vec<RoomRecord>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// A search over names, addresses and messages.
#[derive(Debug, Clone)]
pub struct SearchQuery {
    /// The words, as typed.
    pub words: String,
    /// Rooms of one status, or all.
    pub status: Option<Status>,
    /// Which of them.
    pub filter: RoomFilter,
    /// Where the last page ended: its `next`.
    pub cursor: Option<String>,
    /// Rooms at most.
    pub limit: usize,
}

/// A room that matches a search.
#[derive(Debug, Clone)]
pub struct SearchHit {
    /// The room.
    pub record: RoomRecord,
    /// The newest message that matches; `None` when the customer's details do.
    pub seq: Option<u64>,
    /// The words around the match, as plain text.
    pub snippet: String,
}

/// A page of a search.
#[derive(Debug, Clone)]
pub struct SearchPage {
    /// Rooms by their newest match.
    pub hits: Vec<SearchHit>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
    /// Whether the search stopped at its bound, so that there may be more.
    pub truncated: bool,
}
