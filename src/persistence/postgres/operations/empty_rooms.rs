use std::collections::HashSet;

use crate::chat::{RoomId, Timestamp, VisitorId};
use crate::persistence::WriteError;
use crate::persistence::postgres::codes::limit;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::visitors;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;

/// Rooms that one call removes at most, so that it does not hold up other writes.
const REMOVED_ROOMS: usize = 500;

impl PostgresStore {
    pub(crate) async fn remove_empty_rooms(
        &self,
        before: Timestamp,
        keep: HashSet<RoomId>,
    ) -> Result<usize, WriteError> {
        self.write(move |tx| {
            let keep = keep.clone();
            Box::pin(async move { remove_empty_rooms(tx, before, &keep).await })
        })
        .await
    }
}

async fn remove_empty_rooms(
    tx: &mut Tx,
    before: Timestamp,
    keep: &HashSet<RoomId>,
) -> Result<usize, TxError> {
    // A room whose visitor is connected to any node stays.
    let old = tx
        .query(
            "SELECT r.pk, r.id, r.visitor FROM room_heads h JOIN rooms r ON r.pk = h.room
             WHERE h.last_n IS NULL AND r.created_at < $1
                 AND NOT EXISTS (SELECT 1 FROM online o WHERE o.room = r.id AND NOT o.gone)
             ORDER BY r.created_at LIMIT $2",
            &[&before.0, &limit(REMOVED_ROOMS, keep.len())],
        )
        .await?;
    let mut chosen: Vec<(i64, VisitorId)> = Vec::new();
    for row in &old {
        let (pk, id, visitor): (i64, RoomId, VisitorId) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if !keep.contains(&id) && chosen.len() < REMOVED_ROOMS {
            chosen.push((pk, visitor));
        }
    }
    // Visitors are locked before rooms, in the order of their ids.
    let owners: Vec<VisitorId> = chosen.iter().map(|(_, visitor)| *visitor).collect();
    tx.query(
        "SELECT id FROM visitors WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE",
        &[&owners],
    )
    .await?;
    let mut removed = 0;
    for (pk, visitor) in chosen {
        // It may have got a message since.
        let deleted = tx
            .execute(
                "DELETE FROM room_heads WHERE room = $1 AND last_n IS NULL",
                &[&pk],
            )
            .await?;
        if deleted == 0 {
            continue;
        }
        for sql in [
            "DELETE FROM room_tags WHERE room = $1",
            "DELETE FROM drafts WHERE room = $1",
            "DELETE FROM pages WHERE room = $1",
            "DELETE FROM notes WHERE room = $1",
            "DELETE FROM rooms WHERE pk = $1",
        ] {
            tx.execute(sql, &[&pk]).await?;
        }
        removed += 1;
        let is_left = tx
            .query_opt(
                "SELECT 1 FROM visitors WHERE id = $1 AND \"user\" IS NULL
                     AND NOT EXISTS (SELECT 1 FROM rooms WHERE visitor = $1)",
                &[&visitor],
            )
            .await?
            .is_some();
        if is_left {
            visitors::end_tokens(tx, visitor).await?;
            visitors::delete(tx, visitor).await?;
        }
    }
    Ok(removed)
}
