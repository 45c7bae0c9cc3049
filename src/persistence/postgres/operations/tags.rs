//! Every change of tags first takes the lock of changes of agents, so that two nodes give no name
//! twice.

use uuid::Uuid;

use crate::chat::{RoomId, Tag, TagId, Timestamp};
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::{agents, room_rows, tags};
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::rules::listing::PriorState;
use crate::persistence::rules::{rooms as room_rules, tags as rules};
use crate::persistence::{BlockedVisitor, NewTag, StoreError, TagPatch, WriteError};

impl PostgresStore {
    pub(crate) async fn tags(&self) -> Result<Vec<Tag>, StoreError> {
        self.read(async |db| tags::all(db).await).await
    }

    pub(crate) async fn add_tag(&self, new: NewTag) -> Result<Tag, WriteError> {
        self.write(move |tx| Box::pin(add(tx, new.clone()))).await
    }

    pub(crate) async fn change_tag(&self, id: TagId, patch: TagPatch) -> Result<Tag, WriteError> {
        self.write(move |tx| Box::pin(change(tx, id, patch.clone())))
            .await
    }

    pub(crate) async fn delete_tag(&self, id: TagId) -> Result<(), WriteError> {
        self.write(move |tx| Box::pin(delete(tx, id))).await
    }

    pub(crate) async fn remove_deleted_tags(
        &self,
        limit: usize,
    ) -> Result<Vec<RoomId>, WriteError> {
        let found = self.read(async |db| tags::deleted(db, limit).await).await?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        self.write(move |tx| Box::pin(take_off_all(tx, found.clone())))
            .await
    }

    pub(crate) async fn ended_snoozes(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<RoomId>, StoreError> {
        self.read(async |db| tags::ended_snoozes(db, now, limit).await)
            .await
    }

    pub(crate) async fn ended_blocks(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<RoomId>, StoreError> {
        self.read(async |db| tags::ended_blocks(db, now, limit).await)
            .await
    }

    pub(crate) async fn blocked_visitors(
        &self,
        limit: usize,
    ) -> Result<Vec<BlockedVisitor>, StoreError> {
        self.read(async |db| tags::blocked(db, limit).await).await
    }
}

async fn add(tx: &mut Tx, new: NewTag) -> Result<Tag, TxError> {
    agents::lock_all(tx).await?;
    let tag = rules::add(&tags::all(tx).await?, Uuid::now_v7(), new)?;
    tags::write(tx, &tag).await?;
    Ok(tag)
}

async fn change(tx: &mut Tx, id: TagId, patch: TagPatch) -> Result<Tag, TxError> {
    agents::lock_all(tx).await?;
    let tag = rules::change(&tags::all(tx).await?, id, patch)?;
    tags::write(tx, &tag).await?;
    Ok(tag)
}

async fn delete(tx: &mut Tx, id: TagId) -> Result<(), TxError> {
    agents::lock_all(tx).await?;
    rules::find(&tags::all(tx).await?, id)?;
    tags::delete(tx, id).await
}

async fn take_off_all(tx: &mut Tx, found: Vec<(TagId, i64)>) -> Result<Vec<RoomId>, TxError> {
    let mut rooms = Vec::with_capacity(found.len());
    for (tag, room) in found {
        rooms.extend(take_off(tx, tag, room).await?);
    }
    Ok(rooms)
}

/// Takes a tag off a room. Returns the room if it was changed.
async fn take_off(tx: &mut Tx, tag: TagId, pk: i64) -> Result<Option<RoomId>, TxError> {
    let row = room_rows::lock_pk(tx, pk).await?;
    tags::take_off(tx, tag, pk).await?;
    let Some(mut row) = row else {
        return Ok(None);
    };
    let Some(change) = room_rules::without_tag(&row.record, tag) else {
        return Ok(None);
    };
    let before = PriorState::of(&row.record);
    let old_tags = std::mem::replace(&mut row.record, change.record).desk.tags;
    room_rows::update(tx, before, &mut row).await?;
    room_rows::update_desk(tx, &row, &old_tags).await?;
    Ok(Some(row.record.room.id))
}
