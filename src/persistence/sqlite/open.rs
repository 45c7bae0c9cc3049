use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use crate::persistence::sqlite::commit_mark::{self, CommitMark};
use crate::persistence::sqlite::connection::Connector;
use crate::persistence::sqlite::damage::Damage;
use crate::persistence::sqlite::data_directory::{self, DATABASE_FILE};
use crate::persistence::sqlite::moved::Moved;
use crate::persistence::sqlite::operations::text_index;
use crate::persistence::sqlite::reader::Readers;
use crate::persistence::sqlite::restore;
use crate::persistence::sqlite::schema;
use crate::persistence::sqlite::state::State;
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::live_rooms::LiveRooms;
use crate::persistence::sqlite::tx_error::classify;
use crate::persistence::sqlite::upgrade::upgrade;
use crate::persistence::sqlite::writer::Writer;
use crate::persistence::sqlite::writer::batch::Committer;
use crate::persistence::sqlite::writer::channel::WriterChannel;
use crate::persistence::{OpenError, StoreError, StoreOptions};

/// The first SQLite without the bug in which a reset of the write-ahead log could lose commits.
const SQLITE_VERSION_MIN: (i32, &str) = (3_051_003, "3.51.3");

impl SqliteStore {
    /// Opens, locks and migrates the database, and starts the writer's thread.
    pub(crate) fn open(options: &StoreOptions) -> Result<Self, OpenError> {
        data_directory::create(&options.data_dir)?;
        let lock = options
            .exclusive
            .then(|| data_directory::lock(&options.data_dir))
            .transpose()?;
        Moved::check(&options.data_dir)?;
        let path = options.data_dir.join(DATABASE_FILE);
        if lock.is_some() {
            restore::finish_exchange(&options.data_dir)
                .and_then(|()| commit_mark::set_foreign_log_aside(&options.data_dir))
                .map_err(|cause| OpenError::Io {
                    path: path.clone(),
                    cause,
                })?;
        }
        check_sqlite_version(&path)?;
        data_directory::create_database(&path)?;
        let connector = Connector {
            path: path.clone(),
            synchronous: options.synchronous,
        };
        let failed = |error| failed_with(&path, &error);
        let mut conn = connector.writer().map_err(failed)?;
        bring_up_to_date(&mut conn, options, &path)?;
        if options.exclusive {
            commit_mark::notice_replacement(&conn, &options.data_dir)?;
        }
        let epoch = schema::epoch(&conn).map_err(failed)?;
        let state = State::load(&conn).map_err(failed)?;
        let damage = Arc::new(find_damage(&conn, &state).map_err(failed)?);
        let mark = options
            .exclusive
            .then(|| CommitMark::open(&options.data_dir, epoch.clone()))
            .transpose()
            .map_err(|cause| OpenError::Io {
                path: path.clone(),
                cause,
            })?;
        let readers = Readers::open(&connector, options.readers, Arc::clone(&damage))
            .map_err(|error| broken(&path, error.to_string()))?;
        let channel = Arc::new(WriterChannel::new(options.queue_items, &state, damage));
        let committer = Committer {
            connector,
            conn: Some(conn),
            exclusive: options.exclusive,
            rooms: LiveRooms::default(),
            rules: options.rules,
            channel: Arc::clone(&channel),
        };
        let index = text_index::step;
        let thread = Writer::new(committer, options.batch_items, index, &state, lock, mark)
            .spawn()
            .map_err(|cause| OpenError::Io { path, cause })?;
        let rules = options.rules;
        Ok(Self::new(channel, readers, epoch, rules, thread))
    }
}

/// Damage that shows at the start: writes are refused then, and reading goes on.
fn find_damage(conn: &Connection, state: &State) -> rusqlite::Result<Damage> {
    let damage = Damage::default();
    if let Some(part) = schema::damaged_part(conn)? {
        damage.record(&StoreError::Corrupt(format!(
            "its {part} is not as it was made; stop the server and restore a backup"
        )));
    }
    if state.lags_behind(conn)? {
        damage.record(&StoreError::Corrupt(
            "its table state is older than its messages; stop the server and restore a backup"
                .into(),
        ));
    }
    Ok(damage)
}

fn broken(path: &Path, cause: String) -> OpenError {
    OpenError::Database {
        path: path.to_owned(),
        cause,
    }
}

fn failed_with(path: &Path, error: &rusqlite::Error) -> OpenError {
    broken(path, classify(error).to_string())
}

fn check_sqlite_version(path: &Path) -> Result<(), OpenError> {
    let (version_min, name) = SQLITE_VERSION_MIN;
    if rusqlite::version_number() >= version_min {
        return Ok(());
    }
    let found = rusqlite::version();
    let cause = format!("SQLite {found} is too old: requires {name} or newer");
    Err(broken(path, cause))
}

/// Migrates the schema. A tool leaves that to a server that runs on the same directory, and
/// never checkpoints: the server does so in its own time, and would wait for the tool.
fn bring_up_to_date(
    conn: &mut Connection,
    options: &StoreOptions,
    path: &Path,
) -> Result<(), OpenError> {
    if options.exclusive {
        return upgrade(conn, options);
    }
    let migration_failed = |error| broken(path, schema::describe(&error));
    match data_directory::try_lock(&options.data_dir) {
        Ok(_lock) => upgrade(conn, options)?,
        Err(OpenError::Locked(_)) => {
            if let Some(found) = schema::other_version(conn).map_err(migration_failed)? {
                return Err(broken(
                    path,
                    format!(
                        "a server of another version runs on it, or has not finished its upgrade \
                         (schema {found}); use the program of that version, or try again when \
                         the server is ready"
                    ),
                ));
            }
        }
        Err(error) => return Err(error),
    }
    conn.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))
        .map_err(|error| failed_with(path, &error))
}

#[cfg(test)]
mod tests {
    use crate::persistence::sqlite::data_directory::{DATABASE_FILE, LOCK_FILE};
    use crate::persistence::testing::*;
    use crate::persistence::*;

    #[tokio::test]
    async fn files_are_private_and_the_directory_is_taken_once() {
        use std::os::unix::fs::PermissionsExt;
        let store = TestStore::in_sqlite();
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
        assert_eq!(store.write_canary().await, Err(StoreError::Closed));
        let again = Store::open(options(&store.directory)).expect("the lock is free");
        assert_eq!(again.epoch(), epoch);
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_neither_opened_nor_changed() {
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
    async fn numbers_that_were_given_are_not_given_again() {
        let store = TestStore::in_sqlite();
        let room = store.new_room("Ann").await;
        store.post_as_visitor(room, "hello").await;
        let conn = rusqlite::Connection::open(store.directory.path().join(DATABASE_FILE));
        let conn = conn.expect("it opens");
        store.close().await;
        for lag in ["n = 0", "change = 0"] {
            conn.execute_batch(&format!(
                "CREATE TABLE kept AS SELECT * FROM state; UPDATE state SET {lag}"
            ))
            .expect("it lags behind");
            let lagging = Store::open(options(&store.directory)).expect("it can be read");
            let damage = lagging.damage().expect("it is noticed");
            assert!(damage.contains("table state"), "{lag}: {damage}");
            assert_eq!(lagging.room_head(room).await, Ok(Some(1)));
            drop(lagging);
            conn.execute_batch(
                "DELETE FROM state; INSERT INTO state SELECT * FROM kept; DROP TABLE kept",
            )
            .expect("mended");
        }
        let sound = Store::open(options(&store.directory)).expect("it opens");
        assert_eq!(sound.damage(), None);
        drop(sound);
        conn.execute_batch("DELETE FROM state").expect("it is lost");
        let refused = Store::open(options(&store.directory)).expect_err("it is refused");
        assert!(
            refused.to_string().contains("table state is empty")
                && refused.to_string().contains("restore a backup"),
            "{refused}"
        );
    }

    #[tokio::test]
    async fn a_database_with_a_damaged_schema_is_read_and_not_written() {
        let store = TestStore::in_sqlite();
        let room = store.new_room("Ann").await;
        store.post_as_visitor(room, "hello").await;
        let conn = rusqlite::Connection::open(store.directory.path().join(DATABASE_FILE));
        let conn = conn.expect("it opens");
        // An operator may have added an index.
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
            let damaged_store = Store::open(options(&store.directory)).expect("it can be read");
            let damage = damaged_store.damage().expect("it is noticed");
            assert!(damage.contains("table search"), "{damage}");
            let damaged = StoreError::Corrupt(damage);
            let read = damaged_store.room(room).await.expect("readable");
            assert_eq!(read.map(|record| record.room.last_seq), Some(1));
            let query = SearchQuery {
                words: "hello".into(),
                status: None,
                filter: Default::default(),
                cursor: None,
                limit: 1,
            };
            assert_eq!(
                damaged_store.search(query).await.err(),
                Some(damaged.clone().into())
            );
            assert_eq!(damaged_store.write_canary().await, Err(damaged));
            drop(damaged_store);
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
        let store = TestStore::in_sqlite();
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
        let store = TestStore::in_sqlite();
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
