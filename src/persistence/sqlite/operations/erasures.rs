//! Erasing a person, and rooms past their time.
//!
//! It is decided in one transaction: the tokens end, and no identity finds the visitor any more. The
//! rest is done in bounded steps, so that it delays no other write: a few rooms, after which nobody
//! can read them, then their messages with their entries in the text index. How far it has come is
//! kept in tables, so it continues after a kill. A list of ids stays.
//!
//! Deleted words may still be in free space of the file; see `operations/rewrite.rs`.

use rusqlite::{Connection, params};
use uuid::Uuid;

use crate::chat::{RoomId, VisitorId};
use crate::persistence::sqlite::operations::people;
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::erasures::{self, Kind};
use crate::persistence::sqlite::tables::{audit, room_rows};
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::TxError;
use crate::persistence::{
    AuditAction, BegunErasure, Erasure, ErasureId, ErasureStep, Principal, StoreError, Unrecorded,
    WriteError,
};

pub(crate) mod repeat;

/// Rooms that one step deletes, at most.
const STEP_ROOMS: usize = ErasureStep::ROOMS_MAX;
/// Messages that one step deletes, at most.
const STEP_MESSAGES: u64 = ErasureStep::MESSAGES_MAX;

impl SqliteStore {
    pub(crate) async fn begin_erasure(
        &self,
        visitors: Vec<VisitorId>,
        by: Principal,
    ) -> Result<Option<BegunErasure>, WriteError> {
        let id = Uuid::now_v7();
        let begun = self.write(move |tx| begin(tx, id, &visitors, by)).await;
        self.channel().erasures_pending.notify_one();
        begun
    }

    pub(crate) async fn erase_step(&self) -> Result<Option<ErasureStep>, WriteError> {
        self.write(step).await
    }

    pub(crate) async fn wait_for_erasures(&self) {
        self.channel().erasures_pending.notified().await;
    }

    pub(crate) async fn unrecorded(&self) -> Result<Unrecorded, StoreError> {
        self.readers().read(erasures::unrecorded).await
    }

    pub(crate) async fn mark_recorded(&self, recorded: Unrecorded) -> Result<(), WriteError> {
        self.write(move |tx| Ok(erasures::mark_recorded(tx, &recorded)?))
            .await
    }

    pub(crate) async fn erasure(&self, id: ErasureId) -> Result<Option<Erasure>, StoreError> {
        self.readers()
            .read(move |conn| erasures::by_id(conn, id))
            .await
    }
}

/// Decides the erasure of these visitors. `None` when none of them exists any more.
pub(crate) fn begin(
    tx: &mut Tx<'_>,
    id: ErasureId,
    visitors: &[VisitorId],
    by: Principal,
) -> Result<Option<BegunErasure>, TxError> {
    let known = not_erased(tx.conn, visitors)?;
    if known.is_empty() {
        return Ok(None);
    }
    erasures::insert(tx, id, Kind::Person)?;
    let mut ended = Vec::new();
    for visitor in &known {
        ended.extend(erasures::insert_visitor(tx, id, *visitor)?);
    }
    audit::insert(
        tx,
        AuditAction::PersonErased,
        Some(by),
        Some(id.to_string()),
    )?;
    Ok(Some(BegunErasure { id, ended }))
}

/// These visitors and those who are becoming them, as far as they are there and not erased.
fn not_erased(conn: &Connection, visitors: &[VisitorId]) -> rusqlite::Result<Vec<VisitorId>> {
    let mut known = Vec::new();
    for visitor in people::with_merging(conn, visitors)? {
        let is_known = conn
            .prepare_cached(
                "SELECT 1 FROM visitors WHERE id = ?1
                 AND id NOT IN (SELECT visitor FROM erased_visitors)",
            )?
            .exists([visitor])?;
        if is_known {
            known.push(visitor);
        }
    }
    Ok(known)
}

/// Does the next bounded part of what is decided. `None` when nothing is left.
pub(crate) fn step(tx: &mut Tx<'_>) -> Result<Option<ErasureStep>, TxError> {
    if let Some((visitor, erasure)) = erasures::next_visitor(tx.conn)? {
        let removed = delete_rooms_of(tx, erasure, visitor)?;
        erasures::settle(tx, erasure)?;
        return Ok(Some(ErasureStep {
            removed,
            messages: 0,
        }));
    }
    if let Some(leftover) = erasures::next_leftover(tx.conn)? {
        let messages = erasures::delete_messages(tx, &leftover, STEP_MESSAGES)?;
        erasures::settle(tx, leftover.erasure)?;
        return Ok(Some(ErasureStep {
            removed: Vec::new(),
            messages,
        }));
    }
    Ok(None)
}

fn delete_rooms_of(
    tx: &mut Tx<'_>,
    erasure: ErasureId,
    visitor: VisitorId,
) -> rusqlite::Result<Vec<RoomId>> {
    let rows = room_rows::query(
        tx.conn,
        "WHERE r.visitor = ?1 ORDER BY r.pk LIMIT ?2",
        params![visitor, STEP_ROOMS as i64],
    )?;
    for row in &rows {
        erasures::delete_room(tx, erasure, row)?;
    }
    if rows.len() < STEP_ROOMS {
        erasures::delete_visitor(tx, erasure, visitor)?;
    }
    Ok(rows.into_iter().map(|row| row.record.room.id).collect())
}

#[cfg(test)]
mod tests;
