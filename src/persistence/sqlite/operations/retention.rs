//! Deleting rooms past the time that the settings give them. It is done like an erased person's,
//! see `erasures.rs`; only the decision is different.

use rusqlite::{OptionalExtension, params};

use crate::chat::{RoomId, VisitorId};
use crate::persistence::rules::retention::is_expired;
use crate::persistence::sqlite::codes::{limit, status_code};
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::erasures::{self, Kind};
use crate::persistence::sqlite::tables::{audit, room_rows, visitors};
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::TxError;
use crate::persistence::{AuditAction, ErasureId, ErasureStep, Expiry, StoreError, WriteError};

impl SqliteStore {
    pub(crate) async fn expired_rooms(&self, expiry: Expiry) -> Result<Vec<RoomId>, StoreError> {
        self.readers()
            .read(move |conn| {
                conn.prepare_cached(
                    "SELECT id FROM rooms WHERE status = ?1 AND last_message_at < ?2
                     UNION SELECT id FROM rooms WHERE spam = 1 AND last_message_at < ?3 LIMIT ?4",
                )?
                .query_map(
                    params![
                        status_code(crate::chat::Status::Closed),
                        expiry.closed_before.map(|at| at.0),
                        expiry.spam_before.map(|at| at.0),
                        limit(ErasureStep::ROOMS_MAX, 0)
                    ],
                    |row| row.get(0),
                )?
                .collect()
            })
            .await
    }

    pub(crate) async fn expire_rooms(
        &self,
        run: ErasureId,
        rooms: Vec<RoomId>,
        expiry: Expiry,
    ) -> Result<Vec<RoomId>, WriteError> {
        self.write(move |tx| expire(tx, run, &rooms, expiry)).await
    }
}

fn expire(
    tx: &mut Tx<'_>,
    run: ErasureId,
    rooms: &[RoomId],
    expiry: Expiry,
) -> Result<Vec<RoomId>, TxError> {
    if erasures::by_id(tx.conn, run)?.is_none() {
        erasures::insert(tx, run, Kind::Retention)?;
        audit::insert(tx, AuditAction::RoomsExpired, None, Some(run.to_string()))?;
    }
    let mut removed = Vec::new();
    for room in rooms {
        let row = room_rows::by_id(tx.conn, *room)?;
        // A message may have come since it was found.
        if let Some(row) = row.filter(|row| is_expired(&row.record, expiry)) {
            erasures::delete_room(tx, run, &row)?;
            delete_if_unused(tx, row.record.visitor_id)?;
            removed.push(*room);
        }
    }
    erasures::settle(tx, run)?;
    Ok(removed)
}

/// Deletes a visitor without rooms. One who is blocked stays, since nothing else records the block.
pub(crate) fn delete_if_unused(tx: &Tx<'_>, visitor: VisitorId) -> rusqlite::Result<()> {
    let is_unused = tx
        .conn
        .prepare_cached(
            "SELECT 1 FROM visitors WHERE id = ?1 AND blocked = 0
                 AND NOT EXISTS (SELECT 1 FROM rooms WHERE visitor = ?1)
                 AND NOT EXISTS (SELECT 1 FROM visitor_changes
                                 WHERE visitor = ?1 OR new_owner = ?1)",
        )?
        .query_row([visitor], |_| Ok(()))
        .optional()?
        .is_some();
    if is_unused {
        visitors::end_tokens(tx, visitor)?;
        visitors::delete(tx, visitor)?;
    }
    Ok(())
}
