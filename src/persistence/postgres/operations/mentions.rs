use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::{Mentions, Person, StoreError};

impl PostgresStore {
    pub(crate) async fn mentions(&self, _person: &Person) -> Result<Mentions, StoreError> {
        Err(StoreError::Internal("mentions is not there yet".into()))
    }
}
