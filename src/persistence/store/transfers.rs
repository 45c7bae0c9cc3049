//! Imports and exports.

use std::sync::Arc;

use super::Store;
use crate::persistence::{
    ExportCursor, ExportError, ExportScope, ImportedRoom, RoomImport, StoreError, TransferCounts,
    TransferItem, TransferLine, WriteError,
};

impl Store {
    /// Imports a room whole: makes it if it is missing, and appends the messages that it does not
    /// have, in their order. What is there stays as it is. Only while no server runs: nobody is
    /// notified.
    pub async fn import_room(&self, room: ImportedRoom) -> Result<RoomImport, WriteError> {
        match self {
            Self::Sqlite(store) => store.import_room(room).await,
            Self::Postgres(store) => store.import_room(room).await,
        }
    }

    /// What [`import_room`](Self::import_room) would do.
    pub async fn preview_import(&self, room: ImportedRoom) -> Result<RoomImport, StoreError> {
        match self {
            Self::Sqlite(store) => store.preview_import(Arc::new(room)).await,
            Self::Postgres(store) => store.preview_import(Arc::new(room)).await,
        }
    }

    /// Begins an export: what it holds is fixed now.
    pub async fn begin_export(&self, scope: ExportScope) -> Result<ExportCursor, ExportError> {
        match self {
            Self::Sqlite(store) => store.begin_export(scope).await,
            Self::Postgres(store) => store.begin_export(scope).await,
        }
    }

    /// Reads the next lines of an export, about 256 KiB of them; none when it is complete.
    pub async fn export_step(
        &self,
        cursor: ExportCursor,
    ) -> Result<(ExportCursor, Vec<TransferLine>), ExportError> {
        match self {
            Self::Sqlite(store) => store.export_step(cursor).await,
            Self::Postgres(store) => store.export_step(cursor).await,
        }
    }

    /// Imports what an export has written, in one transaction. Rooms and agents that are there stay
    /// as they are. Rooms have passed [`check_room`](super::check_room), and their visitors come
    /// before them. Only while no server runs: nobody is notified.
    pub async fn import_items(
        &self,
        items: Vec<TransferItem>,
    ) -> Result<TransferCounts, WriteError> {
        match self {
            Self::Sqlite(store) => store.import_items(items).await,
            Self::Postgres(store) => store.import_items(items).await,
        }
    }
}
