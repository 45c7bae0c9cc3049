//! Rewrites the file, so that no byte of what was deleted is left in it.
//!
//! A deleted row leaves its bytes behind: in pages that are free now, and where a page was split or
//! its rows were moved. `VACUUM` writes all that is left into new pages; with the write-ahead log
//! truncated after it, no old page exists any more. Nothing is committed while it runs, so whoever
//! asks for it chooses the moment. Reading goes on.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::persistence::sqlite::tx_error::classify;
use crate::persistence::{RewriteError, StoreError};

/// Bytes that have to stay free on the disk.
const SPARE_BYTES: u64 = 16 * 1024 * 1024;

/// What the writer is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Maintenance {
    /// Write all pages of the database again, through the log.
    Rewrite,
    /// Empty the log into the database.
    TruncateLog,
}

/// A request, and who waits for it.
pub(crate) struct MaintenanceRequest {
    pub(crate) what: Maintenance,
    /// The data directory: what is written in between must not go to a smaller disk.
    pub(crate) directory: PathBuf,
    pub(crate) done: Box<dyn FnOnce(Result<(), RewriteError>) + Send>,
}

/// Does what is asked on the writer's connection, outside of any transaction.
pub(crate) fn run(conn: &Connection, request: &MaintenanceRequest) -> Result<(), RewriteError> {
    match request.what {
        Maintenance::Rewrite => rewrite(conn, &request.directory),
        Maintenance::TruncateLog => truncate_log(conn),
    }
}

fn failed(error: rusqlite::Error) -> RewriteError {
    classify(&error).into()
}

fn rewrite(conn: &Connection, directory: &Path) -> Result<(), RewriteError> {
    check_space(conn, directory)?;
    conn.flush_prepared_statement_cache();
    // Savepoints keep their journal in memory, but here the whole database would go there.
    conn.pragma_update(None, "temp_store", "FILE")
        .map_err(failed)?;
    conn.pragma_update(
        None,
        "temp_store_directory",
        directory.display().to_string(),
    )
    .map_err(failed)?;
    let written = conn.execute_batch("VACUUM").map_err(failed);
    conn.pragma_update(None, "temp_store_directory", "")
        .map_err(failed)?;
    conn.pragma_update(None, "temp_store", "MEMORY")
        .map_err(failed)?;
    written
}

/// The database is written twice: into a file of its own, then into the log.
fn check_space(conn: &Connection, directory: &Path) -> Result<(), RewriteError> {
    let number = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pages = number("page_count").map_err(failed)? - number("freelist_count").map_err(failed)?;
    let bytes = pages * number("page_size").map_err(failed)?;
    let needed = 2 * u64::try_from(bytes).unwrap_or(0) + SPARE_BYTES;
    let disk = rustix::fs::statvfs(directory)
        .map_err(|error| StoreError::Unavailable(format!("the disk cannot be asked: {error}")))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free < needed {
        return Err(RewriteError::NoSpace { needed, free });
    }
    Ok(())
}

/// If somebody still reads the log, SQLite returns that as a row and not as an error.
fn truncate_log(conn: &Connection) -> Result<(), RewriteError> {
    let busy: bool = conn
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map_err(failed)?;
    if busy {
        return Err(RewriteError::LogInUse);
    }
    Ok(())
}
