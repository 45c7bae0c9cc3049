use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ractor::{
    ACTIVE_STATES, Actor, ActorId, ActorProcessingErr, ActorRef, MessagingErr, SupervisionEvent,
};
use tokio::time::Instant;

use super::Incarnation;
use super::context::ActorContext;
use super::messages::{Delivery, LobbyMsg, RoomMsg, SupervisorMsg};
use super::room::{Room, RoomArgs};
use crate::chat::RoomId;

/// The time over which a room's failures are counted.
const FAILURE_WINDOW: Duration = Duration::from_secs(60);
/// This many failures within the window put a room into quarantine.
const FAILURES_MAX: usize = 5;
/// How long a room in quarantine is unavailable. Then it gets one attempt: if it fails again, it is
/// in quarantine again.
const QUARANTINE: Duration = Duration::from_secs(60);
/// The wait before a room whose record could not be read is started again.
const UNREADABLE_RETRY: Duration = Duration::from_secs(5);
/// The wait before the second restart. It doubles with each further one.
const BACKOFF: Duration = Duration::from_millis(50);

/// Starts rooms when they are needed, restarts them when they fail, and puts them into quarantine
/// when they keep failing.
pub(super) struct RoomSupervisor;

pub(super) struct SupervisorState {
    context: Arc<ActorContext>,
    rooms: HashMap<RoomId, Entry>,
    by_actor: HashMap<ActorId, RoomId>,
    /// Rooms that have failed recently; normally empty.
    failures: HashMap<RoomId, Failures>,
}

enum Entry {
    Live(ActorRef<RoomMsg>),
    /// Between two incarnations, with what is to be delivered to the next one.
    Between(Vec<Delivery>),
}

/// The recent failures of one room.
#[derive(Default)]
struct Failures {
    at: VecDeque<Instant>,
    quarantined_until: Option<Instant>,
}

/// What follows from a failure.
enum AfterFailure {
    RestartNow,
    RestartAfter(Duration),
    Quarantine,
}

impl Failures {
    /// Records a failure, and decides what follows from it.
    fn record(&mut self, now: Instant) -> AfterFailure {
        while self
            .at
            .pop_front_if(|at| now.duration_since(*at) > FAILURE_WINDOW)
            .is_some()
        {}
        self.at.push_back(now);
        let failed_after_quarantine = self
            .quarantined_until
            .take()
            .is_some_and(|until| now < until + FAILURE_WINDOW);
        match self.at.len() {
            count if count >= FAILURES_MAX || failed_after_quarantine => {
                self.quarantined_until = Some(now + QUARANTINE);
                AfterFailure::Quarantine
            }
            1 => AfterFailure::RestartNow,
            count => {
                let doublings = u32::try_from(count - 2).unwrap_or(u32::MAX);
                AfterFailure::RestartAfter(BACKOFF * 2_u32.pow(doublings))
            }
        }
    }

    fn is_recent(&self, now: Instant) -> bool {
        self.at
            .back()
            .is_some_and(|last| now.duration_since(*last) <= 2 * FAILURE_WINDOW)
    }
}

impl Actor for RoomSupervisor {
    type Msg = SupervisorMsg;
    type State = SupervisorState;
    type Arguments = Arc<ActorContext>;

    async fn pre_start(
        &self,
        _: ActorRef<SupervisorMsg>,
        context: Arc<ActorContext>,
    ) -> Result<SupervisorState, ActorProcessingErr> {
        Ok(SupervisorState {
            context,
            rooms: HashMap::new(),
            by_actor: HashMap::new(),
            failures: HashMap::new(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<SupervisorMsg>,
        message: SupervisorMsg,
        state: &mut SupervisorState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SupervisorMsg::Deliver(delivery) => state.deliver(&myself, *delivery).await,
            SupervisorMsg::ListLive(reply) => {
                let _ = reply.send(state.rooms.keys().copied().collect());
            }
            SupervisorMsg::Reload(room_ids) => state.reload(&room_ids),
            SupervisorMsg::LobbyRestarted => {
                for room in state.live_rooms() {
                    let _ = room.cast(RoomMsg::AllowReport);
                }
            }
            SupervisorMsg::RestartTimerFired(room_id) => state.restart(&myself, room_id).await,
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<SupervisorMsg>,
        event: SupervisionEvent,
        state: &mut SupervisorState,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(actor, _, _) => {
                if let Some(room_id) = state.by_actor.remove(&actor.get_id()) {
                    state.room_ended(&myself, room_id).await;
                }
            }
            SupervisionEvent::ActorFailed(actor, error) => {
                if let Some(room_id) = state.by_actor.remove(&actor.get_id()) {
                    tracing::error!(%room_id, %error, "room failed");
                    state.room_failed(&myself, room_id).await;
                }
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }
}

impl SupervisorState {
    async fn deliver(&mut self, myself: &ActorRef<SupervisorMsg>, delivery: Delivery) {
        let room_id = delivery.room_id;
        if self.is_quarantined(room_id) {
            return delivery.refuse();
        }
        match self.rooms.get_mut(&room_id) {
            Some(Entry::Between(waiting)) => waiting.push(delivery),
            Some(Entry::Live(room)) => {
                // If the room did not take the message, it is ending, and an event will follow.
                if let Some(undelivered) = pass(room, delivery) {
                    self.rooms
                        .insert(room_id, Entry::Between(vec![undelivered]));
                }
            }
            None => self.start(myself, room_id, vec![delivery]).await,
        }
    }

    async fn start(
        &mut self,
        myself: &ActorRef<SupervisorMsg>,
        room_id: RoomId,
        waiting: Vec<Delivery>,
    ) {
        let args = RoomArgs {
            room_id,
            context: self.context.clone(),
            supervisor: myself.clone(),
        };
        match Room::spawn_linked(None, Room, args, myself.get_cell()).await {
            Ok((room, _)) => {
                self.by_actor.insert(room.get_id(), room_id);
                let undelivered: Vec<Delivery> = waiting
                    .into_iter()
                    .filter_map(|delivery| pass(&room, delivery))
                    .collect();
                let entry = if undelivered.is_empty() {
                    Entry::Live(room)
                } else {
                    Entry::Between(undelivered)
                };
                self.rooms.insert(room_id, entry);
            }
            Err(error) => {
                // A supervisor that is stopping starts no room, which is as it should be.
                if ACTIVE_STATES.contains(&myself.get_status()) {
                    tracing::error!(%room_id, %error, "cannot start a room");
                }
                self.rooms.remove(&room_id);
                waiting.into_iter().for_each(Delivery::refuse);
            }
        }
    }

    /// A room has ended without a failure. It is started again if somebody needed it meanwhile.
    async fn room_ended(&mut self, myself: &ActorRef<SupervisorMsg>, room_id: RoomId) {
        match self.rooms.remove(&room_id) {
            Some(Entry::Between(waiting)) if !waiting.is_empty() => {
                self.start(myself, room_id, waiting).await;
            }
            // Its record could not be read, but its visitor has to be set offline after the grace.
            _ if self.context.presence.is_online_here(room_id) => {
                myself.send_after(UNREADABLE_RETRY, move || {
                    SupervisorMsg::RestartTimerFired(room_id)
                });
            }
            _ => {}
        }
    }

    async fn room_failed(&mut self, myself: &ActorRef<SupervisorMsg>, room_id: RoomId) {
        self.context.metrics.room_restarts.increment(1);
        let waiting = match self.rooms.remove(&room_id) {
            Some(Entry::Between(waiting)) => waiting,
            _ => Vec::new(),
        };
        let now = Instant::now();
        self.failures
            .retain(|id, failures| *id == room_id || failures.is_recent(now));
        let restart_timer_fired = move || SupervisorMsg::RestartTimerFired(room_id);
        match self.failures.entry(room_id).or_default().record(now) {
            AfterFailure::Quarantine => {
                tracing::error!(%room_id, seconds = QUARANTINE.as_secs(), "room keeps failing, quarantined");
                waiting.into_iter().for_each(Delivery::refuse);
                myself.send_after(QUARANTINE, restart_timer_fired);
            }
            AfterFailure::RestartNow => {
                self.rooms.insert(room_id, Entry::Between(waiting));
                self.restart(myself, room_id).await;
            }
            AfterFailure::RestartAfter(wait) => {
                self.rooms.insert(room_id, Entry::Between(waiting));
                myself.send_after(wait, restart_timer_fired);
            }
        }
    }

    /// Restarts a failed room if it is needed: by whoever waits for it, or to set its visitor
    /// offline after the grace.
    async fn restart(&mut self, myself: &ActorRef<SupervisorMsg>, room_id: RoomId) {
        let waiting = match self.rooms.get_mut(&room_id) {
            Some(Entry::Live(_)) => return,
            Some(Entry::Between(waiting)) => std::mem::take(waiting),
            None => Vec::new(),
        };
        self.rooms.remove(&room_id);
        if !waiting.is_empty() || self.context.presence.is_online_here(room_id) {
            self.start(myself, room_id, waiting).await;
        }
    }

    fn is_quarantined(&self, room_id: RoomId) -> bool {
        self.failures
            .get(&room_id)
            .and_then(|failures| failures.quarantined_until)
            .is_some_and(|until| Instant::now() < until)
    }

    fn reload(&mut self, room_ids: &[RoomId]) {
        for room_id in room_ids {
            if let Some(Entry::Live(room)) = self.rooms.get(room_id) {
                let _ = room.cast(RoomMsg::Reload);
            }
        }
        self.context.cast_to_lobby(LobbyMsg::Resync);
    }

    fn live_rooms(&self) -> impl Iterator<Item = &ActorRef<RoomMsg>> {
        self.rooms.values().filter_map(|entry| match entry {
            Entry::Live(room) => Some(room),
            Entry::Between(_) => None,
        })
    }
}

/// Passes a message to a live room, or returns it.
fn pass(room: &ActorRef<RoomMsg>, delivery: Delivery) -> Option<Delivery> {
    let incarnation = Incarnation(room.get_id());
    if delivery.dead == Some(incarnation) {
        return Some(delivery);
    }
    match room.cast(delivery.message) {
        Err(MessagingErr::SendErr(message)) => Some(Delivery {
            message,
            ..delivery
        }),
        _ => {
            if let Some(taken_by) = delivery.taken_by {
                let _ = taken_by.send(incarnation);
            }
            None
        }
    }
}
