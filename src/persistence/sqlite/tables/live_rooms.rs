//! The rows of rooms in which people are writing, in the writer's memory.
//!
//! With it a message costs its room no query, and a room's row is written once per batch however
//! many messages the batch has for it. Three rules keep it right:
//!
//! - Memory holds what the table would hold after [`LiveRooms::write_back`]. A batch calls that
//!   before COMMIT; whoever queries the table for rooms calls it first.
//! - Whoever changes rooms or visitors in the table calls [`LiveRooms::flush_and_clear`] first.
//!   [`SqliteStore::submit`](crate::persistence::sqlite::SqliteStore::submit) does so for every
//!   write that is not an operation on one room.
//! - Memory is cleared when its transaction was not seen to commit, and whenever another
//!   connection has committed since: a tool beside the server, or somebody with a SQLite shell.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use rusqlite::Connection;

use crate::chat::{RoomId, RoomRecord, SenderType};
use crate::persistence::rules::listing::PriorState;
use crate::persistence::sqlite::tables::places::{Place, RoomPlaces};
use crate::persistence::sqlite::tables::room_rows::{self, RoomKeys};
use crate::persistence::sqlite::transaction::Tx;

/// Rooms kept from one batch to the next, at most. When there are more, all are cleared and read
/// again as they are needed.
const ROOMS: usize = 2_048;

/// A room as the open transaction sees it.
#[derive(Debug)]
pub(crate) struct LiveRoom {
    pub(crate) keys: RoomKeys,
    pub(crate) places: RoomPlaces,
    /// Shared with completions.
    pub(crate) record: Arc<RoomRecord>,
    /// The state of the room's row while that is older than the record.
    stored: Option<PriorState>,
}

/// Rooms by id.
#[derive(Debug, Default)]
pub(crate) struct LiveRooms {
    rooms: HashMap<RoomId, LiveRoom>,
    /// Rooms whose rows are older than their records.
    unwritten: Vec<RoomId>,
    /// How often a record was replaced.
    changes: u64,
    /// SQLite's `data_version`, which changes when another connection commits.
    data_version: i64,
}

impl LiveRooms {
    /// Begins a transaction: clears the memory if another connection has committed, or if there
    /// are too many rooms in it.
    pub(crate) fn begin(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let version = conn
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |row| row.get(0))?;
        if version != self.data_version || self.rooms.len() > ROOMS {
            self.clear();
            self.data_version = version;
        }
        Ok(())
    }

    /// How often a record was replaced. The same number means that nothing was changed.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// A room, read from the table when it is not in memory.
    pub(crate) fn get(
        &mut self,
        conn: &Connection,
        id: RoomId,
    ) -> rusqlite::Result<Option<&LiveRoom>> {
        match self.rooms.entry(id) {
            Entry::Occupied(known) => Ok(Some(known.into_mut())),
            Entry::Vacant(place) => match room_rows::by_id(conn, id)? {
                Some(row) => Ok(Some(place.insert(LiveRoom {
                    places: RoomPlaces::load(conn, row.keys.pk)?,
                    keys: row.keys,
                    record: Arc::new(row.record),
                    stored: None,
                }))),
                None => Ok(None),
            },
        }
    }

    /// Replaces the record of a room that [`get`](Self::get) has returned before, with the number
    /// of the message that was appended, if one was. Counts and the order of changes move at once,
    /// the row when it is written back.
    pub(crate) fn replace(
        &mut self,
        tx: &mut Tx<'_>,
        mut record: RoomRecord,
        appended: Option<i64>,
    ) -> rusqlite::Result<Arc<RoomRecord>> {
        let id = record.room.id;
        let Some(live) = self.rooms.get_mut(&id) else {
            return Err(rusqlite::Error::QueryReturnedNoRows);
        };
        self.changes += 1;
        let before = PriorState::of(&live.record);
        tx.state.record_change(before, &mut record);
        live.keys.append(appended, &record);
        if let Some(n) = appended {
            let last = record.last_message.as_ref();
            let by_customer = last.is_some_and(|it| it.sender_type == SenderType::Customer);
            live.places.append(tx.conn, Place { n, by_customer })?;
        }
        live.record = Arc::new(record);
        if live.stored.is_none() {
            live.stored = Some(before);
            self.unwritten.push(id);
        }
        Ok(Arc::clone(&live.record))
    }

    /// Writes the rows of changed rooms.
    pub(crate) fn write_back(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        for id in self.unwritten.drain(..) {
            if let Some(live) = self.rooms.get_mut(&id)
                && let Some(stored) = live.stored.take()
            {
                let tail = live.places.tail();
                room_rows::write(conn, stored, live.keys, &live.record, Some(tail))?;
            }
        }
        Ok(())
    }

    /// Writes the rows of changed rooms and clears the memory.
    pub(crate) fn flush_and_clear(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        self.write_back(conn)?;
        self.clear();
        Ok(())
    }

    /// Drops all rooms, including changes that were not written.
    pub(crate) fn clear(&mut self) {
        self.rooms.clear();
        self.unwritten.clear();
    }
}

#[cfg(test)]
mod tests {
    use crate::chat::Details;
    use crate::persistence::testing::*;
    use crate::persistence::*;

    #[tokio::test]
    async fn what_others_have_written_is_seen() {
        let store = TestStore::in_sqlite();
        let room = store.new_room("Ann").await;
        store.post_as_visitor(room, "hello").await;
        for blocked in [true, false, true] {
            store.block_from_outside(room, blocked);
            let asked = store.apply(room, RoomOp::Post(visitor_draft("more"))).await;
            assert_eq!(asked.is_err(), blocked);
            assert!(record(&store, room).await.blocked == blocked);
        }
    }

    #[tokio::test]
    async fn a_write_of_another_kind_sees_what_its_batch_has_done() {
        let store = TestStore::in_sqlite();
        let room = store.new_room("Ann").await;
        let request = anonymous(Details::default());
        let other = store.open_room(request.clone()).await.expect("it opens");
        let other = other.record.room.id;
        store.post_as_visitor(room, "hello").await;
        store.post_as_visitor(other, "hello").await;
        let pause = store.pause_writer().await;
        let close = RoomOp::SetStatus {
            status: crate::chat::Status::Closed,
            by: crate::chat::Sender::Visitor,
        };
        let closed = store.submit_op(other, close);
        let opener = store.store.clone();
        let reopened = tokio::spawn(async move {
            opener
                .open_room(OpenRoom {
                    token: Some(request.fresh_token),
                    fresh_token: token(),
                    ..request
                })
                .await
        });
        tokio::task::yield_now().await;
        let blocked = store.submit_op(room, block());
        let asked = store.submit_op(room, RoomOp::Post(visitor_draft("more")));
        drop(pause);
        closed.await.expect("completed").expect("it closes");
        let reopened = reopened.await.expect("it ends").expect("it opens");
        assert!(reopened.created, "the room was closed before in the batch");
        blocked.await.expect("completed").expect("it is blocked");
        assert_eq!(
            asked.await.expect("completed").err(),
            Some(Refusal::Blocked.into())
        );
    }
}
