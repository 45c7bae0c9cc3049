//! Lists of a shop with many rooms.

use uuid::Uuid;

use super::left_out_on_sqlite;
use crate::chat::Status;
use crate::persistence::postgres::operations::lists::WALKS;
use crate::persistence::testing::*;
use crate::persistence::*;

const AGENT: &str = "00000000-0000-7000-8000-000000000001";
const FREQUENT: &str = "00000000-0000-7000-8000-00000000000f";
const RARE: &str = "00000000-0000-7000-8000-00000000000e";

/// Rooms of every status, of two agents and of nobody, a quarter of them spam. One tag is on more rooms
/// than are looked at one by one.
fn shop() -> String {
    format!(
        "INSERT INTO visitors (id, blocked, created_at)
             SELECT gen_random_uuid(), false, 0 FROM generate_series(1, 3000);
         INSERT INTO rooms (id, visitor, signed, created_at)
             SELECT gen_random_uuid(), id, 0, 0 FROM visitors;
         INSERT INTO room_tags (tag, room) SELECT '{FREQUENT}', pk FROM rooms WHERE pk % 7 <> 0;
         INSERT INTO room_tags (tag, room) SELECT '{RARE}', pk FROM rooms WHERE pk % 17 = 7;
         INSERT INTO room_heads (room, status, updated_at, last_seq, customer_read_seq,
             admin_read_seq, unread_count, version, slot, change, waiting_since, waiting_n, last_n,
             last_message_at, last_sender_type, last_sender_name, last_content, assignee, spam, tags)
         SELECT pk, pk % 3, 0, 1, 0, 0, 1, 1, 0, pk, CASE pk % 3 WHEN 0 THEN 0 END,
             CASE pk % 3 WHEN 0 THEN pk * 1009 % 3001 END, pk * 7 % 3001, 0, 0, 'Ann', 'hello',
             CASE pk / 3 % 3 WHEN 0 THEN NULL WHEN 1 THEN '{AGENT}'::uuid ELSE gen_random_uuid() END,
             pk / 9 % 4 = 0, (SELECT array_agg(tag) FROM room_tags WHERE room = pk)
         FROM rooms;
         ANALYZE"
    )
}

fn id(text: &str) -> Uuid {
    text.parse().expect("an id")
}

/// The first three pages of a list.
async fn pages(store: &TestStore, mut query: RoomQuery) -> Vec<String> {
    let mut found = Vec::new();
    for _ in 0..3 {
        let page = store.list_rooms(query.clone()).await.expect("it lists");
        let ids = page.records.iter().map(|record| record.room.id.to_string());
        found.extend(ids);
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn every_filter_finds_its_rooms_in_order_whichever_way_they_are_found() {
    if left_out_on_sqlite() {
        return;
    }
    let store = TestStore::new();
    store.execute_from_outside(&shop());
    let assignees = [
        (None, "true".to_owned()),
        (Some(None), "h.assignee IS NULL".to_owned()),
        (Some(Some(id(AGENT))), format!("h.assignee = '{AGENT}'")),
    ];
    let tags = [None, Some(FREQUENT), Some(RARE)];
    let orders = [
        (RoomOrder::Activity, "h.last_n DESC"),
        (
            RoomOrder::Waiting,
            "h.status <> 0, CASE h.status WHEN 0 THEN h.waiting_n END, h.last_n DESC",
        ),
    ];
    let statuses = [
        (None, ""),
        (Some(Status::Waiting), "AND h.status = 0"),
        (Some(Status::Closed), "AND h.status = 2"),
    ];
    for (assignee, of_assignee) in &assignees {
        for tag in tags {
            let with_tag = tag.map_or("true".to_owned(), |tag| {
                format!("h.room IN (SELECT room FROM room_tags WHERE tag = '{tag}')")
            });
            for ((order, by), (status, of_status), spam) in orders
                .iter()
                .flat_map(|order| statuses.iter().map(move |status| (*order, *status)))
                .flat_map(|(order, status)| [false, true].map(|spam| (order, status, spam)))
            {
                let expected = store.rows(&format!(
                    "SELECT r.id FROM room_heads h JOIN rooms r ON r.pk = h.room
                     WHERE {of_assignee} AND {with_tag} {of_status} AND h.spam = {spam}
                     ORDER BY {by} LIMIT 120"
                ));
                let filter = RoomFilter {
                    assignee: *assignee,
                    tag: tag.map(id),
                    spam,
                };
                let query = RoomQuery {
                    status,
                    filter,
                    order,
                    cursor: None,
                    limit: 40,
                };
                assert!(!expected.is_empty(), "the shop has such rooms: {query:?}");
                assert!(pages(&store, query.clone()).await == expected, "{query:?}");
            }
        }
    }
    let counts = store.assigned_counts(id(AGENT)).await.expect("counted");
    let open = |assignee: &str| {
        store.rows(&format!(
            "SELECT count(*) FROM room_heads WHERE {assignee} AND status <> 2 AND NOT spam"
        ))
    };
    let mine = open(&format!("assignee = '{AGENT}'"));
    assert_eq!([counts.mine.to_string()], *mine);
    let unassigned = open("assignee IS NULL");
    assert_eq!([counts.unassigned.to_string()], *unassigned);
}

/// Whatever PostgreSQL believes of the parameters: these plans are made without knowing them.
#[tokio::test(flavor = "multi_thread")]
async fn each_list_walks_an_index_of_its_own() {
    if left_out_on_sqlite() {
        return;
    }
    let store = TestStore::new();
    store.execute_from_outside(&shop());
    for (sql, parameters, index) in WALKS {
        let plan = store.rows(&format!(
            "SET plan_cache_mode = force_generic_plan; PREPARE list AS {sql};
             EXPLAIN (COSTS off) EXECUTE list {parameters}"
        ));
        let plan = plan.join("\n");
        assert!(
            plan.split_whitespace().any(|name| name == index),
            "{sql}\n{plan}"
        );
        assert!(!plan.contains("Seq Scan"), "{sql}\n{plan}");
    }
}
