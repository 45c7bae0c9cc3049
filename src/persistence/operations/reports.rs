//! What reports read of every room.

use std::collections::{HashMap, VecDeque};

use uuid::Uuid;

use crate::chat::{AgentId, SenderType, SystemEvent, Timestamp};

/// A line of what a report reads: a room, followed by its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportLine {
    /// A room. Spam is left out.
    Room(ReportRoom),
    /// A message of the room before it, in the order of the seqs.
    Message(ReportMessage),
    /// The room before has gone: its messages do not count.
    Gone,
}

/// A room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRoom {
    /// The number that the store gave it.
    pub pk: i64,
    /// Closings that were rated, and their scores.
    pub ratings: Vec<(u64, u8)>,
}

/// A message without what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportMessage {
    /// Its place in the room.
    pub seq: u64,
    /// Which side wrote it.
    pub sender_type: SenderType,
    /// What a `system` message records.
    pub event: Option<SystemEvent>,
    /// Which agent wrote it, where that is known.
    pub agent: Option<AgentId>,
    /// When it was committed.
    pub created_at: Timestamp,
}

/// A report in progress.
#[derive(Debug, Clone)]
pub struct ReportCursor {
    /// Rooms with messages from then on are read.
    pub(crate) from: Timestamp,
    /// Rooms that were opened before then are read.
    pub(crate) to: Timestamp,
    /// Rooms up to this one were looked at.
    pub(crate) after: i64,
    /// Rooms that were found and are to be read: their numbers and newest seqs.
    pub(crate) found: VecDeque<(i64, u64)>,
    /// The room that is being read: its number, its newest seq, and how far it was read.
    pub(crate) open: Option<(i64, u64, u64)>,
    pub(crate) is_complete: bool,
}

impl ReportCursor {
    /// Lines of one read, about: some milliseconds.
    pub(crate) const STEP_LINES: usize = 1_000;
    /// Rooms that one read looks at, at most.
    pub(crate) const STEP_ROOMS: usize = 2_000;

    /// Begins to read what a report of this range needs.
    pub fn new(from: Timestamp, to: Timestamp) -> Self {
        Self {
            from,
            to,
            after: 0,
            found: VecDeque::new(),
            open: None,
            is_complete: false,
        }
    }

    /// Whether everything was read.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }
}

/// Tags, and the rooms that have them.
#[derive(Debug, Clone, Default)]
pub struct TaggedRooms {
    /// Their names.
    pub names: HashMap<Uuid, String>,
    /// The tags of each room, by the store's numbers of the rooms.
    pub rooms: HashMap<i64, Vec<Uuid>>,
}
