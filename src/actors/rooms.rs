use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use uuid::Uuid;

use super::Typing;
use super::context::ActorContext;
use super::elsewhere::Untaken;
use super::messages::{Delivery, RoomMsg, SupervisorMsg};
use super::subscriber::Subscriber;
use super::{
    CALL_TIMEOUT, ElsewhereCommit, Incarnation, JoinError, LiveSwitch, Outbox, ReplyPort,
    Subscription, ViewedRooms, Viewers,
};
use crate::chat::{RoomId, Side};
use crate::persistence::{RoomCommit, RoomOp, StoreError, WriteError};

/// How many incarnations of a room a join or a write is sent to, one after another.
const INCARNATIONS_MAX: u32 = 20;

/// Notices of typing that wait for other nodes, at most. Further ones are dropped.
const UNTAKEN_TYPING: usize = 256;

/// A participant who joins a room.
#[derive(Debug, Clone)]
pub struct Joiner {
    /// The side that it joins on.
    pub side: Side,
    /// The visitor's or agent's id. A visitor must own the room.
    pub participant_id: Uuid,
    /// The name in `typing` frames; a visitor's is the room's.
    pub display_name: Option<String>,
    /// Where events are pushed.
    pub outbox: Outbox,
}

/// A handle to all rooms. Clones share it.
#[derive(Clone)]
pub struct Rooms {
    context: Arc<ActorContext>,
}

impl std::fmt::Debug for Rooms {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Rooms")
    }
}

impl Rooms {
    pub(super) fn new(context: Arc<ActorContext>) -> Self {
        Self { context }
    }

    /// Subscribes to a room, starting it if it rests.
    ///
    /// # Errors
    ///
    /// `NotFound` when there is no such room or it belongs to another visitor;
    /// `Unavailable` when it keeps failing; `Store` when it cannot be read.
    pub async fn join(&self, room_id: RoomId, joiner: &Joiner) -> Result<Subscription, JoinError> {
        let mut dead = None;
        for _ in 0..INCARNATIONS_MAX {
            let (reply, joined) = oneshot::channel();
            let id = self.context.subscription_ids.next();
            let subscriber = Subscriber {
                id,
                room_id,
                side: joiner.side,
                participant_id: joiner.participant_id,
                display_name: joiner.display_name.clone(),
                outbox: joiner.outbox.clone(),
                live: LiveSwitch::default(),
                last_typing: None,
            };
            let taken_by = self
                .deliver(room_id, dead, RoomMsg::Join { subscriber, reply })
                .await;
            match tokio::time::timeout(CALL_TIMEOUT, joined).await {
                Ok(Ok(Ok(subscription))) => return Ok(subscription),
                // It rests or has died; the next incarnation is asked.
                Ok(Ok(Err(JoinError::Resting)) | Err(_)) => dead = taken_by,
                Ok(Ok(Err(error))) => return Err(error),
                Err(_) => return Err(JoinError::Unavailable),
            }
        }
        Err(JoinError::Unavailable)
    }

    /// Has a room write something and waits for the commit, 10 seconds at most.
    ///
    /// # Errors
    ///
    /// `Refused` when a rule forbids it, `Store` when it could not be done.
    /// After a timeout it may still be committed; a retry with the same id settles it.
    pub async fn write(&self, room_id: RoomId, op: RoomOp) -> Result<RoomCommit, WriteError> {
        let attempts = async {
            let mut dead = None;
            for _ in 0..INCARNATIONS_MAX {
                let (reply, outcome) = oneshot::channel();
                let write = RoomMsg::Write {
                    op: op.clone(),
                    reply: ReplyPort::to_caller(reply),
                };
                dead = self.deliver(room_id, dead, write).await;
                if let Ok(outcome) = outcome.await {
                    return outcome;
                }
                // The room has died. Every operation can be repeated: a post because of its id,
                // the others because they set what is set already.
            }
            Err(StoreError::Busy.into())
        };
        let timeout = || StoreError::Unavailable("the write was not finished in time".to_owned());
        tokio::time::timeout(CALL_TIMEOUT, attempts)
            .await
            .unwrap_or_else(|_| Err(timeout().into()))
    }

    /// Has a room write something. The outcome goes to `reply`, also when no room can be asked.
    /// Returns the incarnation that was asked; `dead` is the one that was asked before and has
    /// died.
    pub async fn submit(
        &self,
        room_id: RoomId,
        op: RoomOp,
        dead: Option<Incarnation>,
        reply: ReplyPort,
    ) -> Option<Incarnation> {
        self.deliver(room_id, dead, RoomMsg::Write { op, reply })
            .await
    }

    /// Has live rooms read their records again, and the lobby read the store, after these rooms
    /// were changed without their actors.
    pub fn reload(&self, room_ids: Vec<RoomId>) {
        if room_ids.is_empty() {
            return;
        }
        if let Some(supervisor) = self.context.supervisor.borrow().as_ref() {
            let _ = supervisor.cast(SupervisorMsg::Reload(room_ids));
        }
    }

    /// Other nodes have changed these rooms: their subscribers here are sent what was done, or read
    /// it from the store.
    pub fn committed_elsewhere(&self, commits: impl IntoIterator<Item = ElsewhereCommit>) {
        for commit in commits {
            let room_id = commit.record.room.id;
            let commits = Untaken::Commits(vec![commit]);
            self.context.elsewhere.put(room_id, commits);
        }
    }

    /// Other nodes have erased these rooms.
    pub fn removed_elsewhere(&self, room_ids: impl IntoIterator<Item = RoomId>) {
        for room_id in room_ids {
            self.context.elsewhere.put(room_id, Untaken::Removed);
        }
    }

    /// Who types in the rooms of this node, from now on. Only the first call gets it.
    pub fn typing_here(&self) -> Option<mpsc::Receiver<Typing>> {
        let (sender, receiver) = mpsc::channel(UNTAKEN_TYPING);
        self.context.typing.set(sender).ok()?;
        Some(receiver)
    }

    /// Shows the subscribers of a room who types on another node.
    pub fn typing_elsewhere(&self, typing: Typing) {
        self.context.elsewhere.put_typing(typing);
    }

    /// Who has which room open.
    pub fn viewers(&self) -> Viewers {
        self.context.viewers.clone()
    }

    /// Whether other nodes tell at once what they commit.
    pub fn set_notices_come(&self, come: bool) {
        self.context.elsewhere.set_notices_come(come);
    }

    /// Shows the agents of this node who has which room open on another one.
    pub fn viewers_elsewhere(&self, node: u64, rooms: ViewedRooms) {
        let viewers = &self.context.viewers;
        let changed = viewers.set_elsewhere(node, rooms, Instant::now());
        self.context.elsewhere.notify_of_viewers(&changed);
    }

    /// Whoever had a room open on a node that is silent has it open no longer.
    pub fn forget_silent_viewers(&self) {
        let left = self.context.viewers.forget_silent(Instant::now());
        self.context.elsewhere.notify_of_viewers(&left);
    }

    /// The rooms that have an actor.
    ///
    /// # Errors
    ///
    /// `Unavailable` when the supervisor does not reply.
    pub async fn live_room_ids(&self) -> Result<HashSet<RoomId>, JoinError> {
        let (reply, live) = oneshot::channel();
        self.call(SupervisorMsg::ListLive(reply), live).await
    }

    /// Sends a message to a room through its supervisor. Returns the incarnation that got it; a
    /// message that none got sends its own reply.
    async fn deliver(
        &self,
        room_id: RoomId,
        dead: Option<Incarnation>,
        message: RoomMsg,
    ) -> Option<Incarnation> {
        let (taken_by, taken) = oneshot::channel();
        let delivery = Delivery {
            room_id,
            dead,
            message,
            taken_by: Some(taken_by),
        };
        self.call(SupervisorMsg::Deliver(Box::new(delivery)), taken)
            .await
            .ok()
    }

    async fn call<T>(
        &self,
        message: SupervisorMsg,
        reply: oneshot::Receiver<T>,
    ) -> Result<T, JoinError> {
        let supervisor = self
            .context
            .supervisor
            .borrow()
            .clone()
            .ok_or(JoinError::Unavailable)?;
        supervisor
            .cast(message)
            .map_err(|_| JoinError::Unavailable)?;
        match tokio::time::timeout(CALL_TIMEOUT, reply).await {
            Ok(Ok(reply)) => Ok(reply),
            _ => Err(JoinError::Unavailable),
        }
    }
}
