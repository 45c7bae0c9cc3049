//! The rules about a room's status and about who may post, each in one function of what was
//! loaded. [`RoomRecord`]'s methods and the store's rules call them.

use super::{RoomRecord, Side, Status, SystemEvent, Timestamp};

/// Who may post: a blocked visitor may not, agents always may.
pub fn may_post(record: &RoomRecord, side: Side) -> bool {
    !(record.blocked && side == Side::Visitor)
}

/// The status after a message. A visitor's message makes a room `waiting`; that reopens a closed
/// room, without a `system` message. An agent's message makes it `active`, a closed one as well.
pub fn status_after_message(side: Side) -> Status {
    match side {
        Side::Visitor => Status::Waiting,
        Side::Agent => Status::Active,
    }
}

/// The `system` message with which a room gets a status that somebody sets; `None` when it has
/// that status already. Nobody sets `waiting`: it only follows from a visitor's message.
pub fn event_of_status(record: &RoomRecord, status: Status) -> Option<SystemEvent> {
    debug_assert_ne!(status, Status::Waiting, "nobody sets a room waiting");
    (record.room.status != status).then_some(match status {
        Status::Closed => SystemEvent::Closed,
        Status::Active | Status::Waiting => SystemEvent::Reopened,
    })
}

/// The status that a `system` message records.
pub fn status_after_event(event: SystemEvent) -> Status {
    match event {
        SystemEvent::Closed => Status::Closed,
        SystemEvent::Reopened => Status::Active,
    }
}

/// Since when the visitor has been waiting, once the room has a status: since the first
/// unanswered message, and not at all in any other status.
pub fn waiting_since(record: &RoomRecord, status: Status, now: Timestamp) -> Option<Timestamp> {
    (status == Status::Waiting).then(|| record.waiting_since.unwrap_or(now))
}
