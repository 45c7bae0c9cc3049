//! What consoles list and search.

use super::Store;
use crate::chat::ChangeVector;
use crate::persistence::{
    ChangedRooms, LobbySnapshot, RoomPage, RoomQuery, SearchPage, SearchQuery, StoreError,
    WriteError,
};

impl Store {
    /// A page of the console's list: listed rooms only.
    pub async fn list_rooms(&self, query: RoomQuery) -> Result<RoomPage, WriteError> {
        match self {
            Self::Sqlite(store) => store.list_rooms(query).await,
            Self::Postgres(store) => store.list_rooms(query).await,
        }
    }

    /// The rooms that wait, the longest first, then the newest active ones, at most `max_rooms`
    /// in all.
    pub async fn lobby_snapshot(&self, max_rooms: usize) -> Result<LobbySnapshot, StoreError> {
        match self {
            Self::Sqlite(store) => store.lobby_snapshot(max_rooms).await,
            Self::Postgres(store) => store.lobby_snapshot(max_rooms).await,
        }
    }

    /// Listed rooms whose newest change is not among `changes`, those of each slot in the order of
    /// its changes, at most `limit` and as many as fit into a frame.
    pub async fn changed_since(
        &self,
        changes: &ChangeVector,
        limit: usize,
    ) -> Result<ChangedRooms, StoreError> {
        match self {
            Self::Sqlite(store) => store.changed_since(changes, limit).await,
            Self::Postgres(store) => store.changed_since(changes, limit).await,
        }
    }

    /// Rooms in which one message, or the customer's name and address, has every word, by their
    /// newest match. A message is findable within 2 s of its commit. Refused with `BadCursor`.
    pub async fn search(&self, query: SearchQuery) -> Result<SearchPage, WriteError> {
        match self {
            Self::Sqlite(store) => store.search(query).await,
            Self::Postgres(store) => store.search(query).await,
        }
    }

    /// Waits until the text index holds every message committed before the call. For tests; the
    /// index follows by itself.
    pub async fn flush_search_index(&self) -> Result<(), WriteError> {
        match self {
            Self::Sqlite(store) => store.flush_search_index().await,
            Self::Postgres(store) => store.flush_search_index().await,
        }
    }
}
