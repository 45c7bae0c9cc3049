use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_postgres::Row;

use crate::chat::RoomId;
use crate::persistence::postgres::heads::SlotView;
use crate::persistence::postgres::lane::{Item, job};
use crate::persistence::postgres::readers::read_error;
use crate::persistence::postgres::session::{Params, Session};
use crate::persistence::postgres::shared::{LaneStatus, Shared};
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::{
    Completion, Head, NodeView, SlotCommit, StoreError, StoreMetrics, UNPUBLISHED_COMMITS,
    WriteError,
};

/// A store in PostgreSQL. Clones share it.
#[derive(Clone)]
pub struct PostgresStore {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Item>,
    /// Whether the lane runs; it is set to false when it ends.
    lane: watch::Receiver<LaneStatus>,
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

    /// Other nodes have changed these rooms.
    pub(crate) fn changed_elsewhere(&self, rooms: impl IntoIterator<Item = RoomId>) {
        self.shared.changed_elsewhere.add(rooms);
    }

    /// What was last seen of all nodes.
    pub(crate) fn nodes(&self) -> watch::Receiver<Vec<NodeView>> {
        self.shared.nodes.subscribe()
    }

    /// Looks at what other nodes have committed now, and every `interval` from then on.
    pub(crate) fn poll(&self, interval: Option<Duration>) {
        if let Some(interval) = interval {
            let ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
            self.shared.poll_interval_ms.store(ms, Ordering::Relaxed);
        }
        self.shared.poll_now.notify_one();
    }

    /// How long ago the newest poll that succeeded began.
    pub(crate) fn poll_age(&self) -> Duration {
        self.shared.poll_age()
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

    /// Runs one statement that commits by itself, beside the lane, and returns its row if it has
    /// one. For what touches no room, account or token, so that nobody has to know of it.
    pub(crate) async fn single_statement(
        &self,
        sql: &'static str,
        params: &Params<'_>,
    ) -> Result<Option<Row>, StoreError> {
        self.read(async |db| db.query_opt(sql, params).await).await
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
