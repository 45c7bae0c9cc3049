use std::collections::HashSet;

use rusqlite::params;

use crate::chat::{RoomId, Timestamp, VisitorId};
use crate::persistence::WriteError;
use crate::persistence::sqlite::codes::limit;
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::{notes, visitors};
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::TxError;

/// Rooms that one call removes at most, so that it does not hold up other writes.
const REMOVED_ROOMS: usize = 500;

impl SqliteStore {
    pub(crate) async fn remove_empty_rooms(
        &self,
        before: Timestamp,
        keep: HashSet<RoomId>,
    ) -> Result<usize, WriteError> {
        self.write(move |tx| remove_empty_rooms(tx, before, &keep))
            .await
    }
}

fn remove_empty_rooms(
    tx: &mut Tx<'_>,
    before: Timestamp,
    keep: &HashSet<RoomId>,
) -> Result<usize, TxError> {
    let old: Vec<(i64, RoomId, VisitorId)> = tx
        .conn
        .prepare_cached(
            "SELECT pk, id, visitor FROM rooms
             WHERE last_n IS NULL AND created_at < ?1 ORDER BY created_at LIMIT ?2",
        )?
        .query_map(params![before.0, limit(REMOVED_ROOMS, keep.len())], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut removed = 0;
    for (pk, id, visitor) in old {
        if keep.contains(&id) || removed == REMOVED_ROOMS {
            continue;
        }
        // Their numbers are used again.
        tx.execute("DELETE FROM room_tags WHERE room = ?1", [pk])?;
        tx.execute("DELETE FROM drafts WHERE room = ?1", [pk])?;
        tx.execute("DELETE FROM pages WHERE room = ?1", [pk])?;
        notes::delete(tx, pk)?;
        tx.execute("DELETE FROM rooms WHERE pk = ?1", [pk])?;
        removed += 1;
        let is_left: bool = tx
            .conn
            .prepare_cached(
                "SELECT user IS NULL AND NOT EXISTS (SELECT 1 FROM rooms WHERE visitor = ?1)
                 FROM visitors WHERE id = ?1",
            )?
            .query_row([visitor], |row| row.get(0))?;
        if is_left {
            visitors::end_tokens(tx, visitor)?;
            visitors::delete(tx, visitor)?;
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use crate::chat::{Details, Timestamp};
    use crate::persistence::testing::*;

    #[tokio::test]
    async fn old_empty_rooms_go_with_their_anonymous_visitors() {
        let store = TestStore::new();
        let request = anonymous(Details::default());
        let opened = store.open_room(request.clone()).await.expect("it opens");
        let empty = opened.record.room.id;
        let kept = store.new_room("Ann").await;
        let used = store.new_room("Bob").await;
        store.post_as_visitor(used, "hello").await;
        let keep = HashSet::from([kept]);
        let now = Timestamp(Timestamp::now().0 + 1);
        let remove = |before| store.remove_empty_rooms(before, keep.clone());
        assert_eq!(remove(Timestamp(0)).await, Ok(0), "none is that old");
        assert_eq!(remove(now).await, Ok(1));
        assert_eq!(remove(now).await, Ok(0));
        assert_eq!(store.room(empty).await, Ok(None));
        assert_eq!(store.visitor_by_token(request.fresh_token).await, Ok(None));
        assert!(store.room(kept).await.expect("read").is_some());
        assert!(store.room(used).await.expect("read").is_some());
    }
}
