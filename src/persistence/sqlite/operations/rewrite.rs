//! Removes every byte of what was erased from the file.
//!
//! The text index keeps the words of deleted messages until its segments are merged, so it is merged
//! into one, in steps between other writes. Then the file is rewritten and its log emptied
//! (`writer/rewrite.rs`). What was erased before all this began is gone then.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use crate::chat::Timestamp;
use crate::persistence::sqlite::codes::uint;
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::TxError;
use crate::persistence::sqlite::writer::rewrite::{Maintenance, MaintenanceRequest};
use crate::persistence::{ErasureId, RewriteError, StoreError, WriteError};

/// Pages of the text index that one step merges: some tens of milliseconds.
pub(crate) const MERGE_PAGES: i64 = 500;
/// How often the log is tried while somebody reads it; each try waits for the busy timeout.
const TRUNCATE_TRIES: u32 = 20;
/// The pause between two tries, in which writes go on.
const TRUNCATE_PAUSE: Duration = Duration::from_millis(100);

/// The erasures that a rewrite covers if it begins now.
pub(crate) struct Covered {
    erasures: Vec<ErasureId>,
    redactions: Vec<(i64, i64)>,
}

impl SqliteStore {
    pub(crate) async fn is_rewrite_due(&self) -> Result<bool, StoreError> {
        self.readers().read(is_due).await
    }

    pub(crate) async fn database_bytes(&self) -> Result<u64, StoreError> {
        self.readers()
            .read(|conn| {
                conn.query_row(
                    "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
                    [],
                    |row| uint(row, 0),
                )
            })
            .await
    }

    pub(crate) async fn rewrite(&self, data_dir: PathBuf) -> Result<Timestamp, RewriteError> {
        let covered = self.readers().read(covered).await?;
        let mut pages = -MERGE_PAGES;
        while self
            .write(move |tx| merge(tx, pages))
            .await
            .map_err(store_error)?
        {
            pages = MERGE_PAGES;
        }
        self.maintain(Maintenance::Rewrite, data_dir.clone())
            .await?;
        let mut tries = 1;
        loop {
            match self
                .maintain(Maintenance::TruncateLog, data_dir.clone())
                .await
            {
                Err(RewriteError::LogInUse) if tries < TRUNCATE_TRIES => {
                    tries += 1;
                    tokio::time::sleep(TRUNCATE_PAUSE).await;
                }
                other => break other?,
            }
        }
        let marked = self.write(move |tx| mark(tx, &covered)).await;
        Ok(marked.map_err(store_error)?)
    }

    async fn maintain(&self, what: Maintenance, directory: PathBuf) -> Result<(), RewriteError> {
        let (reply, replied) = oneshot::channel();
        self.channel().request_maintenance(MaintenanceRequest {
            what,
            directory,
            done: Box::new(move |done| {
                // The caller may have stopped waiting.
                let _ = reply.send(done);
            }),
        })?;
        // An idle writer looks for a request after its next batch: this is one.
        self.write_behind(|_| Ok(()));
        replied.await.unwrap_or(Err(StoreError::Closed.into()))
    }
}

fn store_error(error: WriteError) -> StoreError {
    match error {
        WriteError::Store(error) => error,
        WriteError::Refused(refusal) => StoreError::Internal(refusal.to_string()),
    }
}

/// Whether bytes of a person or of a removed text may be left in the file.
pub(crate) fn is_due(conn: &Connection) -> rusqlite::Result<bool> {
    conn.prepare_cached(
        "SELECT 1 FROM erasures
         WHERE kind = 0 AND finished_at IS NOT NULL AND bytes_gone_at IS NULL
         UNION ALL SELECT 1 FROM redactions WHERE bytes_gone_at IS NULL",
    )?
    .exists([])
}

pub(crate) fn covered(conn: &Connection) -> rusqlite::Result<Covered> {
    let erasures = conn
        .prepare_cached(
            "SELECT id FROM erasures WHERE finished_at IS NOT NULL AND bytes_gone_at IS NULL",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let redactions = conn
        .prepare_cached("SELECT room, seq FROM redactions WHERE bytes_gone_at IS NULL")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Covered {
        erasures,
        redactions,
    })
}

/// Merges some pages of the text index. A negative number begins to merge all segments into one.
/// Returns whether there is more to do: FTS5 says so by the number of rows that it has changed.
pub(crate) fn merge(tx: &mut Tx<'_>, pages: i64) -> Result<bool, TxError> {
    let before = tx.conn.total_changes();
    tx.execute(
        "INSERT INTO search (search, rank) VALUES ('merge', ?1)",
        [pages],
    )?;
    Ok(tx.conn.total_changes() - before >= 2)
}

pub(crate) fn mark(tx: &mut Tx<'_>, covered: &Covered) -> Result<Timestamp, TxError> {
    for id in &covered.erasures {
        tx.execute(
            "UPDATE erasures SET bytes_gone_at = ?2 WHERE id = ?1",
            params![id, tx.now.0],
        )?;
    }
    for (room, seq) in &covered.redactions {
        tx.execute(
            "UPDATE redactions SET bytes_gone_at = ?3 WHERE room = ?1 AND seq = ?2",
            params![room, seq, tx.now.0],
        )?;
    }
    Ok(tx.now)
}
