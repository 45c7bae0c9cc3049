//! The live half: one actor a room, the lobby, and those who watch over them.
//!
//! ```text
//! Root ── Lobby
//!      └─ RoomSupervisor ── Room × open conversations
//! ```
//!
//! Reading order: `messages`, [`outbox`](Outbox), `subscriber`, `room`; then `state_log`,
//! `lobby_log`, `lobby` and `lobby_handle` for what consoles see of all rooms; then
//! `room_supervisor` and `root`. Outside this module nobody sees an actor; sockets and
//! handlers hold [`Rooms`] and [`LobbyHandle`], whose methods are plain async functions.

mod cursor;
mod frontier;
mod hooks;
mod ids;
mod lobby;
mod lobby_handle;
mod lobby_log;
mod messages;
mod outbox;
mod pacing;
mod presence;
mod room;
mod room_supervisor;
mod root;
mod state_log;
mod subscriber;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorRef};
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

pub use cursor::Cursor;
#[cfg(not(feature = "test-hooks"))]
pub(crate) use hooks::Hooks;
#[cfg(feature = "test-hooks")]
pub use hooks::{HookPoint, Hooks};
pub use ids::{Incarnation, RequestId, SubscriptionId};
pub use lobby_handle::{LobbyGone, LobbyHandle, LobbySubscription, LobbyTaken, PresenceForgotten};
pub use messages::{JoinError, JoinedRoom, Subscription};
pub use outbox::{Event, Outbox};
pub use presence::Presence;
pub use subscriber::{LiveSwitch, Reply};

use crate::chat::{RoomId, SenderType, Side};
use crate::persistence::{Effect, RoomCommit, RoomOp, Store, StoreError, WriteError};
use ids::SubscriptionIds;
use messages::{Delivery, LobbyMsg, RoomMsg, SupervisorMsg};
use subscriber::Subscriber;

/// How long anybody waits for an actor to answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a join or a write follows a room from one incarnation to the next.
const ATTEMPTS: u32 = 20;

/// What all actors of one server share.
struct Shared {
    store: Store,
    presence: Presence,
    hooks: Hooks,
    metrics: ActorMetrics,
    idle_timeout: Duration,
    presence_grace: Duration,
    subscription_ids: SubscriptionIds,
    supervisor: watch::Sender<Option<ActorRef<SupervisorMsg>>>,
    lobby: watch::Sender<Option<ActorRef<LobbyMsg>>>,
    failure: watch::Sender<Option<String>>,
}

impl Shared {
    fn fail(&self, reason: String) {
        tracing::error!(%reason, "a part that nothing can do without has died");
        self.failure.send_replace(Some(reason));
    }
}

/// What the actors count; no-ops unless they are set.
#[derive(Debug, Clone)]
pub struct ActorMetrics {
    /// Rooms with a live actor.
    pub rooms_live: metrics::Gauge,
    /// Messages committed, by who sent them: customer, admin, system.
    pub messages: [metrics::Counter; 3],
    /// Rooms that failed and were started again.
    pub room_restarts: metrics::Counter,
    /// Lobbies that failed and were made anew.
    pub lobby_restarts: metrics::Counter,
}

impl ActorMetrics {
    fn committed(&self, effect: &Effect) {
        let (Effect::Posted(message) | Effect::StatusChanged(message)) = effect else {
            return;
        };
        let place = match message.sender_type {
            SenderType::Customer => 0,
            SenderType::Admin => 1,
            SenderType::System => 2,
        };
        self.messages[place].increment(1);
    }
}

impl Default for ActorMetrics {
    fn default() -> Self {
        Self {
            rooms_live: metrics::Gauge::noop(),
            messages: [const { metrics::Counter::noop() }; 3],
            room_restarts: metrics::Counter::noop(),
            lobby_restarts: metrics::Counter::noop(),
        }
    }
}

/// What the actors of a server need to begin.
#[derive(Debug)]
pub struct ActorOptions {
    /// Where everything is written.
    pub store: Store,
    /// A room without subscribers rests after this time.
    pub idle_timeout: Duration,
    /// Somebody whose last socket has gone counts as there for this time.
    pub presence_grace: Duration,
    /// What to count with.
    pub metrics: ActorMetrics,
    /// Faults for tests; nothing without the feature `test-hooks`.
    pub(crate) hooks: Hooks,
}

/// The running actors of one server.
pub struct Actors {
    root: ActorRef<root::RootMsg>,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Actors {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Actors")
    }
}

impl Actors {
    /// Starts the tree.
    ///
    /// # Errors
    ///
    /// When an actor cannot be spawned, in words.
    pub async fn start(options: ActorOptions) -> Result<Self, String> {
        let shared = Arc::new(Shared {
            store: options.store,
            presence: Presence::default(),
            hooks: options.hooks,
            metrics: options.metrics,
            idle_timeout: options.idle_timeout,
            presence_grace: options.presence_grace,
            subscription_ids: SubscriptionIds::default(),
            supervisor: watch::Sender::new(None),
            lobby: watch::Sender::new(None),
            failure: watch::Sender::new(None),
        });
        let (root, _) = root::Root::spawn(None, root::Root, shared.clone())
            .await
            .map_err(|error| error.to_string())?;
        Ok(Self { root, shared })
    }

    /// The way to the rooms.
    pub fn rooms(&self) -> Rooms {
        Rooms {
            shared: self.shared.clone(),
        }
    }

    /// The way to the lobby.
    pub fn lobby(&self) -> LobbyHandle {
        LobbyHandle::new(self.shared.clone())
    }

    /// Who is there.
    pub fn presence(&self) -> Presence {
        self.shared.presence.clone()
    }

    /// Resolves with the reason when the tree has failed beyond repair.
    pub async fn failed(&self) -> String {
        until_some(self.shared.failure.subscribe()).await
    }

    /// Lets every room finish what is in its mailbox, then stops the tree.
    /// Waits at most `timeout`.
    pub async fn stop(&self, timeout: Duration) {
        let supervisor = self.shared.supervisor.borrow().clone();
        if let Some(supervisor) = supervisor {
            supervisor
                .get_cell()
                .drain_children_and_wait(Some(timeout))
                .await;
        }
        // The rest holds no writes; a failure to stop means it has stopped.
        let _ = self.root.stop_and_wait(None, Some(timeout)).await;
    }
}

/// Waits until somebody has set the value. Without a sender it waits for ever.
pub(crate) async fn until_some<T: Clone>(mut value: watch::Receiver<Option<T>>) -> T {
    loop {
        let present = value.borrow_and_update().clone();
        match present {
            Some(present) => return present,
            None if value.changed().await.is_err() => std::future::pending().await,
            None => {}
        }
    }
}

/// Who joins a room.
#[derive(Debug, Clone)]
pub struct Joiner {
    /// The side that it speaks for.
    pub side: Side,
    /// The visitor's or agent's id. A visitor must own the room.
    pub person: Uuid,
    /// The name beside «is typing»; a visitor's is the room's.
    pub display_name: Option<String>,
    /// Where the events go.
    pub outbox: Outbox,
}

/// The way to all rooms. Clones share it.
#[derive(Clone)]
pub struct Rooms {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Rooms {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Rooms")
    }
}

impl Rooms {
    /// Subscribes to a room, starting it when it rests.
    ///
    /// # Errors
    ///
    /// `NotFound` when there is no such room or it belongs to another visitor;
    /// `Unavailable` when it keeps failing; `Store` when it cannot be read.
    pub async fn join(&self, room_id: RoomId, joiner: &Joiner) -> Result<Subscription, JoinError> {
        let mut dead = None;
        for _ in 0..ATTEMPTS {
            let (reply, joined) = oneshot::channel();
            let id = self.shared.subscription_ids.next();
            let subscriber = Subscriber {
                id,
                room_id,
                side: joiner.side,
                person: joiner.person,
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
                // It rests or has died; the next incarnation answers.
                Ok(Ok(Err(JoinError::Resting)) | Err(_)) => dead = taken_by,
                Ok(Ok(Err(error))) => return Err(error),
                Err(_) => return Err(JoinError::Unavailable),
            }
        }
        Err(JoinError::Unavailable)
    }

    /// Has a room do something and waits for its commit, 10 seconds at most.
    ///
    /// # Errors
    ///
    /// `Refused` when a rule forbids it, `Store` when it could not be done.
    /// After a timeout it may still be committed; the same id settles it.
    pub async fn write(&self, room_id: RoomId, op: RoomOp) -> Result<RoomCommit, WriteError> {
        let attempts = async {
            let mut dead = None;
            for _ in 0..ATTEMPTS {
                let (reply, outcome) = oneshot::channel();
                let write = RoomMsg::Write {
                    op: op.clone(),
                    reply: Reply::call(reply),
                };
                dead = self.deliver(room_id, dead, write).await;
                if let Ok(outcome) = outcome.await {
                    return outcome;
                }
                // The room has died. Every op can be done again: a post by its
                // id, the others by setting what is set already.
            }
            Err(StoreError::Busy.into())
        };
        let timeout = || StoreError::Unavailable("the write was not finished in time".to_owned());
        tokio::time::timeout(CALL_TIMEOUT, attempts)
            .await
            .unwrap_or_else(|_| Err(timeout().into()))
    }

    /// Has a room write something; the answer comes to where `reply` says, also
    /// when nobody can be asked. Returns who was; `dead` is who was asked before
    /// and has died over it.
    pub async fn submit(
        &self,
        room_id: RoomId,
        op: RoomOp,
        dead: Option<Incarnation>,
        reply: Reply,
    ) -> Option<Incarnation> {
        self.deliver(room_id, dead, RoomMsg::Write { op, reply })
            .await
    }

    /// Tells live rooms that their record changed behind them, and the lobby to look.
    pub fn refresh(&self, room_ids: Vec<RoomId>) {
        if room_ids.is_empty() {
            return;
        }
        if let Some(supervisor) = self.shared.supervisor.borrow().as_ref() {
            let _ = supervisor.cast(SupervisorMsg::Refresh(room_ids));
        }
    }

    /// Rooms with a live actor.
    ///
    /// # Errors
    ///
    /// `Unavailable` when the supervisor does not answer.
    pub async fn live(&self) -> Result<HashSet<RoomId>, JoinError> {
        let (reply, live) = oneshot::channel();
        self.ask(SupervisorMsg::Live(reply), live).await
    }

    /// Sends a message to a room through its supervisor, and says which
    /// incarnation has taken it. A message that nobody takes answers for itself.
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
        self.ask(SupervisorMsg::Deliver(Box::new(delivery)), taken)
            .await
            .ok()
    }

    async fn ask<T>(
        &self,
        message: SupervisorMsg,
        answer: oneshot::Receiver<T>,
    ) -> Result<T, JoinError> {
        let supervisor = self
            .shared
            .supervisor
            .borrow()
            .clone()
            .ok_or(JoinError::Unavailable)?;
        supervisor
            .cast(message)
            .map_err(|_| JoinError::Unavailable)?;
        match tokio::time::timeout(CALL_TIMEOUT, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            _ => Err(JoinError::Unavailable),
        }
    }
}
