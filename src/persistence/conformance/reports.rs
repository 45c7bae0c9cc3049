use std::collections::HashMap;

use uuid::Uuid;

use crate::chat::{NewRating, RoomId, Sender, Status, Timestamp};
use crate::persistence::testing::*;
use crate::persistence::*;

/// All that a report reads, by the rooms' numbers.
type Read = HashMap<i64, (Vec<(u64, u8)>, Vec<ReportMessage>)>;

async fn read(store: &Store, from: i64, to: i64) -> Read {
    let mut cursor = ReportCursor::new(Timestamp(from), Timestamp(to));
    let (mut rooms, mut open) = (Read::new(), 0);
    while !cursor.is_complete() {
        let (next, lines) = store.report_step(cursor).await.expect("it reads");
        assert!(
            lines.len() <= 2 * ReportCursor::STEP_LINES,
            "a step is bounded"
        );
        cursor = next;
        for line in lines {
            match line {
                ReportLine::Room(room) => {
                    open = room.pk;
                    let twice = rooms.insert(open, (room.ratings, Vec::new()));
                    assert!(twice.is_none(), "a room came twice");
                }
                ReportLine::Message(message) => rooms.entry(open).or_default().1.push(message),
                ReportLine::Gone => drop(rooms.remove(&open)),
            }
        }
    }
    rooms
}

async fn close(store: &TestStore, room: RoomId) {
    let status = Status::Closed;
    let by = Sender::Visitor;
    let close = RoomOp::SetStatus { status, by };
    store.apply(room, close).await.expect("closed");
}

fn is_postgres(store: &TestStore) -> bool {
    !matches!(store.store, Store::Sqlite(_))
}

/// An id as SQL of the store writes it.
fn literal(store: &TestStore, id: Uuid) -> String {
    match is_postgres(store) {
        true => format!("'{id}'"),
        false => format!("x'{}'", id.simple()),
    }
}

fn pk(store: &TestStore, room: RoomId) -> i64 {
    let id = literal(store, room);
    let rows = store.rows(&format!("SELECT pk FROM rooms WHERE id = {id}"));
    rows[0].parse().expect("a number")
}

#[tokio::test]
async fn a_report_reads_what_the_logs_say_without_texts() {
    let store = TestStore::new();
    let mut rooms = Vec::new();
    for (name, messages) in [("Ann", 3), ("Bob", 1), ("Cid", 2_300), ("Eve", 40)] {
        let room = store.new_room(name).await;
        for number in 0..messages {
            match number % 3 {
                2 => store.post_as_agent(room, "an answer").await,
                _ => store.post_as_visitor(room, "a question").await,
            };
        }
        rooms.push(room);
    }
    let _empty = store.new_room("Nobody").await;
    close(&store, rooms[0]).await;
    let rating = NewRating {
        score: 2,
        comment: None,
    };
    let rated = store.apply(rooms[0], RoomOp::Rate(rating)).await;
    rated.expect("rated");
    let all = read(&store, 0, i64::MAX).await;
    assert_eq!(all.len(), rooms.len(), "empty rooms are left out");
    for room in &rooms {
        let (ratings, messages) = &all[&pk(&store, *room)];
        let is_rated = *room == rooms[0];
        assert_eq!(*ratings, if is_rated { vec![(4, 2)] } else { vec![] });
        let mut after = 0;
        let mut log = Vec::new();
        loop {
            let page = store.messages_after(*room, after, 200).await.expect("read");
            log.extend(page.messages);
            after = log.last().map_or(0, |message| message.seq);
            if !page.more {
                break;
            }
        }
        let expected: Vec<ReportMessage> = log
            .iter()
            .map(|message| ReportMessage {
                seq: message.seq,
                sender_type: message.sender_type,
                event: message.event,
                agent: message.agent_id,
                created_at: message.created_at,
            })
            .collect();
        assert_eq!(*messages, expected);
    }
}

#[tokio::test]
async fn rooms_outside_of_the_range_and_spam_are_not_read() {
    let store = TestStore::new();
    let (old, new, spam) = (
        store.new_room("Ann").await,
        store.new_room("Bob").await,
        store.new_room("Spam").await,
    );
    for room in [old, new, spam] {
        store.post_as_visitor(room, "hello").await;
    }
    let (heads, key) = match is_postgres(&store) {
        true => ("room_heads", "room"),
        false => ("rooms", "pk"),
    };
    let (old, new, spam) = (pk(&store, old), pk(&store, new), pk(&store, spam));
    let yes = if is_postgres(&store) { "TRUE" } else { "1" };
    store.execute_from_outside(&format!(
        "UPDATE rooms SET created_at = 1000 WHERE pk = {old};
         UPDATE {heads} SET last_message_at = 2000 WHERE {key} = {old};
         UPDATE {heads} SET spam = {yes} WHERE {key} = {spam};"
    ));
    let now = Timestamp::now().0;
    let found = async |from, to| {
        let mut keys: Vec<i64> = read(&store, from, to).await.into_keys().collect();
        keys.sort_unstable();
        keys
    };
    assert_eq!(found(0, now + 1_000).await, [old, new]);
    assert_eq!(found(2_000, 2_001).await, [old]);
    assert_eq!(found(2_001, 3_000).await, [0_i64; 0]);
    assert_eq!(found(0, 1_000).await, [0_i64; 0]);
    assert_eq!(found(2_001, now + 1_000).await, [new]);
}

#[tokio::test]
async fn tags_are_read_with_their_rooms() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    store.post_as_visitor(room, "hello").await;
    let room = pk(&store, room);
    store.execute_from_outside(&format!(
        "INSERT INTO tags (id, name, name_key, color) VALUES ({0}, 'VIP', 'vip', 'red'),
             ({1}, 'Refund', 'refund', 'blue');
         INSERT INTO room_tags (tag, room) VALUES ({0}, {room}), ({1}, {room}), ({2}, {room});",
        literal(&store, Uuid::from_u128(1)),
        literal(&store, Uuid::from_u128(2)),
        literal(&store, Uuid::from_u128(3))
    ));
    let tagged = store.tagged_rooms().await.expect("they are read");
    let (vip, refund) = (Uuid::from_u128(1), Uuid::from_u128(2));
    assert_eq!(tagged.rooms, HashMap::from([(room, vec![vip, refund])]));
    assert_eq!(tagged.names[&vip], "VIP");
    assert_eq!(tagged.names[&refund], "Refund");
}
