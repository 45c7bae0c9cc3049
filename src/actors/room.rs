//! The actor of one conversation.
//!
//! It owns the room's subscribers and hands every write to the store. It guarantees:
//!
//! - nothing is replied, pushed or reported before its commit has returned;
//! - what it knows of the room is what the store last returned: it never counts or decides a seq;
//! - no handler waits: the store, the lobby and the sockets are sent to, and reply with messages.
//!
//! [`RoomState`](state::RoomState) decides, without effects and without a runtime; this file feeds
//! it events and carries out what it returns. `subscribers.rs` encodes frames and pushes them,
//! `loading.rs` reads the record, `elsewhere.rs` takes what other nodes have done, and `early.rs` keeps
//! the order of the log where their notices have none.
//! Read next: `state.rs`, then `src/persistence/sqlite/writer/mod.rs`.

mod decisions;
mod early;
mod elsewhere;
mod loading;
mod state;
mod subscribers;
mod unexplained;

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::time::Instant;

use super::context::ActorContext;
use super::faults::FaultPoint;
use super::ids::SubscriptionId;
use super::messages::{
    Delivery, JoinError, JoinReply, LobbyMsg, Report, RoomMsg, Subscription, SupervisorMsg,
};
use super::subscriber::{ReplyPort, Subscriber};
use crate::chat::RoomId;
use crate::persistence::{RoomCommit, RoomOp, WriteError};
use crate::protocol::CloseCode;
use decisions::{GoneReason, PresenceChange, Route};
use early::EarlyMessages;
pub(super) use elsewhere::Missed;
use elsewhere::MissedReads;
use state::{RoomState, Timing};
use subscribers::Subscribers;
use unexplained::Unexplained;

pub(super) struct Room;

pub(super) struct RoomArgs {
    pub(super) room_id: RoomId,
    pub(super) context: Arc<ActorContext>,
    pub(super) supervisor: ActorRef<SupervisorMsg>,
}

/// What the actor holds: its decisions, its subscribers, and whom it sends to.
pub(super) struct RoomActorState {
    room_id: RoomId,
    context: Arc<ActorContext>,
    supervisor: ActorRef<SupervisorMsg>,
    myself: ActorRef<RoomMsg>,
    state: RoomState,
    subscribers: Subscribers,
    early: EarlyMessages,
    unexplained: Unexplained,
    missed: MissedReads,
}

impl Actor for Room {
    type Msg = RoomMsg;
    type State = RoomActorState;
    type Arguments = RoomArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<RoomMsg>,
        args: RoomArgs,
    ) -> Result<RoomActorState, ActorProcessingErr> {
        let RoomArgs {
            room_id,
            context,
            supervisor,
        } = args;
        let timing = Timing {
            idle_timeout: context.idle_timeout,
            presence_grace: context.presence_grace,
        };
        // An earlier incarnation may have left the visitor online.
        let visitor_online = context.presence.is_online_here(room_id);
        // `RoomActorState`'s drop decrements it.
        context.metrics.rooms_live.increment(1.0);
        // Before the record is read, so that nothing is missed in between.
        context.elsewhere.add_room(room_id, myself.clone());
        Ok(RoomActorState {
            room_id,
            context,
            supervisor,
            myself,
            state: RoomState::new(visitor_online, timing, Instant::now()),
            subscribers: Subscribers::default(),
            early: EarlyMessages::default(),
            unexplained: Unexplained::default(),
            missed: MissedReads::default(),
        })
    }

    async fn post_start(
        &self,
        _: ActorRef<RoomMsg>,
        room: &mut RoomActorState,
    ) -> Result<(), ActorProcessingErr> {
        room.reach(FaultPoint::RoomStart);
        room.load();
        room.follow_up();
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<RoomMsg>,
        message: RoomMsg,
        room: &mut RoomActorState,
    ) -> Result<(), ActorProcessingErr> {
        room.route(message);
        Ok(())
    }
}

impl Drop for RoomActorState {
    fn drop(&mut self) {
        self.context.metrics.rooms_live.decrement(1.0);
        let (context, incarnation) = (&self.context, self.myself.get_id());
        context.elsewhere.remove_room(self.room_id, incarnation);
        context.viewers.remove_here(self.room_id, incarnation);
    }
}

impl RoomActorState {
    fn route(&mut self, message: RoomMsg) {
        match self.state.route(&message) {
            Route::Handle => {
                self.handle(message);
                self.follow_up();
            }
            Route::Defer => self.state.defer(message),
            Route::TurnAway => self.turn_away(message),
        }
    }

    fn handle(&mut self, message: RoomMsg) {
        match message {
            RoomMsg::Join { subscriber, reply } => self.join(subscriber, reply),
            RoomMsg::Leave(id) => {
                self.subscribers.remove(id);
                self.show_viewers(None);
            }
            RoomMsg::Write { op, reply } => self.write(op, reply),
            RoomMsg::BroadcastTyping(id) => self.broadcast_typing(id),
            RoomMsg::Reload => {
                self.reach(FaultPoint::RoomReload);
                self.load();
            }
            RoomMsg::TypingElsewhere(counted) => {
                if let Some(record) = self.state.record() {
                    self.subscribers
                        .broadcast_typing(&counted.typing, &record.room);
                }
            }
            RoomMsg::ShowViewers => {
                self.context.elsewhere.take_viewers(self.room_id);
                self.show_viewers(None);
            }
            RoomMsg::TakeElsewhere => self.take_elsewhere(),
            RoomMsg::NoticeTimerFired => self.notice_timer_fired(),
            RoomMsg::EarlyTimerFired => self.early_timer_fired(),
            RoomMsg::MissedRead(missed) => self.missed_read(missed.as_ref()),
            RoomMsg::AllowReport => self.state.allow_report(),
            RoomMsg::Loaded(outcome) => self.loaded(outcome),
            RoomMsg::LoadedByReader(outcome) => {
                self.take_record(outcome);
            }
            RoomMsg::WriteFinished { outcome, reply } => self.write_finished(outcome, reply),
            RoomMsg::PresenceTimerFired => {
                let change = self.state.presence_timer_fired(Instant::now());
                self.set_presence(change);
            }
            RoomMsg::RestTimerFired => {
                let audience = self.subscribers.audience();
                if self.state.rest_timer_fired(Instant::now(), audience) {
                    self.drain();
                }
            }
        }
    }

    /// Carries out what is due after an event.
    fn follow_up(&mut self) {
        let audience = self.subscribers.audience();
        let due = self.state.follow_ups(Instant::now(), audience);
        if let Some(report) = due.report {
            self.context.cast_to_lobby(LobbyMsg::Report(Report {
                record: report.record,
                customer_online: report.customer_online,
                changes: report.changes,
                room: self.myself.clone(),
            }));
        }
        self.send_after(due.presence_timer, || RoomMsg::PresenceTimerFired);
        self.send_after(due.rest_timer, || RoomMsg::RestTimerFired);
    }

    fn send_after(
        &self,
        delay: Option<Duration>,
        message: impl FnOnce() -> RoomMsg + Send + 'static,
    ) {
        if let Some(delay) = delay {
            self.myself.send_after(delay, message);
        }
    }

    fn join(&mut self, subscriber: Subscriber, reply: JoinReply) {
        self.reach(FaultPoint::RoomJoin);
        let record = match self.state.admit(subscriber.side, subscriber.participant_id) {
            Ok(record) => record,
            Err(error) => {
                let _ = reply.send(Err(error));
                return;
            }
        };
        if self.subscribers.audience().is_empty {
            self.early.start(record.room.last_seq);
        }
        let subscription = Subscription {
            id: subscriber.id,
            live: subscriber.live.clone(),
            record,
            room: self.myself.clone(),
        };
        if reply.send(Ok(subscription)).is_err() {
            return;
        }
        let change = self.state.joined(subscriber.side);
        let joined = subscriber.id;
        self.subscribers.add(subscriber);
        self.show_viewers(Some(joined));
        self.set_presence(change);
    }

    fn write(&mut self, op: RoomOp, reply: ReplyPort) {
        self.reach(FaultPoint::RoomWrite);
        self.state.write_started();
        let myself = self.myself.clone();
        let metrics = self.context.metrics.clone();
        self.context.store.write_room(
            self.room_id,
            op,
            Box::new(move |outcome| {
                // Counted here, because a commit counts whether the room lives or not.
                if let Ok(commit) = &outcome {
                    metrics.count_committed(&commit.effect);
                }
                // If the room has died meanwhile, the dropped reply port replies so.
                let _ = myself.cast(RoomMsg::WriteFinished { outcome, reply });
            }),
        );
    }

    /// What is replied and pushed here is on disk.
    fn write_finished(&mut self, outcome: Result<RoomCommit, WriteError>, reply: ReplyPort) {
        self.reach(FaultPoint::RoomCommitted);
        let committed = self.state.write_finished(&outcome);
        let (Some(committed), Ok(commit)) = (committed, &outcome) else {
            return reply.send(outcome);
        };
        let mut broadcast = self.subscribers.encode(commit, committed.before.as_deref());
        self.set_presence(committed.presence);
        if !commit.also_changed.is_empty() {
            let reload = SupervisorMsg::Reload(commit.also_changed.clone());
            let _ = self.supervisor.cast(reload);
        }
        let version = commit.record.version;
        if let Some(before) = committed.before
            && before.version + 1 < version
        {
            self.subscribers
                .close_former_owners(commit.record.visitor_id);
            self.expect_notices(before.version + 1..version);
        }
        self.unexplained.explain(version);
        self.hold_back_early(&mut broadcast);
        self.subscribers
            .broadcast(&broadcast, reply, outcome, &self.context.faults);
        self.push_what_waited(&broadcast);
    }

    fn broadcast_typing(&mut self, id: SubscriptionId) {
        self.reach(FaultPoint::RoomTyping);
        let (Some(record), Some(typing)) = (
            self.state.record(),
            self.subscribers.typing(id, self.room_id, Instant::now()),
        ) else {
            return;
        };
        self.subscribers.broadcast_typing(&typing, &record.room);
        if let Some(listener) = self.context.typing.get() {
            // What does not fit is dropped: it is of no use later.
            let _ = listener.try_send(typing);
        }
    }

    /// Shows agents who has the room open, if that has changed; `joined` in any case.
    fn show_viewers(&mut self, joined: Option<SubscriptionId>) {
        let (room_id, viewers) = (self.room_id, &self.context.viewers);
        let here = self.subscribers.viewers_here();
        if here.is_empty() && !self.subscribers.has_shown_viewers() {
            // A room that no agent has open, as most.
            return;
        }
        viewers.set_here(room_id, self.myself.get_id(), here);
        let everywhere = viewers.of_room(room_id);
        self.subscribers.show_viewers(room_id, everywhere, joined);
    }

    fn set_presence(&self, change: Option<PresenceChange>) {
        if let Some(PresenceChange { online, listed }) = change {
            let presence = &self.context.presence;
            presence.set_visitor_online(self.room_id, online, listed);
        }
    }

    /// Ends the room because there is nothing that a next incarnation could handle.
    fn end(&mut self) {
        match self.state.gone() {
            Some(GoneReason::LoadFailed(cause)) => {
                tracing::warn!(room_id = %self.room_id, %cause, "cannot read a room");
                self.subscribers.close_all(CloseCode::ResyncWanted);
            }
            Some(GoneReason::NotFound) => {
                // It was erased. Sockets are detached as the subscribers are dropped: visitors' close
                // then, and agents' go on without the room. Consoles drop it by themselves.
                let presence = &self.context.presence;
                presence.set_visitor_online(self.room_id, false, false);
            }
            None => {}
        }
        self.drain();
    }

    /// Stops once the mailbox is empty. What is in it is turned away.
    fn drain(&self) {
        // It fails only if the room is stopping already.
        let _ = self.myself.drain();
    }

    /// Leaves a message to the next incarnation: joiners ask for it themselves, writes are
    /// delivered to it. If there will be none, the reply says why.
    fn turn_away(&mut self, message: RoomMsg) {
        match (message, self.state.gone()) {
            (RoomMsg::Join { reply, .. }, reason) => {
                let _ = reply.send(Err(reason.map_or(JoinError::Resting, JoinError::from)));
            }
            (RoomMsg::Write { reply, .. }, Some(reason)) => reply.send(Err(reason.into())),
            (message @ RoomMsg::Write { .. }, None) => {
                let delivery = Delivery {
                    room_id: self.room_id,
                    dead: None,
                    message,
                    taken_by: None,
                };
                // Without a supervisor the dropped reply port replies that the room has died.
                let _ = self
                    .supervisor
                    .cast(SupervisorMsg::Deliver(Box::new(delivery)));
            }
            _ => {}
        }
    }

    fn reach(&self, point: FaultPoint) {
        self.context.faults.reach(point, Some(self.room_id));
    }
}
