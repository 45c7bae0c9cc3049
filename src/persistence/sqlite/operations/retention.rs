//! Deleting rooms past the time that the settings give them. It is done like an erased person's,
//! see `erasures.rs`; only the decision is different.

use rusqlite::{OptionalExtension, params};

use crate::chat::{RoomId, Timestamp, VisitorId};
use crate::persistence::rules::retention::is_expired;
use crate::persistence::sqlite::codes::{limit, status_code};
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::erasures::{self, Kind};
use crate::persistence::sqlite::tables::{audit, room_rows, visitors};
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::TxError;
use crate::persistence::{AuditAction, ErasureId, StoreError, WriteError};

/// Rooms that one step deletes, at most.
const STEP_ROOMS: usize = 64;

impl SqliteStore {
    pub(crate) async fn expired_rooms(&self, before: Timestamp) -> Result<Vec<RoomId>, StoreError> {
        self.readers()
            .read(move |conn| {
                conn.prepare_cached(
                    "SELECT id FROM rooms WHERE status = ?1 AND last_message_at < ?2 LIMIT ?3",
                )?
                .query_map(
                    params![
                        status_code(crate::chat::Status::Closed),
                        before.0,
                        limit(STEP_ROOMS, 0)
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
        before: Timestamp,
    ) -> Result<Vec<RoomId>, WriteError> {
        self.write(move |tx| expire(tx, run, &rooms, before)).await
    }
}

fn expire(
    tx: &mut Tx<'_>,
    run: ErasureId,
    rooms: &[RoomId],
    before: Timestamp,
) -> Result<Vec<RoomId>, TxError> {
    if erasures::by_id(tx.conn, run)?.is_none() {
        erasures::insert(tx, run, Kind::Retention)?;
        audit::insert(tx, AuditAction::RoomsExpired, None, Some(run.to_string()))?;
    }
    let mut removed = Vec::new();
    for room in rooms {
        let row = room_rows::by_id(tx.conn, *room)?;
        // A message may have come since it was found.
        if let Some(row) = row.filter(|row| is_expired(&row.record, before)) {
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use crate::chat::{Details, RoomId, Sender, Status, Timestamp};
    use crate::persistence::testing::*;
    use crate::persistence::*;

    async fn closed_room(store: &TestStore) -> (RoomId, TokenHash) {
        let request = anonymous(Details::default());
        let token = request.fresh_token;
        let room = store.open_room(request).await.expect("it opens");
        let room = room.record.room.id;
        store.post_as_visitor(room, "hello").await;
        let close = RoomOp::SetStatus {
            status: Status::Closed,
            by: Sender::Visitor,
        };
        store.apply(room, close).await.expect("it closes");
        (room, token)
    }

    #[tokio::test]
    async fn old_closed_rooms_go_and_those_that_were_opened_again_stay() {
        let store = TestStore::new();
        let (old, token) = closed_room(&store).await;
        let (reopened, other) = closed_room(&store).await;
        let open = store.new_room("Bob").await;
        store.post_as_visitor(open, "hello").await;
        let before = Timestamp(Timestamp::now().0 + 1);
        let none = store.expired_rooms(Timestamp(0)).await.expect("it reads");
        assert!(none.is_empty());
        let mut found = store.expired_rooms(before).await.expect("it reads");
        found.sort();
        let mut both = vec![old, reopened];
        both.sort();
        assert_eq!(found, both);
        store.post_as_visitor(reopened, "one more thing").await;
        let run = Uuid::now_v7();
        let removed = store.expire_rooms(run, found, before).await;
        assert_eq!(removed, Ok(vec![old]));
        while store.erase_step().await.expect("it goes on").is_some() {}
        let run = store.erasure(run).await.expect("it reads").expect("known");
        assert_eq!((run.rooms, run.messages), (1, 2));
        assert!(run.finished_at.is_some());
        assert_eq!(store.room(old).await, Ok(None));
        assert_eq!(store.visitor_by_token(token).await, Ok(None));
        assert!(
            store
                .visitor_by_token(other)
                .await
                .expect("it reads")
                .is_some()
        );
        assert!(store.room(reopened).await.expect("it reads").is_some());
        assert!(!store.is_rewrite_due().await.expect("it reads"));
        let unrecorded = store.unrecorded().await.expect("it reads");
        assert_eq!(unrecorded.erased.rooms, [old]);
    }
}
