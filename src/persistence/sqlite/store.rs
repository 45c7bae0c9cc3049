use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use crate::persistence::sqlite::reader::Readers;
use crate::persistence::sqlite::tables::live_rooms::LiveRooms;
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::TxError;
use crate::persistence::sqlite::writer::channel::{WriterChannel, WriterStatus};
use crate::persistence::sqlite::writer::job::Job;
use crate::persistence::sqlite::writer::queue::PutError;
use crate::persistence::{Completion, Head, RuleSettings, StoreError, StoreMetrics, WriteError};

/// A store in one SQLite file. Clones share it.
///
/// When the last one is dropped without [`close`](Self::close), what is queued is still
/// committed.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    channel: Arc<WriterChannel>,
    readers: Arc<Readers>,
    epoch: String,
    rules: RuleSettings,
    thread: Option<JoinHandle<()>>,
    /// Nobody waits for the thread when the last handle is dropped.
    abandoned: AtomicBool,
}

impl SqliteStore {
    /// A handle of a store whose writer runs in `thread`.
    pub(crate) fn new(
        channel: Arc<WriterChannel>,
        readers: Readers,
        epoch: String,
        rules: RuleSettings,
        thread: JoinHandle<()>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                channel,
                readers: Arc::new(readers),
                epoch,
                rules,
                thread: Some(thread),
                abandoned: AtomicBool::new(false),
            }),
        }
    }

    pub(crate) fn set_clock_back(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.channel().clock_back_ms.store(by_ms, Ordering::Relaxed);
    }

    pub(crate) fn use_metrics(&self, metrics: StoreMetrics) {
        // Only the first call counts.
        let _ = self.channel().metrics.set(metrics);
    }

    pub(crate) async fn close(&self) {
        self.channel().queue.close();
        let mut status = self.channel().status.subscribe();
        // The sender lives in `inner`, so waiting cannot fail.
        let _ = status
            .wait_for(|status| *status != WriterStatus::Running)
            .await;
    }

    pub(crate) fn abandon(&self) {
        self.inner.abandoned.store(true, Ordering::Relaxed);
    }

    pub(crate) async fn writer_died(&self) {
        let mut status = self.channel().status.subscribe();
        let died = status.wait_for(|status| *status == WriterStatus::Died);
        if died.await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    pub(crate) fn epoch(&self) -> &str {
        &self.inner.epoch
    }

    pub(crate) fn head(&self) -> Head {
        self.channel().head.borrow().clone()
    }

    pub(crate) fn watch_head(&self) -> watch::Receiver<Head> {
        self.channel().head.subscribe()
    }

    pub(crate) fn damage(&self) -> Option<String> {
        self.channel().damage.get().map(str::to_owned)
    }

    /// The way to the writer's thread and back.
    pub(crate) fn channel(&self) -> &WriterChannel {
        &self.inner.channel
    }

    /// What the rules were configured to.
    pub(crate) fn rules(&self) -> &RuleSettings {
        &self.inner.rules
    }

    /// The connections that read.
    pub(crate) fn readers(&self) -> &Arc<Readers> {
        &self.inner.readers
    }

    /// Queues a write; `done` is called with its outcome after its COMMIT, or at once when it
    /// cannot be queued. The write finds everything in the tables and may change all of them.
    /// It may be run more than once, each time after a rollback.
    pub(crate) fn submit<T, F>(&self, mut action: F, done: Completion<T>)
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, TxError> + Send + 'static,
    {
        self.submit_to_rooms(
            move |tx, rooms| {
                rooms.flush_and_clear(tx.conn)?;
                action(tx)
            },
            done,
        );
    }

    /// Like [`submit`](Self::submit), for writes that keep to the rules of [`LiveRooms`]
    /// themselves.
    pub(crate) fn submit_to_rooms<T, F>(&self, action: F, done: Completion<T>)
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>, &mut LiveRooms) -> Result<T, TxError> + Send + 'static,
    {
        let channel = self.channel();
        if let Err(damaged) = channel.damage.check() {
            return done(Err(damaged.into()));
        }
        match channel.queue.put(Job::boxed(action, done)) {
            Ok(()) => {}
            Err(PutError::Full(job)) => job.complete(Err(StoreError::Busy)),
            Err(PutError::Closed(job)) => job.complete(Err(StoreError::Closed)),
        }
    }

    /// Queues a write and waits for its COMMIT.
    pub(crate) async fn write<T, F>(&self, action: F) -> Result<T, WriteError>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, TxError> + Send + 'static,
    {
        let (reply, replied) = oneshot::channel();
        self.submit(
            action,
            Box::new(move |result| {
                // The caller may have stopped waiting.
                let _ = reply.send(result);
            }),
        );
        replied.await.unwrap_or(Err(StoreError::Closed.into()))
    }

    /// Queues a write that nobody waits for. The writer logs a failure.
    pub(crate) fn write_behind<F>(&self, action: F)
    where
        F: FnMut(&mut Tx<'_>) -> Result<(), TxError> + Send + 'static,
    {
        self.submit(action, Box::new(|_| {}));
    }

    /// Failures that tests inject.
    #[cfg(test)]
    pub(crate) fn hooks(&self) -> &super::writer::hooks::WriterHooks {
        &self.channel().hooks
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.channel.queue.close();
        // The last handle may be dropped inside a completion, on the writer's own thread.
        if !self.abandoned.load(Ordering::Relaxed)
            && let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("the writer's thread panicked");
        }
    }
}
