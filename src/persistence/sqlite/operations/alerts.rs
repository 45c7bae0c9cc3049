use crate::chat::{RoomId, Timestamp};
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::alerts;
use crate::persistence::{AlertProgress, DueAlert, StoreError, WriteError};

impl SqliteStore {
    pub(crate) async fn follow_waiting(&self, rooms: Vec<RoomId>) -> Result<(), WriteError> {
        let behind = self
            .readers()
            .read(move |conn| {
                let mut behind = Vec::new();
                for room in &rooms {
                    if alerts::is_behind(conn, *room)? {
                        behind.push(*room);
                    }
                }
                Ok(behind)
            })
            .await?;
        if behind.is_empty() {
            return Ok(());
        }
        self.write(move |tx| {
            for room in &behind {
                alerts::follow(tx, *room)?;
            }
            Ok(())
        })
        .await
    }

    pub(crate) async fn due_alerts(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<DueAlert>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.readers()
            .read(move |conn| alerts::due(conn, now, limit))
            .await
    }

    pub(crate) async fn next_alert_after(
        &self,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.readers()
            .read(move |conn| alerts::next_after(conn, now))
            .await
    }

    pub(crate) async fn record_alert(
        &self,
        room: RoomId,
        wait: i64,
        progress: AlertProgress,
    ) -> Result<(), WriteError> {
        self.write(move |tx| Ok(alerts::record(tx, room, wait, progress)?))
            .await
    }

    pub(crate) async fn is_anybody_on_duty(&self) -> Result<bool, StoreError> {
        self.readers().read(alerts::is_anybody_on_duty).await
    }
}
