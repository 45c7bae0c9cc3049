use rusqlite::OptionalExtension;

use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::{StoreError, WriteError};

impl SqliteStore {
    pub(crate) async fn write_canary(&self) -> Result<i64, StoreError> {
        let written = self
            .write(|tx| {
                let at = tx.now.0;
                tx.execute(
                    "INSERT INTO canary (id, at) VALUES (1, ?1)
                     ON CONFLICT (id) DO UPDATE SET at = excluded.at",
                    [at],
                )?;
                Ok(at)
            })
            .await;
        match written {
            Ok(at) => Ok(at),
            Err(WriteError::Store(error)) => Err(error),
            Err(WriteError::Refused(refusal)) => Err(StoreError::Internal(refusal.to_string())),
        }
    }

    pub(crate) async fn read_canary(&self) -> Result<Option<i64>, StoreError> {
        self.readers()
            .read(|conn| {
                conn.prepare_cached("SELECT at FROM canary")?
                    .query_row([], |row| row.get(0))
                    .optional()
            })
            .await
    }
}
