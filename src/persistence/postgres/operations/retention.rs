//! Deleting rooms past the time that the settings give them. It is done like an erased person's,
//! see `erasures.rs`; only the decision is different.

use std::collections::HashSet;
use std::sync::Arc;

use crate::chat::{RoomId, Status, VisitorId};
use crate::persistence::postgres::codes::{limit, status_code};
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::erasures::{self, Kind};
use crate::persistence::postgres::tables::{audit, room_rows, visitors};
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::rules::retention::is_expired;
use crate::persistence::{AuditAction, ErasureId, ErasureStep, Expiry, StoreError, WriteError};

impl PostgresStore {
    pub(crate) async fn expired_rooms(&self, expiry: Expiry) -> Result<Vec<RoomId>, StoreError> {
        self.read(async |db| {
            let rows = db
                .query(
                    "SELECT r.id FROM room_heads h JOIN rooms r ON r.pk = h.room
                     WHERE h.status = $1 AND h.last_message_at < $2
                     UNION SELECT r.id FROM room_heads h JOIN rooms r ON r.pk = h.room
                     WHERE h.spam AND h.last_message_at < $3 LIMIT $4",
                    &[
                        &status_code(Status::Closed),
                        &expiry.closed_before.map(|at| at.0),
                        &expiry.spam_before.map(|at| at.0),
                        &limit(ErasureStep::ROOMS_MAX, 0),
                    ],
                )
                .await?;
            rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
        })
        .await
    }

    pub(crate) async fn expire_rooms(
        &self,
        run: ErasureId,
        rooms: Vec<RoomId>,
        expiry: Expiry,
    ) -> Result<Vec<RoomId>, WriteError> {
        let rooms = Arc::new(rooms);
        self.write(move |tx| {
            let rooms = Arc::clone(&rooms);
            Box::pin(async move { expire(tx, run, &rooms, expiry).await })
        })
        .await
    }
}

async fn expire(
    tx: &mut Tx,
    run: ErasureId,
    rooms: &[RoomId],
    expiry: Expiry,
) -> Result<Vec<RoomId>, TxError> {
    if !erasures::lock(tx, run).await? {
        erasures::insert(tx, run, Kind::Retention).await?;
        let subject = Some(run.to_string());
        audit::insert(tx, AuditAction::RoomsExpired, None, subject).await?;
    }
    let (pks, owners) = places(tx, rooms).await?;
    let owners: HashSet<VisitorId> = visitors::lock_all(tx, &owners).await?.into_iter().collect();
    let mut rows = room_rows::lock_to_delete(tx, &pks).await?;
    // A message may have come since it was found; and one that has just got another owner waits for
    // the next run.
    rows.retain(|row| is_expired(&row.record, expiry) && owners.contains(&row.record.visitor_id));
    erasures::delete_rooms(tx, run, &rows).await?;
    visitors::delete_unused(tx, &Vec::from_iter(owners)).await?;
    erasures::settle(tx, run).await?;
    Ok(rows.into_iter().map(|row| row.record.room.id).collect())
}

/// The numbers of rooms, and whose they are.
pub(crate) async fn places(
    tx: &Tx,
    rooms: &[RoomId],
) -> Result<(Vec<i64>, Vec<VisitorId>), TxError> {
    let found = tx
        .query(
            "SELECT pk, visitor FROM rooms WHERE id = ANY($1)",
            &[&rooms],
        )
        .await?;
    let (mut pks, mut owners) = (Vec::new(), Vec::new());
    for row in &found {
        pks.push(row.try_get(0)?);
        owners.push(row.try_get(1)?);
    }
    Ok((pks, owners))
}
