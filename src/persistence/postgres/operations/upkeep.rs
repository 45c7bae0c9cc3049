use crate::chat::*;
use crate::persistence::postgres::codes::{optional_time, uint};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::slot::slot_code;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::audit;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::*;
use std::path::PathBuf;

impl PostgresStore {
    pub(crate) async fn copy_to(
        &self,
        _target: PathBuf,
        _progress: tokio::sync::watch::Sender<CopyProgress>,
    ) -> Result<(), CopyError> {
        Err(CopyError::OfPostgres)
    }

    pub(crate) async fn write_canary(&self) -> Result<i64, StoreError> {
        let written = self.write(|tx| Box::pin(write_canary(tx))).await;
        written.map_err(|error| match error {
            WriteError::Store(error) => error,
            WriteError::Refused(refusal) => StoreError::Internal(refusal.to_string()),
        })
    }

    pub(crate) async fn read_canary(&self) -> Result<Option<i64>, StoreError> {
        let Some(slot) = self.shared().slot() else {
            return Ok(None);
        };
        self.read(async |db| {
            let row = db
                .query_opt("SELECT at FROM canary WHERE slot = $1", &[&slot_code(slot)])
                .await?;
            Ok(row.map(|row| row.try_get(0)).transpose()?)
        })
        .await
    }

    pub(crate) async fn stats(&self) -> Result<StoreStats, StoreError> {
        let rooms = self.head().counts;
        self.read(async |db| stats(db, rooms).await).await
    }

    pub(crate) async fn audit(
        &self,
        action: AuditAction,
        by: Principal,
        subject: Option<String>,
    ) -> Result<(), WriteError> {
        self.write(move |tx| Box::pin(insert_audit(tx, action, by, subject.clone())))
            .await
    }

    /// There is no file to rewrite: PostgreSQL's own upkeep overwrites what was deleted.
    pub(crate) async fn is_rewrite_due(&self) -> Result<bool, StoreError> {
        Ok(false)
    }

    pub(crate) async fn database_bytes(&self) -> Result<u64, StoreError> {
        self.read(database_bytes).await
    }

    pub(crate) async fn rewrite(&self, _data_dir: PathBuf) -> Result<Timestamp, RewriteError> {
        Err(RewriteError::NotOneFile)
    }
}

async fn insert_audit(
    tx: &mut Tx,
    action: AuditAction,
    by: Principal,
    subject: Option<String>,
) -> Result<(), TxError> {
    audit::insert(tx, action, Some(by), subject).await
}

/// Every node has a row of its own, so that none reads what another one has written.
async fn write_canary(tx: &mut Tx) -> Result<i64, TxError> {
    let at = tx.now.0;
    tx.execute(
        "INSERT INTO canary (slot, at) VALUES ($1, $2)
         ON CONFLICT (slot) DO UPDATE SET at = excluded.at",
        &[&slot_code(tx.slot()), &at],
    )
    .await?;
    Ok(at)
}

async fn database_bytes(db: &Session) -> Result<u64, TxError> {
    let sql = "SELECT pg_database_size(current_database())";
    uint(&db.query_one(sql, &[]).await?, 0)
}

async fn stats(db: &Session, rooms: Counts) -> Result<StoreStats, TxError> {
    // The messages of a room are counted by its newest seq.
    let heads = db
        .query_one(
            "SELECT coalesce(sum(last_seq), 0)::bigint, count(*) FILTER (WHERE last_n IS NULL),
                 max(last_message_at), count(*) FILTER (WHERE spam AND last_n IS NOT NULL)
             FROM room_heads",
            &[],
        )
        .await?;
    let others = db
        .query_one(
            "SELECT (SELECT count(*) FROM visitors), (SELECT count(*) FROM agents),
                 (SELECT min(created_at) FROM rooms)",
            &[],
        )
        .await?;
    Ok(StoreStats {
        database_bytes: database_bytes(db).await?,
        unused_bytes: 0,
        rooms,
        spam_rooms: uint(&heads, 3)?,
        empty_rooms: uint(&heads, 1)?,
        messages: uint(&heads, 0)?,
        visitors: uint(&others, 0)?,
        agents: uint(&others, 1)?,
        oldest_at: optional_time(&others, 2)?,
        newest_at: optional_time(&heads, 2)?,
        last_backup_at: None,
    })
}
