//! Alerts of customers who wait.

use super::Store;
use crate::chat::{RoomId, Timestamp};
use crate::persistence::{AlertProgress, DueAlert, StoreError, WriteError};

impl Store {
    /// Begins the alerts of those of these rooms whose customer waits, and ends those of the others.
    /// Rooms about which nothing has changed cost no write.
    pub async fn follow_waiting(&self, rooms: Vec<RoomId>) -> Result<(), WriteError> {
        match self {
            Self::Sqlite(store) => store.follow_waiting(rooms).await,
            Self::Postgres(store) => store.follow_waiting(rooms).await,
        }
    }

    /// Customers who still wait, for whom something is to be done by now, the longest due first.
    pub async fn due_alerts(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<DueAlert>, StoreError> {
        match self {
            Self::Sqlite(store) => store.due_alerts(now, limit).await,
            Self::Postgres(store) => store.due_alerts(now, limit).await,
        }
    }

    /// When something becomes due after this time.
    pub async fn next_alert_after(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        match self {
            Self::Sqlite(store) => store.next_alert_after(now).await,
            Self::Postgres(store) => store.next_alert_after(now).await,
        }
    }

    /// Stores what was done about a wait, unless it has ended meanwhile.
    pub async fn record_alert(
        &self,
        room: RoomId,
        wait: i64,
        progress: AlertProgress,
    ) -> Result<(), WriteError> {
        match self {
            Self::Sqlite(store) => store.record_alert(room, wait, progress).await,
            Self::Postgres(store) => store.record_alert(room, wait, progress).await,
        }
    }

    /// Whether anybody is on duty.
    pub async fn is_anybody_on_duty(&self) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(store) => store.is_anybody_on_duty().await,
            Self::Postgres(store) => store.is_anybody_on_duty().await,
        }
    }
}
