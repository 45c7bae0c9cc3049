//! Tags, and whose rooms are how many.

use super::Store;
use crate::chat::{AgentId, RoomId, Tag, TagId, Timestamp};
use crate::persistence::{
    AssignedCounts, BlockedVisitor, NewTag, StoreError, TagPatch, WriteError,
};

impl Store {
    /// All tags by name.
    pub async fn tags(&self) -> Result<Vec<Tag>, StoreError> {
        match self {
            Self::Sqlite(store) => store.tags().await,
            Self::Postgres(store) => store.tags().await,
        }
    }

    /// Adds a tag. Refused with `TagTaken` and `TooManyTags`.
    pub async fn add_tag(&self, tag: NewTag) -> Result<Tag, WriteError> {
        match self {
            Self::Sqlite(store) => store.add_tag(tag).await,
            Self::Postgres(store) => store.add_tag(tag).await,
        }
    }

    /// Changes a tag. Refused with `NotFound` and `TagTaken`.
    pub async fn change_tag(&self, id: TagId, patch: TagPatch) -> Result<Tag, WriteError> {
        match self {
            Self::Sqlite(store) => store.change_tag(id, patch).await,
            Self::Postgres(store) => store.change_tag(id, patch).await,
        }
    }

    /// Deletes a tag: from now on no summary and no list has it. Refused with `NotFound`.
    pub async fn delete_tag(&self, id: TagId) -> Result<(), WriteError> {
        match self {
            Self::Sqlite(store) => store.delete_tag(id).await,
            Self::Postgres(store) => store.delete_tag(id).await,
        }
    }

    /// Takes deleted tags off some of the rooms that still have one, and returns these rooms; none
    /// when nothing is left.
    pub async fn remove_deleted_tags(&self, limit: usize) -> Result<Vec<RoomId>, WriteError> {
        match self {
            Self::Sqlite(store) => store.remove_deleted_tags(limit).await,
            Self::Postgres(store) => store.remove_deleted_tags(limit).await,
        }
    }

    /// How many open rooms are an agent's, and how many are nobody's.
    pub async fn assigned_counts(&self, agent: AgentId) -> Result<AssignedCounts, StoreError> {
        match self {
            Self::Sqlite(store) => store.assigned_counts(agent).await,
            Self::Postgres(store) => store.assigned_counts(agent).await,
        }
    }

    /// Rooms whose snooze has ended by now.
    pub async fn ended_snoozes(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<RoomId>, StoreError> {
        match self {
            Self::Sqlite(store) => store.ended_snoozes(now, limit).await,
            Self::Postgres(store) => store.ended_snoozes(now, limit).await,
        }
    }

    /// The newest room of each visitor whose block has ended by now.
    pub async fn ended_blocks(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<RoomId>, StoreError> {
        match self {
            Self::Sqlite(store) => store.ended_blocks(now, limit).await,
            Self::Postgres(store) => store.ended_blocks(now, limit).await,
        }
    }

    /// Blocked visitors, each with one of their rooms, those first whose block ends first.
    pub async fn blocked_visitors(&self, limit: usize) -> Result<Vec<BlockedVisitor>, StoreError> {
        match self {
            Self::Sqlite(store) => store.blocked_visitors(limit).await,
            Self::Postgres(store) => store.blocked_visitors(limit).await,
        }
    }
}
