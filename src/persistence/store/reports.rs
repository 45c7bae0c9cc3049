//! What reports read. It takes many short reads, so that neither writes nor other reads wait for it.

use super::Store;
use crate::persistence::{ReportCursor, ReportLine, StoreError, TaggedRooms};

impl Store {
    /// Reads the next lines of a report; there are more until the cursor is complete.
    pub async fn report_step(
        &self,
        cursor: ReportCursor,
    ) -> Result<(ReportCursor, Vec<ReportLine>), StoreError> {
        match self {
            Self::Sqlite(store) => store.report_step(cursor).await,
            Self::Postgres(store) => store.report_step(cursor).await,
        }
    }

    /// All tags, and the rooms that have them.
    pub async fn tagged_rooms(&self) -> Result<TaggedRooms, StoreError> {
        match self {
            Self::Sqlite(store) => store.tagged_rooms().await,
            Self::Postgres(store) => store.tagged_rooms().await,
        }
    }
}
