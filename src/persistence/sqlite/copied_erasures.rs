//! What was erased leaves a copy of the database, before the copy becomes a backup.
//!
//! A copy has the pages of the database as they are: an erasure may be in the middle, and until the
//! rewrite the bytes of what was erased are in free pages and in the text index. Here nobody waits
//! for the file, so it is done at once.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::chat::Timestamp;
use crate::persistence::sqlite::backup_file::sqlite;
use crate::persistence::sqlite::operations::erasures::step;
use crate::persistence::sqlite::operations::rewrite;
use crate::persistence::sqlite::state::State;
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::TxError;
use crate::persistence::{BackupError, RuleSettings};

/// Finishes in a copy what was begun to be erased. Returns whether bytes of anything erased may be
/// left in it; then [`rewrite_copy`] makes one without them.
pub fn finish_erasures_in_copy(copy: &Path) -> Result<bool, BackupError> {
    let finish = || -> Result<bool, TxError> {
        let conn = open(copy)?;
        let was_due = rewrite::is_due(&conn)?;
        let is_due = finish_steps(&conn)? || was_due;
        conn.close().map_err(|(_, error)| error)?;
        Ok(is_due)
    };
    finish().map_err(|error| failed(copy, error))
}

/// Writes a copy again into `target`, an empty file, without the bytes of what was erased.
pub fn rewrite_copy(copy: &Path, target: &Path) -> Result<(), BackupError> {
    let rewrite = || -> Result<(), TxError> {
        let conn = open(copy)?;
        merge_index(&conn)?;
        mark_gone(&conn)?;
        vacuum_into(&conn, target)?;
        Ok(conn.close().map_err(|(_, error)| error)?)
    };
    rewrite().map_err(|error| failed(copy, error))
}

fn open(copy: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(copy, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // The copy's header still has journal mode WAL, which would need a second file.
    conn.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    conn.pragma_update(None, "synchronous", "OFF")?;
    Ok(conn)
}

fn failed(copy: &Path, error: TxError) -> BackupError {
    let cause = match error {
        TxError::Failed(error) => return sqlite(copy, &error),
        TxError::Refused(refusal) => refusal.to_string(),
        TxError::Bug(bug) => bug,
    };
    BackupError::Unreadable {
        path: copy.to_owned(),
        cause,
    }
}

/// Does what is left of erasures. Returns whether anything was.
pub(super) fn finish_steps(conn: &Connection) -> Result<bool, TxError> {
    let mut was_begun = false;
    while transact(conn, step)?.is_some() {
        was_begun = true;
    }
    Ok(was_begun)
}

/// Merges the text index, so that it has no word of what was erased.
pub(super) fn merge_index(conn: &Connection) -> Result<(), TxError> {
    let mut pages = -rewrite::MERGE_PAGES;
    while transact(conn, |tx| rewrite::merge(tx, pages))? {
        pages = rewrite::MERGE_PAGES;
    }
    Ok(())
}

/// Records that the bytes of what was erased are gone: they are, once the file is written again.
pub(super) fn mark_gone(conn: &Connection) -> Result<(), TxError> {
    let covered = rewrite::covered(conn)?;
    transact(conn, |tx| rewrite::mark(tx, &covered))?;
    Ok(())
}

/// Writes all rows into `target`, an empty file.
pub(super) fn vacuum_into(conn: &Connection, target: &Path) -> rusqlite::Result<()> {
    conn.execute("VACUUM INTO ?1", [target.display().to_string()])?;
    Ok(())
}

/// Runs one transaction, as the writer does. After an error the file is not used any more.
pub(super) fn transact<T>(
    conn: &Connection,
    work: impl FnOnce(&mut Tx<'_>) -> Result<T, TxError>,
) -> Result<T, TxError> {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    let mut tx = Tx {
        conn,
        state: State::load(conn)?,
        now: Timestamp::now(),
        rules: RuleSettings::default(),
        visitor_changes_pending: false,
    };
    let done = work(&mut tx)?;
    tx.state.save(conn)?;
    conn.execute_batch("COMMIT")?;
    Ok(done)
}
