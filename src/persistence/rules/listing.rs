use crate::chat::{AgentId, ChangeId, Counts, RoomRecord, Status, Timestamp};

/// What of a room's earlier state decides how a change of it is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PriorState {
    /// The room's status if it was counted: a listed one that is no spam.
    counted: Option<Status>,
    /// Its status in any case.
    pub(crate) status: Status,
    pub(crate) waiting_since: Option<Timestamp>,
    pub(crate) assignee: Option<AgentId>,
    pub(crate) snoozed_until: Option<Timestamp>,
}

impl PriorState {
    /// The state before a change of this record.
    pub(crate) fn of(record: &RoomRecord) -> Self {
        Self {
            counted: is_counted(record).then_some(record.room.status),
            status: record.room.status,
            waiting_since: record.waiting_since,
            assignee: record.desk.assignee,
            snoozed_until: record.desk.snoozed_until,
        }
    }
}

fn is_counted(record: &RoomRecord) -> bool {
    record.is_listed() && !record.desk.spam
}

/// Moves the counts with a changed record, and gives a listed one the next place in the order of
/// changes.
pub(crate) fn record_change(
    before: PriorState,
    record: &mut RoomRecord,
    counts: &mut Counts,
    next_change: impl FnOnce() -> ChangeId,
) {
    take_off(before.counted, counts);
    if is_counted(record) {
        *counts.of_mut(record.room.status) += 1;
    }
    if record.is_listed() {
        record.change = next_change();
    }
}

/// Takes a room that is about to be deleted off the counts. Returns whether consoles list it.
pub(crate) fn unlist(record: &RoomRecord, counts: &mut Counts) -> bool {
    take_off(PriorState::of(record).counted, counts);
    record.is_listed()
}

fn take_off(counted: Option<Status>, counts: &mut Counts) {
    if let Some(status) = counted {
        let count = counts.of_mut(status);
        *count = count.saturating_sub(1);
    }
}
