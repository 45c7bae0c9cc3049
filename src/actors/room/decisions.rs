//! What [`RoomState`](super::state::RoomState) is given and what it returns.

use std::sync::Arc;
use std::time::Duration;

use crate::actors::JoinError;
use crate::chat::{ChangeId, RoomRecord};
use crate::persistence::{Refusal, StoreError, WriteError};

/// Who is subscribed, as far as decisions depend on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Audience {
    pub(super) is_empty: bool,
    pub(super) has_visitor: bool,
}

/// How to treat a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    Handle,
    /// Keep it until the record has been read.
    Defer,
    /// Leave it to the next incarnation, or refuse it if there is none.
    TurnAway,
}

/// A change of the visitor's presence, to be written to `Presence`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PresenceChange {
    pub(super) online: bool,
    /// Whether consoles list the room, and so show the change.
    pub(super) listed: bool,
}

/// What follows from a read of the record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Loaded {
    /// The room is live now.
    First { presence: Option<PresenceChange> },
    /// The record was changed by something else; this is what it was.
    Changed { before: Arc<RoomRecord> },
    /// Nothing is new.
    Unchanged,
    /// The room has no next incarnation.
    Gone,
}

/// What follows from a commit that changed the room.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Committed {
    /// The record that the commit's replaced; `None` if the present one is newer.
    pub(super) before: Option<Arc<RoomRecord>>,
    pub(super) presence: Option<PresenceChange>,
}

/// What is due after an event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FollowUps {
    pub(super) report: Option<ReportDue>,
    /// Set a timer for [`super::state::RoomState::presence_timer_fired`].
    pub(super) presence_timer: Option<Duration>,
    /// Set a timer for [`super::state::RoomState::rest_timer_fired`].
    pub(super) rest_timer: Option<Duration>,
}

/// A report for the lobby.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReportDue {
    pub(super) record: Arc<RoomRecord>,
    pub(super) customer_online: bool,
    pub(super) changes: Vec<ChangeId>,
}

/// Why a room ends without a next incarnation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum GoneReason {
    /// The store has no such room.
    NotFound,
    /// The record could not be read.
    LoadFailed(StoreError),
}

impl From<&GoneReason> for JoinError {
    fn from(reason: &GoneReason) -> Self {
        match reason {
            GoneReason::NotFound => Self::NotFound,
            GoneReason::LoadFailed(cause) => cause.clone().into(),
        }
    }
}

impl From<&GoneReason> for WriteError {
    fn from(reason: &GoneReason) -> Self {
        match reason {
            GoneReason::NotFound => Refusal::NotFound.into(),
            GoneReason::LoadFailed(cause) => cause.clone().into(),
        }
    }
}
