use crate::chat::{ChangeVector, Details, Names, RoomId, Sender, Status};
use crate::persistence::testing::*;
use crate::persistence::*;

fn query(order: RoomOrder, status: Option<Status>) -> RoomQuery {
    RoomQuery {
        status,
        filter: Default::default(),
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
        let summaries: Vec<_> = page
            .records
            .iter()
            .map(|r| r.summary(true, &Names::default()))
            .collect();
        let bytes = serde_json::to_vec(&summaries).expect("json").len();
        assert!(bytes < crate::chat::limits::FRAME_BYTES);
        (changes, seen) = (page.changes, seen + summaries.len());
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, 60);
}
