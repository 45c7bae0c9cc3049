//! What the lobby shows first, and what has changed since.

use crate::chat::{ChangeId, ChangeVector, RoomRecord};
use crate::persistence::RemovedRoom;

/// What a console sees first: the rooms that wait and the newest active ones.
#[derive(Debug, Clone)]
pub struct LobbySnapshot {
    /// All changes up to here are in it.
    pub changes: ChangeVector,
    /// The rooms, the longest waiting first, then the newest active.
    pub records: Vec<RoomRecord>,
}

/// Listed rooms that changed, those of each slot in the order of their newest changes.
#[derive(Debug, Clone)]
pub struct ChangedRooms {
    /// The rooms.
    pub records: Vec<RoomRecord>,
    /// Rooms that no console lists, for the nodes of a shared store: somebody may be in them.
    pub unlisted: Vec<RoomRecord>,
    /// All changes up to here are in this page or in those before it.
    pub changes: ChangeVector,
    /// Whether there are more.
    pub more: bool,
    /// Rooms that were erased, in the order of their changes; `changes` covers them as well.
    pub removed: Vec<RemovedRoom>,
    /// The newest change of each slot that erased a room, whenever that was.
    pub newest_removals: ChangeVector,
}

/// How one room has changed.
#[derive(Debug, Clone)]
pub enum RoomChange {
    /// This is its state now.
    Changed(Box<RoomRecord>),
    /// It was erased.
    Removed(RemovedRoom),
}

impl RoomChange {
    /// Its place in the order of changes.
    pub fn id(&self) -> ChangeId {
        match self {
            Self::Changed(record) => record.change,
            Self::Removed(removed) => removed.change,
        }
    }
}

impl ChangedRooms {
    /// Everything that consoles are shown, each slot in the order of its changes.
    pub fn into_changes(self) -> Vec<RoomChange> {
        let records = self.records.into_iter();
        let records = records.map(|record| RoomChange::Changed(Box::new(record)));
        let removed = self.removed.into_iter().map(RoomChange::Removed);
        let mut changes: Vec<RoomChange> = records.chain(removed).collect();
        changes.sort_by_key(|change| change.id().number);
        changes
    }
}
