use crate::chat::*;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::*;
use std::collections::HashSet;

impl PostgresStore {
    pub(crate) async fn visitor_by_token(
        &self,
        _token: TokenHash,
    ) -> Result<Option<Visitor>, StoreError> {
        Err(StoreError::Internal("visitor_by_token is not there yet".into()).into())
    }

    pub(crate) async fn visitor_by_user(&self, _user: &str) -> Result<Option<Visitor>, StoreError> {
        Err(StoreError::Internal("visitor_by_user is not there yet".into()).into())
    }

    pub(crate) async fn visitor_rooms(
        &self,
        _visitor_id: VisitorId,
        _cursor: Option<String>,
        _limit: usize,
    ) -> Result<RoomPage, WriteError> {
        Err(StoreError::Internal("visitor_rooms is not there yet".into()).into())
    }

    pub(crate) async fn end_visitor_token(&self, _token: TokenHash) -> Result<bool, WriteError> {
        Err(StoreError::Internal("end_visitor_token is not there yet".into()).into())
    }

    pub(crate) async fn wait_for_visitor_changes(&self) {
        self.shared().visitor_changes_pending.notified().await;
    }

    pub(crate) async fn apply_next_visitor_change(
        &self,
    ) -> Result<Option<Vec<RoomId>>, WriteError> {
        Err(StoreError::Internal("apply_next_visitor_change is not there yet".into()).into())
    }

    pub(crate) async fn open_room(&self, _request: OpenRoom) -> Result<OpenedRoom, WriteError> {
        Err(StoreError::Internal("open_room is not there yet".into()).into())
    }

    pub(crate) async fn remove_empty_rooms(
        &self,
        _before: Timestamp,
        _keep: HashSet<RoomId>,
    ) -> Result<usize, WriteError> {
        Err(StoreError::Internal("remove_empty_rooms is not there yet".into()).into())
    }
}
