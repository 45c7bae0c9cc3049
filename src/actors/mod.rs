//! The live half of the server: an actor per room, the lobby, and their supervisors.
//!
//! ```text
//! Root ── Lobby
//!      └─ RoomSupervisor ── Room × open conversations
//! ```
//!
//! It owns whatever is live: who is subscribed to what, who is online, and which rooms have an
//! actor. It guarantees that nothing is pushed before its commit, that a commit is pushed although
//! its room has died, and that no actor waits for a socket.
//!
//! Read next: `messages`, [`outbox`](Outbox), `subscriber`, `room`; then `state_log`,
//! `lobby_log`, `lobby` and `lobby_handle` for what consoles see of all rooms; then
//! `room_supervisor` and `root`; `elsewhere` for what other nodes do. No actor is visible outside this module: sockets and HTTP
//! handlers hold [`Rooms`] and [`LobbyHandle`], whose methods are plain async functions.

mod context;
mod elsewhere;
mod faults;
mod frontier;
mod ids;
mod lobby;
mod lobby_cursor;
mod lobby_handle;
mod lobby_log;
mod messages;
mod names;
mod outbox;
mod pacing;
mod presence;
mod room;
mod room_supervisor;
mod rooms;
mod root;
mod state_log;
mod subscriber;
mod viewers;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ractor::{Actor, ActorRef};
use tokio::sync::watch;

pub use context::ActorMetrics;
pub(crate) use context::until_some;
pub(crate) use elsewhere::NOTICE_WAIT;
#[cfg(not(feature = "test-hooks"))]
pub(crate) use faults::Faults;
#[cfg(feature = "test-hooks")]
pub use faults::{FaultPoint, Faults};
pub use ids::{Incarnation, RequestId, SubscriptionId};
pub use lobby_cursor::LobbyCursor;
pub use lobby_handle::{LobbyBatch, LobbyGone, LobbyHandle, LobbySubscription, PresenceGap};
pub use messages::{ElsewhereCommit, JoinError, Subscription, Typing};
pub use names::SharedNames;
pub use outbox::{Event, Outbox};
pub use presence::Presence;
pub use rooms::{Joiner, Rooms};
pub use subscriber::{LiveSwitch, ReplyPort};
pub use viewers::{ViewedRooms, Viewer, Viewers};

use crate::persistence::Store;
use context::ActorContext;
use ids::SubscriptionIds;

/// How long a caller waits for an actor's reply.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// What the actors of a server need to start.
#[derive(Debug)]
pub struct ActorOptions {
    /// Where everything is written.
    pub store: Store,
    /// A room without subscribers rests after this time.
    pub idle_timeout: Duration,
    /// A visitor or the agents count as online for this time after their last socket has closed.
    pub presence_grace: Duration,
    /// Metrics of the actors.
    pub metrics: ActorMetrics,
    /// Faults that tests inject; empty without the feature `test-hooks`.
    pub(crate) faults: Faults,
}

/// Why the actors did not start.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the actors: {0}")]
pub struct ActorStartError(#[source] ractor::SpawnErr);

/// Why the tree of actors cannot go on. The process has to be restarted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeFailure {
    /// Nobody supervises the rooms any more.
    #[error("the supervisor of the rooms has stopped: {cause}")]
    SupervisorStopped {
        /// What ractor reports.
        cause: String,
    },
    /// The lobby ended, and another one could not be started.
    #[error("the lobby could not be restarted: {cause}")]
    LobbyNotRestarted {
        /// What ractor reports.
        cause: String,
    },
}

/// The running actors of one server.
pub struct Actors {
    root: ActorRef<root::RootMsg>,
    context: Arc<ActorContext>,
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
    /// When an actor cannot be spawned.
    pub async fn start(options: ActorOptions) -> Result<Self, ActorStartError> {
        let context = Arc::new(ActorContext {
            store: options.store,
            presence: Presence::default(),
            viewers: Viewers::default(),
            names: SharedNames::default(),
            faults: options.faults,
            metrics: options.metrics,
            idle_timeout: options.idle_timeout,
            presence_grace: options.presence_grace,
            subscription_ids: SubscriptionIds::default(),
            supervisor: watch::Sender::new(None),
            lobby: watch::Sender::new(None),
            typing: OnceLock::new(),
            elsewhere: elsewhere::Elsewhere::default(),
            failure: watch::Sender::new(None),
        });
        let (root, _) = root::Root::spawn(None, root::Root, context.clone())
            .await
            .map_err(ActorStartError)?;
        Ok(Self { root, context })
    }

    /// A handle to the rooms.
    pub fn rooms(&self) -> Rooms {
        Rooms::new(self.context.clone())
    }

    /// A handle to the lobby.
    pub fn lobby(&self) -> LobbyHandle {
        LobbyHandle::new(self.context.clone())
    }

    /// Who is online.
    pub fn presence(&self) -> Presence {
        self.context.presence.clone()
    }

    /// The names in summaries, to be kept up to date.
    pub fn names(&self) -> SharedNames {
        self.context.names.clone()
    }

    /// Resolves when the tree has failed beyond repair.
    pub async fn failed(&self) -> TreeFailure {
        until_some(self.context.failure.subscribe()).await
    }

    /// Lets every room handle what is in its mailbox, then stops the tree.
    /// Waits at most `timeout`.
    pub async fn stop(&self, timeout: Duration) {
        let supervisor = self.context.supervisor.borrow().clone();
        if let Some(supervisor) = supervisor {
            supervisor
                .get_cell()
                .drain_children_and_wait(Some(timeout))
                .await;
        }
        // The others have no writes to finish. An error means that the root has stopped already.
        let _ = self.root.stop_and_wait(None, Some(timeout)).await;
    }
}
