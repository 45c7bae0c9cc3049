use std::sync::OnceLock;
use std::time::Duration;

use ractor::ActorRef;
use tokio::sync::{mpsc, watch};

use super::elsewhere::Elsewhere;
use super::faults::Faults;
use super::ids::SubscriptionIds;
use super::messages::{LobbyMsg, SupervisorMsg, Typing};
use super::{Presence, SharedNames, TreeFailure, Viewers};
use crate::chat::SenderType;
use crate::persistence::{Effect, Store};

/// What all actors of one server, and the handles to them, have in common.
pub(super) struct ActorContext {
    pub(super) store: Store,
    pub(super) presence: Presence,
    pub(super) viewers: Viewers,
    pub(super) names: SharedNames,
    pub(super) faults: Faults,
    pub(super) metrics: ActorMetrics,
    pub(super) idle_timeout: Duration,
    pub(super) presence_grace: Duration,
    pub(super) subscription_ids: SubscriptionIds,
    /// The supervisor of the rooms; `None` until it has started.
    pub(super) supervisor: watch::Sender<Option<ActorRef<SupervisorMsg>>>,
    /// The present lobby; `None` while there is none.
    pub(super) lobby: watch::Sender<Option<ActorRef<LobbyMsg>>>,
    /// Gets who types in the rooms of this node, once somebody listens.
    pub(super) typing: OnceLock<mpsc::Sender<Typing>>,
    /// What other nodes have done and the actors have not taken.
    pub(super) elsewhere: Elsewhere,
    /// Set once, when the tree has failed beyond repair.
    pub(super) failure: watch::Sender<Option<TreeFailure>>,
}

impl ActorContext {
    /// Sends a message to the present lobby. Without one the message is dropped: the next lobby
    /// reads the store.
    pub(super) fn cast_to_lobby(&self, message: LobbyMsg) {
        if let Some(lobby) = self.lobby.borrow().as_ref() {
            let _ = lobby.cast(message);
        }
    }

    /// Reports that the tree has failed; see [`Actors::failed`](super::Actors::failed).
    pub(super) fn fail(&self, failure: TreeFailure) {
        self.failure.send_replace(Some(failure));
    }
}

/// Metrics of the actors; no-ops by default.
#[derive(Debug, Clone)]
pub struct ActorMetrics {
    /// Rooms with a live actor.
    pub rooms_live: metrics::Gauge,
    /// Messages committed, by sender type: customer, admin, system.
    pub messages: [metrics::Counter; 3],
    /// Rooms that failed and were restarted.
    pub room_restarts: metrics::Counter,
    /// Lobbies that failed and were replaced.
    pub lobby_restarts: metrics::Counter,
}

impl ActorMetrics {
    /// Counts the message of a committed write, if it has one.
    pub(super) fn count_committed(&self, effect: &Effect) {
        let (Effect::Posted(message) | Effect::StatusChanged(message)) = effect else {
            return;
        };
        let index = match message.sender_type {
            SenderType::Customer => 0,
            SenderType::Admin => 1,
            SenderType::System => 2,
        };
        self.messages[index].increment(1);
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

/// Waits until the value is set. Without a sender it waits forever.
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
