//! The bus between nodes that share a store. It only hastens: whatever is lost, duplicated or late
//! on it, nodes find in the store a little later.
//!
//! It carries bytes under a subject. Publishing never waits: what does not fit into the queue in
//! front of the bus is dropped.
//!
//! | bus | for |
//! | --- | --- |
//! | [`Bus::none`] | nodes find each other's changes by polling the store |
//! | [`nats`] | NATS core |
//! | [`memory`] | tests: it loses, duplicates and delays |

#[cfg(feature = "test-hooks")]
pub mod memory;
pub mod nats;
pub mod nats_report;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

/// Frames that wait to be published, and that wait to be taken, at most.
const QUEUE: usize = 1_024;

/// What a frame is about; the last parts of its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// What a node has committed.
    Log,
    /// Typing and presence.
    Ephemeral,
    /// Accounts and tokens.
    Control,
}

impl Topic {
    fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Ephemeral => "eph",
            Self::Control => "ctl",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        [Self::Log, Self::Ephemeral, Self::Control]
            .into_iter()
            .find(|topic| topic.name() == name)
    }
}

/// One node's connection to the bus.
#[derive(Debug)]
pub struct Bus {
    outgoing: Option<mpsc::Sender<(Topic, Bytes)>>,
    incoming: mpsc::Receiver<(Topic, Bytes)>,
    up: watch::Receiver<bool>,
}

/// Publishes. Clones share the queue.
#[derive(Debug, Clone)]
pub struct Publisher(Option<mpsc::Sender<(Topic, Bytes)>>);

impl Publisher {
    /// Whether anything is published at all.
    pub fn is_connected(&self) -> bool {
        self.0.is_some()
    }

    /// Publishes a frame, or drops it when too many wait. Returns whether it was queued.
    pub fn publish(&self, topic: Topic, payload: Bytes) -> bool {
        self.0
            .as_ref()
            .is_some_and(|queue| queue.try_send((topic, payload)).is_ok())
    }
}

impl Bus {
    /// No bus.
    pub fn none() -> Self {
        let (_, incoming) = mpsc::channel(1);
        let (_, up) = watch::channel(false);
        Self {
            outgoing: None,
            incoming,
            up,
        }
    }

    /// Whether there is a bus.
    pub fn is_there(&self) -> bool {
        self.outgoing.is_some()
    }

    /// Publishes.
    pub fn publisher(&self) -> Publisher {
        Publisher(self.outgoing.clone())
    }

    /// Whether the bus is connected now.
    pub fn up(&self) -> watch::Receiver<bool> {
        self.up.clone()
    }

    /// The next frame of any node; the own ones may be among them. Never resolves without a bus.
    /// Cancel safe.
    pub async fn recv(&mut self) -> (Topic, Bytes) {
        match self.incoming.recv().await {
            Some(frame) => frame,
            None => std::future::pending().await,
        }
    }
}

/// The subject of a shop's frames: `shoptalk.<name>.<epoch>.<topic>`. Frames of another epoch, such
/// as those from before a restore, have another subject.
pub(crate) fn subject(name: &str, epoch: &str, topic: &str) -> String {
    format!("shoptalk.{name}.{epoch}.{topic}")
}
