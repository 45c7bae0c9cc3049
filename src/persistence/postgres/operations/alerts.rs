use crate::chat::{RoomId, Timestamp};
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::alerts;
use crate::persistence::{AlertProgress, DueAlert, StoreError, WriteError};

impl PostgresStore {
    pub(crate) async fn follow_waiting(&self, rooms: Vec<RoomId>) -> Result<(), WriteError> {
        let behind = self
            .read(async |db| alerts::behind(db, &rooms).await)
            .await?;
        if behind.is_empty() {
            return Ok(());
        }
        self.write(move |tx| {
            let behind = behind.clone();
            Box::pin(async move { alerts::follow(tx, &behind).await })
        })
        .await
    }

    pub(crate) async fn due_alerts(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<DueAlert>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(async |db| alerts::due(db, now, limit).await)
            .await
    }

    pub(crate) async fn next_alert_after(
        &self,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.read(async |db| alerts::next_after(db, now).await)
            .await
    }

    pub(crate) async fn record_alert(
        &self,
        room: RoomId,
        wait: i64,
        progress: AlertProgress,
    ) -> Result<(), WriteError> {
        self.write(move |tx| {
            Box::pin(async move { alerts::record(tx, room, wait, progress).await })
        })
        .await
    }

    pub(crate) async fn is_anybody_on_duty(&self) -> Result<bool, StoreError> {
        self.read(alerts::is_anybody_on_duty).await
    }
}
