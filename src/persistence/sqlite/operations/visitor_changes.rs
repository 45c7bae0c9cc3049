//! A block, and an anonymous visitor's sign-in, concern all rooms of that visitor.
//!
//! Both take effect at once, since every read joins the visitor's own row, and an ended token opens
//! nothing. What is stored in the rooms themselves, their version and their owner, is changed a few
//! rooms per transaction, so that a visitor with thousands of rooms delays no other write. The
//! progress is kept in a table, so that it goes on after a kill.

use rusqlite::{OptionalExtension, params};

use crate::chat::{RoomId, VisitorId};
use crate::persistence::WriteError;
use crate::persistence::rules::listing::PriorState;
use crate::persistence::rules::visitors::{self as rules, StoredVisitor, VisitorChange};
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::room_rows::{self, RoomRow};
use crate::persistence::sqlite::tables::visitors;
use crate::persistence::sqlite::transaction::Tx;

/// Rooms that one transaction changes. Nearly all visitors have fewer.
const STEP_ROOMS: usize = 64;

impl SqliteStore {
    pub(crate) async fn wait_for_visitor_changes(&self) {
        self.channel().visitor_changes_pending.notified().await;
    }

    pub(crate) async fn apply_next_visitor_change(
        &self,
    ) -> Result<Option<Vec<RoomId>>, WriteError> {
        self.write(|tx| {
            let next = tx
                .conn
                .prepare_cached("SELECT visitor FROM visitor_changes LIMIT 1")?
                .query_row([], |row| row.get(0))
                .optional()?;
            Ok(match next {
                Some(visitor) => Some(step(tx, visitor, None)?),
                None => None,
            })
        })
        .await
    }
}

/// The visitor was blocked, or the block was lifted. Returns the rooms that were
/// changed.
pub(crate) fn block(tx: &mut Tx<'_>, visitor: VisitorId) -> rusqlite::Result<Vec<RoomId>> {
    insert(tx, visitor, None)?;
    step(tx, visitor, None)
}

/// As [`block`], except for a room that the caller changes itself.
pub(crate) fn block_others(
    tx: &mut Tx<'_>,
    visitor: VisitorId,
    room: RoomId,
) -> rusqlite::Result<Vec<RoomId>> {
    insert(tx, visitor, None)?;
    step(tx, visitor, Some(room))
}

/// The user to whom this visitor's rooms are moving, if they are.
pub(crate) fn new_owner(tx: &Tx<'_>, visitor: VisitorId) -> rusqlite::Result<Option<VisitorId>> {
    let row = tx
        .conn
        .prepare_cached("SELECT new_owner FROM visitor_changes WHERE visitor = ?1")?
        .query_row([visitor], |row| row.get(0))
        .optional()?;
    Ok(row.flatten())
}

/// The visitor's rooms belong to another one from now on, and the visitor is deleted once all are
/// moved. Returns those that were moved.
pub(crate) fn change_owner(
    tx: &mut Tx<'_>,
    visitor: VisitorId,
    to: &StoredVisitor,
) -> rusqlite::Result<Vec<RoomId>> {
    insert(tx, visitor, Some(to.id))?;
    let mut moved = Vec::new();
    // The room that is about to be opened does not wait for its turn.
    if let Some(mut row) = room_rows::latest_open(tx.conn, visitor)? {
        apply(tx, &mut row, &VisitorChange::NewOwner(to.clone()))?;
        moved.push(row.record.room.id);
    }
    moved.extend(step(tx, visitor, None)?);
    Ok(moved)
}

fn insert(tx: &Tx<'_>, visitor: VisitorId, new_owner: Option<VisitorId>) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT OR REPLACE INTO visitor_changes (visitor, new_owner, after) VALUES (?1, ?2, 0)",
        params![visitor, new_owner],
    )?;
    Ok(())
}

/// Applies a pending change to the visitor's next rooms, except to one, and returns these.
fn step(
    tx: &mut Tx<'_>,
    visitor: VisitorId,
    except: Option<RoomId>,
) -> rusqlite::Result<Vec<RoomId>> {
    let (new_owner, after): (Option<VisitorId>, i64) = tx
        .conn
        .prepare_cached("SELECT new_owner, after FROM visitor_changes WHERE visitor = ?1")?
        .query_row([visitor], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let change = match new_owner {
        Some(id) => VisitorChange::NewOwner(visitors::by_id(tx.conn, id)?),
        None => VisitorChange::Block,
    };
    let mut rows = room_rows::query(
        tx.conn,
        "WHERE r.visitor = ?1 AND r.pk > ?2 ORDER BY r.pk LIMIT ?3",
        params![visitor, after, STEP_ROOMS as i64],
    )?;
    let mut changed = Vec::new();
    for row in &mut rows {
        if Some(row.record.room.id) != except {
            apply(tx, row, &change)?;
            changed.push(row.record.room.id);
        }
    }
    match rows.last() {
        Some(last) if rows.len() == STEP_ROOMS => {
            tx.execute(
                "UPDATE visitor_changes SET after = ?2 WHERE visitor = ?1",
                params![visitor, last.keys.pk],
            )?;
            tx.visitor_changes_pending = true;
        }
        _ => {
            tx.execute("DELETE FROM visitor_changes WHERE visitor = ?1", [visitor])?;
            if new_owner.is_some() {
                visitors::delete(tx, visitor)?;
            }
        }
    }
    Ok(changed)
}

fn apply(tx: &mut Tx<'_>, row: &mut RoomRow, change: &VisitorChange) -> rusqlite::Result<()> {
    let before = PriorState::of(&row.record);
    rules::apply(&mut row.record, change, tx.now);
    room_rows::update(tx, before, row)?;
    match change {
        VisitorChange::NewOwner(_) => room_rows::update_visitor(tx, row),
        VisitorChange::Block => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::STEP_ROOMS;
    use crate::chat::{Details, RoomId, Sender, Status};
    use crate::persistence::testing::*;
    use crate::persistence::*;

    const ROOMS: usize = STEP_ROOMS * 2 + 10;

    /// A visitor with that many rooms of one message each, all but the last one closed.
    async fn visitor_of_many_rooms(store: &TestStore) -> (TokenHash, Vec<RoomId>) {
        let mut request = anonymous(Details::default());
        let first = request.fresh_token;
        let mut rooms = Vec::new();
        while rooms.len() < ROOMS {
            let opened = store.open_room(request).await.expect("it opens");
            let room = opened.record.room.id;
            store.post_as_visitor(room, "hello").await;
            rooms.push(room);
            if rooms.len() < ROOMS {
                let close = RoomOp::SetStatus {
                    status: Status::Closed,
                    by: Sender::Visitor,
                };
                store.apply(room, close).await.expect("it closes");
            }
            request = OpenRoom {
                token: Some(first),
                ..anonymous(Details::default())
            };
        }
        (first, rooms)
    }

    async fn versions(store: &TestStore, rooms: &[RoomId]) -> Vec<u64> {
        let mut versions = Vec::new();
        for room in rooms {
            versions.push(record(store, *room).await.version);
        }
        versions
    }

    async fn apply_all(store: &TestStore) -> Vec<usize> {
        let mut steps = Vec::new();
        while let Some(rooms) = store
            .apply_next_visitor_change()
            .await
            .expect("it is applied")
        {
            steps.push(rooms.len());
        }
        steps
    }

    #[tokio::test]
    async fn a_block_takes_effect_at_once_and_reaches_every_room_even_after_a_kill() {
        let store = TestStore::new();
        let (_, rooms) = visitor_of_many_rooms(&store).await;
        let last = rooms[ROOMS - 1];
        let before = versions(&store, &rooms).await;
        let commit = store.apply(last, block()).await.expect("blocked");
        assert!(commit.also_changed.len() <= STEP_ROOMS, "a bounded step");
        assert!(commit.record.blocked && commit.record.version == before[ROOMS - 1] + 1);
        for room in &rooms {
            let refused = store
                .apply(*room, RoomOp::Post(visitor_draft("more")))
                .await;
            assert_eq!(refused.err(), Some(Refusal::Blocked.into()));
        }
        let pending = store.wait_for_visitor_changes();
        tokio::time::timeout(std::time::Duration::from_secs(60), pending)
            .await
            .expect("whoever applies the rest is woken up");
        // The next start knows only what is stored.
        let store = store.reopened();
        assert_eq!(apply_all(&store).await, [STEP_ROOMS, 10]);
        for (before, after) in before.iter().zip(versions(&store, &rooms).await) {
            assert!(after > *before, "consoles get the change");
        }
        assert_eq!(store.apply_next_visitor_change().await, Ok(None));
    }

    fn signed_in(token: TokenHash) -> OpenRoom {
        OpenRoom {
            token: Some(token),
            identity: Some(Identity {
                user: "ann".into(),
                details: Details::default(),
                attributes: None,
            }),
            ..anonymous(Details::default())
        }
    }

    #[tokio::test]
    async fn a_block_of_a_room_that_has_not_moved_yet_blocks_the_user_and_stops_no_move() {
        let store = TestStore::new();
        let (token, rooms) = visitor_of_many_rooms(&store).await;
        let opened = store.open_room(signed_in(token)).await.expect("it opens");
        let waiting = rooms[STEP_ROOMS + 1];
        assert!(!opened.moved.contains(&waiting));
        store.apply(waiting, block()).await.expect("blocked");
        apply_all(&store).await;
        for room in &rooms {
            let record = record(&store, *room).await;
            assert_eq!(record.visitor_id, opened.record.visitor_id);
            assert!(record.blocked);
        }
    }

    #[tokio::test]
    async fn signing_in_with_many_rooms_ends_the_tokens_first() {
        let store = TestStore::new();
        let (token, rooms) = visitor_of_many_rooms(&store).await;
        let opened = store.open_room(signed_in(token)).await.expect("it opens");
        assert!(!opened.created && opened.record.room.id == rooms[ROOMS - 1]);
        assert_eq!(opened.moved.len(), STEP_ROOMS + 1, "a bounded step");
        assert!(opened.ended.contains(&token));
        assert_eq!(store.visitor_by_token(token).await, Ok(None));
        assert_eq!(apply_all(&store).await, [STEP_ROOMS, 9]);
        let owner = opened.record.visitor_id;
        for room in &rooms {
            assert_eq!(record(&store, *room).await.visitor_id, owner);
        }
    }
}
