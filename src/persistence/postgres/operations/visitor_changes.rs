//! A block, and an anonymous visitor's sign-in, concern all rooms of that visitor.
//!
//! Both take effect at once, since every read joins the visitor's own row, and an ended token opens
//! nothing. What is stored in the rooms themselves, their version and their owner, is changed a few
//! rooms per transaction, so that a visitor with thousands of rooms delays no other write. The
//! progress is kept in a table, so that it goes on after a kill, on any node.

use crate::chat::{RoomId, VisitorId};
use crate::persistence::WriteError;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::room_rows::{self, RoomRow, select_rooms};
use crate::persistence::postgres::tables::visitors;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::rules::listing::PriorState;
use crate::persistence::rules::visitors::{self as rules, StoredVisitor, VisitorChange};

/// Rooms that one transaction changes. Nearly all visitors have fewer.
const STEP_ROOMS: i64 = 64;

impl PostgresStore {
    pub(crate) async fn wait_for_visitor_changes(&self) {
        self.shared().visitor_changes_pending.notified().await;
    }

    pub(crate) async fn apply_next_visitor_change(
        &self,
    ) -> Result<Option<Vec<RoomId>>, WriteError> {
        self.write(|tx| Box::pin(apply_next(tx))).await
    }
}

async fn apply_next(tx: &mut Tx) -> Result<Option<Vec<RoomId>>, TxError> {
    let next = tx
        .query_opt("SELECT visitor FROM visitor_changes LIMIT 1", &[])
        .await?;
    match next {
        Some(row) => {
            let visitor: VisitorId = row.try_get(0)?;
            // With the lock, so that no other node does the same step.
            visitors::lock(tx, visitor).await?;
            Ok(Some(step(tx, visitor, None).await?))
        }
        None => Ok(None),
    }
}

/// The visitor, whom the caller has locked, was blocked, or the block was lifted. Returns the rooms
/// that were changed.
pub(crate) async fn block(tx: &mut Tx, visitor: VisitorId) -> Result<Vec<RoomId>, TxError> {
    insert(tx, visitor, None).await?;
    step(tx, visitor, None).await
}

/// As [`block`], except for a room that the caller changes itself.
pub(crate) async fn block_others(
    tx: &mut Tx,
    visitor: VisitorId,
    room: RoomId,
) -> Result<Vec<RoomId>, TxError> {
    insert(tx, visitor, None).await?;
    step(tx, visitor, Some(room)).await
}

/// The user to whom this visitor's rooms are moving, if they are.
pub(crate) async fn new_owner(tx: &Tx, visitor: VisitorId) -> Result<Option<VisitorId>, TxError> {
    let row = tx
        .query_opt(
            "SELECT new_owner FROM visitor_changes WHERE visitor = $1",
            &[&visitor],
        )
        .await?;
    Ok(match row {
        Some(row) => row.try_get(0)?,
        None => None,
    })
}

/// The visitor's rooms belong to another one from now on, and the visitor is deleted once all are
/// moved; the caller has locked both. Returns the rooms that were moved.
pub(crate) async fn change_owner(
    tx: &mut Tx,
    visitor: VisitorId,
    to: &StoredVisitor,
) -> Result<Vec<RoomId>, TxError> {
    insert(tx, visitor, Some(to.id)).await?;
    let mut moved = step(tx, visitor, None).await?;
    // The room that is about to be opened does not wait for its turn.
    if let Some(row) = room_rows::latest_open(tx, visitor).await?
        && let Some(mut row) = room_rows::lock_pk(tx, row.keys.pk).await?
    {
        apply(tx, &mut row, &VisitorChange::NewOwner(to.clone())).await?;
        moved.push(row.record.room.id);
    }
    Ok(moved)
}

async fn insert(tx: &Tx, visitor: VisitorId, new_owner: Option<VisitorId>) -> Result<(), TxError> {
    tx.execute(
        "INSERT INTO visitor_changes (visitor, new_owner, after) VALUES ($1, $2, 0)
         ON CONFLICT (visitor) DO UPDATE SET new_owner = excluded.new_owner, after = 0",
        &[&visitor, &new_owner],
    )
    .await?;
    Ok(())
}

/// Applies a pending change to the visitor's next rooms, except to one, and returns these.
async fn step(
    tx: &mut Tx,
    visitor: VisitorId,
    except: Option<RoomId>,
) -> Result<Vec<RoomId>, TxError> {
    let pending = tx
        .query_opt(
            "SELECT new_owner, after FROM visitor_changes WHERE visitor = $1",
            &[&visitor],
        )
        .await?;
    // Another node has done the last step.
    let Some(pending) = pending else {
        return Ok(Vec::new());
    };
    let (new_owner, after): (Option<VisitorId>, i64) = (pending.try_get(0)?, pending.try_get(1)?);
    let change = match new_owner {
        Some(id) => {
            let owner = visitors::find(tx, id).await?;
            VisitorChange::NewOwner(owner.ok_or_else(|| {
                TxError::unreadable(format!("rooms move to the visitor {id}, who is gone"))
            })?)
        }
        None => VisitorChange::Block,
    };
    let mut rows = lock_next(tx, visitor, after).await?;
    let mut changed = Vec::new();
    for row in &mut rows {
        if Some(row.record.room.id) != except {
            apply(tx, row, &change).await?;
            changed.push(row.record.room.id);
        }
    }
    match rows.last() {
        Some(last) if rows.len() as i64 == STEP_ROOMS => {
            tx.execute(
                "UPDATE visitor_changes SET after = $2 WHERE visitor = $1",
                &[&visitor, &last.keys.pk],
            )
            .await?;
            tx.visitor_changes_pending = true;
        }
        _ => {
            tx.execute(
                "DELETE FROM visitor_changes WHERE visitor = $1",
                &[&visitor],
            )
            .await?;
            if new_owner.is_some() {
                visitors::delete(tx, visitor).await?;
            }
        }
    }
    Ok(changed)
}

/// The visitor's rooms past a number, locked.
async fn lock_next(tx: &Tx, visitor: VisitorId, after: i64) -> Result<Vec<RoomRow>, TxError> {
    let locked = tx
        .query(
            "SELECT room FROM room_heads WHERE room IN (
                 SELECT pk FROM rooms WHERE visitor = $1 AND pk > $2 ORDER BY pk LIMIT $3)
             ORDER BY room FOR NO KEY UPDATE",
            &[&visitor, &after, &STEP_ROOMS],
        )
        .await?;
    let numbers = locked
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<Vec<i64>, _>>()?;
    let sql = select_rooms!("WHERE r.pk = ANY($1) ORDER BY r.pk");
    room_rows::query(tx, sql, &[&numbers]).await
}

async fn apply(tx: &mut Tx, row: &mut RoomRow, change: &VisitorChange) -> Result<(), TxError> {
    let before = PriorState::of(&row.record);
    rules::apply(&mut row.record, change, tx.now);
    room_rows::update(tx, before, row).await?;
    match change {
        VisitorChange::NewOwner(_) => room_rows::update_details(tx, row).await,
        VisitorChange::Block => Ok(()),
    }
}
