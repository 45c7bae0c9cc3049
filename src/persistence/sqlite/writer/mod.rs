//! The writer's thread: the only one that writes.
//!
//! It takes what is queued, up to a bound, and commits it in one transaction; then it completes
//! each write. There is no timer: a lone write is committed at once, and writes that arrive
//! while a commit waits for the disk share the next one. When it has nothing else to do, it
//! brings the text index nearer to the head and looks for commits of other processes.
//!
//! Guarantees: a write is completed exactly once, after its COMMIT returned, in the order of the
//! queue. `head` moves before any completion of its batch runs. A panic in a write or in a
//! completion harms no other one; a panic of the thread itself closes the queue and is reported
//! as [`WriterStatus::Died`].
//!
//! Read next: [`batch`] (one transaction), then the rules it runs, [`crate::persistence::rules`].

pub(crate) mod batch;
pub(crate) mod channel;
pub(crate) mod copy;
#[cfg(test)]
pub(crate) mod hooks;
pub(crate) mod job;
pub(crate) mod queue;
pub(crate) mod rewrite;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::backup::Backup;

use self::batch::{Committer, Usable};
use self::channel::{WriterChannel, WriterStatus};
use self::copy::CopyRequest;
use self::job::{Job, Work};
use self::queue::Taken;
use self::rewrite::MaintenanceRequest;
use crate::persistence::sqlite::commit_mark::CommitMark;
use crate::persistence::sqlite::state::State;
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::{TxError, classify};
use crate::persistence::{CopyError, RewriteError, StoreError};

/// How often an idle writer looks for commits of other processes, which is how soon it notices
/// their changes of agents.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// The pause between two steps of the text index, so that it costs a sender who waits for each
/// ack next to nothing. A backlog is worked off without a pause while nothing else is queued.
const INDEX_INTERVAL: Duration = Duration::from_millis(250);

/// One bounded step of the text index. Returns the number of the change up to which the index is
/// complete.
pub(crate) type IndexStep = fn(&mut Tx<'_>) -> Result<u64, TxError>;

/// The state of the thread.
pub(crate) struct Writer {
    channel: Arc<WriterChannel>,
    committer: Committer,
    batch_items: usize,
    index: Indexing,
    /// Why the last commit failed, if it did: that was logged, and the same failure again is not.
    failing: Option<StoreError>,
    /// The file that counts commits; a tool has none.
    mark: Option<CommitMark>,
    /// Commits of all processes.
    commits: u64,
    /// Keeps the directory's lock as long as the thread may write.
    _lock: Option<std::fs::File>,
}

/// How far the text index is.
struct Indexing {
    step: IndexStep,
    /// It is behind the head.
    is_behind: bool,
    /// Its last step left something over.
    has_backlog: bool,
    /// Its last step failed, so the next one waits for a while.
    failed: Arc<AtomicBool>,
    stepped_at: Instant,
}

/// Reports how the thread has ended, also when it panicked.
struct ExitGuard {
    channel: Arc<WriterChannel>,
    status: WriterStatus,
}

impl Drop for ExitGuard {
    fn drop(&mut self) {
        self.channel.queue.close();
        self.channel.queue.clear();
        self.channel.status.send_replace(self.status);
    }
}

impl Writer {
    /// A writer that has not started yet. `state` is what the database holds; `lock` is held
    /// until the thread ends.
    pub(crate) fn new(
        committer: Committer,
        batch_items: usize,
        index_step: IndexStep,
        state: &State,
        lock: Option<std::fs::File>,
        mark: Option<CommitMark>,
    ) -> Self {
        Self {
            channel: Arc::clone(&committer.channel),
            index: Indexing {
                step: index_step,
                is_behind: committer.owns_index() && state.is_index_behind(),
                has_backlog: true,
                failed: Arc::default(),
                stepped_at: Instant::now(),
            },
            committer,
            batch_items,
            failing: None,
            mark,
            commits: state.commits(),
            _lock: lock,
        }
    }

    /// Starts the thread.
    pub(crate) fn spawn(self) -> std::io::Result<JoinHandle<()>> {
        std::thread::Builder::new()
            .name("shoptalk-writer".into())
            .spawn(move || self.run())
    }

    /// Works until the queue is closed and empty.
    fn run(mut self) {
        let mut exit = ExitGuard {
            channel: Arc::clone(&self.channel),
            status: WriterStatus::Died,
        };
        loop {
            if let Some(request) = self.channel.take_copy_request() {
                self.copy(request);
            }
            if let Some(request) = self.channel.take_maintenance_request() {
                self.maintain(request);
            }
            match self.channel.queue.take(self.batch_items, self.max_wait()) {
                Taken::Items(items) => {
                    self.commit_and_complete(None, items);
                    if self.is_index_step_due() {
                        self.step_index(None);
                    }
                }
                Taken::Idle if self.index.is_behind => {
                    self.step_index(None);
                }
                Taken::Idle => self.poll(),
                Taken::Closed => break,
            }
            if let Some(mark) = &mut self.mark {
                mark.note(self.commits);
            }
        }
        self.committer.close();
        if let Some(mark) = &mut self.mark {
            mark.write(self.commits);
        }
        exit.status = WriterStatus::Closed;
        // The lock is released before anybody learns that the store is closed.
        drop(self);
    }

    /// How long to wait for a write before doing something else.
    fn max_wait(&self) -> Duration {
        if !self.index.is_behind
            || self.failing.is_some()
            || self.index.failed.load(Ordering::Relaxed)
        {
            POLL_INTERVAL
        } else if self.index.has_backlog {
            Duration::ZERO
        } else {
            INDEX_INTERVAL.saturating_sub(self.index.stepped_at.elapsed())
        }
    }

    /// Commits a batch and completes its items. `taken` is the connection while a copy is made.
    fn commit_and_complete(
        &mut self,
        taken: Option<&Connection>,
        mut items: Vec<Box<dyn Work>>,
    ) -> Usable {
        let started = Instant::now();
        let (outcome, usable) = self.commit(taken, &mut items);
        if let (Ok(()), Some(metrics)) = (&outcome, self.channel.metrics.get()) {
            metrics.commit_seconds.record(started.elapsed());
            metrics
                .commit_items
                .record(u32::try_from(items.len()).unwrap_or(u32::MAX));
        }
        complete(items, &outcome);
        usable
    }

    /// Commits a batch and publishes the new head.
    fn commit(
        &mut self,
        taken: Option<&Connection>,
        items: &mut [Box<dyn Work>],
    ) -> (Result<(), StoreError>, Usable) {
        if let Err(damaged) = self.channel.damage.check() {
            return (Err(damaged), Usable::Yes);
        }
        let (outcome, usable) = match taken {
            Some(conn) => self.committer.transact_on(conn, items),
            None => (self.committer.transact(items), Usable::Yes),
        };
        let outcome = match outcome {
            Ok(state) => {
                if self.failing.take().is_some() {
                    tracing::info!("the storage works again");
                }
                self.publish(&state);
                Ok(())
            }
            Err(error) => {
                if let Some(metrics) = self.channel.metrics.get() {
                    metrics.commit_failures.increment(1);
                }
                self.channel.damage.record(&error);
                // A disk that stays full is logged once, not with every attempt.
                if self.failing.replace(error.clone()).is_none() {
                    tracing::error!(%error, "commit failed: nothing of it was stored");
                }
                Err(error)
            }
        };
        (outcome, usable)
    }

    fn publish(&mut self, state: &State) {
        self.commits = state.commits();
        self.index.is_behind = self.committer.owns_index() && state.is_index_behind();
        #[cfg(test)]
        if self.channel.hooks.index_paused() {
            self.index.is_behind = false;
        }
        let head = state.head();
        self.channel.head.send_if_modified(|known| {
            let changed = *known != head;
            *known = head;
            changed
        });
    }

    /// Brings the text index one step nearer to the head, in a commit of its own.
    fn step_index(&mut self, taken: Option<&Connection>) -> Usable {
        let failed = Arc::clone(&self.index.failed);
        let step = self.index.step;
        let job = Job::boxed(
            move |tx, rooms| {
                // It reads rooms and changes none.
                rooms.write_back(tx.conn)?;
                step(tx)
            },
            Box::new(move |done| failed.store(done.is_err(), Ordering::Relaxed)),
        );
        let mut items = vec![job];
        let (outcome, usable) = self.commit(taken, &mut items);
        complete(items, &outcome);
        self.index.stepped_at = Instant::now();
        self.index.has_backlog = self.index.is_behind;
        usable
    }

    fn is_index_step_due(&self) -> bool {
        self.index.is_behind && self.index.stepped_at.elapsed() >= INDEX_INTERVAL
    }

    /// Makes a copy of the database, and goes on committing meanwhile.
    fn copy(&mut self, request: CopyRequest) {
        let copied = match self.committer.take_connection() {
            Ok(conn) => {
                let (copied, usable) = self.copy_and_commit(&conn, &request);
                if usable == Usable::Yes {
                    self.committer.put_back(conn);
                }
                copied
            }
            Err(error) => Err(error.into()),
        };
        (request.done)(copied);
    }

    /// Takes turns between a step of the copy and a batch of writes, on one connection.
    fn copy_and_commit(
        &mut self,
        conn: &Connection,
        request: &CopyRequest,
    ) -> (Result<(), CopyError>, Usable) {
        let mut target = match copy::open_target(request) {
            Ok(target) => target,
            Err(error) => return (Err(error.into()), Usable::Yes),
        };
        let backup = match Backup::new(conn, &mut target) {
            Ok(backup) => backup,
            Err(error) => return (Err(classify(&error).into()), Usable::Yes),
        };
        loop {
            match copy::step(&backup, request) {
                Ok(true) => return (Ok(()), Usable::Yes),
                Ok(false) => {}
                Err(error) => return (Err(error), Usable::Yes),
            }
            let mut usable = match self.channel.queue.take(self.batch_items, Duration::ZERO) {
                Taken::Items(items) => self.commit_and_complete(Some(conn), items),
                Taken::Idle => Usable::Yes,
                Taken::Closed => return (Err(StoreError::Closed.into()), Usable::Yes),
            };
            if usable == Usable::Yes && self.is_index_step_due() {
                usable = self.step_index(Some(conn));
            }
            if usable == Usable::No {
                let broken = self.failing.clone().unwrap_or_else(|| {
                    StoreError::Unavailable(
                        "the disk failed during the copy; start it again".into(),
                    )
                });
                return (Err(broken.into()), Usable::No);
            }
        }
    }

    /// Rewrites the file or empties its log. Nothing is committed meanwhile.
    fn maintain(&mut self, request: MaintenanceRequest) {
        let done = match (
            self.channel.damage.check(),
            self.committer.take_connection(),
        ) {
            (Ok(()), Ok(conn)) => {
                let done = rewrite::run(&conn, &request);
                // A connection that failed half-way is dropped, and reopened for the next batch.
                if done.is_ok() || matches!(done, Err(RewriteError::LogInUse)) {
                    self.committer.put_back(conn);
                }
                done
            }
            (Err(error), _) | (_, Err(error)) => Err(error.into()),
        };
        (request.done)(done);
    }

    /// Notices what other processes have committed.
    fn poll(&mut self) {
        if self.channel.damage.get().is_some() {
            return;
        }
        match self.committer.read_state() {
            Ok(state) => self.publish(&state),
            Err(error) => self.channel.damage.record(&error),
        }
    }
}

/// Completes each item in order. A completion that panics harms no other one.
fn complete(items: Vec<Box<dyn Work>>, batch: &Result<(), StoreError>) {
    for item in items {
        let batch = batch.clone();
        if catch_unwind(AssertUnwindSafe(|| item.complete(batch))).is_err() {
            tracing::error!("the completion of a write panicked");
        }
    }
}

#[cfg(test)]
mod tests;
