use crate::persistence::RuleSettings;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{Notify, oneshot, watch};

use crate::persistence::sqlite::connection::Connector;
use crate::persistence::sqlite::damage::Damage;
use crate::persistence::sqlite::data_directory::{self, DATABASE_FILE};
use crate::persistence::sqlite::operations::text_index;
use crate::persistence::sqlite::reader::Readers;
use crate::persistence::sqlite::schema;
use crate::persistence::sqlite::state::State;
use crate::persistence::sqlite::tables::live_rooms::LiveRooms;
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::{TxError, classify};
use crate::persistence::sqlite::writer::Writer;
use crate::persistence::sqlite::writer::batch::Committer;
use crate::persistence::sqlite::writer::channel::{WriterChannel, WriterStatus};
use crate::persistence::sqlite::writer::job::Job;
use crate::persistence::sqlite::writer::queue::{PutError, Queue};
use crate::persistence::{
    Completion, Head, OpenError, StoreError, StoreMetrics, StoreOptions, WriteError,
};

/// The first SQLite without the bug in which a reset of the write-ahead log could lose commits.
const SQLITE_VERSION_MIN: (i32, &str) = (3_051_003, "3.51.3");

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
    /// Opens, locks and migrates the database, and starts the writer's thread.
    pub(crate) fn open(options: &StoreOptions) -> Result<Self, OpenError> {
        data_directory::create(&options.data_dir)?;
        let lock = options
            .exclusive
            .then(|| data_directory::lock(&options.data_dir))
            .transpose()?;
        let path = options.data_dir.join(DATABASE_FILE);
        let broken = |cause: String| OpenError::Database {
            path: path.clone(),
            cause,
        };
        let failed = |error: rusqlite::Error| broken(classify(&error).to_string());
        let (version_min, name) = SQLITE_VERSION_MIN;
        if rusqlite::version_number() < version_min {
            return Err(broken(format!(
                "SQLite {} is too old: requires {name} or newer",
                rusqlite::version()
            )));
        }
        data_directory::create_database(&path)?;
        let connector = Connector {
            path: path.clone(),
            synchronous: options.synchronous,
        };
        let mut conn = connector.writer().map_err(failed)?;
        if options.exclusive {
            schema::migrate(&mut conn).map_err(|error| broken(schema::describe(&error)))?;
        } else {
            migrate_unless_served(&mut conn, options, broken)?;
            // The server beside it checkpoints in its own time, and would wait for this one.
            conn.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))
                .map_err(failed)?;
        }
        let damage = Arc::new(Damage::default());
        if let Some(part) = schema::damaged_part(&conn).map_err(failed)? {
            damage.record(&StoreError::Corrupt(format!(
                "its {part} is not as it was made; stop the server and restore a backup"
            )));
        }
        let epoch = schema::epoch(&conn).map_err(failed)?;
        let state = State::load(&conn).map_err(failed)?;
        let readers = Readers::open(&connector, options.readers, Arc::clone(&damage))
            .map_err(|error| broken(error.to_string()))?;
        let channel = Arc::new(WriterChannel {
            queue: Queue::new(options.queue_items),
            head: watch::Sender::new(state.head()),
            status: watch::Sender::new(WriterStatus::Running),
            damage,
            visitor_changes_left: Notify::new(),
            clock_back_ms: AtomicI64::new(0),
            metrics: std::sync::OnceLock::new(),
            #[cfg(test)]
            hooks: Default::default(),
        });
        let committer = Committer {
            connector,
            conn: Some(conn),
            exclusive: options.exclusive,
            rooms: LiveRooms::default(),
            rules: options.rules,
            channel: Arc::clone(&channel),
        };
        let thread = Writer::new(
            committer,
            options.batch_items,
            text_index::step,
            &state,
            lock,
        )
        .spawn()
        .map_err(|cause| OpenError::Io { path, cause })?;
        Ok(Self {
            inner: Arc::new(Inner {
                channel,
                readers: Arc::new(readers),
                epoch,
                rules: options.rules,
                thread: Some(thread),
                abandoned: AtomicBool::new(false),
            }),
        })
    }

    pub(crate) fn set_clock_back(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.channel().clock_back_ms.store(by_ms, Ordering::Relaxed);
    }

    pub(crate) fn use_metrics(&self, metrics: StoreMetrics) {
        // A second server on the same store would be a mistake that counts nothing.
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
        *self.channel().head.borrow()
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

    /// Failures on demand.
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

/// Brings the schema up to date for a tool, unless a server runs on it: then its schema is the
/// server's affair.
fn migrate_unless_served(
    conn: &mut Connection,
    options: &StoreOptions,
    broken: impl Fn(String) -> OpenError,
) -> Result<(), OpenError> {
    match data_directory::lock(&options.data_dir) {
        Ok(_lock) => schema::migrate(conn).map_err(|error| broken(schema::describe(&error))),
        Err(OpenError::Locked(_)) => match schema::other_version(conn) {
            Ok(None) => Ok(()),
            Ok(Some(found)) => Err(broken(format!(
                "a server of another version runs on it, or has not finished its upgrade \
                 (schema {found}); use the program of that version, or try again when the server \
                 is ready"
            ))),
            Err(error) => Err(broken(schema::describe(&error))),
        },
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use crate::persistence::sqlite::data_directory::{DATABASE_FILE, LOCK_FILE};
    use crate::persistence::testing::*;
    use crate::persistence::*;

    #[tokio::test]
    async fn files_are_private_and_the_directory_is_taken_once() {
        use std::os::unix::fs::PermissionsExt;
        let store = TestStore::new();
        for file in [DATABASE_FILE, LOCK_FILE, "shoptalk.db-wal"] {
            let path = store.directory.path().join(file);
            let mode = std::fs::metadata(path).expect("it exists").permissions();
            assert_eq!(mode.mode() & 0o777, 0o600, "{file}");
        }
        assert!(matches!(
            Store::open(options(&store.directory)),
            Err(OpenError::Locked(_))
        ));
        let epoch = store.epoch().to_owned();
        store.close().await;
        store.close().await;
        assert_eq!(store.canary().await, Err(StoreError::Closed));
        let again = Store::open(options(&store.directory)).expect("the lock is free");
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
        let store = TestStore::new();
        let room = store.new_room("Ann").await;
        store.post_as_visitor(room, "hello").await;
        let conn = rusqlite::Connection::open(store.directory.path().join(DATABASE_FILE));
        let conn = conn.expect("it opens");
        // An operator's own index is none of our business.
        conn.execute_batch("CREATE INDEX own ON rooms (customer_email)")
            .expect("made");
        store.close().await;
        let sound = Store::open(options(&store.directory)).expect("it opens");
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
            let rotten = Store::open(options(&store.directory)).expect("it can be read");
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

    fn beside(store: &TestStore) -> Result<Store, OpenError> {
        Store::open(StoreOptions {
            exclusive: false,
            ..options(&store.directory)
        })
    }

    #[tokio::test]
    async fn a_tool_leaves_the_servers_log_and_schema_alone() {
        let store = TestStore::new();
        store.sqlite().hooks().pause_index();
        let room = store.new_room("Ann").await;
        store.post_as_visitor(room, "hello").await;
        let log = store.directory.path().join("shoptalk.db-wal");
        let length = || std::fs::metadata(&log).expect("it is there").len();
        let before = length();
        let tool = beside(&store).expect("it opens beside");
        tool.agents().await.expect("it reads");
        tool.close().await;
        drop(tool);
        assert_eq!(length(), before, "only the server moves its log");

        let conn = rusqlite::Connection::open(store.directory.path().join(DATABASE_FILE))
            .expect("it opens");
        conn.pragma_update(None, "user_version", 1).expect("older");
        let refused = beside(&store).expect_err("it would have to migrate");
        assert!(refused.to_string().contains("another version"), "{refused}");
        let version: i64 = conn
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .expect("it reads");
        assert_eq!(version, 1, "nothing was migrated");
    }

    #[tokio::test]
    async fn a_tool_beside_the_server_is_noticed() {
        let store = TestStore::new();
        let tool = beside(&store).expect("it opens beside");
        let mut head = store.watch_head();
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
