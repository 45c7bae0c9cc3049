use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::context::ActorContext;
use super::faults::FaultPoint;
use super::frontier::Frontier;
use super::ids::SubscriptionId;
use super::lobby_log::{LobbyLog, REMEMBERED};
use super::messages::{LobbyAccess, LobbyMsg, Report, RoomMsg};
use super::pacing;

/// How often the lobby looks whether something passed it by.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// Rooms that are reread at a time.
const RESYNC_PAGE: usize = 200;

/// The actor that keeps the log of what happens in all rooms, which consoles read.
///
/// It pushes nothing: each console's socket takes from the log what is new to it, when it can.
/// So a change costs the lobby the same however many consoles there are, and a console that
/// reads slowly holds nobody up. The log is a short memory of what the store has; the lobby
/// can die at any time and be made anew.
pub(super) struct Lobby;

pub(super) struct LobbyState {
    context: Arc<ActorContext>,
    consoles: HashSet<SubscriptionId>,
    log: Arc<LobbyLog>,
    /// Wakes consoles that wait for the log to grow. Dropped with the lobby, which they notice.
    changed: watch::Sender<()>,
    frontier: Frontier,
    /// Where the frontier and the store's head stood at the last heartbeat.
    last_heartbeat: (u64, u64),
    /// Rooms that have reported and may do so again at that time, in its order.
    throttled: VecDeque<(Instant, ActorRef<RoomMsg>)>,
    throttle_armed: bool,
    /// Since when there has been no console, while agents still count as online.
    agents_gone_at: Option<Instant>,
    agents_armed: bool,
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
        let head = context.store.head();
        myself.send_interval(HEARTBEAT, || LobbyMsg::CheckProgress);
        let mut state = LobbyState {
            consoles: HashSet::new(),
            log: Arc::new(LobbyLog::new(context.store.epoch(), head.counts)),
            context,
            changed: watch::Sender::new(()),
            frontier: Frontier::new(head.change),
            last_heartbeat: (head.change, head.change),
            throttled: VecDeque::new(),
            throttle_armed: false,
            agents_gone_at: None,
            agents_armed: false,
        };
        // The agents of an earlier lobby get the grace to come back.
        state.arm_agents(&myself);
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
            LobbyMsg::Report(report) => state.report(&myself, report),
            LobbyMsg::Subscribe { id, reply } => state.subscribe(id, reply),
            LobbyMsg::Leave(id) => state.leave(id),
            LobbyMsg::Resync => state.resync().await,
            LobbyMsg::ReportTimerFired => state.release(&myself),
            LobbyMsg::CheckProgress => state.heartbeat().await,
            LobbyMsg::AgentsTimerFired => state.agents_due(),
        }
        state.arm_agents(&myself);
        Ok(())
    }
}

impl LobbyState {
    fn report(&mut self, myself: &ActorRef<LobbyMsg>, report: Report) {
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
        // Without a console there is nobody to remember it for.
        if !self.consoles.is_empty() {
            let cursor = self.frontier.reached();
            self.log.put(record, customer_online, cursor);
            self.log.set_counts(self.context.store.head().counts);
            self.wake_consoles();
        }
        let interval = pacing::report_interval(self.consoles.len());
        self.throttled.push_back((Instant::now() + interval, room));
        self.arm_throttle(myself);
    }

    fn wake_consoles(&self) {
        self.context
            .faults
            .notify_consoles(|| self.changed.send_replace(()));
    }

    fn arm_throttle(&mut self, myself: &ActorRef<LobbyMsg>) {
        if let (false, Some((due, _))) = (self.throttle_armed, self.throttled.front()) {
            self.throttle_armed = true;
            myself.send_after(due.saturating_duration_since(Instant::now()), || {
                LobbyMsg::ReportTimerFired
            });
        }
    }

    fn release(&mut self, myself: &ActorRef<LobbyMsg>) {
        self.throttle_armed = false;
        let now = Instant::now();
        while let Some((_, room)) = self.throttled.pop_front_if(|(due, _)| *due <= now) {
            // A room that has gone to rest has nothing to report.
            let _ = room.cast(RoomMsg::AllowReport);
        }
        self.arm_throttle(myself);
    }

    fn subscribe(&mut self, id: SubscriptionId, reply: oneshot::Sender<LobbyAccess>) {
        self.context.faults.reach(FaultPoint::LobbySubscribe, None);
        // From here on the log remembers for this console.
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

    /// The agents count as gone when no console came back within the grace.
    fn arm_agents(&mut self, myself: &ActorRef<LobbyMsg>) {
        let online = *self.context.presence.agents_online().borrow();
        if !online || !self.consoles.is_empty() {
            self.agents_gone_at = None;
            return;
        }
        let gone_for = self
            .agents_gone_at
            .get_or_insert_with(Instant::now)
            .elapsed();
        if !self.agents_armed {
            self.agents_armed = true;
            let left = self.context.presence_grace.saturating_sub(gone_for);
            myself.send_after(left, || LobbyMsg::AgentsTimerFired);
        }
    }

    fn agents_due(&mut self) {
        self.agents_armed = false;
        let grace = self.context.presence_grace;
        if self.agents_gone_at.is_some_and(|at| at.elapsed() >= grace) {
            self.context.presence.set_agents_online(false);
        }
    }

    /// A frontier that has stood still for a whole beat, behind changes that were
    /// there before the beat, has lost a report.
    async fn heartbeat(&mut self) {
        self.context.faults.reach(FaultPoint::LobbyCheck, None);
        if let Some(moment) = Instant::now().checked_sub(REMEMBERED) {
            self.log.forget_before(moment);
            self.context.presence.forget_before(moment);
        }
        let head = self.context.store.head();
        if self.log.set_counts(head.counts) {
            self.wake_consoles();
        }
        let now = (self.frontier.reached(), head.change);
        let (frontier_before, head_before) = std::mem::replace(&mut self.last_heartbeat, now);
        if now.0 == frontier_before && head_before > frontier_before {
            self.resync().await;
        }
    }

    /// Takes everything past the frontier as the store has it.
    async fn resync(&mut self) {
        loop {
            let page = match self
                .context
                .store
                .changed_since(self.frontier.reached(), RESYNC_PAGE)
                .await
            {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(%error, "the lobby could not read the store; it tries again");
                    return;
                }
            };
            for record in page.records {
                let customer_online = self.context.presence.is_online(record.room.id);
                let cursor = record.change;
                self.log.put(Arc::new(record), customer_online, cursor);
            }
            self.frontier.advance_to(page.change);
            if !page.more {
                break;
            }
        }
        self.log.set_counts(self.context.store.head().counts);
        self.wake_consoles();
    }
}
