use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::*;

impl PostgresStore {
    pub(crate) async fn import_room(&self, _room: ImportedRoom) -> Result<RoomImport, WriteError> {
        Err(StoreError::Internal("import_room is not there yet".into()).into())
    }

    pub(crate) async fn preview_import(
        &self,
        _room: std::sync::Arc<ImportedRoom>,
    ) -> Result<RoomImport, StoreError> {
        Err(StoreError::Internal("preview_import is not there yet".into()).into())
    }

    pub(crate) async fn begin_export(
        &self,
        _scope: ExportScope,
    ) -> Result<ExportCursor, ExportError> {
        Err(StoreError::Internal("begin_export is not there yet".into()).into())
    }

    pub(crate) async fn export_step(
        &self,
        _cursor: ExportCursor,
    ) -> Result<(ExportCursor, Vec<TransferLine>), ExportError> {
        Err(StoreError::Internal("export_step is not there yet".into()).into())
    }

    pub(crate) async fn import_items(
        &self,
        _items: Vec<TransferItem>,
    ) -> Result<TransferCounts, WriteError> {
        Err(StoreError::Internal("import_items is not there yet".into()).into())
    }
}
