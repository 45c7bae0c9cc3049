//! What holds when several nodes write at once.

mod agents;
mod changes;
mod erasures;
mod followers;
mod jobs;
mod known;
mod lists;
mod lost_commits;
mod notes;
mod presence;
mod schema;
mod search;

use std::collections::HashSet;
use std::time::Duration;

use futures_util::FutureExt;
use uuid::Uuid;

use crate::chat::{Details, RoomId, Sender, Side, Status};
use crate::persistence::postgres::tables::room_rows;
use crate::persistence::testing::*;
use crate::persistence::*;
use shoptalk_local_servers::postgres_is_tested;
use tokio::sync::oneshot;

/// These tests are about PostgreSQL. Printed, so that nobody takes them for done.
fn left_out_on_sqlite() -> bool {
    let left_out = !postgres_is_tested();
    if left_out {
        eprintln!("LEFT OUT: it is about PostgreSQL; run `make test-postgres`");
    }
    left_out
}

async fn apply(store: &Store, room: RoomId, op: RoomOp) -> Result<RoomCommit, WriteError> {
    let (reply, replied) = oneshot::channel();
    store.write_room(
        room,
        op,
        Box::new(move |result| {
            let _ = reply.send(result);
        }),
    );
    replied.await.expect("it is completed")
}

async fn open_room(store: &Store) -> RoomId {
    let opened = store.open_room(anonymous(Details::default())).await;
    opened.expect("it opens").record.room.id
}

async fn open_rooms(store: &Store, count: usize) -> Vec<RoomId> {
    let mut rooms = Vec::new();
    for _ in 0..count {
        rooms.push(open_room(store).await);
    }
    rooms
}

/// Nodes on the database of the first.
fn nodes<const N: usize>(first: &TestStore) -> [Store; N] {
    std::array::from_fn(|number| match number {
        0 => first.store.clone(),
        _ => first.another_node(),
    })
}

/// Every seq of a room, in order, and its messages' ids.
async fn log(store: &Store, room: RoomId) -> Vec<Uuid> {
    let mut ids = Vec::new();
    loop {
        let after = ids.len() as u64;
        let page = store.messages_after(room, after, 200).await.expect("read");
        for message in &page.messages {
            assert_eq!(message.seq, ids.len() as u64 + 1, "no hole, no repetition");
            ids.push(message.id);
        }
        if !page.more {
            return ids;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_post_to_the_same_rooms_leave_no_hole_and_repeat_nothing() {
    if left_out_on_sqlite() {
        return;
    }
    let first = TestStore::new();
    let nodes: [Store; 3] = nodes(&first);
    let rooms = open_rooms(&nodes[0], 3).await;
    let mut senders = Vec::new();
    for sender in 0..12 {
        let (node, rooms) = (nodes[sender % 3].clone(), rooms.clone());
        senders.push(tokio::spawn(async move {
            for number in 0..40 {
                let op = RoomOp::Post(visitor_draft("hello"));
                let room = rooms[(sender + number) % rooms.len()];
                apply(&node, room, op).await.expect("it is posted");
            }
        }));
    }
    for sender in senders {
        sender.await.expect("it ends");
    }
    let mut all = 0;
    for room in &rooms {
        let ids = log(&nodes[1], *room).await;
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
        let record = nodes[2].room(*room).await.expect("read").expect("there");
        assert_eq!(record.room.last_seq, ids.len() as u64);
        assert_eq!(record.unread_count, ids.len() as u64);
        all += ids.len();
    }
    assert_eq!(all, 12 * 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_three_nodes_post_at_once_is_one_message() {
    if left_out_on_sqlite() {
        return;
    }
    let first = TestStore::new();
    let nodes: [Store; 3] = nodes(&first);
    let room = open_room(&nodes[0]).await;
    for _ in 0..50 {
        let draft = visitor_draft("hello");
        let posts = nodes.iter().map(|node| {
            let (node, op) = (node.clone(), RoomOp::Post(draft.clone()));
            tokio::spawn(async move { apply(&node, room, op).await })
        });
        let mut posted = 0;
        let mut seqs = HashSet::new();
        for post in posts.collect::<Vec<_>>() {
            match post.await.expect("it ends").expect("committed").effect {
                Effect::Posted(message) => {
                    posted += 1;
                    seqs.insert(message.seq);
                }
                Effect::Duplicate(message) => {
                    seqs.insert(message.seq);
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((posted, seqs.len()), (1, 1));
    }
    assert_eq!(log(&nodes[0], room).await.len(), 50);
}

#[tokio::test]
async fn a_batch_counts_what_it_has_appended_itself() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    for _ in 0..3 {
        store.post_as_visitor(room, "hello").await;
    }
    let mark = |seq| RoomOp::MarkRead {
        side: Side::Agent,
        seq,
    };
    let pause = store.pause_writer().await;
    let ops = [
        RoomOp::Post(visitor_draft("one more")),
        mark(2),
        RoomOp::Post(agent_draft("hello")),
        mark(4),
        RoomOp::Post(visitor_draft("and another")),
        RoomOp::SetStatus {
            status: Status::Closed,
            by: Sender::Visitor,
        },
    ];
    let results: Vec<_> = ops.map(|op| store.submit_op(room, op)).into();
    drop(pause);
    let mut unread = Vec::new();
    for result in results {
        let commit = result.await.expect("completed").expect("committed");
        unread.push(commit.record.unread_count);
    }
    assert_eq!(unread, [4, 2, 2, 0, 1, 1]);
    assert_eq!(record(&store, room).await.unread_count, 1);
    assert_eq!(store.head().counts.closed, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_restored_to_an_earlier_time_gets_a_new_epoch() {
    if left_out_on_sqlite() {
        return;
    }
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    store.post_as_visitor(room, "hello").await;
    let epoch = store.epoch().to_owned();
    // What was seen is written down within a second or so.
    let commits = store.rows("SELECT max(commits) FROM slots").concat();
    let marks = store.directory.path().join("slots.json");
    let is_marked = || {
        let text = std::fs::read_to_string(&marks).unwrap_or_default();
        text.contains(&format!(":{commits}}}"))
    };
    let written = async {
        while !is_marked() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(180), written)
        .await
        .expect("it is written down");
    store.close().await;
    store.execute_from_outside("UPDATE slots SET commits = commits - 1");
    let store = store.reopened();
    assert_ne!(store.epoch(), epoch);
    let new = store.epoch().to_owned();
    store.post_as_visitor(room, "hello again").await;
    assert_eq!(store.reopened().epoch(), new, "an ordinary restart");
}

/// Whoever holds a room for long, such as an import, delays that room alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_held_does_not_delay_the_others() {
    if left_out_on_sqlite() {
        return;
    }
    let store = TestStore::new();
    let held = store.new_room("Ann").await;
    let other = store.new_room("Bob").await;
    let holder = store.another_node();
    let (release, released) = oneshot::channel::<()>();
    let (begun, begins) = oneshot::channel();
    let (released, mut begun) = (released.map(|_| ()).shared(), Some(begun));
    let Store::Postgres(postgres) = &holder else {
        panic!("PostgreSQL is tested");
    };
    postgres.submit_write(
        move |tx| {
            let (released, begun) = (released.clone(), begun.take());
            Box::pin(async move {
                room_rows::lock(tx, held).await?;
                begun.map(|begun| begun.send(()));
                released.await;
                Ok(())
            })
        },
        Box::new(|_| {}),
    );
    begins.await.expect("it is locked");
    let waiting = store.submit_op(held, RoomOp::Post(visitor_draft("hello")));
    // As many as it takes to be skipped, waited for and skipped again.
    for _ in 0..20 {
        store.post_as_visitor(other, "hello").await;
    }
    drop(release);
    waiting.await.expect("completed").expect("committed");
}
