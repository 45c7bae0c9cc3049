use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::*;

impl PostgresStore {
    pub(crate) async fn search(&self, _query: SearchQuery) -> Result<SearchPage, WriteError> {
        Err(StoreError::Internal("search is not there yet".into()).into())
    }

    pub(crate) async fn flush_search_index(&self) -> Result<(), WriteError> {
        Err(StoreError::Internal("flush_search_index is not there yet".into()).into())
    }
}
