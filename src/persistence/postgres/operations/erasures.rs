use crate::chat::*;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::*;

impl PostgresStore {
    pub(crate) async fn find_person(&self, _who: &Who) -> Result<Person, StoreError> {
        Err(StoreError::Internal("find_person is not there yet".into()).into())
    }

    pub(crate) async fn holdings(&self, _person: &Person) -> Result<Holdings, StoreError> {
        Err(StoreError::Internal("holdings is not there yet".into()).into())
    }

    pub(crate) async fn mentions(&self, _person: &Person) -> Result<Mentions, StoreError> {
        Err(StoreError::Internal("mentions is not there yet".into()).into())
    }

    pub(crate) async fn begin_erasure(
        &self,
        _visitors: Vec<VisitorId>,
        _by: Principal,
    ) -> Result<Option<BegunErasure>, WriteError> {
        Err(StoreError::Internal("begin_erasure is not there yet".into()).into())
    }

    pub(crate) async fn erase_step(&self) -> Result<Option<ErasureStep>, WriteError> {
        Err(StoreError::Internal("erase_step is not there yet".into()).into())
    }

    pub(crate) async fn wait_for_erasures(&self) {
        self.shared().erasures_pending.notified().await;
    }

    pub(crate) async fn unrecorded(&self) -> Result<Unrecorded, StoreError> {
        Err(StoreError::Internal("unrecorded is not there yet".into()).into())
    }

    pub(crate) async fn mark_recorded(&self, _recorded: Unrecorded) -> Result<(), WriteError> {
        Err(StoreError::Internal("mark_recorded is not there yet".into()).into())
    }

    pub(crate) async fn expired_rooms(
        &self,
        _before: Timestamp,
    ) -> Result<Vec<RoomId>, StoreError> {
        Err(StoreError::Internal("expired_rooms is not there yet".into()).into())
    }

    pub(crate) async fn expire_rooms(
        &self,
        _run: ErasureId,
        _rooms: Vec<RoomId>,
        _before: Timestamp,
    ) -> Result<Vec<RoomId>, WriteError> {
        Err(StoreError::Internal("expire_rooms is not there yet".into()).into())
    }

    pub(crate) async fn erasure(&self, _id: ErasureId) -> Result<Option<Erasure>, StoreError> {
        Err(StoreError::Internal("erasure is not there yet".into()).into())
    }
}
