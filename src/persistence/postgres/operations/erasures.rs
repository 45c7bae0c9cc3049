//! Erasing a person, and rooms past their time.
//!
//! It is decided in one transaction: the tokens end, and no identity finds the visitor any more. The
//! rest is done in bounded steps, so that it delays no other write: a few rooms, after which nobody
//! can read them, then their messages with their entries in the text index. How far it has come is
//! kept in tables, so any node continues after a kill. A list of ids stays.
//!
//! Deleted rows stay in PostgreSQL's files until its own VACUUM has overwritten them.

use std::sync::Arc;

use uuid::Uuid;

use crate::chat::{RoomId, VisitorId};
use crate::persistence::postgres::codes::limit;
use crate::persistence::postgres::operations::people;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::erasures::{self, Kind};
use crate::persistence::postgres::tables::{audit, room_rows, visitors};
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::{
    AuditAction, BegunErasure, Erasure, ErasureId, ErasureStep, Principal, StoreError, Unrecorded,
    WriteError,
};

impl PostgresStore {
    pub(crate) async fn begin_erasure(
        &self,
        visitors: Vec<VisitorId>,
        by: Principal,
    ) -> Result<Option<BegunErasure>, WriteError> {
        let id = Uuid::now_v7();
        let visitors = Arc::new(visitors);
        let begun = self
            .write(move |tx| {
                let visitors = Arc::clone(&visitors);
                Box::pin(async move { begin(tx, id, &visitors, by).await })
            })
            .await;
        self.shared().erasures_pending.notify_one();
        begun
    }

    pub(crate) async fn erase_step(&self) -> Result<Option<ErasureStep>, WriteError> {
        self.write(|tx| Box::pin(step(tx))).await
    }

    pub(crate) async fn wait_for_erasures(&self) {
        self.shared().erasures_pending.notified().await;
    }

    pub(crate) async fn unrecorded(&self) -> Result<Unrecorded, StoreError> {
        self.read_snapshot(erasures::unrecorded).await
    }

    pub(crate) async fn mark_recorded(&self, recorded: Unrecorded) -> Result<(), WriteError> {
        let recorded = Arc::new(recorded);
        self.write(move |tx| {
            let recorded = Arc::clone(&recorded);
            Box::pin(async move { erasures::mark_recorded(tx, &recorded).await })
        })
        .await
    }

    pub(crate) async fn erasure(&self, id: ErasureId) -> Result<Option<Erasure>, StoreError> {
        self.read(async |db| erasures::by_id(db, id).await).await
    }
}

/// Decides the erasure of these visitors. `None` when none of them exists any more.
async fn begin(
    tx: &Tx,
    id: ErasureId,
    visitors: &[VisitorId],
    by: Principal,
) -> Result<Option<BegunErasure>, TxError> {
    let known = lock_not_erased(tx, visitors).await?;
    if known.is_empty() {
        return Ok(None);
    }
    erasures::insert(tx, id, Kind::Person).await?;
    let mut ended = Vec::new();
    for visitor in known {
        ended.extend(erasures::insert_visitor(tx, id, visitor).await?);
    }
    let subject = Some(id.to_string());
    audit::insert(tx, AuditAction::PersonErased, Some(by), subject).await?;
    Ok(Some(BegunErasure { id, ended }))
}

/// Locks these visitors and those who are becoming them, as far as they are there and not erased.
async fn lock_not_erased(tx: &Tx, visitors: &[VisitorId]) -> Result<Vec<VisitorId>, TxError> {
    let mut wanted = visitors.to_vec();
    loop {
        let locked = visitors::lock_all(tx, &wanted).await?;
        // Once they are locked, nobody becomes somebody else.
        let all = people::with_merging(tx, &wanted).await?;
        if all.len() == wanted.len() {
            let erased = tx
                .query(
                    "SELECT visitor FROM erased_visitors WHERE visitor = ANY($1)",
                    &[&locked],
                )
                .await?;
            let mut known = locked;
            for row in &erased {
                let erased: VisitorId = row.try_get(0)?;
                known.retain(|visitor| *visitor != erased);
            }
            return Ok(known);
        }
        wanted = all;
    }
}

/// Does the next bounded part of what is decided. `None` when nothing is left.
async fn step(tx: &mut Tx) -> Result<Option<ErasureStep>, TxError> {
    if let Some((visitor, erasure)) = erasures::next_visitor(tx).await? {
        erasures::lock(tx, erasure).await?;
        let removed = delete_rooms_of(tx, erasure, visitor).await?;
        erasures::settle(tx, erasure).await?;
        return Ok(Some(ErasureStep {
            removed,
            messages: 0,
        }));
    }
    if let Some(leftover) = erasures::next_leftover(tx).await? {
        erasures::lock(tx, leftover.erasure).await?;
        let messages = erasures::delete_messages(tx, &leftover, ErasureStep::MESSAGES_MAX).await?;
        erasures::settle(tx, leftover.erasure).await?;
        return Ok(Some(ErasureStep {
            removed: Vec::new(),
            messages,
        }));
    }
    Ok(None)
}

async fn delete_rooms_of(
    tx: &mut Tx,
    erasure: ErasureId,
    visitor: VisitorId,
) -> Result<Vec<RoomId>, TxError> {
    // Until it ends, nobody opens a room as this visitor.
    visitors::lock_all(tx, &[visitor]).await?;
    let found = tx
        .query(
            "SELECT pk FROM rooms WHERE visitor = $1 ORDER BY pk LIMIT $2",
            &[&visitor, &limit(ErasureStep::ROOMS_MAX, 0)],
        )
        .await?;
    let pks = found
        .iter()
        .map(|row| Ok(row.try_get(0)?))
        .collect::<Result<Vec<i64>, TxError>>()?;
    let rows = room_rows::lock_to_delete(tx, &pks).await?;
    erasures::delete_rooms(tx, erasure, &rows).await?;
    if pks.len() < ErasureStep::ROOMS_MAX {
        erasures::delete_visitor(tx, erasure, visitor).await?;
    }
    Ok(rows.into_iter().map(|row| row.record.room.id).collect())
}
