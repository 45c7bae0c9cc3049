//! Erasures and imports that several nodes do at once.

use std::collections::HashSet;

use uuid::Uuid;

use super::{apply, left_out_on_sqlite, nodes};
use crate::chat::{Details, RoomId, Sender, SignedFields, Status, Timestamp};
use crate::persistence::rules::open_room::new_room;
use crate::persistence::rules::visitors::StoredVisitor;
use crate::persistence::testing::*;
use crate::persistence::*;

/// Rooms of one person: more than a step deletes.
const ROOMS: usize = ErasureStep::ROOMS_MAX + 20;

fn close() -> RoomOp {
    RoomOp::SetStatus {
        status: Status::Closed,
        by: Sender::Visitor,
    }
}

/// Closed rooms of one visitor, with two messages each.
async fn rooms_of_one(store: &TestStore) -> (Vec<RoomId>, TokenHash) {
    let mut request = anonymous(Details::default());
    let token = request.fresh_token;
    let mut rooms = Vec::new();
    for _ in 0..ROOMS {
        let room = store.open_room(request).await.expect("it opens");
        let room = room.record.room.id;
        store.post_as_visitor(room, "hello").await;
        store.apply(room, close()).await.expect("it closes");
        rooms.push(room);
        request = OpenRoom {
            token: Some(token),
            ..anonymous(Details::default())
        };
    }
    (rooms, token)
}

async fn finish(store: &Store) -> (Vec<RoomId>, u64) {
    let (mut removed, mut messages) = (Vec::new(), 0);
    while let Some(step) = store.erase_step().await.expect("it goes on") {
        removed.extend(step.removed);
        messages += step.messages;
    }
    (removed, messages)
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_erase_at_once_count_everything_once() {
    if left_out_on_sqlite() {
        return;
    }
    let first = TestStore::new();
    let nodes: [Store; 3] = nodes(&first);
    let mut people = Vec::new();
    let mut rooms = Vec::new();
    for _ in 0..3 {
        let (theirs, _) = rooms_of_one(&first).await;
        people.push(record(&first, theirs[0]).await.visitor_id);
        rooms.extend(theirs);
    }
    let begun = nodes.iter().map(|node| {
        let (node, people) = (node.clone(), people.clone());
        tokio::spawn(async move {
            let by = Principal::CommandLine;
            node.begin_erasure(people, by).await.expect("decided")
        })
    });
    let mut erasure = Vec::new();
    for begun in begun.collect::<Vec<_>>() {
        erasure.extend(begun.await.expect("it ends"));
    }
    assert_eq!(erasure.len(), 1, "one node decides it");
    assert_eq!(erasure[0].ended.len(), 3 * ROOMS, "a token a room");
    let steps = nodes.iter().map(|node| {
        let node = node.clone();
        tokio::spawn(async move { finish(&node).await })
    });
    let (mut removed, mut messages) = (Vec::new(), 0);
    for step in steps.collect::<Vec<_>>() {
        let (theirs, theirs_too) = step.await.expect("it ends");
        removed.extend(theirs);
        messages += theirs_too;
    }
    let distinct: HashSet<RoomId> = removed.iter().copied().collect();
    assert_eq!((distinct.len(), removed.len()), (rooms.len(), rooms.len()));
    assert_eq!(messages as usize, 2 * rooms.len());
    let erasure = nodes[1].erasure(erasure[0].id).await.expect("it reads");
    let erasure = erasure.expect("known");
    assert_eq!(erasure.visitors, 3);
    assert_eq!(erasure.rooms as usize, rooms.len());
    assert_eq!(erasure.messages as usize, 2 * rooms.len());
    assert!(erasure.unreachable_at.is_some() && erasure.finished_at.is_some());
    assert_eq!(first.contradictions().await, [""; 0]);
    let tables = "SELECT (SELECT count(*) FROM messages), (SELECT count(*) FROM visitors)";
    assert_eq!(first.rows(tables), ["0|0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_person_is_left_who_writes_on_another_node_meanwhile() {
    if left_out_on_sqlite() {
        return;
    }
    let first = TestStore::new();
    let nodes: [Store; 3] = nodes(&first);
    for _ in 0..5 {
        let request = anonymous(Details::default());
        let token = request.fresh_token;
        let opened = first.open_room(request).await.expect("it opens");
        let (room, visitor) = (opened.record.room.id, opened.record.visitor_id);
        let writing = tokio::spawn({
            let node = nodes[1].clone();
            async move {
                // Until it is refused.
                while apply(&node, room, RoomOp::Post(visitor_draft("hello")))
                    .await
                    .is_ok()
                {}
            }
        });
        let opening = tokio::spawn({
            let node = nodes[2].clone();
            async move {
                let again = |token| OpenRoom {
                    token: Some(token),
                    ..anonymous(Details::default())
                };
                while let Ok(opened) = node.open_room(again(token)).await {
                    let _ = apply(&node, opened.record.room.id, close()).await;
                }
            }
        });
        let by = Principal::CommandLine;
        let begun = nodes[0].begin_erasure(vec![visitor], by).await;
        let id = begun.expect("decided").expect("known").id;
        finish(&nodes[0]).await;
        writing.await.expect("it ends");
        opening.await.expect("it ends");
        let erasure = nodes[0].erasure(id).await.expect("it reads");
        assert!(erasure.expect("known").finished_at.is_some());
    }
    let tables = "SELECT (SELECT count(*) FROM rooms), (SELECT count(*) FROM messages),
        (SELECT count(*) FROM visitors), (SELECT count(*) FROM visitor_tokens)";
    assert_eq!(first.rows(tables), ["0|0|0|0"]);
    assert_eq!(first.contradictions().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_expire_the_same_rooms_delete_each_once() {
    if left_out_on_sqlite() {
        return;
    }
    let first = TestStore::new();
    let nodes: [Store; 3] = nodes(&first);
    let (mut rooms, _) = rooms_of_one(&first).await;
    for _ in 0..20 {
        let room = first.new_room("Bob").await;
        first.post_as_visitor(room, "hello").await;
        first.apply(room, close()).await.expect("it closes");
        rooms.push(room);
    }
    let before = Expiry::of_closed(Timestamp(Timestamp::now().0 + 1));
    let runs = nodes.iter().enumerate().map(|(at, node)| {
        let (node, mut rooms) = (node.clone(), rooms.clone());
        rooms.rotate_left(at * 7);
        tokio::spawn(async move {
            let run = Uuid::now_v7();
            let mut removed = Vec::new();
            for rooms in rooms.chunks(10) {
                let gone = node.expire_rooms(run, rooms.to_vec(), before).await;
                removed.extend(gone.expect("they go"));
            }
            let left = finish(&node).await.0;
            assert!(left.is_empty(), "no rooms are left for later");
            (run, removed)
        })
    });
    let mut removed = Vec::new();
    let mut counted = 0;
    for run in runs.collect::<Vec<_>>() {
        let (run, theirs) = run.await.expect("it ends");
        let erasure = nodes[0].erasure(run).await.expect("it reads");
        let erasure = erasure.expect("known");
        assert_eq!(erasure.rooms as usize, theirs.len());
        assert!(erasure.finished_at.is_some());
        counted += erasure.messages;
        removed.extend(theirs);
    }
    assert_eq!(removed.len(), rooms.len());
    assert_eq!(counted as usize, 2 * rooms.len());
    assert_eq!(
        removed.into_iter().collect::<HashSet<_>>().len(),
        rooms.len()
    );
    let tables = "SELECT (SELECT count(*) FROM messages), (SELECT count(*) FROM visitors)";
    assert_eq!(first.rows(tables), ["0|0"]);
    assert_eq!(first.contradictions().await, [""; 0]);
}

fn exported(count: u128) -> Vec<TransferItem> {
    let visitor = TransferVisitor {
        id: Uuid::from_u128(1),
        user: Some("ann".into()),
        blocked: false,
        created_at: Timestamp(1),
    };
    let stored = StoredVisitor {
        id: visitor.id,
        user: visitor.user.clone(),
        blocked: false,
    };
    let rooms = (2..2 + count).map(|number| {
        let id = Uuid::from_u128(number);
        let room = new_room(id, &stored, None, Details::default(), Timestamp(1)).room;
        let line = TransferRoom {
            room,
            visitor_id: visitor.id,
            signed: SignedFields::default(),
            desk: Default::default(),
        };
        TransferItem::Room(Box::new(WholeRoom {
            line,
            messages: Vec::new(),
            ratings: Vec::new(),
            notes: Vec::new(),
        }))
    });
    std::iter::once(TransferItem::Visitor(visitor.clone()))
        .chain(rooms)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_import_the_same_file_make_each_room_once() {
    if left_out_on_sqlite() {
        return;
    }
    let first = TestStore::new();
    let imports = nodes::<3>(&first).map(|node| {
        tokio::spawn(async move { node.import_items(exported(40)).await.expect("imported") })
    });
    let mut counts = TransferCounts::default();
    for import in imports {
        counts += import.await.expect("it ends");
    }
    assert_eq!((counts.visitors, counts.rooms), (1, 40));
    assert_eq!(counts.present_rooms, 80);
    assert_eq!(first.contradictions().await, [""; 0]);
}
