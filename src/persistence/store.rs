use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot, watch};

use super::batch::Committer;
use super::connection::{Connector, make_private};
use super::failure::{Trouble, classify};
use super::job::{Job, Tx};
use super::live_rooms::LiveRooms;
use super::migrations::{damaged_part, foreign_schema, migrate, said};
use super::queue::{NotPut, Queue};
use super::reader::Readers;
use super::state::State;
use super::writer::{Life, Shared, Writer};
use super::{Completion, Head, OpenError, StoreError, StoreOptions, WriteError};

/// The first SQLite without the bug that a reset of the log could lose commits.
const SQLITE_VERSION_MIN: i32 = 3_051_003;
const DATABASE_FILE: &str = "shoptalk.db";
const LOCK_FILE: &str = "shoptalk.lock";

/// The one way to the database. Clones share it.
///
/// When the last one goes without [`close`](Self::close), what is queued is still
/// committed.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    readers: Arc<Readers>,
    epoch: String,
    thread: Option<JoinHandle<()>>,
    /// The thread is left alone when the last handle goes.
    abandoned: AtomicBool,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Store")
            .field("head", &self.head())
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Opens, locks, migrates. Blocking: call it before serving or in `spawn_blocking`.
    pub fn open(options: StoreOptions) -> Result<Self, OpenError> {
        make_directory(&options.data_dir)?;
        let lock = if options.exclusive {
            Some(lock(&options.data_dir)?)
        } else {
            None
        };
        let path = options.data_dir.join(DATABASE_FILE);
        let broken = |cause: String| OpenError::Database {
            path: path.clone(),
            cause,
        };
        let failed = |error: rusqlite::Error| broken(classify(&error).to_string());
        if rusqlite::version_number() < SQLITE_VERSION_MIN {
            return Err(broken(format!(
                "SQLite {} is too old; it takes 3.51.3",
                rusqlite::version()
            )));
        }
        make_private(&path)
            .and_then(|_| keep_names(&options.data_dir))
            .map_err(|cause| OpenError::Io {
                path: path.clone(),
                cause,
            })?;
        let connector = Connector {
            path: path.clone(),
            synchronous: options.synchronous,
        };
        let mut conn = connector.writer().map_err(failed)?;
        if options.exclusive {
            migrate(&mut conn).map_err(|error| broken(said(&error)))?;
        } else {
            migrate_unless_served(&mut conn, &options.data_dir, broken)?;
            // The server beside has its own time for it, and would wait meanwhile.
            conn.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))
                .map_err(failed)?;
        }
        let damaged = damaged_part(&conn).map_err(failed)?;
        let state = State::load(&conn).map_err(failed)?;
        let epoch = conn
            .query_row("SELECT epoch FROM state", [], |row| row.get(0))
            .map_err(failed)?;
        let shared = Arc::new(Shared {
            queue: Queue::new(options.queue_items),
            head: watch::Sender::new(state.head()),
            life: watch::Sender::new(Life::Running),
            damage: std::sync::OnceLock::new(),
            visitor_changes_left: Notify::new(),
            clock_back_ms: AtomicI64::new(0),
            metrics: std::sync::OnceLock::new(),
            #[cfg(test)]
            hooks: super::hooks::Hooks::default(),
        });
        if let Some(part) = damaged {
            shared.note(&StoreError::Corrupt(format!(
                "its {part} is not as it was made; stop the server and restore a backup"
            )));
        }
        let readers = Readers::open(&connector, options.readers, Arc::clone(&shared))
            .map_err(|error| broken(error.to_string()))?;
        let writer = Writer {
            shared: Arc::clone(&shared),
            committer: Committer {
                connector,
                conn: Some(conn),
                exclusive: options.exclusive,
                rooms: LiveRooms::default(),
                shared: Arc::clone(&shared),
            },
            batch_items: options.batch_items,
            // The tools leave the index to the server.
            behind: options.exclusive && state.indexed_change < state.change,
            backlog: true,
            indexed_at: Instant::now(),
            index_failed: Arc::default(),
            failing: false,
            _lock: lock,
        };
        let thread = std::thread::Builder::new()
            .name("shoptalk-writer".into())
            .spawn(move || writer.run())
            .map_err(|cause| OpenError::Io { path, cause })?;
        Ok(Self {
            inner: Arc::new(Inner {
                shared,
                readers: Arc::new(readers),
                epoch,
                thread: Some(thread),
                abandoned: AtomicBool::new(false),
            }),
        })
    }

    /// Dates what is written from now on by a clock that stands back by this. It fills a demo
    /// with a past; nothing is ordered by the clock.
    pub fn set_clock_back(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let clock = &self.inner.shared.clock_back_ms;
        clock.store(by_ms, Ordering::Relaxed);
    }

    /// Measures commits with these from now on. The first call counts.
    pub fn use_metrics(&self, metrics: super::StoreMetrics) {
        // A second server on the same store would be a mistake that counts nothing.
        let _ = self.inner.shared.metrics.set(metrics);
    }

    /// Commits what is queued, checkpoints (TRUNCATE), optimizes, ends the thread. Idempotent.
    pub async fn close(&self) {
        self.inner.shared.queue.close();
        let mut life = self.inner.shared.life.subscribe();
        // The sender lives in `inner`, so waiting cannot fail.
        let _ = life.wait_for(|life| *life != Life::Running).await;
    }

    /// Nobody will wait for the writer's thread: it hangs on a disk that does not answer, and ends
    /// with the process. What was acked is on the disk.
    pub fn abandon(&self) {
        self.inner.abandoned.store(true, Ordering::Relaxed);
    }

    /// Resolves when the writer has died without `close`.
    pub async fn writer_died(&self) {
        let mut life = self.inner.shared.life.subscribe();
        if life.wait_for(|life| *life == Life::Died).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The opaque string made with the database; seqs, versions and cursors of
    /// another one mean nothing.
    pub fn epoch(&self) -> &str {
        &self.inner.epoch
    }

    /// What the last commit left behind.
    pub fn head(&self) -> Head {
        *self.inner.shared.head.borrow()
    }

    /// Changes whenever `head()` does.
    pub fn watch_head(&self) -> watch::Receiver<Head> {
        self.inner.shared.head.subscribe()
    }

    /// Why writes are refused for good (damage), if they are.
    pub fn damage(&self) -> Option<String> {
        self.inner.shared.damage.get().cloned()
    }

    /// What the writer's thread shares.
    pub(super) fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    /// The connections that read.
    pub(super) fn readers(&self) -> &Arc<Readers> {
        &self.inner.readers
    }

    /// Queues a write; `done` is called with its outcome after its COMMIT, or at
    /// once when it cannot be queued. It finds all in the tables and may change all of
    /// them. It may be run more than once, each time after a rollback.
    pub(super) fn submit<T, F>(&self, mut action: F, done: Completion<T>)
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, Trouble> + Send + 'static,
    {
        self.submit_to_rooms(
            move |tx, rooms| {
                rooms.put_away(tx.conn)?;
                action(tx)
            },
            done,
        );
    }

    /// Like [`submit`](Self::submit), for writes that keep to the rules of [`LiveRooms`]
    /// themselves.
    pub(super) fn submit_to_rooms<T, F>(&self, action: F, done: Completion<T>)
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>, &mut LiveRooms) -> Result<T, Trouble> + Send + 'static,
    {
        let shared = &self.inner.shared;
        if let Some(damage) = shared.damage.get() {
            return done(Err(StoreError::Corrupt(damage.clone()).into()));
        }
        match shared.queue.put(Job::boxed(action, done)) {
            Ok(()) => {}
            Err(NotPut::Full(job)) => job.answer(Err(StoreError::Busy)),
            Err(NotPut::Closed(job)) => job.answer(Err(StoreError::Closed)),
        }
    }

    /// Queues a write and waits for its COMMIT.
    pub(super) async fn write<T, F>(&self, action: F) -> Result<T, WriteError>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T, Trouble> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.submit(
            action,
            Box::new(move |result| {
                // Whoever asked may have stopped waiting.
                let _ = answer.send(result);
            }),
        );
        answered.await.unwrap_or(Err(StoreError::Closed.into()))
    }

    /// Queues a write that nobody waits for. A failure is the writer's to log.
    pub(super) fn write_behind<F>(&self, action: F)
    where
        F: FnMut(&mut Tx<'_>) -> Result<(), Trouble> + Send + 'static,
    {
        self.submit(action, Box::new(|_| {}));
    }

    /// Failures on demand.
    #[cfg(test)]
    pub(crate) fn hooks(&self) -> &super::hooks::Hooks {
        &self.inner.shared.hooks
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.queue.close();
        // The last handle may go inside a completion, on the writer's own thread.
        if !self.abandoned.load(Ordering::Relaxed)
            && let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("the writer's thread has panicked");
        }
    }
}

/// Brings the schema up to date for a tool, unless a server runs: its schema is its own affair.
fn migrate_unless_served(
    conn: &mut rusqlite::Connection,
    data_dir: &Path,
    broken: impl Fn(String) -> OpenError,
) -> Result<(), OpenError> {
    match lock(data_dir) {
        Ok(_lock) => migrate(conn).map_err(|error| broken(said(&error))),
        Err(OpenError::Locked(_)) => match foreign_schema(conn) {
            Ok(None) => Ok(()),
            Ok(Some(found)) => Err(broken(format!(
                "a server of another version runs on it, or has not finished its upgrade \
                 (schema {found}); use the program of that version, or try again when it is ready"
            ))),
            Err(error) => Err(broken(said(&error))),
        },
        Err(error) => Err(error),
    }
}

fn make_directory(path: &Path) -> Result<(), OpenError> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|cause| OpenError::Io {
            path: path.to_owned(),
            cause,
        })
}

/// Makes sure that a power cut takes no file's name: a commit is on disk only if
/// the file is still found.
fn keep_names(directory: &Path) -> std::io::Result<()> {
    std::fs::File::open(directory)?.sync_all()?;
    // The directory's own name stands in its parent, which may be closed to us; then
    // it is older than this process.
    if let Some(parent) = directory.canonicalize()?.parent()
        && let Ok(parent) = std::fs::File::open(parent)
    {
        parent.sync_all()?;
    }
    Ok(())
}

fn lock(directory: &Path) -> Result<std::fs::File, OpenError> {
    let path = directory.join(LOCK_FILE);
    let failed = |cause| OpenError::Io {
        path: path.clone(),
        cause,
    };
    let file = make_private(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::Locked(directory.to_owned())),
        Err(std::fs::TryLockError::Error(cause)) => Err(failed(cause)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::*;
    use super::{DATABASE_FILE, LOCK_FILE};

    #[tokio::test]
    async fn files_are_private_and_the_directory_is_taken_once() {
        use std::os::unix::fs::PermissionsExt;
        let bench = Bench::new();
        for file in [DATABASE_FILE, LOCK_FILE, "shoptalk.db-wal"] {
            let path = bench.directory.path().join(file);
            let mode = std::fs::metadata(path).expect("it exists").permissions();
            assert_eq!(mode.mode() & 0o777, 0o600, "{file}");
        }
        assert!(matches!(
            Store::open(options(&bench.directory)),
            Err(OpenError::Locked(_))
        ));
        let epoch = bench.epoch().to_owned();
        bench.close().await;
        bench.close().await;
        assert_eq!(bench.canary().await, Err(StoreError::Closed));
        let again = Store::open(options(&bench.directory)).expect("the lock is free");
        assert_eq!(again.epoch(), epoch);
    }

    #[tokio::test]
    async fn what_is_no_database_is_not_opened_nor_touched() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(DATABASE_FILE);
        let text = "this is somebody's letter, not a database".repeat(100);
        std::fs::write(&path, &text).expect("it is written");
        let refused = Store::open(options(&directory)).expect_err("it is no database");
        assert!(
            refused.to_string().contains("restore a backup"),
            "{refused}"
        );
        assert_eq!(std::fs::read_to_string(path).expect("it is there"), text);
    }

    #[tokio::test]
    async fn a_schema_that_has_rotted_is_read_and_not_written() {
        let bench = Bench::new();
        let room = bench.new_room("Ann").await;
        bench.ask(room, "hello").await;
        let conn = rusqlite::Connection::open(bench.directory.path().join(DATABASE_FILE));
        let conn = conn.expect("it opens");
        // An operator's own index is none of our business.
        conn.execute_batch("CREATE INDEX own ON rooms (customer_email)")
            .expect("made");
        bench.close().await;
        let sound = Store::open(options(&bench.directory)).expect("it opens");
        assert_eq!(sound.damage(), None);
        drop(sound);
        for (right, wrong) in [
            ("USING fts5", "USING fus5"),
            ("detail = none", "detail = nonf"),
        ] {
            let change = |from: &str, to: &str| {
                conn.execute_batch(&format!(
                    "PRAGMA writable_schema = ON;
                     UPDATE sqlite_schema SET sql = replace(sql, '{from}', '{to}') WHERE name = 'search';
                     PRAGMA writable_schema = OFF;"
                ))
                .expect("changed");
            };
            change(right, wrong);
            let rotten = Store::open(options(&bench.directory)).expect("it can be read");
            let damage = rotten.damage().expect("it is noticed");
            assert!(damage.contains("table search"), "{damage}");
            let damaged = StoreError::Corrupt(damage);
            let read = rotten.room(room).await.expect("readable");
            assert_eq!(read.map(|record| record.room.last_seq), Some(1));
            let query = SearchQuery {
                words: "hello".into(),
                status: None,
                cursor: None,
                limit: 1,
            };
            assert_eq!(
                rotten.search(query).await.err(),
                Some(damaged.clone().into())
            );
            assert_eq!(rotten.canary().await, Err(damaged));
            drop(rotten);
            change(wrong, right);
        }
    }

    fn beside(bench: &Bench) -> Result<Store, OpenError> {
        Store::open(StoreOptions {
            exclusive: false,
            ..options(&bench.directory)
        })
    }

    #[tokio::test]
    async fn a_tool_leaves_the_servers_log_and_schema_alone() {
        let bench = Bench::new();
        bench.hooks().pause_index();
        let room = bench.new_room("Ann").await;
        bench.ask(room, "hello").await;
        let log = bench.directory.path().join("shoptalk.db-wal");
        let length = || std::fs::metadata(&log).expect("it is there").len();
        let before = length();
        let tool = beside(&bench).expect("it opens beside");
        tool.agents().await.expect("it reads");
        tool.close().await;
        drop(tool);
        assert_eq!(length(), before, "only the server moves its log");

        let conn = rusqlite::Connection::open(bench.directory.path().join(DATABASE_FILE))
            .expect("it opens");
        conn.pragma_update(None, "user_version", 1).expect("older");
        let refused = beside(&bench).expect_err("it would have to migrate");
        assert!(refused.to_string().contains("another version"), "{refused}");
        let version: i64 = conn
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .expect("it reads");
        assert_eq!(version, 1, "nothing was migrated");
    }

    #[tokio::test]
    async fn a_tool_beside_the_server_is_noticed() {
        let bench = Bench::new();
        let tool = beside(&bench).expect("it opens beside");
        let mut head = bench.watch_head();
        let new = NewAgent {
            username: "mia".into(),
            display_name: "Mia".into(),
            role: crate::chat::Role::Admin,
            password_hash: "x".into(),
        };
        tool.add_agent(new, Principal::CommandLine)
            .await
            .expect("it is added");
        let noticed = head.wait_for(|head| head.auth_version == 1);
        tokio::time::timeout(std::time::Duration::from_secs(60), noticed)
            .await
            .expect("in time")
            .expect("the store lives");
    }
}
