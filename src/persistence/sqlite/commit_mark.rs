//! How many commits the database has seen, in a small file beside it.
//!
//! A copy of an older database that somebody puts in the place of the present one has seen fewer,
//! or is of another epoch. Its seqs would be given a second time, and clients would take other
//! messages for those that they have; so it gets a new epoch, as after a restore.
//!
//! The file is written at most once a second and when the server ends, without an fsync, and always
//! after the commits that it counts. So it may lag behind the database, and never runs ahead of it.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::chat::Timestamp;
use crate::persistence::OpenError;
use crate::persistence::sqlite::data_directory::DATABASE_FILE;
use crate::persistence::sqlite::schema;
use crate::persistence::sqlite::state::State;
use crate::persistence::sqlite::tx_error::classify;

/// The file's name in the data directory.
pub(crate) const MARK_FILE: &str = "shoptalk.commits";
/// The time between two writes of it.
const INTERVAL: Duration = Duration::from_secs(1);
/// The byte of a database's header for the kind of its journal, and the value for a rollback
/// journal. A live database has a write-ahead log, a backup does not.
const JOURNAL_BYTE: u64 = 18;
const ROLLBACK_JOURNAL: u8 = 1;

/// The open file.
#[derive(Debug)]
pub(crate) struct CommitMark {
    file: File,
    epoch: String,
    written: Option<(u64, Instant)>,
}

impl CommitMark {
    /// Opens the mark of a database that has this epoch from now on.
    pub(crate) fn open(data_dir: &Path, epoch: String) -> io::Result<Self> {
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(data_dir.join(MARK_FILE))?;
        Ok(Self {
            file,
            epoch,
            written: None,
        })
    }

    /// Notes the number of commits, if the last time was long enough ago.
    pub(crate) fn note(&mut self, commits: u64) {
        match self.written {
            Some((written, at)) if written == commits || at.elapsed() < INTERVAL => {}
            _ => self.write(commits),
        }
    }

    /// Notes the number of commits.
    pub(crate) fn write(&mut self, commits: u64) {
        // In place and always as long: a write of a few bytes is not torn in practice, and a
        // file that cannot be read counts as missing.
        let line = format!("{} {commits:020}\n", self.epoch);
        if let Err(error) = self.file.write_all_at(line.as_bytes(), 0) {
            tracing::debug!(%error, "cannot write {MARK_FILE}");
        }
        self.written = Some((commits, Instant::now()));
    }
}

/// Reads the file: the epoch and the commits.
fn read(data_dir: &Path) -> Option<(String, u64)> {
    let text = std::fs::read_to_string(data_dir.join(MARK_FILE)).ok()?;
    let (epoch, commits) = text.strip_suffix('\n')?.split_once(' ')?;
    Some((epoch.to_owned(), commits.parse().ok()?))
}

/// Forgets the mark, before another database takes the place.
pub(crate) fn remove(data_dir: &Path) -> io::Result<()> {
    match std::fs::remove_file(data_dir.join(MARK_FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The signs that a database was put in the place of another one by hand.
#[derive(Debug, PartialEq, Eq)]
enum Replaced {
    /// It is a backup, as `shoptalk backup` made it.
    Backup,
    /// It belongs to another epoch than the one that ran here last.
    OtherEpoch,
    /// It lacks commits that were made here.
    Older { commits: u64, known: u64 },
}

impl std::fmt::Display for Replaced {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Backup => out.write_str("it is a backup"),
            Self::OtherEpoch => out.write_str("its epoch is another one than that of the last run"),
            Self::Older { commits, known } => {
                write!(out, "it has seen {commits} commits of {known}")
            }
        }
    }
}

fn replaced(
    known: Option<(String, u64)>,
    epoch: &str,
    commits: u64,
    is_backup: bool,
) -> Option<Replaced> {
    if is_backup {
        return Some(Replaced::Backup);
    }
    let (known_epoch, known) = known?;
    if known_epoch != epoch {
        return Some(Replaced::OtherEpoch);
    }
    (commits < known).then_some(Replaced::Older { commits, known })
}

/// Gives a database that was put here by hand a new epoch. The caller holds the directory's lock.
pub(crate) fn notice_replacement(conn: &Connection, data_dir: &Path) -> Result<(), OpenError> {
    let path = data_dir.join(DATABASE_FILE);
    let failed = |error: rusqlite::Error| OpenError::Database {
        path: path.clone(),
        cause: classify(&error).to_string(),
    };
    let is_backup = conn
        .table_exists(Some("main"), "backup_manifest")
        .map_err(failed)?;
    let epoch = schema::epoch(conn).map_err(failed)?;
    let commits = State::load(conn).map_err(failed)?.commits();
    let Some(replaced) = replaced(read(data_dir), &epoch, commits, is_backup) else {
        return Ok(());
    };
    schema::begin_epoch(conn).map_err(failed)?;
    tracing::warn!(
        "the database was replaced by another file ({replaced}): it gets a new epoch, so that clients load their \
         conversations again, and agents sign in again; `shoptalk restore` also keeps what has ended since the backup"
    );
    Ok(())
}

/// Sets a write-ahead log aside that belongs to the file which a backup was put in the place of:
/// SQLite would write its pages into the backup.
pub(crate) fn set_foreign_log_aside(data_dir: &Path) -> io::Result<()> {
    let database = data_dir.join(DATABASE_FILE);
    let log = PathBuf::from(format!("{}-wal", database.display()));
    if !std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        return Ok(());
    }
    let mut journal = [0];
    let read =
        File::open(&database).and_then(|file| file.read_exact_at(&mut journal, JOURNAL_BYTE));
    if read.is_err() || journal[0] != ROLLBACK_JOURNAL {
        return Ok(());
    }
    let now = Timestamp::now().to_string().replace(':', "-");
    let aside = data_dir.join(format!("{DATABASE_FILE}-wal.set-aside-{now}"));
    std::fs::rename(&log, &aside)?;
    File::open(data_dir)?.sync_all()?;
    tracing::warn!(
        log = %aside.display(),
        "a backup was put in the place of the database while its write-ahead log was there: the log was set aside"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tokio::sync::watch;

    use super::*;
    use crate::chat::RoomId;
    use crate::persistence::testing::*;
    use crate::persistence::*;

    #[test]
    fn an_older_database_is_noticed_by_its_epoch_and_its_commits() {
        let known = |epoch: &str, commits| Some((epoch.to_owned(), commits));
        assert_eq!(replaced(None, "a", 5, false), None);
        assert_eq!(replaced(known("a", 5), "a", 5, false), None);
        assert_eq!(
            replaced(known("a", 4), "a", 5, false),
            None,
            "the file lags behind"
        );
        let older = Replaced::Older {
            commits: 5,
            known: 6,
        };
        assert_eq!(replaced(known("a", 6), "a", 5, false), Some(older));
        assert_eq!(
            replaced(known("b", 1), "a", 5, false),
            Some(Replaced::OtherEpoch)
        );
        assert_eq!(replaced(None, "a", 5, true), Some(Replaced::Backup));
    }

    /// A closed store with a room of `messages`, and a session of an agent.
    async fn closed(messages: u64) -> (tempfile::TempDir, RoomId, String) {
        let store = TestStore::in_sqlite();
        let room = store.new_room("Ann").await;
        for _ in 0..messages {
            store.post_as_visitor(room, "hello").await;
        }
        let epoch = store.epoch().to_owned();
        let TestStore {
            store, directory, ..
        } = store;
        store.close().await;
        (directory, room, epoch)
    }

    #[tokio::test]
    async fn an_older_copy_gets_a_new_epoch_once() {
        let (directory, room, epoch) = closed(1).await;
        let path = directory.path().join(DATABASE_FILE);
        let copy = std::fs::read(&path).expect("read");
        let store = Store::open(options(&directory)).expect("it opens");
        assert_eq!(store.epoch(), epoch, "an ordinary restart");
        let store = TestStore::opened(store, directory);
        store.post_as_visitor(room, "more").await;
        let TestStore {
            store, directory, ..
        } = store;
        store.close().await;
        let mark = directory.path().join(MARK_FILE);
        let mode = mark.metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(&path, copy).expect("put there by hand");
        let store = Store::open(options(&directory)).expect("it opens");
        let new = store.epoch().to_owned();
        assert_ne!(new, epoch, "clients notice");
        assert_eq!(store.room_head(room).await, Ok(Some(1)));
        store.close().await;
        let store = Store::open(options(&directory)).expect("it opens");
        assert_eq!(store.epoch(), new, "and only once");
        store.close().await;
        std::fs::write(&mark, "").expect("a power cut");
        let store = Store::open(options(&directory)).expect("it opens");
        assert_eq!(store.epoch(), new, "a file that says nothing is no reason");
    }

    #[tokio::test]
    async fn a_backup_put_there_by_hand_beside_an_old_log_is_taken_as_it_is() {
        let store = TestStore::in_sqlite();
        let room = store.new_room("Ann").await;
        store.post_as_visitor(room, "before").await;
        let backup = store.directory.path().join("backup.db");
        File::create(&backup).expect("it is made");
        let (progress, _watched) = watch::channel(CopyProgress::default());
        store
            .copy_to(backup.clone(), progress)
            .await
            .expect("copied");
        seal_backup(&backup).expect("sealed");
        store.post_as_visitor(room, "after").await;
        let epoch = store.epoch().to_owned();
        let path = store.directory.path().join(DATABASE_FILE);
        let wal = PathBuf::from(format!("{}-wal", path.display()));
        let log = std::fs::read(&wal).expect("there is a log");
        assert!(!log.is_empty());
        let TestStore {
            store, directory, ..
        } = store;
        store.close().await;
        // As after a kill.
        std::fs::write(&wal, log).expect("written");
        std::fs::copy(&backup, &path).expect("put there by hand");
        let store = Store::open(options(&directory)).expect("it opens");
        assert_ne!(store.epoch(), epoch);
        assert_eq!(store.damage(), None);
        assert_eq!(store.room_head(room).await, Ok(Some(1)));
        // A backup of it is made like any other.
        let again = directory.path().join("again.db");
        File::create(&again).expect("it is made");
        let (progress, _watched) = watch::channel(CopyProgress::default());
        store
            .copy_to(again.clone(), progress)
            .await
            .expect("copied");
        seal_backup(&again).expect("sealed");
        assert_eq!(verify_backup(&again).expect("sound").messages, 1);
    }
}
