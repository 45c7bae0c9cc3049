//! A copy of the database, made by the writer's own connection between two commits.
//!
//! What is committed meanwhile through the same connection reaches the copy, too, so the copy is
//! finished after one walk over the pages, however busy the server is. A copy through another
//! connection would start again at every commit, and a read transaction over the whole database
//! would keep the write-ahead log from being reset.

use std::path::PathBuf;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use tokio::sync::watch;

use crate::persistence::sqlite::tx_error::classify;
use crate::persistence::{CopyError, CopyProgress, StoreError};

/// Pages copied between two commits: one MiB, some milliseconds at most.
const STEP_PAGES: i32 = 256;

/// A copy that is to be made.
pub(crate) struct CopyRequest {
    /// An empty file. The caller makes it, so that its mode is right from the beginning.
    pub(crate) target: PathBuf,
    /// How far it is. The copy is given up when nobody watches any more.
    pub(crate) progress: watch::Sender<CopyProgress>,
    /// Gets the outcome. The target is not fsynced yet.
    pub(crate) done: Box<dyn FnOnce(Result<(), CopyError>) + Send>,
}

/// A connection to the target that keeps no journal: until the copy is complete, the file is
/// nothing.
pub(crate) fn open_target(request: &CopyRequest) -> Result<Connection, StoreError> {
    let open = || -> rusqlite::Result<Connection> {
        // Whoever asks may have given up and removed the file: it is not to be made again.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(&request.target, flags)?;
        conn.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(()))?;
        conn.pragma_update(None, "synchronous", "OFF")?;
        Ok(conn)
    };
    open().map_err(|error| classify(&error))
}

/// Copies the next pages. Returns whether the copy is complete.
pub(crate) fn step(backup: &Backup<'_, '_>, request: &CopyRequest) -> Result<bool, CopyError> {
    if request.progress.is_closed() {
        return Err(CopyError::Cancelled);
    }
    let step = backup.step(STEP_PAGES).map_err(|error| classify(&error))?;
    let progress = backup.progress();
    let pages = |count: i32| u64::try_from(count).unwrap_or(0);
    request.progress.send_replace(CopyProgress {
        pages_done: pages(progress.pagecount - progress.remaining),
        pages_total: pages(progress.pagecount),
    });
    match step {
        StepResult::Done => Ok(true),
        // A tool holds the lock for the time of its commit.
        StepResult::More | StepResult::Busy | StepResult::Locked => Ok(false),
        other => Err(StoreError::Internal(format!("a copy ended with {other:?}")).into()),
    }
}
