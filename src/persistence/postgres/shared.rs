use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::chat::{RoomId, Timestamp};
use crate::persistence::postgres::connect::Connector;
use crate::persistence::postgres::heads::{Heads, SlotView};
use crate::persistence::postgres::readers::Readers;
use crate::persistence::postgres::slot::OwnedSlot;
use crate::persistence::{NodeView, RoomCommitted, RuleSettings, SlotCommit, StoreMetrics};

/// How often the poll looks at what other nodes have committed, at first.
const POLL_INTERVAL_MS: u64 = 500;

/// Rooms that wait to be forgotten by the lane, at most.
const CHANGED_ELSEWHERE_MAX: usize = 10_000;

/// Whether a lane still commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LaneStatus {
    Running,
    Closed,
    Died,
}

/// What the handles, the lane and the poll share.
pub(crate) struct Shared {
    pub(crate) connector: Connector,
    pub(crate) readers: Readers,
    pub(crate) heads: Heads,
    pub(crate) epoch: String,
    pub(crate) rules: RuleSettings,
    pub(crate) batch_items: usize,
    /// Who owns this process's slots, for people who look.
    pub(crate) owner: String,
    pub(crate) metrics: OnceLock<StoreMetrics>,
    /// Cancelled when no more writes are taken.
    pub(crate) closing: CancellationToken,
    /// Cancelled when the database turns out to be an older copy of itself, or has another epoch.
    pub(crate) end_of_epoch: CancellationToken,
    pub(crate) visitor_changes_pending: Notify,
    pub(crate) erasures_pending: Notify,
    /// What was last seen of all nodes.
    pub(crate) nodes: watch::Sender<Vec<NodeView>>,
    /// Wakes the poll.
    pub(crate) poll_now: Notify,
    pub(crate) poll_interval_ms: AtomicU64,
    /// When the newest poll that succeeded began.
    polled_at: watch::Sender<Instant>,
    /// Gets what the lane has committed, once somebody listens.
    pub(crate) listener: OnceLock<mpsc::Sender<SlotCommit>>,
    pub(crate) clock_back_ms: AtomicI64,
    /// Rooms that other nodes have changed.
    pub(crate) changed_elsewhere: ChangedElsewhere,
    /// The slot that the lane writes in, and one more; 0 before it has taken one.
    slot: AtomicUsize,
}

impl Shared {
    pub(crate) fn new(
        connector: Connector,
        epoch: String,
        options: &crate::persistence::StoreOptions,
    ) -> Self {
        Self {
            readers: Readers::new(connector.clone(), options.readers),
            connector,
            heads: Heads::new(),
            epoch,
            rules: options.rules,
            batch_items: options.batch_items.max(1),
            owner: format!("process {}", std::process::id()),
            metrics: OnceLock::new(),
            closing: CancellationToken::new(),
            end_of_epoch: CancellationToken::new(),
            visitor_changes_pending: Notify::new(),
            erasures_pending: Notify::new(),
            nodes: watch::Sender::new(Vec::new()),
            poll_now: Notify::new(),
            poll_interval_ms: AtomicU64::new(POLL_INTERVAL_MS),
            polled_at: watch::Sender::new(Instant::now()),
            listener: OnceLock::new(),
            clock_back_ms: AtomicI64::new(0),
            changed_elsewhere: ChangedElsewhere::default(),
            slot: AtomicUsize::new(0),
        }
    }

    /// The time of a transaction that begins now.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(Timestamp::now().as_millis() - self.clock_back_ms.load(Ordering::Relaxed))
    }

    /// How often the poll looks at what other nodes have committed.
    pub(crate) fn poll_interval(&self) -> Duration {
        Duration::from_millis(self.poll_interval_ms.load(Ordering::Relaxed))
    }

    /// A poll that began then has succeeded.
    pub(crate) fn note_poll(&self, began: Instant) {
        self.polled_at.send_replace(began);
    }

    /// How long ago the newest poll that succeeded began.
    pub(crate) fn poll_age(&self) -> Duration {
        self.polled_at.borrow().elapsed()
    }

    /// Whether anybody is notified of what the lane has committed.
    pub(crate) fn has_listener(&self) -> bool {
        self.listener.get().is_some()
    }

    /// Publishes what the lane has committed. What does not fit is left out: other nodes notice that
    /// a change is missing, and read the store.
    pub(crate) fn publish(
        &self,
        slot: &OwnedSlot,
        from: u64,
        changes: Option<Vec<RoomCommitted>>,
        accounts_changed: bool,
    ) {
        let Some(listener) = self.listener.get() else {
            return;
        };
        if slot.view.change == from && !accounts_changed {
            return;
        }
        let SlotView {
            change,
            commits,
            waiting,
            active,
            closed,
        } = slot.view;
        let _ = listener.try_send(SlotCommit {
            slot: slot.slot,
            from,
            to: change,
            commits,
            waiting,
            active,
            closed,
            accounts_changed,
            changes,
        });
    }

    /// The lane writes in this slot from now on.
    pub(crate) fn note_slot(&self, slot: usize) {
        self.slot.store(slot + 1, Ordering::Relaxed);
    }

    /// The slot that the lane writes in, if it has one.
    pub(crate) fn slot(&self) -> Option<usize> {
        self.slot.load(Ordering::Relaxed).checked_sub(1)
    }
}

/// Rooms that other nodes have changed, until the lane takes them.
#[derive(Default)]
pub(crate) struct ChangedElsewhere(Mutex<Vec<RoomId>>);

impl ChangedElsewhere {
    /// Adds rooms. What does not fit is left out: the lane finds out when it writes.
    pub(crate) fn add(&self, rooms: impl IntoIterator<Item = RoomId>) {
        let mut changed = self.lock();
        let free = CHANGED_ELSEWHERE_MAX.saturating_sub(changed.len());
        changed.extend(rooms.into_iter().take(free));
    }

    /// Takes them all.
    pub(crate) fn take(&self) -> Vec<RoomId> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<RoomId>> {
        // Nothing in it can be left half-changed by a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
