//! What is open: counts by address, and which peers have stopped reading.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use super::bounds::Bounds;
use super::handshake::Handshakes;
use crate::http::limits::AddressKey;
use crate::metrics::Metrics;

/// A peer that stopped reading this long ago may be replaced by a new connection.
pub(super) const REPLACEABLE_AFTER: Duration = Duration::from_secs(5);
/// How often refusals are logged.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The bounds, and what is open.
pub(super) struct Registry {
    pub(super) bounds: Bounds,
    pub(super) metrics: Metrics,
    pub(super) handshakes: Handshakes,
    table: Mutex<Table>,
}

/// What is open.
#[derive(Default)]
pub(super) struct Table {
    pub(super) count: usize,
    pub(super) by_address: HashMap<AddressKey, AddressEntry>,
    /// Connections whose peers take nothing at the moment, in the order in which that began.
    stalls: BTreeMap<StallId, Stall>,
    /// Bytes of the responses that those peers have not taken.
    pub(super) stalled_bytes: usize,
    pub(super) next_stall: StallId,
    last_logged: Option<Instant>,
}

/// Numbers the stalls of a server in the order in which they began.
pub(super) type StallId = u64;

/// The connections of one address.
#[derive(Default)]
pub(super) struct AddressEntry {
    count: usize,
    stalls: BTreeSet<StallId>,
}

/// A connection whose peer takes nothing.
struct Stall {
    since: Instant,
    address: Option<AddressKey>,
    bytes: usize,
    /// Wakes the task that writes to the peer.
    waker: Waker,
}

/// Why a connection is refused: which bound is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The number of all connections.
    Total,
    /// The number of connections of one address.
    PerAddress,
}

impl Registry {
    pub(super) fn new(bounds: Bounds, metrics: Metrics) -> Self {
        Self {
            handshakes: Handshakes::new(bounds.total),
            bounds,
            metrics,
            table: Mutex::default(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a refusal. A flood of them must not fill the log, so only some are logged.
    pub(super) fn note_refusal(&self, refused: Refused, table: &mut Table) {
        let (reason, settings) = match refused {
            Refused::Total => (
                "in_all",
                "server.max_connections and the limit of open files",
            ),
            Refused::PerAddress => ("by_address", "limits.connections_per_address"),
        };
        self.metrics.connection_refused(reason);
        let now = Instant::now();
        let is_due = table.last_logged.is_none_or(|at| now - at >= LOG_INTERVAL);
        if is_due {
            table.last_logged = Some(now);
            tracing::warn!(
                reason,
                open = table.count,
                "connections are refused; see {settings}"
            );
        }
    }
}

impl Table {
    /// The bound that leaves no room for another connection, and the oldest stall that counts
    /// towards it.
    pub(super) fn reached_bound(
        &self,
        address: Option<AddressKey>,
        bounds: &Bounds,
    ) -> Option<(Refused, Option<StallId>)> {
        let entry = address.and_then(|address| self.by_address.get(&address));
        if let Some(entry) = entry.filter(|entry| Some(entry.count) >= bounds.per_address) {
            return Some((Refused::PerAddress, entry.stalls.first().copied()));
        }
        (self.count >= bounds.total).then(|| (Refused::Total, self.oldest_stall()))
    }

    fn oldest_stall(&self) -> Option<StallId> {
        self.stalls.keys().next().copied()
    }

    pub(super) fn add(&mut self, address: Option<AddressKey>) {
        self.count += 1;
        if let Some(address) = address {
            self.by_address.entry(address).or_default().count += 1;
        }
    }

    pub(super) fn remove(&mut self, address: Option<AddressKey>) {
        self.count -= 1;
        let Some(address) = address else { return };
        if let Some(entry) = self.by_address.get_mut(&address) {
            entry.count -= 1;
            if entry.count == 0 {
                self.by_address.remove(&address);
            }
        }
    }

    /// Closes a connection whose peer stopped reading long enough ago. Returns whether it did.
    pub(super) fn replace(&mut self, stall: StallId) -> bool {
        let since = self.stalls.get(&stall).map(|stall| stall.since);
        if since.is_none_or(|since| since.elapsed() < REPLACEABLE_AFTER) {
            return false;
        }
        self.close(stall);
        true
    }

    /// Has a stalled connection close: its task wakes and finds its stall gone.
    fn close(&mut self, stall: StallId) {
        if let Some(waker) = self.end_stall(stall) {
            waker.wake();
        }
    }

    /// Adds a stall. Returns its id.
    pub(super) fn begin_stall(
        &mut self,
        address: Option<AddressKey>,
        bytes: usize,
        waker: &Waker,
    ) -> StallId {
        let id = self.next_stall;
        self.next_stall += 1;
        let stall = Stall {
            since: Instant::now(),
            address,
            bytes,
            waker: waker.clone(),
        };
        self.stalls.insert(id, stall);
        self.stalled_bytes += bytes;
        if let Some(entry) = address.and_then(|address| self.by_address.get_mut(&address)) {
            entry.stalls.insert(id);
        }
        id
    }

    /// Updates the waker of a stall. Returns `false` if the stall is gone, so that its connection
    /// has to close.
    pub(super) fn continue_stall(&mut self, stall: StallId, waker: &Waker) -> bool {
        match self.stalls.get_mut(&stall) {
            Some(stall) => {
                stall.waker.clone_from(waker);
                true
            }
            None => false,
        }
    }

    /// Removes a stall. `None` if it is gone already.
    pub(super) fn end_stall(&mut self, stall: StallId) -> Option<Waker> {
        let removed = self.stalls.remove(&stall)?;
        self.stalled_bytes -= removed.bytes;
        let address = removed.address;
        if let Some(entry) = address.and_then(|address| self.by_address.get_mut(&address)) {
            entry.stalls.remove(&stall);
        }
        Some(removed.waker)
    }

    /// Closes the oldest stalls until at most `max_bytes` are held for them. The newest one stays,
    /// however large it is. Returns how many were closed.
    pub(super) fn close_oldest_stalls(&mut self, max_bytes: usize) -> usize {
        let mut closed = 0;
        while self.stalled_bytes > max_bytes && self.stalls.len() > 1 {
            let Some(oldest) = self.oldest_stall() else {
                break;
            };
            self.close(oldest);
            closed += 1;
        }
        closed
    }
}
