use crate::chat::*;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::*;
use std::path::PathBuf;

impl PostgresStore {
    pub(crate) async fn copy_to(
        &self,
        _target: PathBuf,
        _progress: tokio::sync::watch::Sender<CopyProgress>,
    ) -> Result<(), CopyError> {
        Err(StoreError::Internal("copy_to is not there yet".into()).into())
    }

    pub(crate) async fn write_canary(&self) -> Result<i64, StoreError> {
        Err(StoreError::Internal("write_canary is not there yet".into()).into())
    }

    pub(crate) async fn read_canary(&self) -> Result<Option<i64>, StoreError> {
        Err(StoreError::Internal("read_canary is not there yet".into()).into())
    }

    pub(crate) async fn stats(&self) -> Result<StoreStats, StoreError> {
        Err(StoreError::Internal("stats is not there yet".into()).into())
    }

    pub(crate) async fn is_rewrite_due(&self) -> Result<bool, StoreError> {
        Err(StoreError::Internal("is_rewrite_due is not there yet".into()).into())
    }

    pub(crate) async fn database_bytes(&self) -> Result<u64, StoreError> {
        Err(StoreError::Internal("database_bytes is not there yet".into()).into())
    }

    pub(crate) async fn rewrite(&self, _data_dir: PathBuf) -> Result<Timestamp, RewriteError> {
        Err(StoreError::Internal("rewrite is not there yet".into()).into())
    }
}
