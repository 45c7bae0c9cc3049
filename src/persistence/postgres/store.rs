use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::chat::Timestamp;
use crate::persistence::postgres::connect::Connector;
use crate::persistence::postgres::heads::{Heads, SlotView};
use crate::persistence::postgres::lane::{Item, job};
use crate::persistence::postgres::readers::{Readers, read_error};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::slot::OwnedSlot;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::{
    Completion, Head, RoomCommitted, RuleSettings, SlotCommit, StoreError, StoreMetrics,
    UNPUBLISHED_COMMITS, WriteError,
};

/// How often the poll looks at what other nodes have committed, at first.
const POLL_INTERVAL_MS: u64 = 500;

/// A store in PostgreSQL. Clones share it.
#[derive(Clone)]
pub struct PostgresStore {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Item>,
    /// Whether the lane runs; it is set to false when it ends.
    lane: watch::Receiver<LaneStatus>,
}

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
    pub(crate) visitor_changes_pending: Notify,
    pub(crate) erasures_pending: Notify,
    /// Wakes the poll.
    pub(crate) poll_now: Notify,
    poll_interval_ms: AtomicU64,
    /// Gets what the lane has committed, once somebody listens.
    listener: OnceLock<mpsc::Sender<SlotCommit>>,
    clock_back_ms: AtomicI64,
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
            visitor_changes_pending: Notify::new(),
            erasures_pending: Notify::new(),
            poll_now: Notify::new(),
            poll_interval_ms: AtomicU64::new(POLL_INTERVAL_MS),
            listener: OnceLock::new(),
            clock_back_ms: AtomicI64::new(0),
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

    /// Whether anybody is notified of what the lane has committed.
    pub(crate) fn has_listener(&self) -> bool {
        self.listener.get().is_some()
    }

    /// Publishes what the lane has committed. What does not fit is left out: other nodes notice that
    /// a change is missing, and read the store.
    pub(crate) fn publish(&self, slot: &OwnedSlot, from: u64, changes: Option<Vec<RoomCommitted>>) {
        let Some(listener) = self.listener.get().filter(|_| slot.view.change > from) else {
            return;
        };
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

impl PostgresStore {
    pub(crate) fn new(
        shared: Arc<Shared>,
        queue: mpsc::Sender<Item>,
        lane: watch::Receiver<LaneStatus>,
    ) -> Self {
        Self {
            shared,
            queue,
            lane,
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn set_clock_back(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.shared.clock_back_ms.store(by_ms, Ordering::Relaxed);
    }

    pub(crate) fn use_metrics(&self, metrics: StoreMetrics) {
        // Only the first call counts.
        let _ = self.shared.metrics.set(metrics);
    }

    pub(crate) async fn close(&self) {
        self.shared.closing.cancel();
        let mut lane = self.lane.clone();
        // An error means that its sender is gone, so it has ended.
        let _ = lane.wait_for(|status| *status != LaneStatus::Running).await;
        self.shared.readers.close();
    }

    pub(crate) fn abandon(&self) {
        self.shared.closing.cancel();
        self.shared.readers.close();
    }

    pub(crate) async fn writer_died(&self) {
        let mut lane = self.lane.clone();
        let died = lane.wait_for(|status| *status == LaneStatus::Died);
        if died.await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    pub(crate) fn epoch(&self) -> &str {
        &self.shared.epoch
    }

    pub(crate) fn head(&self) -> Head {
        self.shared.heads.head()
    }

    pub(crate) fn watch_head(&self) -> watch::Receiver<Head> {
        self.shared.heads.subscribe()
    }

    /// What this node commits from now on. Only the first call gets it.
    pub(crate) fn own_commits(&self) -> Option<mpsc::Receiver<SlotCommit>> {
        let (sender, receiver) = mpsc::channel(UNPUBLISHED_COMMITS);
        self.shared.listener.set(sender).ok()?;
        Some(receiver)
    }

    /// The slot that this node writes in, if it has written.
    pub(crate) fn own_slot(&self) -> Option<usize> {
        self.shared.slot()
    }

    /// Another node says that it has committed this.
    pub(crate) fn saw(&self, commit: &SlotCommit) {
        let view = SlotView {
            change: commit.to,
            commits: commit.commits,
            waiting: commit.waiting,
            active: commit.active,
            closed: commit.closed,
        };
        self.shared.heads.saw([(commit.slot, view)], None);
    }

    /// Looks at what other nodes have committed now, and every `interval` from then on.
    pub(crate) fn poll(&self, interval: Option<Duration>) {
        if let Some(interval) = interval {
            let ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
            self.shared.poll_interval_ms.store(ms, Ordering::Relaxed);
        }
        self.shared.poll_now.notify_one();
    }

    pub(crate) fn damage(&self) -> Option<String> {
        None
    }

    /// Queues an item, or completes it when it cannot be queued.
    pub(crate) fn submit(&self, item: Item) {
        if self.shared.closing.is_cancelled() {
            return item.refuse(StoreError::Closed);
        }
        match self.queue.try_send(item) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(item)) => item.refuse(StoreError::Busy),
            Err(mpsc::error::TrySendError::Closed(item)) => item.refuse(StoreError::Closed),
        }
    }

    /// Queues a write with a transaction of its own. It may be run more than once, each time after
    /// a rollback.
    pub(crate) fn submit_write<T, F>(&self, action: F, done: Completion<T>)
    where
        T: Send + 'static,
        F: for<'a> FnMut(&'a mut Tx) -> BoxFuture<'a, Result<T, TxError>> + Send + 'static,
    {
        self.submit(Item::Single(job::work(action, done)));
    }

    /// Queues a write and waits for its COMMIT.
    pub(crate) async fn write<T, F>(&self, action: F) -> Result<T, WriteError>
    where
        T: Send + 'static,
        F: for<'a> FnMut(&'a mut Tx) -> BoxFuture<'a, Result<T, TxError>> + Send + 'static,
    {
        let (reply, replied) = oneshot::channel();
        self.submit_write(
            action,
            Box::new(move |result| {
                // The caller may have stopped waiting.
                let _ = reply.send(result);
            }),
        );
        replied.await.unwrap_or(Err(StoreError::Closed.into()))
    }

    /// Queues a write that nobody waits for.
    pub(crate) fn write_behind<F>(&self, action: F)
    where
        F: for<'a> FnMut(&'a mut Tx) -> BoxFuture<'a, Result<(), TxError>> + Send + 'static,
    {
        self.submit_write(
            action,
            Box::new(|result| {
                if let Err(error) = result {
                    tracing::warn!(%error, "a write that nobody waits for failed");
                }
            }),
        );
    }

    /// Reads on a connection that nobody else uses meanwhile.
    pub(crate) async fn read<T>(
        &self,
        query: impl AsyncFnOnce(&Session) -> Result<T, TxError>,
    ) -> Result<T, StoreError> {
        let reader = self.shared.readers.get().await?;
        query(reader.db()).await.map_err(read_error)
    }

    /// Like [`read`](Self::read), for queries that may be refused.
    pub(crate) async fn try_read<T>(
        &self,
        query: impl AsyncFnOnce(&Session) -> Result<T, TxError>,
    ) -> Result<T, WriteError> {
        let reader = self.shared.readers.get().await?;
        Ok(query(reader.db()).await?)
    }

    /// Like [`read`](Self::read), with one snapshot for several statements.
    pub(crate) async fn read_snapshot<T>(
        &self,
        query: impl AsyncFnOnce(&Session) -> Result<T, TxError>,
    ) -> Result<T, StoreError> {
        let reader = self.shared.readers.get().await?;
        reader.snapshot(query).await.map_err(read_error)
    }
}
