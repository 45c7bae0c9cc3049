//! Rooms and their logs.

use std::collections::HashSet;
use std::sync::Arc;

use super::Store;
use crate::chat::{RoomId, RoomRecord, Timestamp};
use crate::persistence::{
    Completion, MessagePage, OpenRoom, OpenedRoom, RoomCommit, RoomOp, StoreError, WriteError,
};

impl Store {
    /// Finds the visitor's open room of latest activity, or makes one. Refused with `BadToken`
    /// when there is no identity and the token is unknown or has ended.
    pub async fn open_room(&self, request: OpenRoom) -> Result<OpenedRoom, WriteError> {
        match self {
            Self::Sqlite(store) => store.open_room(request).await,
            Self::Postgres(store) => store.open_room(request).await,
        }
    }

    /// Queues what is to be done to a room. `done` gets the commit, `NotFound` for an unknown
    /// room, or another refusal.
    pub fn write_room(&self, room_id: RoomId, op: RoomOp, done: Completion<RoomCommit>) {
        match self {
            Self::Sqlite(store) => store.write_room(room_id, op, done),
            Self::Postgres(store) => store.write_room(room_id, op, done),
        }
    }

    /// Reads a room behind all writes of it that were queued before.
    pub fn load_room(&self, room_id: RoomId, done: Completion<Option<Arc<RoomRecord>>>) {
        match self {
            Self::Sqlite(store) => store.load_room(room_id, done),
            Self::Postgres(store) => store.load_room(room_id, done),
        }
    }

    /// Reads a room, or `None` when there is no such room.
    pub async fn room(&self, room_id: RoomId) -> Result<Option<RoomRecord>, StoreError> {
        match self {
            Self::Sqlite(store) => store.room(room_id).await,
            Self::Postgres(store) => store.room(room_id).await,
        }
    }

    /// The newest seq of a room, or `None` when there is no such room.
    pub async fn room_head(&self, room_id: RoomId) -> Result<Option<u64>, StoreError> {
        match self {
            Self::Sqlite(store) => store.room_head(room_id).await,
            Self::Postgres(store) => store.room_head(room_id).await,
        }
    }

    /// The seqs up to `until` of a room's messages whose text was removed.
    pub async fn redacted(&self, room_id: RoomId, until: u64) -> Result<Vec<u64>, StoreError> {
        match self {
            Self::Sqlite(store) => store.redacted(room_id, until).await,
            Self::Postgres(store) => store.redacted(room_id, until).await,
        }
    }

    /// The oldest messages with seq > `after`, in seq order; `more`: newer ones follow.
    pub async fn messages_after(
        &self,
        room_id: RoomId,
        after: u64,
        limit: usize,
    ) -> Result<MessagePage, StoreError> {
        match self {
            Self::Sqlite(store) => store.messages_after(room_id, after, limit).await,
            Self::Postgres(store) => store.messages_after(room_id, after, limit).await,
        }
    }

    /// The newest messages with seq < `before` (or the newest of all), in seq order; `more`:
    /// older ones exist.
    pub async fn messages_before(
        &self,
        room_id: RoomId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<MessagePage, StoreError> {
        match self {
            Self::Sqlite(store) => store.messages_before(room_id, before, limit).await,
            Self::Postgres(store) => store.messages_before(room_id, before, limit).await,
        }
    }

    /// Removes rooms without messages made before `before`, but for those in `keep`; at most
    /// 500 per call. Returns how many.
    pub async fn remove_empty_rooms(
        &self,
        before: Timestamp,
        keep: HashSet<RoomId>,
    ) -> Result<usize, WriteError> {
        match self {
            Self::Sqlite(store) => store.remove_empty_rooms(before, keep).await,
            Self::Postgres(store) => store.remove_empty_rooms(before, keep).await,
        }
    }
}
