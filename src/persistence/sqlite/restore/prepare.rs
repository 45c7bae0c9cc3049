//! The new database: the backup's rows without what has ended since it was made.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use uuid::Uuid;

use super::present::{self, Present};
use super::{remove_database, rewritten_path};
use crate::persistence::sqlite::copied_erasures::{
    finish_steps, mark_gone, merge_index, transact, vacuum_into,
};
use crate::persistence::sqlite::operations::erasures::repeat;
use crate::persistence::sqlite::operations::rewrite;
use crate::persistence::sqlite::tables::{audit, erasures};
use crate::persistence::sqlite::tx_error::{TxError, classify};
use crate::persistence::sqlite::{consistency, data_directory, schema};
use crate::persistence::{AuditAction, Erased, ErasedAgain, Principal, RestoreError};

/// The outcome of the preparation.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    /// What was read from the present database.
    pub(super) present: Present,
    /// What was erased from the backup.
    pub(super) erased_again: ErasedAgain,
}

/// Makes the error that names the file.
struct Blame<'p>(&'p Path);

impl Blame<'_> {
    fn io(&self, cause: io::Error) -> RestoreError {
        RestoreError::Io {
            path: self.0.to_owned(),
            cause,
        }
    }

    fn cause(&self, cause: String) -> RestoreError {
        RestoreError::Prepare {
            path: self.0.to_owned(),
            cause,
        }
    }

    fn sqlite(&self, error: &rusqlite::Error) -> RestoreError {
        self.cause(classify(error).to_string())
    }

    fn tx(&self, error: TxError) -> RestoreError {
        match error {
            TxError::Failed(error) => self.sqlite(&error),
            TxError::Refused(refusal) => self.cause(refusal.to_string()),
            TxError::Bug(bug) => self.cause(bug),
        }
    }
}

/// Makes the new database under the name `prepared`. What was erased is known from the present
/// database and from `erased`.
pub(super) fn prepare(
    backup: &Path,
    prepared: &Path,
    present: &Path,
    erased: &Erased,
) -> Result<Prepared, RestoreError> {
    let blame = Blame(prepared);
    copy(backup, prepared)?;
    let mut conn = open(prepared)?;
    schema::migrate(&mut conn).map_err(|error| blame.cause(schema::describe(&error)))?;
    let present = present::take_over(&conn, present).map_err(|error| blame.sqlite(&error))?;
    schema::begin_epoch(&conn).map_err(|error| blame.sqlite(&error))?;
    let mut all = erased.clone();
    all.extend(present.erased.clone().unwrap_or_default());
    let (erased_again, is_rewrite_due) =
        erase_again(&conn, &all).map_err(|error| blame.tx(error))?;
    transact(&conn, |tx| {
        let by = Some(Principal::CommandLine);
        Ok(audit::insert(tx, AuditAction::Restored, by, None)?)
    })
    .map_err(|error| blame.tx(error))?;
    if is_rewrite_due {
        conn = rewritten(conn, prepared)?;
    }
    let found = consistency::contradictions(&conn).map_err(|error| blame.sqlite(&error))?;
    if !found.is_empty() {
        return Err(blame.cause(found.join("; ")));
    }
    conn.close().map_err(|(_, error)| blame.sqlite(&error))?;
    File::open(prepared)
        .and_then(|file| file.sync_all())
        .map_err(|cause| blame.io(cause))?;
    Ok(Prepared {
        present,
        erased_again,
    })
}

fn copy(backup: &Path, prepared: &Path) -> Result<(), RestoreError> {
    let blame = Blame(prepared);
    remove_database(prepared).map_err(|cause| blame.io(cause))?;
    data_directory::create_database(prepared)?;
    let copied = File::open(backup).and_then(|mut source| {
        let mut target = File::options().write(true).open(prepared)?;
        io::copy(&mut source, &mut target)
    });
    copied.map(|_| ()).map_err(|cause| blame.io(cause))
}

fn open(prepared: &Path) -> Result<Connection, RestoreError> {
    let open = || {
        let conn = Connection::open(prepared)?;
        // It is fsynced as a whole before it becomes the database; if killed before, it is removed.
        conn.pragma_update(None, "synchronous", "OFF")?;
        Ok(conn)
    };
    open().map_err(|error| Blame(prepared).sqlite(&error))
}

/// Erases what was erased since the backup, and finishes what the backup had begun to erase. Also
/// returns whether bytes of any of it may be left in the file.
fn erase_again(conn: &Connection, erased: &Erased) -> Result<(ErasedAgain, bool), TxError> {
    let was_due = rewrite::is_due(conn)?;
    let id = Uuid::now_v7();
    let redacted = transact(conn, |tx| repeat::repeat(tx, id, erased))?;
    let mut again = ErasedAgain {
        redacted,
        ..ErasedAgain::default()
    };
    let was_begun = finish_steps(conn)?;
    if let Some(erasure) = erasures::by_id(conn, id)? {
        again.visitors = erasure.visitors;
        again.rooms = erasure.rooms;
    }
    let is_due = was_due || was_begun || again != ErasedAgain::default();
    if is_due {
        merge_index(conn)?;
    }
    // Ids that the backup did not have leave no bytes, either.
    mark_gone(conn)?;
    Ok((again, is_due))
}

/// Writes all of the database again, without what was deleted.
fn rewritten(conn: Connection, prepared: &Path) -> Result<Connection, RestoreError> {
    let blame = Blame(prepared);
    let target: PathBuf = rewritten_path(prepared);
    data_directory::create_database(&target)?;
    vacuum_into(&conn, &target).map_err(|error| blame.sqlite(&error))?;
    conn.close().map_err(|(_, error)| blame.sqlite(&error))?;
    std::fs::rename(&target, prepared).map_err(|cause| blame.io(cause))?;
    open(prepared)
}
