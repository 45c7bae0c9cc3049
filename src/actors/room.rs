use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::context::ActorContext;
use super::faults::FaultPoint;
use super::ids::SubscriptionId;
use super::messages::{
    Delivery, JoinError, JoinReply, LobbyMsg, Report, RoomMsg, Subscription, SupervisorMsg,
};
use super::subscriber::{Broadcast, ReplyPort, Subscriber};
use crate::chat::{Room as RoomView, RoomId, RoomRecord, SenderType, Side};
use crate::persistence::{Effect, Refusal, RoomCommit, RoomOp, StoreError, WriteError};
use crate::protocol::{CloseCode, ServerFrame, TYPING_EXPIRES_IN_MS, encode};

/// One subscriber's «is typing» is passed on at most this often.
const TYPING_THROTTLE: Duration = Duration::from_secs(2);
/// A room that nobody has talked to yet rests after this time at the earliest,
/// so that whoever had it started can reach it.
const IDLE_TIMEOUT_MIN: Duration = Duration::from_millis(100);

/// The actor of one conversation. It owns the subscriber list and hands every
/// write to the store; what it knows of the room is what the store last said.
pub(super) struct Room;

pub(super) struct RoomArgs {
    pub(super) room_id: RoomId,
    pub(super) context: Arc<ActorContext>,
    pub(super) supervisor: ActorRef<SupervisorMsg>,
}

/// Why a room has nothing to be the actor of.
enum Nothing {
    /// The store has no such room.
    Absent,
    /// The store could not be read.
    Unreadable(StoreError),
}

pub(super) struct RoomState {
    room_id: RoomId,
    context: Arc<ActorContext>,
    supervisor: ActorRef<SupervisorMsg>,
    /// `None` until the first read has come back.
    record: Option<Arc<RoomRecord>>,
    /// Reads of the record that have not come back. What is decided by the record
    /// waits for them.
    loads: usize,
    waiting: Vec<RoomMsg>,
    /// Few in most rooms, and told one after the other.
    subscribers: Vec<Subscriber>,
    /// Writes and rereads that the store has not answered.
    in_store: usize,
    /// What consoles were last told about the visitor.
    customer_online: bool,
    /// Since when the visitor has had no socket, while still counted as online.
    customer_gone_at: Option<Instant>,
    presence_armed: bool,
    /// The lobby takes one report at a time from each room, so its mailbox is
    /// bounded by the number of rooms.
    lobby_ready: bool,
    /// Changes that the lobby has not been told of.
    unreported: Vec<u64>,
    idle_since: Instant,
    rest_armed: bool,
    /// Set when the room has decided to rest; what still comes is sent elsewhere.
    resting: bool,
    /// Why there is no next incarnation to send anybody to.
    nothing: Option<Nothing>,
}

impl Actor for Room {
    type Msg = RoomMsg;
    type State = RoomState;
    type Arguments = RoomArgs;

    async fn pre_start(
        &self,
        _: ActorRef<RoomMsg>,
        args: RoomArgs,
    ) -> Result<RoomState, ActorProcessingErr> {
        Ok(RoomState {
            room_id: args.room_id,
            context: args.context,
            supervisor: args.supervisor,
            record: None,
            loads: 0,
            waiting: Vec::new(),
            subscribers: Vec::new(),
            in_store: 0,
            customer_online: false,
            customer_gone_at: None,
            presence_armed: false,
            lobby_ready: true,
            unreported: Vec::new(),
            idle_since: Instant::now(),
            rest_armed: false,
            resting: false,
            nothing: None,
        })
    }

    async fn post_start(
        &self,
        myself: ActorRef<RoomMsg>,
        state: &mut RoomState,
    ) -> Result<(), ActorProcessingErr> {
        state
            .context
            .faults
            .reach(FaultPoint::RoomStart, Some(state.room_id));
        state.context.metrics.rooms_live.increment(1.0);
        // An earlier incarnation may have left the visitor marked as online.
        state.customer_online = state.context.presence.is_online(state.room_id);
        state.load(&myself);
        state.arm_presence(&myself);
        state.arm_rest(&myself, IDLE_TIMEOUT_MIN);
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<RoomMsg>,
        message: RoomMsg,
        state: &mut RoomState,
    ) -> Result<(), ActorProcessingErr> {
        state.handle(&myself, message);
        Ok(())
    }
}

impl Drop for RoomState {
    fn drop(&mut self) {
        self.context.metrics.rooms_live.decrement(1.0);
    }
}

impl RoomState {
    fn handle(&mut self, myself: &ActorRef<RoomMsg>, message: RoomMsg) {
        match message {
            RoomMsg::Loaded(outcome) => return self.loaded(myself, outcome),
            RoomMsg::LoadedByReader(outcome) => return self.loaded_beside(myself, outcome),
            message if self.resting => return self.turn_away(message),
            message @ (RoomMsg::Join { .. } | RoomMsg::Write { .. }) if self.loads > 0 => {
                return self.waiting.push(message);
            }
            RoomMsg::Join { subscriber, reply } => self.join(myself, subscriber, reply),
            RoomMsg::Leave(id) => self.forget(id),
            RoomMsg::Write { op, reply } => self.write(myself, op, reply),
            RoomMsg::WriteFinished { outcome, reply } => self.committed(outcome, reply),
            RoomMsg::BroadcastTyping(id) => self.typing(id),
            RoomMsg::Reload => {
                self.context
                    .faults
                    .reach(FaultPoint::RoomReload, Some(self.room_id));
                self.load(myself);
            }
            RoomMsg::AllowReport => self.lobby_ready = true,
            RoomMsg::PresenceTimerFired => {
                self.presence_armed = false;
                let grace = self.context.presence_grace;
                if self
                    .customer_gone_at
                    .is_some_and(|at| at.elapsed() >= grace)
                {
                    self.set_online(false);
                }
            }
            RoomMsg::RestTimerFired => {
                self.rest_armed = false;
                return self.rest_if_idle(myself);
            }
        }
        self.report(myself);
        self.arm_presence(myself);
        self.arm_rest(myself, Duration::ZERO);
    }

    /// Asks for the record through the writer's queue: an earlier incarnation's
    /// writes are all committed before it is read.
    fn load(&mut self, myself: &ActorRef<RoomMsg>) {
        self.in_store += 1;
        self.loads += 1;
        let myself = myself.clone();
        self.context.store.load_room(
            self.room_id,
            Box::new(move |outcome| {
                // A room that has died meanwhile reads again when it is needed.
                let _ = myself.cast(RoomMsg::Loaded(outcome));
            }),
        );
    }

    fn loaded(
        &mut self,
        myself: &ActorRef<RoomMsg>,
        outcome: Result<Option<Arc<RoomRecord>>, WriteError>,
    ) {
        match outcome {
            Ok(record) => self.take_record(myself, record),
            // The batch failed for the writes beside this read; all that was queued
            // before is settled all the same, and reading may still work.
            Err(WriteError::Store(StoreError::Unavailable(_) | StoreError::Full)) => {
                let (store, room_id, myself) =
                    (self.context.store.clone(), self.room_id, myself.clone());
                tokio::spawn(async move {
                    let outcome = store.room(room_id).await;
                    let _ = myself.cast(RoomMsg::LoadedByReader(outcome));
                });
            }
            Err(WriteError::Store(cause)) => self.unreadable(myself, cause),
            Err(WriteError::Refused(refusal)) => {
                self.unreadable(myself, StoreError::Internal(refusal.to_string()));
            }
        }
    }

    fn loaded_beside(
        &mut self,
        myself: &ActorRef<RoomMsg>,
        outcome: Result<Option<RoomRecord>, StoreError>,
    ) {
        match outcome {
            Ok(record) => self.take_record(myself, record.map(Arc::new)),
            Err(cause) => self.unreadable(myself, cause),
        }
    }

    fn take_record(&mut self, myself: &ActorRef<RoomMsg>, record: Option<Arc<RoomRecord>>) {
        self.in_store -= 1;
        self.loads -= 1;
        let Some(record) = record else {
            return self.give_up(myself, Nothing::Absent);
        };
        match self.record.replace(record.clone()) {
            Some(before) => self.reread(&before, &record),
            None if self.customer_online => {
                // The last incarnation may have died before it could say that the
                // room is listed now.
                self.context
                    .presence
                    .set_customer(self.room_id, true, record.is_listed());
            }
            None => {}
        }
        if self.loads == 0 {
            for message in std::mem::take(&mut self.waiting) {
                self.handle(myself, message);
            }
        }
        self.report(myself);
        self.arm_presence(myself);
        self.arm_rest(myself, Duration::ZERO);
    }

    /// Nothing can be decided without the record; the next incarnation reads anew.
    fn unreadable(&mut self, myself: &ActorRef<RoomMsg>, cause: StoreError) {
        self.in_store -= 1;
        self.loads -= 1;
        tracing::warn!(room_id = %self.room_id, %cause, "a room could not be read");
        self.close_all(CloseCode::ResyncWanted);
        self.give_up(myself, Nothing::Unreadable(cause));
    }

    /// The record changed behind this room: a visitor signed in and took the room
    /// along, or was blocked from another room.
    fn reread(&mut self, before: &RoomRecord, after: &Arc<RoomRecord>) {
        if after.change > before.change {
            self.unreported.push(after.change);
        }
        // Sockets of the anonymous visitor hold a token that has ended.
        for subscriber in &self.subscribers {
            if subscriber.side == Side::Visitor && subscriber.participant_id != after.visitor_id {
                subscriber.outbox.close(CloseCode::TokenRefused);
            }
        }
        self.subscribers.retain(|subscriber| {
            subscriber.side != Side::Visitor || subscriber.participant_id == after.visitor_id
        });
        self.tell_room_if_changed(&before.room, &after.room);
    }

    /// There is nothing to be the actor of. Everybody who waits is told why, and
    /// so is whoever still comes.
    fn give_up(&mut self, myself: &ActorRef<RoomMsg>, why: Nothing) {
        self.nothing = Some(why);
        self.rest(myself);
        for message in std::mem::take(&mut self.waiting) {
            self.turn_away(message);
        }
    }

    fn join(&mut self, myself: &ActorRef<RoomMsg>, subscriber: Subscriber, reply: JoinReply) {
        self.context
            .faults
            .reach(FaultPoint::RoomJoin, Some(self.room_id));
        let Some(record) = self.record.clone() else {
            return;
        };
        if subscriber.side == Side::Visitor && subscriber.participant_id != record.visitor_id {
            let _ = reply.send(Err(JoinError::NotFound));
            return;
        }
        let subscription = Subscription {
            id: subscriber.id,
            live: subscriber.live.clone(),
            record,
            room: myself.clone(),
        };
        if reply.send(Ok(subscription)).is_err() {
            return;
        }
        let is_customer = subscriber.side == Side::Visitor;
        // Room for one: most rooms have no more.
        self.subscribers
            .reserve_exact(usize::from(self.subscribers.is_empty()));
        self.subscribers.push(subscriber);
        if is_customer {
            self.set_online(true);
        }
    }

    fn forget(&mut self, id: SubscriptionId) {
        self.subscribers.retain(|subscriber| subscriber.id != id);
    }

    fn write(&mut self, myself: &ActorRef<RoomMsg>, op: RoomOp, reply: ReplyPort) {
        self.context
            .faults
            .reach(FaultPoint::RoomWrite, Some(self.room_id));
        self.in_store += 1;
        let myself = myself.clone();
        let metrics = self.context.metrics.clone();
        self.context.store.write_room(
            self.room_id,
            op,
            Box::new(move |outcome| {
                // Counted here, since what is committed counts whether the room lives or not.
                if let Ok(commit) = &outcome {
                    metrics.count_committed(&commit.effect);
                }
                // If the room has died meanwhile, the reply says so as it is dropped.
                let _ = myself.cast(RoomMsg::WriteFinished { outcome, reply });
            }),
        );
    }

    /// What is told here is on disk.
    fn committed(&mut self, outcome: Result<RoomCommit, WriteError>, reply: ReplyPort) {
        self.in_store -= 1;
        self.context
            .faults
            .reach(FaultPoint::RoomCommitted, Some(self.room_id));
        let commit = match outcome {
            Ok(commit) => commit,
            Err(error) => return reply.send(Err(error)),
        };
        if matches!(commit.effect, Effect::Duplicate(_) | Effect::Unchanged) {
            return reply.send(Ok(commit));
        }
        let before = self.record.replace(commit.record.clone());
        let broadcast = self.broadcast(&commit, before.as_deref());
        if commit.record.is_listed() {
            self.unreported.push(commit.record.change);
            if commit.record.room.last_seq == 1 && self.customer_online {
                // From now on consoles hear of this visitor.
                self.context.presence.set_customer(self.room_id, true, true);
            }
        }
        if !commit.also_changed.is_empty() {
            let _ = self
                .supervisor
                .cast(SupervisorMsg::Reload(commit.also_changed.clone()));
        }
        self.spread(&broadcast, reply, commit);
    }

    /// What a commit has for everybody in the room.
    fn broadcast(&self, commit: &RoomCommit, before: Option<&RoomRecord>) -> Broadcast {
        if self.subscribers.is_empty() {
            return Broadcast::default();
        }
        let room_id = self.room_id;
        let mut broadcast = Broadcast::default();
        match &commit.effect {
            Effect::Posted(message) | Effect::StatusChanged(message) => {
                let frame = encode(&ServerFrame::Message {
                    room_id,
                    message: Cow::Borrowed(message),
                });
                broadcast.message = Some((message.seq, frame));
            }
            Effect::ReadMoved { side, seq } => {
                broadcast.read = Some(encode(&ServerFrame::Read {
                    room_id,
                    reader: *side,
                    seq: *seq,
                }));
            }
            Effect::DetailsChanged | Effect::Duplicate(_) | Effect::Unchanged => {}
        }
        broadcast.room =
            before.and_then(|before| self.room_frame(&before.room, &commit.record.room));
        broadcast
    }

    /// Puts the broadcast into the outbox of each subscriber; the sender's own copy goes with the
    /// reply, so that both reach its socket in one go.
    fn spread(&mut self, broadcast: &Broadcast, reply: ReplyPort, commit: RoomCommit) {
        let faults = &self.context.faults;
        let mut own = Vec::new();
        self.subscribers.retain(|subscriber| {
            if own.is_empty() && faults.pushes_are_reliable() && reply.goes_to(&subscriber.outbox) {
                own.extend(subscriber.events(broadcast));
                return true;
            }
            subscriber.push_broadcast(broadcast, faults)
        });
        reply.send_after(own, Ok(commit));
    }

    fn tell(&mut self, frame: &Utf8Bytes) {
        self.subscribers.retain(|subscriber| subscriber.push(frame));
    }

    /// The `room` frame, if what it shows has changed.
    fn room_frame(&self, before: &RoomView, after: &RoomView) -> Option<Utf8Bytes> {
        (shown(before) != shown(after)).then(|| {
            encode(&ServerFrame::Room {
                room_id: self.room_id,
                room: Cow::Borrowed(after),
            })
        })
    }

    fn tell_room_if_changed(&mut self, before: &RoomView, after: &RoomView) {
        if !self.subscribers.is_empty()
            && let Some(frame) = self.room_frame(before, after)
        {
            self.tell(&frame);
        }
    }

    fn typing(&mut self, id: SubscriptionId) {
        self.context
            .faults
            .reach(FaultPoint::RoomTyping, Some(self.room_id));
        let now = Instant::now();
        let Some(typist) = self
            .subscribers
            .iter_mut()
            .find(|subscriber| subscriber.id == id)
        else {
            return;
        };
        if typist
            .last_typing
            .is_some_and(|last| now.duration_since(last) < TYPING_THROTTLE)
        {
            return;
        }
        typist.last_typing = Some(now);
        let (side, person) = (typist.side, typist.participant_id);
        let room = self.record.as_ref().map(|record| &record.room);
        let name = typist
            .display_name
            .as_deref()
            .or(room.map(RoomView::display_name))
            .unwrap_or_default();
        let frame = encode(&ServerFrame::Typing {
            room_id: self.room_id,
            sender_type: SenderType::from(side),
            sender_name: Cow::Borrowed(name),
            expires_in_ms: TYPING_EXPIRES_IN_MS,
        });
        // Nobody needs to be told that they are typing themselves, in whichever tab.
        self.subscribers.retain(|subscriber| {
            (subscriber.side == side && subscriber.participant_id == person)
                || subscriber.push_ephemeral(&frame)
        });
    }

    fn customer_is_here(&self) -> bool {
        self.subscribers
            .iter()
            .any(|subscriber| subscriber.side == Side::Visitor)
    }

    fn set_online(&mut self, customer_online: bool) {
        if self.customer_online == customer_online {
            return;
        }
        self.customer_online = customer_online;
        let listed = self
            .record
            .as_ref()
            .is_some_and(|record| record.is_listed());
        self.context
            .presence
            .set_customer(self.room_id, customer_online, listed);
    }

    /// The visitor counts as gone when no socket came back within the grace.
    fn arm_presence(&mut self, myself: &ActorRef<RoomMsg>) {
        if !self.customer_online || self.customer_is_here() {
            self.customer_gone_at = None;
            return;
        }
        let gone_for = self
            .customer_gone_at
            .get_or_insert_with(Instant::now)
            .elapsed();
        if !self.presence_armed {
            self.presence_armed = true;
            let left = self.context.presence_grace.saturating_sub(gone_for);
            myself.send_after(left, || RoomMsg::PresenceTimerFired);
        }
    }

    /// Tells the lobby what it does not know, when it is ready to hear it.
    fn report(&mut self, myself: &ActorRef<RoomMsg>) {
        if !self.lobby_ready || self.unreported.is_empty() {
            return;
        }
        let Some(record) = self.record.as_ref() else {
            return;
        };
        let report = Report {
            record: record.clone(),
            customer_online: self.customer_online,
            changes: std::mem::take(&mut self.unreported),
            room: myself.clone(),
        };
        self.lobby_ready = false;
        // A lobby that has died rereads the store when it comes back.
        self.context.cast_to_lobby(LobbyMsg::Report(report));
    }

    fn is_idle(&self) -> bool {
        self.subscribers.is_empty()
            && self.in_store == 0
            && self.unreported.is_empty()
            && !self.customer_online
    }

    fn arm_rest(&mut self, myself: &ActorRef<RoomMsg>, at_least: Duration) {
        if !self.is_idle() && self.record.is_some() {
            self.idle_since = Instant::now();
        } else if !self.rest_armed {
            self.rest_armed = true;
            myself.send_after(self.context.idle_timeout.max(at_least), || {
                RoomMsg::RestTimerFired
            });
        }
    }

    fn rest_if_idle(&mut self, myself: &ActorRef<RoomMsg>) {
        if self.is_idle() && self.idle_since.elapsed() >= self.context.idle_timeout {
            self.rest(myself);
        } else {
            self.arm_rest(myself, Duration::from_millis(1));
        }
    }

    /// Drains: what is already in the mailbox is still answered, by being sent to
    /// the next incarnation.
    fn rest(&mut self, myself: &ActorRef<RoomMsg>) {
        self.resting = true;
        // It fails only if the room is stopping already.
        let _ = myself.drain();
    }

    /// The next incarnation answers: joiners ask for it themselves, writes are
    /// handed on. If there is nothing to be one of, the answer is known.
    fn turn_away(&mut self, message: RoomMsg) {
        match (message, &self.nothing) {
            (RoomMsg::Join { reply, .. }, why) => {
                let _ = reply.send(Err(match why {
                    None => JoinError::Resting,
                    Some(Nothing::Absent) => JoinError::NotFound,
                    Some(Nothing::Unreadable(cause)) => cause.clone().into(),
                }));
            }
            (message @ RoomMsg::Write { .. }, None) => {
                let delivery = Delivery {
                    room_id: self.room_id,
                    dead: None,
                    message,
                    taken_by: None,
                };
                // Without a supervisor the reply says, as it is dropped, that it was lost.
                let _ = self
                    .supervisor
                    .cast(SupervisorMsg::Deliver(Box::new(delivery)));
            }
            (RoomMsg::Write { reply, .. }, Some(Nothing::Absent)) => {
                reply.send(Err(Refusal::NotFound.into()));
            }
            (RoomMsg::Write { reply, .. }, Some(Nothing::Unreadable(cause))) => {
                reply.send(Err(cause.clone().into()));
            }
            _ => {}
        }
    }

    fn close_all(&mut self, code: CloseCode) {
        for subscriber in &self.subscribers {
            subscriber.outbox.close(code);
        }
        self.subscribers.clear();
    }
}

/// What a `room` frame is sent for when it changes; what messages move, their own frames tell.
fn shown(room: &RoomView) -> impl PartialEq {
    (
        room.status,
        &room.customer_name,
        &room.customer_email,
        &room.customer_phone,
        &room.user,
        &room.page_url,
    )
}
