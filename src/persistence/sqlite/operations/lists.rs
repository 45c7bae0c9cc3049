use crate::persistence::sqlite::store::SqliteStore;
use rusqlite::{Connection, params};

use crate::chat::{ChangeVector, Status};
use crate::persistence::room_list::{self, ListPlan};
use crate::persistence::sqlite::codes::{int, limit, status_code};
use crate::persistence::sqlite::state::State;
use crate::persistence::sqlite::tables::erasures;
use crate::persistence::sqlite::tables::room_rows::{self, RoomRow};
use crate::persistence::{
    ChangedRooms, LobbySnapshot, RoomPage, RoomQuery, StoreError, WriteError,
};

impl SqliteStore {
    pub(crate) async fn list_rooms(&self, query: RoomQuery) -> Result<RoomPage, WriteError> {
        let plan = ListPlan::new(&query)?;
        let page = self
            .readers()
            .read(move |conn| Ok(plan.page(listed(conn, &plan)?)))
            .await?;
        Ok(page)
    }

    pub(crate) async fn lobby_snapshot(
        &self,
        max_rooms: usize,
    ) -> Result<LobbySnapshot, StoreError> {
        self.readers()
            .read(move |conn| {
                let mut rooms = waiting(conn, 0, max_rooms)?;
                let places_left = max_rooms - rooms.len();
                rooms.extend(by_status(conn, Status::Active, i64::MAX, places_left)?);
                Ok(LobbySnapshot {
                    changes: State::load(conn)?.head().changes,
                    records: rooms.into_iter().map(|room| room.record).collect(),
                })
            })
            .await
    }

    pub(crate) async fn changed_since(
        &self,
        changes: &ChangeVector,
        limit: usize,
    ) -> Result<ChangedRooms, StoreError> {
        let changes = changes.clone();
        self.readers()
            .read(move |conn| changed_since(conn, &changes, limit))
            .await
    }
}

fn listed(conn: &Connection, plan: &ListPlan) -> rusqlite::Result<Vec<RoomRow>> {
    let mut rooms = match plan.waiting_after {
        Some(after) => waiting(conn, after, plan.items())?,
        None => Vec::new(),
    };
    let places_left = plan.items() - rooms.len();
    let mut rest = Vec::new();
    if places_left > 0 {
        for status in &plan.statuses {
            rest.extend(by_status(conn, *status, plan.before, places_left)?);
        }
    }
    room_list::newest_first(&mut rest, places_left);
    rooms.extend(rest);
    Ok(rooms)
}

/// Waiting rooms past `after`, the longest waiting first.
fn waiting(conn: &Connection, after: i64, items: usize) -> rusqlite::Result<Vec<RoomRow>> {
    let rows = room_rows::query(
        conn,
        "WHERE r.waiting_n > ?1 ORDER BY r.waiting_n LIMIT ?2",
        params![after, limit(items, 0)],
    )?;
    Ok(rows)
}

/// Rooms of one status older than `before`, the newest message first.
fn by_status(
    conn: &Connection,
    status: Status,
    before: i64,
    items: usize,
) -> rusqlite::Result<Vec<RoomRow>> {
    let rows = room_rows::query(
        conn,
        "WHERE r.status = ?1 AND r.last_n < ?2 ORDER BY r.last_n DESC LIMIT ?3",
        params![status_code(status), before, limit(items, 0)],
    )?;
    Ok(rows)
}

fn changed_since(
    conn: &Connection,
    since: &ChangeVector,
    items: usize,
) -> rusqlite::Result<ChangedRooms> {
    let head = State::load(conn)?.head().changes;
    let mut rows = room_rows::query(
        conn,
        "WHERE r.change > ?1 ORDER BY r.change LIMIT ?2",
        params![int(since.single_writer()), limit(items, 1)],
    )?;
    let fitting = room_list::fitting(rows.iter().map(|row| &row.record), items);
    let more = fitting < rows.len();
    rows.truncate(fitting);
    let mut changes = match rows.last() {
        Some(last) if more => ChangeVector::of_single_writer(last.record.change.number),
        None if more => since.clone(),
        _ => head,
    };
    let (removed, newest_removals) = erasures::removed_since(conn, since, &changes, items)?;
    let more_removed = removed.len() == items && items > 0;
    if let Some(last) = removed.last().filter(|_| more_removed) {
        // The page ends with the last of them; rooms that changed after it belong to the next.
        changes = ChangeVector::of_single_writer(last.change.number);
        rows.retain(|row| changes.includes(row.record.change));
    }
    Ok(ChangedRooms {
        records: rows.into_iter().map(|row| row.record).collect(),
        unlisted: Vec::new(),
        changes,
        more: more || more_removed,
        removed,
        newest_removals,
    })
}

#[cfg(test)]
mod tests {
    use crate::persistence::testing::*;

    #[tokio::test]
    async fn lists_walk_an_index_and_never_sort() {
        let store = TestStore::in_sqlite();
        for rest in [
            "WHERE r.status = 1 AND r.last_n < 9 ORDER BY r.last_n DESC LIMIT 2",
            "WHERE r.waiting_n > 1 ORDER BY r.waiting_n LIMIT 2",
            "WHERE r.change > 1 ORDER BY r.change LIMIT 2",
            "WHERE r.visitor = x'00' AND r.pk < 9 ORDER BY r.pk DESC LIMIT 2",
        ] {
            let plan = store
                .sqlite()
                .readers()
                .read(|conn| crate::persistence::sqlite::tables::room_rows::plan(conn, rest))
                .await
                .expect("it plans");
            assert!(plan[0].contains("SEARCH r USING INDEX"), "{rest}: {plan:?}");
            assert!(!plan.concat().contains("TEMP B-TREE"), "{rest}: {plan:?}");
        }
    }
}
