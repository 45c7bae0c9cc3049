use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::watch;

use super::connection::Connector;
use super::failure::{breaks_connection, classify};
use super::index;
use super::job::{Job, Tx, Undo, Work};
use super::queue::{Queue, Taken};
use super::state::State;
use super::{Head, StoreError, StoreMetrics};
use crate::chat::Timestamp;

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
    pub(super) connector: Connector,
    /// None after an error that broke it, until the next batch opens another one.
    pub(super) conn: Option<Connection>,
    /// Whether this process holds the directory's lock.
    pub(super) exclusive: bool,
    pub(super) batch_items: usize,
    pub(super) metrics: StoreMetrics,
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

/// Why an attempt at a batch failed.
enum Failed {
    /// Nothing was committed.
    Before(rusqlite::Error),
    /// COMMIT failed and the transaction is over: only the file knows how.
    Unknown {
        cause: rusqlite::Error,
        /// The state that the commit would have left.
        hoped: State,
    },
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
                    self.commit(items);
                    if self.behind && self.indexed_at.elapsed() >= INDEX_INTERVAL {
                        self.index();
                    }
                }
                Taken::Idle if self.behind && !self.failing => self.index(),
                Taken::Idle => self.look(),
                Taken::Closed => break,
            }
        }
        self.finish();
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
    fn commit(&mut self, mut items: Vec<Box<dyn Work>>) {
        if let Some(damage) = self.shared.damage.get() {
            let error = StoreError::Corrupt(damage.clone());
            return answer(items, &Err(error));
        }
        let started = Instant::now();
        let outcome = self.transact(&mut items);
        match &outcome {
            Ok(state) => {
                self.metrics.commit_seconds.record(started.elapsed());
                self.metrics
                    .commit_items
                    .record(u32::try_from(items.len()).unwrap_or(u32::MAX));
                if std::mem::take(&mut self.failing) {
                    tracing::info!("the storage works again");
                }
                self.publish(state);
            }
            Err(error) => {
                self.metrics.commit_failures.increment(1);
                self.shared.note(error);
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(%error, "a commit failed; nothing of it was stored");
                }
            }
        }
        answer(items, &outcome.map(|_| ()));
    }

    fn publish(&mut self, state: &State) {
        // The tools leave the index to the server.
        self.behind = self.exclusive && state.indexed_change < state.change;
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

    /// One transaction for all items.
    fn transact(&mut self, items: &mut [Box<dyn Work>]) -> Result<State, StoreError> {
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => self.connector.writer().map_err(|error| classify(&error))?,
        };
        match self.attempt(&conn, items) {
            Ok(state) => {
                self.conn = Some(conn);
                Ok(state)
            }
            Err(Failed::Before(cause)) => {
                let rolled_back = conn.is_autocommit() || conn.execute_batch("ROLLBACK").is_ok();
                if rolled_back && !breaks_connection(&cause) {
                    self.conn = Some(conn);
                }
                Err(classify(&cause))
            }
            Err(Failed::Unknown { cause, hoped }) => {
                drop(conn);
                self.settle(&cause, &hoped)
            }
        }
    }

    fn attempt(&self, conn: &Connection, items: &mut [Box<dyn Work>]) -> Result<State, Failed> {
        let sql = |sql: &str| {
            conn.prepare_cached(sql)
                .and_then(|mut statement| statement.execute([]))
                .map_err(Failed::Before)
        };
        sql("BEGIN IMMEDIATE")?;
        let before = State::load(conn).map_err(Failed::Before)?;
        let changes = conn.total_changes();
        let mut tx = Tx {
            conn,
            state: before,
            now: Timestamp::now(),
        };
        for item in items {
            sql("SAVEPOINT item")?;
            let saved = tx.state;
            tx.now = Timestamp::now();
            // A panic in one item must not take the others, nor the thread.
            match catch_unwind(AssertUnwindSafe(|| item.run(&mut tx))) {
                Ok(Ok(())) => {}
                Ok(Err(Undo::Batch(error))) => return Err(Failed::Before(error)),
                Ok(Err(Undo::Own)) | Err(_) => {
                    sql("ROLLBACK TO item")?;
                    tx.state = saved;
                }
            }
            sql("RELEASE item")?;
        }
        let mut after = tx.state;
        if conn.total_changes() != changes || after != before {
            if self.exclusive {
                after.server_commits += 1;
            } else {
                after.tool_commits += 1;
            }
            after.save(conn).map_err(Failed::Before)?;
        }
        #[cfg(test)]
        if let Some(error) = self.shared.hooks.commit_error(conn) {
            return Err(if conn.is_autocommit() {
                Failed::Unknown {
                    cause: error,
                    hoped: after,
                }
            } else {
                Failed::Before(error)
            });
        }
        match conn
            .prepare_cached("COMMIT")
            .and_then(|mut commit| commit.execute([]))
        {
            Ok(_) => Ok(after),
            Err(cause) if conn.is_autocommit() => Err(Failed::Unknown {
                cause,
                hoped: after,
            }),
            Err(cause) => Err(Failed::Before(cause)),
        }
    }

    /// Reads from the file whether a commit of unknown fate has happened.
    fn settle(&mut self, cause: &rusqlite::Error, hoped: &State) -> Result<State, StoreError> {
        let conn = self.connector.writer().map_err(|error| classify(&error))?;
        let found = State::load(&conn).map_err(|error| classify(&error))?;
        let happened = if self.exclusive {
            found.server_commits == hoped.server_commits
        } else {
            found.tool_commits == hoped.tool_commits
        };
        self.conn = Some(conn);
        tracing::warn!(error = %cause, happened, "a commit ended in an error and was looked up");
        if happened {
            Ok(found)
        } else {
            Err(classify(cause))
        }
    }

    /// Brings the text index a batch nearer to the head.
    fn index(&mut self) {
        let failed = Arc::clone(&self.index_failed);
        let step = Job::boxed(
            index::step,
            Box::new(move |done| failed.store(done.is_err(), Ordering::Relaxed)),
        );
        self.commit(vec![step]);
        self.indexed_at = Instant::now();
        self.backlog = self.behind;
    }

    /// Notices what other processes have committed.
    fn look(&mut self) {
        if self.shared.damage.get().is_some() {
            return;
        }
        let found = match &self.conn {
            Some(conn) => State::load(conn),
            None => return self.reopen(),
        };
        match found {
            Ok(state) => {
                self.failing = false;
                self.publish(&state);
            }
            Err(error) => {
                self.shared.note(&classify(&error));
                self.conn = None;
            }
        }
    }

    fn reopen(&mut self) {
        self.conn = self.connector.writer().ok();
    }

    /// Leaves a small, tidy file behind.
    fn finish(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        let tidied = conn
            .execute_batch("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE);")
            .and_then(|()| conn.close().map_err(|(_, error)| error));
        if let Err(error) = tidied {
            tracing::warn!(%error, "the database was closed without a checkpoint; the next start makes up for it");
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
mod tests {
    use super::super::testing::*;
    use super::super::*;

    #[tokio::test]
    async fn what_is_queued_shares_a_commit() {
        let bench = Bench::new();
        let room = bench.new_room("Ann").await;
        bench.hooks().pause_index();
        let hold = bench.hold().await;
        let before = bench.hooks().commits();
        let answers: Vec<_> = (0..20)
            .map(|_| bench.submit_op(room, RoomOp::Post(question("hello"))))
            .collect();
        drop(hold);
        for (place, answer) in answers.into_iter().enumerate() {
            let message = posted(answer.await.expect("it is answered"));
            assert_eq!(message.seq, place as u64 + 1, "in the order of the queue");
        }
        assert_eq!(
            bench.hooks().commits() - before,
            2,
            "the held one and theirs"
        );
    }

    #[tokio::test]
    async fn a_full_queue_is_busy_at_once() {
        let bench = Bench::with(|options| options.queue_items = 2);
        let room = bench.new_room("Ann").await;
        let hold = bench.hold().await;
        let mut answers: Vec<_> = (0..3)
            .map(|_| bench.submit_op(room, RoomOp::Post(question("hello"))))
            .collect();
        let third = answers.pop().expect("three were sent").await;
        assert_eq!(
            third.expect("it is answered").err(),
            Some(StoreError::Busy.into())
        );
        drop(hold);
        for answer in answers {
            posted(answer.await.expect("it is answered"));
        }
    }

    #[tokio::test]
    async fn a_refusal_or_panic_takes_nothing_with_it() {
        let bench = Bench::new();
        let room = bench.new_room("Ann").await;
        let hold = bench.hold().await;
        let one = bench.submit_op(room, RoomOp::Post(question("one")));
        let mark = RoomOp::MarkRead {
            side: crate::chat::Side::Admin,
            seq: 9,
        };
        let refused = bench.submit_op(room, mark);
        let panicking = tokio::spawn({
            let store = bench.store.clone();
            async move {
                store
                    .write(|tx| -> Result<(), _> {
                        tx.state.change += 7;
                        tx.execute("DELETE FROM messages", [])?;
                        panic!("a test says so")
                    })
                    .await
            }
        });
        tokio::task::yield_now().await;
        let two = bench.submit_op(room, RoomOp::Post(question("two")));
        drop(hold);
        assert_eq!(posted(one.await.expect("answered")).seq, 1);
        assert!(matches!(
            refused.await.expect("answered"),
            Err(WriteError::Refused(_))
        ));
        assert!(matches!(
            panicking.await.expect("it is answered"),
            Err(WriteError::Store(StoreError::Internal(_)))
        ));
        assert_eq!(posted(two.await.expect("answered")).seq, 2);
        assert_eq!(bench.head().change, 2);
        assert_eq!(bench.ask(room, "three").await.seq, 3);
    }

    #[tokio::test]
    async fn a_failed_commit_is_told_and_leaves_nothing() {
        let bench = Bench::new();
        bench.hooks().pause_index();
        let room = bench.new_room("Ann").await;
        bench.ask(room, "one").await;
        bench.hooks().fail_next_commit();
        let failed = bench.apply(room, RoomOp::Post(question("two"))).await;
        assert!(matches!(
            failed,
            Err(WriteError::Store(StoreError::Unavailable(_)))
        ));
        assert_eq!(bench.head().change, 1);
        assert_eq!(bench.room_head(room).await, Ok(Some(1)));
        assert_eq!(bench.ask(room, "two").await.seq, 2, "and it goes on");
    }

    #[tokio::test]
    async fn a_commit_of_unknown_fate_is_looked_up() {
        let bench = Bench::new();
        bench.hooks().pause_index();
        let room = bench.new_room("Ann").await;
        bench.hooks().blur_next_commit();
        assert_eq!(bench.ask(room, "one").await.seq, 1, "it had happened");
        assert_eq!(bench.head().change, 1);
        assert_eq!(bench.ask(room, "two").await.seq, 2);
    }

    #[tokio::test]
    async fn a_dead_writer_is_noticed_and_answers() {
        let bench = Bench::new();
        bench.hooks().kill_writer();
        let waiting = bench.canary();
        let (death, answer) = tokio::join!(
            tokio::time::timeout(std::time::Duration::from_secs(5), bench.writer_died()),
            waiting
        );
        death.expect("in time");
        assert_eq!(answer, Err(StoreError::Closed));
    }

    #[tokio::test]
    async fn a_closed_store_has_no_dead_writer() {
        let bench = Bench::new();
        bench.close().await;
        let died = tokio::time::timeout(std::time::Duration::from_millis(20), bench.writer_died());
        assert!(died.await.is_err(), "it was closed, it has not died");
    }

    #[tokio::test]
    async fn a_load_comes_behind_the_writes_before_it() {
        let bench = Bench::new();
        let room = bench.new_room("Ann").await;
        let hold = bench.hold().await;
        drop(bench.submit_op(room, RoomOp::Post(question("one"))));
        let (answer, answered) = tokio::sync::oneshot::channel();
        bench.load_room(
            room,
            Box::new(move |loaded| {
                let _ = answer.send(loaded);
            }),
        );
        drop(hold);
        let loaded = answered.await.expect("answered").expect("it loads");
        assert_eq!(loaded.expect("it is there").room.last_seq, 1);
    }

    #[tokio::test]
    async fn damage_is_remembered() {
        let bench = Bench::new();
        let room = bench.new_room("Ann").await;
        let corrupt = bench
            .write(|_| -> Result<(), super::super::failure::Trouble> {
                Err(rusqlite::Error::SqliteFailure(
                    rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
                    None,
                )
                .into())
            })
            .await;
        assert!(matches!(
            corrupt,
            Err(WriteError::Store(StoreError::Corrupt(_)))
        ));
        assert!(bench.damage().is_some());
        let refused = bench.apply(room, RoomOp::Post(question("hello"))).await;
        assert!(matches!(
            refused,
            Err(WriteError::Store(StoreError::Corrupt(_)))
        ));
        assert!(bench.room(room).await.is_ok(), "reading goes on");
    }
}
