use crate::chat::*;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::*;

impl PostgresStore {
    pub(crate) async fn list_rooms(&self, _query: RoomQuery) -> Result<RoomPage, WriteError> {
        Err(StoreError::Internal("list_rooms is not there yet".into()).into())
    }

    pub(crate) async fn lobby_snapshot(
        &self,
        _max_rooms: usize,
    ) -> Result<LobbySnapshot, StoreError> {
        Err(StoreError::Internal("lobby_snapshot is not there yet".into()).into())
    }

    pub(crate) async fn changed_since(
        &self,
        _changes: &ChangeVector,
        _limit: usize,
    ) -> Result<ChangedRooms, StoreError> {
        Err(StoreError::Internal("changed_since is not there yet".into()).into())
    }
}
