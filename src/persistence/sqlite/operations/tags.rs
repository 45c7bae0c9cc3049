use uuid::Uuid;

use crate::chat::{RoomId, Tag, TagId, Timestamp};
use crate::persistence::rules::listing::PriorState;
use crate::persistence::rules::{rooms as room_rules, tags as rules};
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::{room_rows, tags};
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::TxError;
use crate::persistence::{BlockedVisitor, NewTag, StoreError, TagPatch, WriteError};

impl SqliteStore {
    pub(crate) async fn tags(&self) -> Result<Vec<Tag>, StoreError> {
        self.readers().read(tags::all).await
    }

    pub(crate) async fn add_tag(&self, new: NewTag) -> Result<Tag, WriteError> {
        self.write(move |tx| {
            let tag = rules::add(&tags::all(tx.conn)?, Uuid::now_v7(), new.clone())?;
            tags::write(tx, &tag)?;
            Ok(tag)
        })
        .await
    }

    pub(crate) async fn change_tag(&self, id: TagId, patch: TagPatch) -> Result<Tag, WriteError> {
        self.write(move |tx| {
            let tag = rules::change(&tags::all(tx.conn)?, id, patch.clone())?;
            tags::write(tx, &tag)?;
            Ok(tag)
        })
        .await
    }

    pub(crate) async fn delete_tag(&self, id: TagId) -> Result<(), WriteError> {
        self.write(move |tx| {
            rules::find(&tags::all(tx.conn)?, id)?;
            Ok(tags::delete(tx, id)?)
        })
        .await
    }

    pub(crate) async fn remove_deleted_tags(
        &self,
        limit: usize,
    ) -> Result<Vec<RoomId>, WriteError> {
        let found = self
            .readers()
            .read(move |conn| tags::deleted(conn, limit))
            .await?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        self.write(move |tx| {
            let mut rooms = Vec::with_capacity(found.len());
            for (tag, room) in &found {
                rooms.extend(take_off(tx, *tag, *room)?);
            }
            Ok(rooms)
        })
        .await
    }

    pub(crate) async fn ended_snoozes(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<RoomId>, StoreError> {
        self.readers()
            .read(move |conn| tags::ended_snoozes(conn, now, limit))
            .await
    }

    pub(crate) async fn ended_blocks(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<RoomId>, StoreError> {
        self.readers()
            .read(move |conn| tags::ended_blocks(conn, now, limit))
            .await
    }

    pub(crate) async fn blocked_visitors(
        &self,
        limit: usize,
    ) -> Result<Vec<BlockedVisitor>, StoreError> {
        self.readers()
            .read(move |conn| tags::blocked(conn, limit))
            .await
    }
}

/// Takes a tag off a room. Returns the room if it was changed.
fn take_off(tx: &mut Tx<'_>, tag: TagId, pk: i64) -> Result<Option<RoomId>, TxError> {
    tags::take_off(tx, tag, pk)?;
    let Some(mut row) = room_rows::by_pk(tx.conn, pk)? else {
        return Ok(None);
    };
    let Some(change) = room_rules::without_tag(&row.record, tag) else {
        return Ok(None);
    };
    let before = PriorState::of(&row.record);
    let old_tags = std::mem::replace(&mut row.record, change.record).desk.tags;
    room_rows::update(tx, before, &mut row)?;
    room_rows::update_desk(tx, &row, &old_tags)?;
    Ok(Some(row.record.room.id))
}
