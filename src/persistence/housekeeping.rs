use std::collections::HashSet;

use rusqlite::{OptionalExtension, params};

use super::codes::limit;
use super::failure::Trouble;
use super::job::Tx;
use super::{Store, StoreError, WriteError, index, visitors};
use crate::chat::{RoomId, Timestamp, VisitorId};

/// Rooms that one call removes at most, so that it does not hold up other writes.
const REMOVED_ROOMS: usize = 500;

impl Store {
    /// Commits a row through the whole way of a write. Returns what it holds.
    pub async fn canary(&self) -> Result<i64, StoreError> {
        let written = self
            .write(|tx| {
                let at = tx.now.0;
                tx.execute(
                    "INSERT INTO canary (id, at) VALUES (1, ?1)
                     ON CONFLICT (id) DO UPDATE SET at = excluded.at",
                    [at],
                )?;
                Ok(at)
            })
            .await;
        match written {
            Ok(at) => Ok(at),
            Err(WriteError::Store(error)) => Err(error),
            Err(WriteError::Refused(refusal)) => Err(StoreError::Internal(refusal.to_string())),
        }
    }

    /// What the canary's row holds, read as anything else is read.
    pub async fn canary_read(&self) -> Result<Option<i64>, StoreError> {
        self.readers()
            .read(|conn| {
                conn.prepare_cached("SELECT at FROM canary")?
                    .query_row([], |row| row.get(0))
                    .optional()
            })
            .await
    }

    /// Removes rooms without messages made before `before`, but for those in `keep`; at most 500 a call. Returns how many.
    pub async fn remove_empty_rooms(
        &self,
        before: Timestamp,
        keep: HashSet<RoomId>,
    ) -> Result<usize, WriteError> {
        self.write(move |tx| remove_empty_rooms(tx, before, &keep))
            .await
    }

    /// Waits until the index holds every message committed before the call (tests; otherwise it follows by itself).
    pub async fn flush_search_index(&self) -> Result<(), WriteError> {
        let goal = self.write(|tx| Ok(tx.state.change)).await?;
        while self.write(index::step).await? < goal {}
        Ok(())
    }
}

fn remove_empty_rooms(
    tx: &mut Tx<'_>,
    before: Timestamp,
    keep: &HashSet<RoomId>,
) -> Result<usize, Trouble> {
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

    use super::super::testing::*;
    use crate::chat::{Details, Timestamp};

    #[tokio::test]
    async fn old_empty_rooms_go_with_their_anonymous_visitors() {
        let bench = Bench::new();
        let request = anonymous(Details::default());
        let opened = bench.open_room(request.clone()).await.expect("it opens");
        let empty = opened.record.room.id;
        let kept = bench.new_room("Ann").await;
        let used = bench.new_room("Bob").await;
        bench.ask(used, "hello").await;
        let keep = HashSet::from([kept]);
        let now = Timestamp(Timestamp::now().0 + 1);
        let remove = |before| bench.remove_empty_rooms(before, keep.clone());
        assert_eq!(remove(Timestamp(0)).await, Ok(0), "none is that old");
        assert_eq!(remove(now).await, Ok(1));
        assert_eq!(remove(now).await, Ok(0));
        assert_eq!(bench.room(empty).await, Ok(None));
        assert_eq!(bench.visitor_by_token(request.fresh_token).await, Ok(None));
        assert!(bench.room(kept).await.expect("read").is_some());
        assert!(bench.room(used).await.expect("read").is_some());
    }
}
