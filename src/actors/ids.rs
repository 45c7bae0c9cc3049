use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ractor::ActorId;

/// Identifies one subscription of one socket; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionId(pub u64);

/// Identifies one write of one socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// Generates the subscription ids of one server.
#[derive(Debug, Clone, Default)]
pub(super) struct SubscriptionIds(Arc<AtomicU64>);

impl SubscriptionIds {
    pub(super) fn next(&self) -> SubscriptionId {
        SubscriptionId(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// One life of a room's actor. A caller whose incarnation has died names it in the next attempt,
/// so that the message is not passed to it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incarnation(pub(super) ActorId);
