use std::path::PathBuf;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::persistence::Synchronous;

/// Milliseconds that a connection waits for another process's lock.
const BUSY_TIMEOUT_MS: u64 = 5_000;
/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 64;
/// Pages of 4 KiB in the write-ahead log before a commit checkpoints them into the database. Ten
/// times SQLite's default: commits that checkpoint are the slowest, so there are fewer of them.
const WAL_AUTOCHECKPOINT_PAGES: u32 = 10_000;
/// Bytes that the write-ahead log may keep between checkpoints.
const JOURNAL_SIZE_LIMIT_BYTES: u32 = 64 * 1024 * 1024;

/// KiB of pages that the writer keeps. The text index merges more than SQLite's default
/// of 2 MiB holds, and would read it back from the log each time; taken only when used.
const WRITER_CACHE_KIB: i64 = 16 * 1024;

/// Opens connections that are all set up alike.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    /// The database's file.
    pub(crate) path: PathBuf,
    /// Whether a commit waits until it is on disk.
    pub(crate) synchronous: Synchronous,
}

impl Connector {
    /// A connection that writes.
    pub(crate) fn writer(&self) -> rusqlite::Result<Connection> {
        let conn = Connection::open_with_flags(
            &self.path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        // The busy timeout comes first: even the change to WAL may have to wait.
        conn.busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS))?;
        conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        let synchronous = match self.synchronous {
            Synchronous::Full => "FULL",
            Synchronous::Normal => "NORMAL",
        };
        conn.pragma_update(None, "synchronous", synchronous)?;
        conn.pragma_update(None, "foreign_keys", true)?;
        // Negative means KiB rather than pages.
        conn.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
        // What is deleted is overwritten where that costs no further page. By itself it proves nothing:
        // a page that was split keeps copies. Erasing somebody rewrites the file.
        conn.pragma_update_and_check(None, "secure_delete", "FAST", |_| Ok(()))?;
        // Savepoints keep their rollback journal in memory; on disk it would be written for
        // every item of a batch.
        conn.pragma_update(None, "temp_store", "MEMORY")?;
        conn.pragma_update_and_check(None, "journal_size_limit", JOURNAL_SIZE_LIMIT_BYTES, |_| {
            Ok(())
        })?;
        conn.pragma_update_and_check(None, "wal_autocheckpoint", WAL_AUTOCHECKPOINT_PAGES, |_| {
            Ok(())
        })?;
        conn.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(conn)
    }
}

/// How a connection that reads is opened.
pub(crate) fn reader_flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// Sets up a connection that reads.
pub(crate) fn prepare_reader(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS))?;
    conn.pragma_update(None, "query_only", true)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}
