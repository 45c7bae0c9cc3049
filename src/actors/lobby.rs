//! The actor of the lobby: what consoles see of all rooms.
//!
//! It owns the log that consoles read ([`LobbyLog`]), the [`Frontier`] behind their cursors, and
//! whether any agent is online. It pushes nothing: each console's socket takes what is new when it
//! can, so a change costs the lobby the same however many consoles there are, and a slow console
//! delays nobody. It guarantees that every change of a listed room reaches the log: rooms report,
//! and a report that is lost is noticed within a second and read from the store. The log is a
//! short memory of what the store has, so the lobby can die at any time and be replaced.
//!
//! Read next: `lobby_log.rs`, `lobby_handle.rs` (a console's side), `pacing.rs`.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::context::ActorContext;
use super::elsewhere::UntakenByLobby;
use super::faults::FaultPoint;
use super::frontier::Frontier;
use super::ids::SubscriptionId;
use super::lobby_log::{LobbyLog, RETENTION};
use super::messages::{LobbyAccess, LobbyMsg, Report, RoomMsg};
use super::pacing;
use crate::chat::{ChangeVector, RoomRecord};
use crate::persistence::RoomChange;

/// How often the lobby checks whether it has missed a report.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// Rooms that a resync reads at a time.
const RESYNC_ROOMS: usize = 200;

pub(super) struct Lobby;

pub(super) struct LobbyState {
    context: Arc<ActorContext>,
    consoles: HashSet<SubscriptionId>,
    log: Arc<LobbyLog>,
    /// Notifies consoles that the log has grown. Dropped with the lobby, which they notice.
    changed: watch::Sender<()>,
    frontier: Frontier,
    last_check: Progress,
    /// Rooms that have reported, in the order in which they may report again, with the time.
    throttled: VecDeque<(Instant, ActorRef<RoomMsg>)>,
    report_timer_set: bool,
    /// Since when there has been no console, while the agents still count as online.
    agents_gone_at: Option<Instant>,
    agents_timer_set: bool,
}

/// How far the lobby and the store had come at a check.
struct Progress {
    frontier: ChangeVector,
    head: ChangeVector,
}

impl Actor for Lobby {
    type Msg = LobbyMsg;
    type State = LobbyState;
    type Arguments = Arc<ActorContext>;

    async fn pre_start(
        &self,
        myself: ActorRef<LobbyMsg>,
        context: Arc<ActorContext>,
    ) -> Result<LobbyState, ActorProcessingErr> {
        context.faults.reach(FaultPoint::LobbyStart, None);
        let head = context.store.head();
        let changes = head.changes;
        myself.send_interval(CHECK_INTERVAL, || LobbyMsg::CheckProgress);
        let mut state = LobbyState {
            consoles: HashSet::new(),
            log: Arc::new(LobbyLog::new(
                context.store.epoch(),
                head.counts,
                context.names.clone(),
            )),
            context,
            changed: watch::Sender::new(()),
            frontier: Frontier::new(changes.clone()),
            last_check: Progress {
                frontier: changes.clone(),
                head: changes,
            },
            throttled: VecDeque::new(),
            report_timer_set: false,
            agents_gone_at: None,
            agents_timer_set: false,
        };
        // The agents of an earlier lobby have the grace to reconnect.
        state.set_agents_timer(&myself);
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<LobbyMsg>,
        message: LobbyMsg,
        state: &mut LobbyState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            LobbyMsg::Ping(reply) => {
                let _ = reply.send(());
            }
            LobbyMsg::Report(report) => state.publish(&myself, report),
            LobbyMsg::Subscribe { id, reply } => state.subscribe(id, reply),
            LobbyMsg::Leave(id) => state.leave(id),
            LobbyMsg::TakeElsewhere => state.take_elsewhere().await,
            LobbyMsg::Resync => state.resync().await,
            LobbyMsg::ReportTimerFired => state.allow_reports(&myself),
            LobbyMsg::CheckProgress => state.check_progress().await,
            LobbyMsg::AgentsTimerFired => state.agents_timer_fired(),
        }
        state.set_agents_timer(&myself);
        Ok(())
    }
}

impl LobbyState {
    fn publish(&mut self, myself: &ActorRef<LobbyMsg>, report: Report) {
        let Report {
            record,
            customer_online,
            changes,
            room,
        } = report;
        self.context
            .faults
            .reach(FaultPoint::LobbyReport, Some(record.room.id));
        self.frontier.add(changes);
        // Without a console nobody reads the log.
        if !self.consoles.is_empty() && record.is_listed() {
            let cursor = self.frontier.reached().clone();
            self.log.put(record, customer_online, cursor);
            self.log.set_counts(self.context.store.head().counts);
            self.notify_consoles();
        }
        let interval = pacing::report_interval(self.consoles.len());
        self.throttled.push_back((Instant::now() + interval, room));
        self.set_report_timer(myself);
    }

    /// Publishes what other nodes have changed.
    async fn take_elsewhere(&mut self) {
        let UntakenByLobby { records, resync } = self.context.elsewhere.take_for_lobby();
        if !records.is_empty() {
            self.publish_elsewhere(records);
        }
        if resync {
            self.resync().await;
        }
    }

    /// Another node's changes count for the frontier as if a room had reported them.
    fn publish_elsewhere(&mut self, records: Vec<Arc<RoomRecord>>) {
        self.frontier
            .add(records.iter().map(|record| record.change));
        if self.consoles.is_empty() {
            return;
        }
        let cursor = self.frontier.reached().clone();
        for record in records.into_iter().filter(|record| record.is_listed()) {
            let customer_online = self.context.presence.is_online(record.room.id);
            self.log.put(record, customer_online, cursor.clone());
        }
        self.log.set_counts(self.context.store.head().counts);
        self.notify_consoles();
    }

    fn notify_consoles(&self) {
        self.context
            .faults
            .notify_consoles(|| self.changed.send_replace(()));
    }

    fn set_report_timer(&mut self, myself: &ActorRef<LobbyMsg>) {
        if let (false, Some((due, _))) = (self.report_timer_set, self.throttled.front()) {
            self.report_timer_set = true;
            myself.send_after(due.saturating_duration_since(Instant::now()), || {
                LobbyMsg::ReportTimerFired
            });
        }
    }

    fn allow_reports(&mut self, myself: &ActorRef<LobbyMsg>) {
        self.report_timer_set = false;
        let now = Instant::now();
        while let Some((_, room)) = self.throttled.pop_front_if(|(due, _)| *due <= now) {
            // It fails when the room rests, which has nothing to report then.
            let _ = room.cast(RoomMsg::AllowReport);
        }
        self.set_report_timer(myself);
    }

    fn subscribe(&mut self, id: SubscriptionId, reply: oneshot::Sender<LobbyAccess>) {
        self.context.faults.reach(FaultPoint::LobbySubscribe, None);
        // From here on reports are put into the log.
        self.consoles.insert(id);
        let access = LobbyAccess {
            log: self.log.clone(),
            changed: self.changed.subscribe(),
        };
        if reply.send(access).is_err() {
            return self.leave(id);
        }
        self.log.set_consoles(self.consoles.len());
        self.log.set_counts(self.context.store.head().counts);
        self.context.presence.set_agents_online(true);
    }

    fn leave(&mut self, id: SubscriptionId) {
        self.consoles.remove(&id);
        self.log.set_consoles(self.consoles.len());
    }

    /// The agents count as offline when no console has come back within the grace.
    fn set_agents_timer(&mut self, myself: &ActorRef<LobbyMsg>) {
        let online = self.context.presence.has_agents_here();
        if !online || !self.consoles.is_empty() {
            self.agents_gone_at = None;
            return;
        }
        let gone_for = self
            .agents_gone_at
            .get_or_insert_with(Instant::now)
            .elapsed();
        if !self.agents_timer_set {
            self.agents_timer_set = true;
            let left = self.context.presence_grace.saturating_sub(gone_for);
            myself.send_after(left, || LobbyMsg::AgentsTimerFired);
        }
    }

    fn agents_timer_fired(&mut self) {
        self.agents_timer_set = false;
        let grace = self.context.presence_grace;
        if self.agents_gone_at.is_some_and(|at| at.elapsed() >= grace) {
            self.context.presence.set_agents_online(false);
        }
    }

    /// A frontier that has not moved since the last check, although the store was ahead of it
    /// then, waits for a report that was lost.
    async fn check_progress(&mut self) {
        self.context.faults.reach(FaultPoint::LobbyCheck, None);
        if let Some(moment) = Instant::now().checked_sub(RETENTION) {
            self.log.forget_before(moment);
            self.context.presence.forget_before(moment);
        }
        // A lobby that has died may have been notified in place of this one.
        self.take_elsewhere().await;
        let head = self.context.store.head();
        if self.log.set_counts(head.counts) {
            self.notify_consoles();
        }
        let now = Progress {
            frontier: self.frontier.reached().clone(),
            head: head.changes,
        };
        let before = std::mem::replace(&mut self.last_check, now);
        let stands_still = *self.frontier.reached() == before.frontier;
        if stands_still && !before.frontier.includes_all(&before.head) {
            self.resync().await;
        }
    }

    /// Reads everything beyond the frontier from the store.
    async fn resync(&mut self) {
        loop {
            let mut cursor = self.frontier.reached().clone();
            let read = self.context.store.changed_since(&cursor, RESYNC_ROOMS);
            let page = match read.await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(%error, "cannot read changed rooms for the lobby, retrying");
                    return;
                }
            };
            let (reached, more) = (page.changes.clone(), page.more);
            for change in page.into_changes() {
                cursor.advance(change.id());
                match change {
                    RoomChange::Changed(record) => {
                        let customer_online = self.context.presence.is_online(record.room.id);
                        let record = Arc::from(record);
                        self.log.put(record, customer_online, cursor.clone());
                    }
                    RoomChange::Removed(removed) => self.log.remove(removed, cursor.clone()),
                }
            }
            self.frontier.advance_to(&reached);
            if !more {
                break;
            }
        }
        self.log.set_counts(self.context.store.head().counts);
        self.notify_consoles();
    }
}
