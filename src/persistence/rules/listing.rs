use crate::chat::{ChangeId, Counts, RoomRecord, Status, Timestamp};

/// What of a room's earlier state decides how a change of it is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PriorState {
    /// The room's status if consoles listed it.
    listed: Option<Status>,
    /// Its status in any case.
    pub(crate) status: Status,
    pub(crate) waiting_since: Option<Timestamp>,
}

impl PriorState {
    /// The state before a change of this record.
    pub(crate) fn of(record: &RoomRecord) -> Self {
        Self {
            listed: record.is_listed().then_some(record.room.status),
            status: record.room.status,
            waiting_since: record.waiting_since,
        }
    }
}

/// Moves the counts with a changed record, and gives a listed one the next place in the order of
/// changes.
pub(crate) fn record_change(
    before: PriorState,
    record: &mut RoomRecord,
    counts: &mut Counts,
    next_change: impl FnOnce() -> ChangeId,
) {
    take_off(before.listed, counts);
    if record.is_listed() {
        *counts.of_mut(record.room.status) += 1;
        record.change = next_change();
    }
}

/// Takes a room that is about to be deleted off the counts. Returns whether consoles list it.
pub(crate) fn unlist(record: &RoomRecord, counts: &mut Counts) -> bool {
    let listed = PriorState::of(record).listed;
    take_off(listed, counts);
    listed.is_some()
}

fn take_off(listed: Option<Status>, counts: &mut Counts) {
    if let Some(status) = listed {
        let count = counts.of_mut(status);
        *count = count.saturating_sub(1);
    }
}
