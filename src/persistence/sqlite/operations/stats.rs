use crate::chat::Timestamp;
use crate::persistence::sqlite::codes::{optional_uint, uint};
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::audit;
use crate::persistence::{AuditAction, Principal, StoreError, StoreStats, WriteError};

impl SqliteStore {
    pub(crate) async fn stats(&self) -> Result<StoreStats, StoreError> {
        let rooms = self.head().counts;
        self.readers()
            .read(move |conn| {
                let pragma = |name: &str| -> rusqlite::Result<u64> {
                    conn.query_row(&format!("PRAGMA {name}"), [], |row| uint(row, 0))
                };
                let count = |table: &str| -> rusqlite::Result<u64> {
                    let sql = format!("SELECT count(*) FROM {table}");
                    conn.query_row(&sql, [], |row| uint(row, 0))
                };
                let page_bytes = pragma("page_size")?;
                let mut stats = StoreStats {
                    database_bytes: pragma("page_count")? * page_bytes,
                    unused_bytes: pragma("freelist_count")? * page_bytes,
                    rooms,
                    visitors: count("visitors")?,
                    agents: count("agents")?,
                    ..StoreStats::default()
                };
                // The messages of a room are counted by its newest seq.
                conn.query_row(
                    "SELECT sum(last_seq), count(*) FILTER (WHERE last_n IS NULL), min(created_at),
                            max(last_message_at),
                            count(*) FILTER (WHERE spam = 1 AND last_n IS NOT NULL)
                     FROM rooms",
                    [],
                    |row| {
                        stats.messages = optional_uint(row, 0)?.unwrap_or(0);
                        stats.empty_rooms = uint(row, 1)?;
                        stats.oldest_at = row.get::<_, Option<i64>>(2)?.map(Timestamp);
                        stats.newest_at = row.get::<_, Option<i64>>(3)?.map(Timestamp);
                        stats.spam_rooms = uint(row, 4)?;
                        Ok(())
                    },
                )?;
                stats.last_backup_at = conn
                    .query_row(
                        "SELECT max(at) FROM audit WHERE action = 'backup_made'",
                        [],
                        |row| row.get::<_, Option<i64>>(0),
                    )?
                    .map(Timestamp);
                Ok(stats)
            })
            .await
    }

    pub(crate) async fn audit(
        &self,
        action: AuditAction,
        by: Principal,
        subject: Option<String>,
    ) -> Result<(), WriteError> {
        self.write(move |tx| Ok(audit::insert(tx, action, Some(by), subject.clone())?))
            .await
    }
}
