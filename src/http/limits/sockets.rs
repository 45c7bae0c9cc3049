//! How many sockets each address, visitor and agent has open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use super::AddressKey;
use crate::config::LimitsConfig;

/// Who sockets are counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum SocketOwner {
    Address(AddressKey),
    Visitor(Uuid),
    Agent(Uuid),
}

/// Sockets per owner; an owner without one has no entry.
type OpenSockets = Arc<Mutex<HashMap<SocketOwner, usize>>>;

/// Counts open sockets and knows how many there may be; `None` is no limit.
pub(super) struct SocketCounts {
    pub(super) open: OpenSockets,
    per_address: Option<usize>,
    per_visitor: Option<usize>,
    per_agent: Option<usize>,
}

impl SocketCounts {
    pub(super) fn new(config: &LimitsConfig) -> Self {
        let enabled = config.enabled;
        Self {
            open: Arc::default(),
            per_address: enabled.then_some(config.sockets_per_address),
            per_visitor: enabled.then_some(config.sockets_per_visitor),
            per_agent: enabled.then_some(config.sockets_per_agent),
        }
    }

    /// Counts one more socket until the guard is dropped; `None` when the owner has too many.
    pub(super) fn add(&self, owner: SocketOwner) -> Option<SocketGuard> {
        let max = match owner {
            SocketOwner::Address(_) => self.per_address,
            SocketOwner::Visitor(_) => self.per_visitor,
            SocketOwner::Agent(_) => self.per_agent,
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.get(&owner).copied().unwrap_or(0);
        if max.is_some_and(|max| count >= max) {
            return None;
        }
        open.insert(owner, count + 1);
        Some(SocketGuard {
            owner,
            open: self.open.clone(),
        })
    }
}

/// Counts one socket for as long as it exists.
#[derive(Debug)]
pub(crate) struct SocketGuard {
    owner: SocketOwner,
    open: OpenSockets,
}

impl Drop for SocketGuard {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.owner) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.owner);
            }
        }
    }
}
