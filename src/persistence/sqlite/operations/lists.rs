use crate::persistence::sqlite::store::SqliteStore;
use rusqlite::{Connection, params};

use crate::chat::{ChangeVector, RoomRecord, Status};
use crate::persistence::json_size;
use crate::persistence::list_cursor::ListCursor;
use crate::persistence::sqlite::codes::{int, limit, status_code};
use crate::persistence::sqlite::state::State;
use crate::persistence::sqlite::tables::erasures;
use crate::persistence::sqlite::tables::room_rows::{self, RoomRow};
use crate::persistence::sqlite::tx_error::TxError;
use crate::persistence::{
    ChangedRooms, LobbySnapshot, RoomOrder, RoomPage, RoomQuery, StoreError, WriteError,
};

/// Cursor of rooms by their newest message.
const BY_ACTIVITY: char = 'a';
/// Cursor of the waiting rooms, the longest waiting first.
const WAITING: char = 'w';
/// All statuses but `waiting`.
const NOT_WAITING: [Status; 2] = [Status::Active, Status::Closed];
/// Cursor of the rooms that come after the waiting ones.
const REST: char = 'r';

impl SqliteStore {
    pub(crate) async fn list_rooms(&self, query: RoomQuery) -> Result<RoomPage, WriteError> {
        self.readers()
            .try_read(move |conn| match query.order {
                RoomOrder::Activity => list_by_activity(conn, &query),
                RoomOrder::Waiting => list_by_waiting(conn, &query),
            })
            .await
    }

    pub(crate) async fn lobby_snapshot(
        &self,
        max_rooms: usize,
    ) -> Result<LobbySnapshot, StoreError> {
        self.readers()
            .read(move |conn| {
                let mut rows = waiting(conn, 0, max_rooms)?;
                let places_left = max_rooms - rows.len();
                rows.extend(by_status(conn, Status::Active, i64::MAX, places_left)?);
                Ok(LobbySnapshot {
                    changes: State::load(conn)?.head().changes,
                    records: records(rows),
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

fn records(rows: Vec<RoomRow>) -> Vec<RoomRecord> {
    rows.into_iter().map(|row| row.record).collect()
}

/// Truncates what was read to a page. Returns whether something was cut off.
fn cut_to_page(rows: &mut Vec<RoomRow>, items: usize) -> bool {
    let read = rows.len();
    let mut bytes = 0;
    let fitting = rows
        .iter()
        .take(items)
        .take_while(|row| {
            bytes += json_size::summary(&row.record);
            bytes <= json_size::PAGE_BUDGET_BYTES
        })
        .count();
    rows.truncate(fitting.max(1.min(items)));
    rows.len() < read
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
    let more = cut_to_page(&mut rows, items);
    let mut changes = match rows.last() {
        Some(last) if more => ChangeVector::of_single_writer(last.record.change.number),
        None if more => since.clone(),
        _ => head,
    };
    let (removed, last_removal) = erasures::removed_since(conn, since, &changes, items)?;
    let more_removed = removed.len() == items && items > 0;
    if let Some(last) = removed.last().filter(|_| more_removed) {
        // The page ends with the last of them; rooms that changed after it belong to the next.
        changes = ChangeVector::of_single_writer(last.change.number);
        rows.retain(|row| changes.includes(row.record.change));
    }
    Ok(ChangedRooms {
        records: records(rows),
        changes,
        more: more || more_removed,
        removed,
        last_removal,
    })
}

/// Waiting rooms past `after`, the longest waiting first.
fn waiting(conn: &Connection, after: i64, items: usize) -> rusqlite::Result<Vec<RoomRow>> {
    room_rows::query(
        conn,
        "WHERE r.waiting_n > ?1 ORDER BY r.waiting_n LIMIT ?2",
        params![after, limit(items, 0)],
    )
}

/// Rooms of one status older than `before`, the newest message first.
fn by_status(
    conn: &Connection,
    status: Status,
    before: i64,
    items: usize,
) -> rusqlite::Result<Vec<RoomRow>> {
    room_rows::query(
        conn,
        "WHERE r.status = ?1 AND r.last_n < ?2 ORDER BY r.last_n DESC LIMIT ?3",
        params![status_code(status), before, limit(items, 0)],
    )
}

/// Rooms of several statuses older than `before`, the newest message first.
fn by_statuses(
    conn: &Connection,
    statuses: &[Status],
    before: i64,
    items: usize,
) -> rusqlite::Result<Vec<RoomRow>> {
    let mut rows = Vec::new();
    for status in statuses {
        rows.extend(by_status(conn, *status, before, items)?);
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.keys.last_n));
    rows.truncate(items);
    Ok(rows)
}

fn list_by_activity(conn: &Connection, query: &RoomQuery) -> Result<RoomPage, TxError> {
    let before = match &query.cursor {
        Some(cursor) => ListCursor::decode(cursor, &[(BY_ACTIVITY, 1)])?.keys[0],
        None => i64::MAX,
    };
    let items = query.limit.saturating_add(1);
    let mut rows = match query.status {
        Some(status) => by_status(conn, status, before, items)?,
        None => by_statuses(conn, &Status::ALL, before, items)?,
    };
    let more = cut_to_page(&mut rows, query.limit);
    let next = rows
        .last()
        .filter(|_| more)
        .map(|last| ListCursor::encode(BY_ACTIVITY, &[last.keys.last_n.unwrap_or(0)]));
    Ok(RoomPage {
        records: records(rows),
        next,
    })
}

fn list_by_waiting(conn: &Connection, query: &RoomQuery) -> Result<RoomPage, TxError> {
    let cursor = match &query.cursor {
        Some(cursor) => Some(ListCursor::decode(cursor, &[(WAITING, 1), (REST, 1)])?),
        None => None,
    };
    let items = query.limit.saturating_add(1);
    let (waiting_after, rest_before) = match cursor {
        Some(cursor) if cursor.list == REST => (None, cursor.keys[0]),
        Some(cursor) => (Some(cursor.keys[0]), i64::MAX),
        None => (Some(0), i64::MAX),
    };
    let mut rows = Vec::new();
    if let Some(after) = waiting_after
        && matches!(query.status, None | Some(Status::Waiting))
    {
        rows = waiting(conn, after, items)?;
    }
    let places_left = items - rows.len();
    if places_left > 0 {
        rows.extend(match query.status {
            None => by_statuses(conn, &NOT_WAITING, rest_before, places_left)?,
            Some(Status::Waiting) => Vec::new(),
            Some(status) => by_status(conn, status, rest_before, places_left)?,
        });
    }
    let more = cut_to_page(&mut rows, query.limit);
    let next = rows
        .last()
        .filter(|_| more)
        .map(|last| match last.keys.waiting_n {
            Some(n) => ListCursor::encode(WAITING, &[n]),
            None => ListCursor::encode(REST, &[last.keys.last_n.unwrap_or(0)]),
        });
    Ok(RoomPage {
        records: records(rows),
        next,
    })
}

#[cfg(test)]
mod tests {
    use crate::chat::{ChangeVector, Details, RoomId, Sender, Status};
    use crate::persistence::testing::*;
    use crate::persistence::*;

    fn query(order: RoomOrder, status: Option<Status>) -> RoomQuery {
        RoomQuery {
            status,
            order,
            cursor: None,
            limit: 2,
        }
    }

    /// All pages of a list, by the rooms' places in `rooms`.
    async fn walk(store: &TestStore, rooms: &[RoomId], mut query: RoomQuery) -> Vec<usize> {
        let mut found = Vec::new();
        loop {
            let page = store.list_rooms(query.clone()).await.expect("it lists");
            assert!(page.records.len() <= query.limit);
            found.extend(page.records.iter().map(|record| {
                rooms
                    .iter()
                    .position(|room| *room == record.room.id)
                    .expect("it is listed")
            }));
            let Some(next) = page.next else { return found };
            assert_eq!(
                page.records.len(),
                query.limit,
                "a page in the middle is full"
            );
            query.cursor = Some(next);
        }
    }

    /// Seven rooms: 0, 2 and 4 wait (2 the longest), 1 and 5 are active, 3 is
    /// closed, 6 has no message.
    async fn shop(store: &TestStore) -> Vec<RoomId> {
        let mut rooms = Vec::new();
        for name in ["a", "b", "c", "d", "e", "f", "g"] {
            rooms.push(store.new_room(name).await);
        }
        for room in [2, 0, 1, 3, 4, 5, 2] {
            store.post_as_visitor(rooms[room], "hello").await;
        }
        for room in [5, 1] {
            store.post_as_agent(rooms[room], "hi").await;
        }
        let close = RoomOp::SetStatus {
            status: Status::Closed,
            by: Sender::Visitor,
        };
        store.apply(rooms[3], close).await.expect("it closes");
        rooms
    }

    #[tokio::test]
    async fn lists_come_in_their_orders_page_by_page() {
        use RoomOrder::{Activity, Waiting};
        use Status as S;
        let store = TestStore::new();
        let rooms = shop(&store).await;
        for (order, status, expected) in [
            (Activity, None, vec![3, 1, 5, 2, 4, 0]),
            (Activity, Some(S::Waiting), vec![2, 4, 0]),
            (Activity, Some(S::Active), vec![1, 5]),
            (Waiting, None, vec![2, 0, 4, 3, 1, 5]),
            (Waiting, Some(S::Waiting), vec![2, 0, 4]),
            (Waiting, Some(S::Closed), vec![3]),
        ] {
            let found = walk(&store, &rooms, query(order, status)).await;
            assert_eq!(found, expected, "{order:?} {status:?}");
        }
    }

    #[tokio::test]
    async fn a_foreign_cursor_is_refused() {
        let store = TestStore::new();
        shop(&store).await;
        let page = store
            .list_rooms(query(RoomOrder::Activity, None))
            .await
            .expect("it lists");
        for cursor in [page.next.expect("there are more"), "x".into()] {
            let wrong = RoomQuery {
                cursor: Some(cursor),
                ..query(RoomOrder::Waiting, None)
            };
            assert_eq!(
                store.list_rooms(wrong).await.err(),
                Some(Refusal::BadCursor.into())
            );
        }
    }

    #[tokio::test]
    async fn the_lobby_begins_with_waiting_rooms_and_continues_with_changes() {
        let store = TestStore::new();
        let rooms = shop(&store).await;
        let names = |records: &[crate::chat::RoomRecord]| -> String {
            records
                .iter()
                .filter_map(|record| record.room.customer_name.clone())
                .collect()
        };
        let snapshot = store.lobby_snapshot(1_000).await.expect("it reads");
        assert_eq!(names(&snapshot.records), "caebf");
        assert_eq!(snapshot.changes, store.head().changes);
        let small = store.lobby_snapshot(2).await.expect("it reads");
        assert_eq!(names(&small.records), "ca");

        store.post_as_visitor(rooms[6], "me too").await;
        store.post_as_visitor(rooms[0], "still here").await;
        store.post_as_visitor(rooms[6], "hello?").await;
        let first = store
            .changed_since(&snapshot.changes, 1)
            .await
            .expect("it reads");
        assert_eq!((names(&first.records).as_str(), first.more), ("a", true));
        let rest = store
            .changed_since(&first.changes, 5)
            .await
            .expect("it reads");
        assert_eq!((names(&rest.records).as_str(), rest.more), ("g", false));
        assert_eq!(rest.changes, store.head().changes);
        let none = store
            .changed_since(&rest.changes, 5)
            .await
            .expect("it reads");
        assert!(none.records.is_empty() && !none.more);
        assert_eq!(none.changes, rest.changes);
    }

    #[tokio::test]
    async fn summaries_fit_a_frame() {
        let store = TestStore::new();
        for _ in 0..60 {
            let details = Details {
                page_url: Some("\"".repeat(2_000)),
                ..Details::default()
            };
            let opened = store.open_room(anonymous(details)).await.expect("it opens");
            store.post_as_visitor(opened.record.room.id, "hello").await;
        }
        let mut changes = ChangeVector::default();
        let mut seen = 0;
        loop {
            let page = store.changed_since(&changes, 200).await.expect("it reads");
            let summaries: Vec<_> = page.records.iter().map(|r| r.summary(true)).collect();
            let bytes = serde_json::to_vec(&summaries).expect("json").len();
            assert!(bytes < crate::chat::limits::FRAME_BYTES);
            (changes, seen) = (page.changes, seen + summaries.len());
            if !page.more {
                break;
            }
        }
        assert_eq!(seen, 60);
    }

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
