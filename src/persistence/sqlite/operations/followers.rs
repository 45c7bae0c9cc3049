use rusqlite::{OptionalExtension, params};

use crate::chat::ChangeVector;
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tx_error::TxError;
use crate::persistence::{FollowerLease, StoreError, WriteError, follower_cursor};

/// The lease says nothing here: one process has the file.
impl SqliteStore {
    pub(crate) async fn take_follower(
        &self,
        lease: FollowerLease,
    ) -> Result<ChangeVector, WriteError> {
        let stored = self
            .readers()
            .read(move |conn| {
                conn.prepare_cached("SELECT cursor FROM followers WHERE name = ?1")?
                    .query_row([lease.name], |row| row.get::<_, String>(0))
                    .optional()
            })
            .await?;
        if let Some(text) = stored {
            return Ok(follower_cursor::from_text(&text).map_err(StoreError::Internal)?);
        }
        let head = self.head().changes;
        self.save_follower(lease, &head).await?;
        Ok(head)
    }

    pub(crate) async fn save_follower(
        &self,
        lease: FollowerLease,
        reached: &ChangeVector,
    ) -> Result<bool, WriteError> {
        let cursor = follower_cursor::to_text(reached);
        self.write(move |tx| {
            tx.execute(
                "INSERT INTO followers (name, cursor) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET cursor = excluded.cursor",
                params![lease.name, cursor],
            )?;
            Ok::<_, TxError>(true)
        })
        .await
    }
}
