//! Repeating erasures in a database that may not know of them, because it was restored from a copy
//! from before. What is not here is left alone: an import reads the ledgers by itself.

use std::sync::Arc;

use uuid::Uuid;

use crate::chat::RoomId;
use crate::persistence::postgres::codes::uint;
use crate::persistence::postgres::operations::retention::places;
use crate::persistence::postgres::operations::rooms::redact;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::erasures::{self, Kind};
use crate::persistence::postgres::tables::{audit, room_rows, visitors};
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::{
    AuditAction, Erased, ErasedAgain, ErasureId, ErasureStep, Principal, StoreError, WriteError,
};

const BY: Principal = Principal::CommandLine;

impl PostgresStore {
    /// Erases what of this is here, and returns how much that was.
    pub(crate) async fn repeat_erasures(&self, erased: Erased) -> Result<ErasedAgain, WriteError> {
        let mut again = ErasedAgain::default();
        let here = "SELECT id FROM visitors WHERE id = ANY($1)
            AND id NOT IN (SELECT visitor FROM erased_visitors)";
        let visitors = self.ids(here, &erased.visitors).await?;
        if !visitors.is_empty()
            && let Some(begun) = self.begin_erasure(visitors, BY).await?
        {
            // Until nobody can read any of it. What is left of it, the server deletes while it serves.
            while self
                .erase_step()
                .await?
                .is_some_and(|step| step.messages == 0)
            {}
            let erasure = self.erasure(begun.id).await?;
            again.visitors = erasure.as_ref().map_or(0, |erasure| erasure.visitors);
            again.rooms = erasure.map_or(0, |erasure| erasure.rooms);
        }
        // Before they signed in, the same person may have been another visitor.
        let here = "SELECT id FROM rooms WHERE id = ANY($1)";
        let rooms = self.ids(here, &erased.rooms).await?;
        let id = Uuid::now_v7();
        for some in rooms.chunks(ErasureStep::ROOMS_MAX) {
            let some: Arc<[RoomId]> = some.into();
            let delete = self.write(move |tx| {
                let some = Arc::clone(&some);
                Box::pin(async move { delete_rooms(tx, id, &some).await })
            });
            again.rooms += delete.await?;
        }
        for (room, seq) in self.texts(&erased).await? {
            self.write(move |tx| Box::pin(redact(tx, room, seq, BY)))
                .await?;
            again.redacted += 1;
        }
        Ok(again)
    }

    /// The rows that a statement finds by these ids.
    async fn ids(&self, sql: &'static str, ids: &[Uuid]) -> Result<Vec<Uuid>, StoreError> {
        self.read(async |db| {
            let rows = db.query(sql, &[&ids]).await?;
            rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
        })
        .await
    }

    /// The removed texts that are here, by room and seq.
    async fn texts(&self, erased: &Erased) -> Result<Vec<(RoomId, u64)>, StoreError> {
        let (rooms, messages): (Vec<Uuid>, Vec<Uuid>) = erased.messages.iter().copied().unzip();
        self.read(async |db| {
            let rows = db
                .query(
                    "SELECT r.id, m.seq FROM unnest($1::uuid[], $2::uuid[]) u (room, message)
                     JOIN rooms r ON r.id = u.room
                     JOIN messages m ON m.id = u.message AND m.room = r.pk
                     WHERE m.content <> ''",
                    &[&rooms, &messages],
                )
                .await?;
            rows.iter()
                .map(|row| Ok((row.try_get(0)?, uint(row, 1)?)))
                .collect()
        })
        .await
    }
}

/// Deletes those of these rooms that are here, as one erasure. Returns how many.
async fn delete_rooms(tx: &mut Tx, id: ErasureId, rooms: &[RoomId]) -> Result<u64, TxError> {
    if !erasures::lock(tx, id).await? {
        erasures::insert(tx, id, Kind::Person).await?;
        let subject = Some(id.to_string());
        audit::insert(tx, AuditAction::PersonErased, Some(BY), subject).await?;
    }
    let (pks, owners) = places(tx, rooms).await?;
    let owners = visitors::lock_all(tx, &owners).await?;
    let rows = room_rows::lock_to_delete(tx, &pks).await?;
    erasures::delete_rooms(tx, id, &rows).await?;
    visitors::delete_unused(tx, &owners).await?;
    erasures::settle(tx, id).await?;
    Ok(rows.len() as u64)
}
