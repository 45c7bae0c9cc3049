use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicI64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use super::batch::Committer;
use super::index;
use super::job::{Job, Work};
use super::queue::{Queue, Taken};
use super::state::State;
use super::{Head, StoreError, StoreMetrics};

/// Milliseconds between two looks at the database of an idle writer; other
/// processes' changes of agents are noticed within this time.
const LOOK_INTERVAL_MS: u64 = 500;
/// Milliseconds between two batches of the text index, so that it costs a sender
/// who waits for each ack next to nothing. A backlog is worked off without pause
/// while nothing else is to be written.
const INDEX_INTERVAL_MS: u64 = 250;

/// Whether the writer's thread still works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// It takes writes.
    Running,
    /// It was closed and has ended.
    Closed,
    /// It has ended by itself.
    Died,
}

/// What the writer's thread shares with the store's handles.
pub(super) struct Shared {
    /// Writes on their way.
    pub(super) queue: Queue<Box<dyn Work>>,
    /// What the last commit left behind.
    pub(super) head: watch::Sender<Head>,
    /// Whether the thread works.
    pub(super) life: watch::Sender<Life>,
    /// Why writes are refused for good.
    pub(super) damage: OnceLock<String>,
    /// Told when rooms are left that have to follow a change of their visitor.
    pub(super) visitor_changes_left: Notify,
    /// By how much the dates of what is written stand back.
    pub(super) clock_back_ms: AtomicI64,
    /// What to measure with, once there is something.
    pub(super) metrics: OnceLock<StoreMetrics>,
    /// What tests reach in with.
    #[cfg(test)]
    pub(super) hooks: super::hooks::Hooks,
}

impl Shared {
    /// Remembers that SQLite found the file damaged.
    pub(super) fn note(&self, error: &StoreError) {
        if let StoreError::Corrupt(what) = error
            && self.damage.set(what.clone()).is_ok()
        {
            tracing::error!(error = %what, "the database is damaged; writes are refused from now on");
        }
    }
}

/// The writer's thread: it alone writes, and it commits what is queued.
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) committer: Committer,
    pub(super) batch_items: usize,
    /// The text index is behind the head.
    pub(super) behind: bool,
    /// The last batch of the index left something over.
    pub(super) backlog: bool,
    pub(super) indexed_at: Instant,
    /// The last batch of the index failed, so the next one waits for a while.
    pub(super) index_failed: Arc<AtomicBool>,
    /// The last failure was logged; the same again is not.
    pub(super) failing: bool,
    /// Keeps the directory's lock as long as the thread may write.
    pub(super) _lock: Option<std::fs::File>,
}

/// Says how the thread has ended, also when it panicked.
struct Obituary {
    shared: Arc<Shared>,
    life: Life,
}

impl Drop for Obituary {
    fn drop(&mut self) {
        self.shared.queue.close();
        self.shared.queue.clear();
        self.shared.life.send_replace(self.life);
    }
}

impl Writer {
    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let mut obituary = Obituary {
            shared: Arc::clone(&self.shared),
            life: Life::Died,
        };
        loop {
            match self.shared.queue.take(self.batch_items, self.patience()) {
                Taken::Items(items) => {
                    self.serve(items);
                    if self.behind && self.indexed_at.elapsed() >= INDEX_INTERVAL {
                        self.index();
                    }
                }
                Taken::Idle if self.behind => self.index(),
                Taken::Idle => self.look(),
                Taken::Closed => break,
            }
        }
        self.committer.finish();
        obituary.life = Life::Closed;
        // The lock goes before anybody learns that the store is closed.
        drop(self);
    }

    /// How long to wait for a write before doing something else.
    fn patience(&self) -> Duration {
        let look = Duration::from_millis(LOOK_INTERVAL_MS);
        if !self.behind || self.failing || self.index_failed.load(Ordering::Relaxed) {
            look
        } else if self.backlog {
            Duration::ZERO
        } else {
            INDEX_INTERVAL.saturating_sub(self.indexed_at.elapsed())
        }
    }

    /// Commits a batch and answers each of its items.
    fn serve(&mut self, mut items: Vec<Box<dyn Work>>) {
        let started = Instant::now();
        let outcome = self.commit(&mut items);
        if let (Ok(()), Some(metrics)) = (&outcome, self.shared.metrics.get()) {
            metrics.commit_seconds.record(started.elapsed());
            metrics
                .commit_items
                .record(u32::try_from(items.len()).unwrap_or(u32::MAX));
        }
        answer(items, &outcome);
    }

    /// Commits a batch, and lets the world know before anybody is answered.
    fn commit(&mut self, items: &mut [Box<dyn Work>]) -> Result<(), StoreError> {
        if let Some(damage) = self.shared.damage.get() {
            return Err(StoreError::Corrupt(damage.clone()));
        }
        match self.committer.transact(items) {
            Ok(state) => {
                if std::mem::take(&mut self.failing) {
                    tracing::info!("the storage works again");
                }
                self.publish(&state);
                Ok(())
            }
            Err(error) => {
                if let Some(metrics) = self.shared.metrics.get() {
                    metrics.commit_failures.increment(1);
                }
                self.shared.note(&error);
                // A disk that stays full is one event, not one a second.
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(%error, "a commit failed; nothing of it was stored");
                }
                Err(error)
            }
        }
    }

    fn publish(&mut self, state: &State) {
        // The tools leave the index to the server.
        self.behind = self.committer.exclusive && state.indexed_change < state.change;
        #[cfg(test)]
        if self.shared.hooks.index_paused() {
            self.behind = false;
        }
        let head = state.head();
        self.shared.head.send_if_modified(|known| {
            let changed = *known != head;
            *known = head;
            changed
        });
    }

    /// Brings the text index a batch nearer to the head.
    fn index(&mut self) {
        let failed = Arc::clone(&self.index_failed);
        let step = Job::boxed(
            |tx, rooms| {
                // It reads rooms and changes none.
                rooms.write_back(tx.conn)?;
                index::step(tx)
            },
            Box::new(move |done| failed.store(done.is_err(), Ordering::Relaxed)),
        );
        let mut items = vec![step];
        let outcome = self.commit(&mut items);
        answer(items, &outcome);
        self.indexed_at = Instant::now();
        self.backlog = self.behind;
    }

    /// Notices what other processes have committed.
    fn look(&mut self) {
        if self.shared.damage.get().is_some() {
            return;
        }
        match self.committer.look() {
            Ok(state) => self.publish(&state),
            Err(error) => self.shared.note(&error),
        }
    }
}

const INDEX_INTERVAL: Duration = Duration::from_millis(INDEX_INTERVAL_MS);

/// Answers each item in order. A completion that panics harms nobody else.
fn answer(items: Vec<Box<dyn Work>>, batch: &Result<(), StoreError>) {
    for item in items {
        let batch = batch.clone();
        if catch_unwind(AssertUnwindSafe(|| item.answer(batch))).is_err() {
            tracing::error!("the completion of a write panicked");
        }
    }
}

#[cfg(test)]
mod tests;
