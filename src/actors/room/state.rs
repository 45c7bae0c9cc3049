//! What a room decides, without its effects: no clock, no store, no actor, no socket. The actor in
//! `room.rs` feeds events in and carries out what the methods return.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::decisions::{
    Audience, Committed, FollowUps, GoneReason, Loaded, PresenceChange, ReportDue, Route,
};
use crate::actors::JoinError;
use crate::actors::messages::RoomMsg;
use crate::chat::{ChangeId, RoomRecord, Side};
use crate::persistence::{RoomCommit, StoreError, WriteError};

/// A room that has just started rests after this time at the earliest, so that whoever had it
/// started can reach it.
const FIRST_REST_MIN: Duration = Duration::from_millis(100);
/// How often a room checks whether it is idle, at most.
const REST_CHECK_MIN: Duration = Duration::from_millis(1);

/// The phases of an incarnation.
enum Phase {
    /// The record is being read for the first time.
    Loading { reads: Reads },
    /// The room handles joins and writes, or defers them while it reads its record again.
    Live {
        /// The newest state that the store has returned.
        record: Arc<RoomRecord>,
        reads: Reads,
    },
    /// Nobody needed the room. Its next incarnation handles the messages that still arrive.
    Resting,
    /// There is nothing that a next incarnation could handle.
    Gone(GoneReason),
}

/// Reads of the record in progress. What is decided by the record waits for all of them.
#[derive(Default)]
struct Reads {
    pending: usize,
    deferred: Vec<RoomMsg>,
}

/// All that a room's decisions depend on.
pub(super) struct RoomState {
    phase: Phase,
    timing: Timing,
    /// Writes that the store has not finished.
    writes: usize,
    visitor: VisitorPresence,
    reports: LobbyReports,
    rest: RestTimer,
}

/// The configured times.
#[derive(Clone, Copy)]
pub(super) struct Timing {
    pub(super) idle_timeout: Duration,
    pub(super) presence_grace: Duration,
}

/// Whether the visitor counts as online.
struct VisitorPresence {
    /// What was last written to `Presence`.
    online: bool,
    /// When the last of the visitor's sockets left, while the visitor still counts as online.
    gone_at: Option<Instant>,
    timer_set: bool,
}

/// The lobby accepts one report at a time from each room, so that its mailbox is bounded by the
/// number of rooms.
struct LobbyReports {
    allowed: bool,
    /// Changes that have not been reported to the lobby.
    unreported: Vec<ChangeId>,
}

struct RestTimer {
    idle_since: Instant,
    timer_set: bool,
    delay_min: Duration,
}

impl RoomState {
    /// A room that begins to load. `visitor_online` is what an earlier incarnation has left.
    pub(super) fn new(visitor_online: bool, timing: Timing, now: Instant) -> Self {
        Self {
            phase: Phase::Loading {
                reads: Reads::default(),
            },
            timing,
            writes: 0,
            visitor: VisitorPresence {
                online: visitor_online,
                gone_at: None,
                timer_set: false,
            },
            reports: LobbyReports {
                allowed: true,
                unreported: Vec::new(),
            },
            rest: RestTimer {
                idle_since: now,
                timer_set: false,
                delay_min: FIRST_REST_MIN,
            },
        }
    }

    /// The record, while the room is live.
    pub(super) fn record(&self) -> Option<&Arc<RoomRecord>> {
        match &self.phase {
            Phase::Live { record, .. } => Some(record),
            _ => None,
        }
    }

    /// Why there is no next incarnation, if there is none.
    pub(super) fn gone(&self) -> Option<&GoneReason> {
        match &self.phase {
            Phase::Gone(reason) => Some(reason),
            _ => None,
        }
    }

    pub(super) fn route(&self, message: &RoomMsg) -> Route {
        match (&self.phase, message) {
            (Phase::Resting | Phase::Gone(_), _) => Route::TurnAway,
            (
                Phase::Loading { reads } | Phase::Live { reads, .. },
                RoomMsg::Join { .. } | RoomMsg::Write { .. } | RoomMsg::TakeElsewhere,
            ) if reads.pending > 0 => Route::Defer,
            _ => Route::Handle,
        }
    }

    /// Keeps a message that [`route`](Self::route) defers.
    pub(super) fn defer(&mut self, message: RoomMsg) {
        if let Some(reads) = self.reads() {
            reads.deferred.push(message);
        }
    }

    /// The deferred messages, once no read is in progress.
    pub(super) fn take_deferred(&mut self) -> Vec<RoomMsg> {
        match self.reads() {
            Some(reads) if reads.pending == 0 => std::mem::take(&mut reads.deferred),
            _ => Vec::new(),
        }
    }

    /// Notes that a read of the record was started.
    pub(super) fn read_started(&mut self) {
        if let Some(reads) = self.reads() {
            reads.pending += 1;
        }
    }

    /// A read of the record has finished. When the room is gone, the deferred messages are moved
    /// to `refused`.
    pub(super) fn read_finished(
        &mut self,
        outcome: Result<Option<Arc<RoomRecord>>, StoreError>,
        refused: &mut Vec<RoomMsg>,
    ) -> Loaded {
        let Some(reads) = self.reads() else {
            return Loaded::Unchanged;
        };
        reads.pending -= 1;
        let new = match outcome {
            Ok(Some(record)) => record,
            Ok(None) => return self.end(GoneReason::NotFound, refused),
            Err(cause) => return self.end(GoneReason::LoadFailed(cause), refused),
        };
        match &mut self.phase {
            Phase::Loading { reads } => {
                // The last incarnation may have died before it published that the room is
                // listed now.
                let presence = self.visitor.online.then(|| PresenceChange {
                    online: true,
                    listed: new.is_listed(),
                });
                let reads = std::mem::take(reads);
                self.phase = Phase::Live { record: new, reads };
                Loaded::First { presence }
            }
            Phase::Live { record, .. } => match replace_if_newer(record, &new) {
                Some(before) => {
                    if new.change != before.change {
                        self.reports.unreported.push(new.change);
                    }
                    Loaded::Changed { before }
                }
                None => Loaded::Unchanged,
            },
            Phase::Resting | Phase::Gone(_) => Loaded::Unchanged,
        }
    }

    /// Whether a participant may join; the record is what they get.
    pub(super) fn admit(
        &self,
        side: Side,
        participant_id: Uuid,
    ) -> Result<Arc<RoomRecord>, JoinError> {
        match self.record() {
            Some(record) if side == Side::Agent || participant_id == record.visitor_id => {
                Ok(record.clone())
            }
            Some(_) => Err(JoinError::NotFound),
            None => Err(JoinError::Resting),
        }
    }

    /// A participant has joined.
    pub(super) fn joined(&mut self, side: Side) -> Option<PresenceChange> {
        (side == Side::Visitor)
            .then(|| self.set_online(true))
            .flatten()
    }

    /// Notes that a write was handed to the store.
    pub(super) fn write_started(&mut self) {
        self.writes += 1;
    }

    /// A write has finished. Returns what follows if it changed the room.
    pub(super) fn write_finished(
        &mut self,
        outcome: &Result<RoomCommit, WriteError>,
    ) -> Option<Committed> {
        self.writes -= 1;
        let commit = outcome.as_ref().ok()?;
        if !commit.effect.is_change() {
            return None;
        }
        let Phase::Live { record, .. } = &mut self.phase else {
            return None;
        };
        let before = replace_if_newer(record, &commit.record);
        // Without other nodes, only changes of listed rooms have a number.
        if commit.record.change.number > 0 {
            self.reports.unreported.push(commit.record.change);
        }
        // With its first message a room becomes listed, and consoles show its visitor's presence.
        let first_message = commit.record.room.last_seq == 1;
        let presence = (first_message && self.visitor.online).then_some(PresenceChange {
            online: true,
            listed: true,
        });
        Some(Committed { before, presence })
    }

    /// Another node has changed the room. Returns the record that the new one has replaced, if it is
    /// newer. The lobby learns of it without this room.
    pub(super) fn committed_elsewhere(&mut self, new: &Arc<RoomRecord>) -> Option<Arc<RoomRecord>> {
        match &mut self.phase {
            Phase::Live { record, .. } => replace_if_newer(record, new),
            Phase::Loading { .. } | Phase::Resting | Phase::Gone(_) => None,
        }
    }

    /// Whether the record is being read.
    pub(super) fn is_reading(&self) -> bool {
        match &self.phase {
            Phase::Loading { .. } => true,
            Phase::Live { reads, .. } => reads.pending > 0,
            Phase::Resting | Phase::Gone(_) => false,
        }
    }

    /// The lobby accepts another report.
    pub(super) fn allow_report(&mut self) {
        self.reports.allowed = true;
    }

    /// The visitor counts as offline if no socket has come back within the grace.
    pub(super) fn presence_timer_fired(&mut self, now: Instant) -> Option<PresenceChange> {
        self.visitor.timer_set = false;
        let gone_at = self.visitor.gone_at?;
        (now.duration_since(gone_at) >= self.timing.presence_grace)
            .then(|| self.set_online(false))
            .flatten()
    }

    /// Returns whether the room rests from now on.
    pub(super) fn rest_timer_fired(&mut self, now: Instant, audience: Audience) -> bool {
        self.rest.timer_set = false;
        let rests = self.is_idle(audience)
            && now.duration_since(self.rest.idle_since) >= self.timing.idle_timeout;
        if rests {
            self.phase = Phase::Resting;
        }
        rests
    }

    /// What is due now that an event has been handled.
    pub(super) fn follow_ups(&mut self, now: Instant, audience: Audience) -> FollowUps {
        match self.phase {
            Phase::Resting | Phase::Gone(_) => FollowUps::default(),
            Phase::Loading { .. } | Phase::Live { .. } => FollowUps {
                report: self.take_report(),
                presence_timer: self.presence_timer(now, audience),
                rest_timer: self.rest_timer(now, audience),
            },
        }
    }

    fn take_report(&mut self) -> Option<ReportDue> {
        if !self.reports.allowed || self.reports.unreported.is_empty() {
            return None;
        }
        let record = self.record()?.clone();
        self.reports.allowed = false;
        Some(ReportDue {
            record,
            customer_online: self.visitor.online,
            changes: std::mem::take(&mut self.reports.unreported),
        })
    }

    /// While the room loads, nobody knows whether consoles list it, so the visitor of an earlier
    /// incarnation stays online.
    fn presence_timer(&mut self, now: Instant, audience: Audience) -> Option<Duration> {
        self.record()?;
        let visitor = &mut self.visitor;
        if !visitor.online || audience.has_visitor {
            visitor.gone_at = None;
            return None;
        }
        let gone_for = now.duration_since(*visitor.gone_at.get_or_insert(now));
        let is_due = !std::mem::replace(&mut visitor.timer_set, true);
        is_due.then(|| self.timing.presence_grace.saturating_sub(gone_for))
    }

    fn rest_timer(&mut self, now: Instant, audience: Audience) -> Option<Duration> {
        if self.record().is_some() && !self.is_idle(audience) {
            self.rest.idle_since = now;
            return None;
        }
        let is_due = !std::mem::replace(&mut self.rest.timer_set, true);
        is_due.then(|| {
            let delay_min = std::mem::replace(&mut self.rest.delay_min, REST_CHECK_MIN);
            self.timing.idle_timeout.max(delay_min)
        })
    }

    fn is_idle(&self, audience: Audience) -> bool {
        !self.is_reading()
            && self.writes == 0
            && audience.is_empty
            && self.reports.unreported.is_empty()
            && !self.visitor.online
    }

    fn set_online(&mut self, online: bool) -> Option<PresenceChange> {
        let listed = self.record().is_some_and(|record| record.is_listed());
        let changed = std::mem::replace(&mut self.visitor.online, online) != online;
        changed.then_some(PresenceChange { online, listed })
    }

    fn end(&mut self, reason: GoneReason, refused: &mut Vec<RoomMsg>) -> Loaded {
        if let Some(reads) = self.reads() {
            refused.append(&mut reads.deferred);
        }
        self.phase = Phase::Gone(reason);
        Loaded::Gone
    }

    fn reads(&mut self) -> Option<&mut Reads> {
        match &mut self.phase {
            Phase::Loading { reads } | Phase::Live { reads, .. } => Some(reads),
            Phase::Resting | Phase::Gone(_) => None,
        }
    }
}

/// The one place where a record replaces another. Commits and reads may arrive in any order, so a
/// record counts only if its version is higher. Returns the replaced one.
fn replace_if_newer(
    present: &mut Arc<RoomRecord>,
    new: &Arc<RoomRecord>,
) -> Option<Arc<RoomRecord>> {
    new.is_newer_than(present)
        .then(|| std::mem::replace(present, new.clone()))
}

#[cfg(test)]
mod tests;
