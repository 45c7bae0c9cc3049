//! Readers of changes beside several nodes: nothing is missed, nothing comes back.

use std::collections::HashMap;

use proptest::prelude::*;
use uuid::Uuid;

use super::{apply, left_out_on_sqlite, nodes, open_room, open_rooms};
use crate::chat::{ChangeVector, RoomId};
use crate::persistence::postgres::tables::room_rows;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::testing::*;
use crate::persistence::*;

const NODES: usize = 3;
const ROOMS: usize = 5;

#[derive(Debug, Clone)]
enum Step {
    Post {
        node: usize,
        room: usize,
    },
    Remove {
        node: usize,
        room: usize,
    },
    Read {
        reader: usize,
        limit: usize,
    },
    /// A reader starts again with a snapshot.
    Snapshot {
        reader: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..NODES, 0..ROOMS).prop_map(|(node, room)| Step::Post { node, room }),
        1 => (0..NODES, 0..ROOMS).prop_map(|(node, room)| Step::Remove { node, room }),
        5 => (0..2usize, 0..4usize).prop_map(|(reader, limit)| Step::Read { reader, limit }),
        1 => (0..2usize).prop_map(|reader| Step::Snapshot { reader }),
    ]
}

/// What a console knows of the rooms.
#[derive(Default)]
struct Reader {
    changes: ChangeVector,
    /// Versions of rooms.
    rooms: HashMap<RoomId, u64>,
}

impl Reader {
    async fn start_again(&mut self, store: &Store) {
        let snapshot = store.lobby_snapshot(100).await.expect("read");
        let records = snapshot.records.iter();
        self.rooms = records
            .map(|record| (record.room.id, record.version))
            .collect();
        self.changes = snapshot.changes;
    }

    /// Reads one page. Returns whether there are more.
    async fn read(&mut self, store: &Store, limit: usize) -> bool {
        let page = store
            .changed_since(&self.changes, limit)
            .await
            .expect("read");
        assert!(page.records.len() + page.removed.len() <= limit);
        assert!(
            page.changes.includes_all(&self.changes),
            "it only moves forward"
        );
        for change in page.records.iter().map(|record| record.change) {
            assert!(page.changes.includes(change) && !self.changes.includes(change));
        }
        assert!(
            !page.more || limit == 0 || page.changes != self.changes,
            "a page with more behind it moves on"
        );
        for record in page.records {
            self.rooms.insert(record.room.id, record.version);
        }
        for removed in page.removed {
            self.rooms.remove(&removed.room_id);
        }
        self.changes = page.changes;
        page.more
    }
}

async fn remove(tx: &mut Tx, id: RoomId) -> Result<(), TxError> {
    let Some(row) = room_rows::lock(tx, id).await? else {
        return Ok(());
    };
    let Some(change) = tx.unlist(&row.record) else {
        return Ok(());
    };
    let slot = i16::try_from(change.slot).expect("few slots");
    let erasure = Uuid::nil();
    tx.execute(
        "INSERT INTO erased_rooms (room, erasure, slot, change) VALUES ($1, $2, $3, $4)",
        &[&id, &erasure, &slot, &change.number.cast_signed()],
    )
    .await?;
    tx.execute("DELETE FROM room_heads WHERE room = $1", &[&row.keys.pk])
        .await?;
    tx.execute("DELETE FROM rooms WHERE pk = $1", &[&row.keys.pk])
        .await?;
    Ok(())
}

async fn remove_room(node: &Store, room: RoomId) {
    let Store::Postgres(node) = node else {
        panic!("this test is about PostgreSQL");
    };
    let removed = node.write(move |tx| Box::pin(remove(tx, room))).await;
    removed.expect("it is removed");
}

/// Posts as clients do: again with the same id, when nothing was stored.
async fn post(node: &Store, room: RoomId) {
    let draft = visitor_draft("hello");
    loop {
        match apply(node, room, RoomOp::Post(draft.clone())).await {
            Err(WriteError::Store(StoreError::Unavailable(_))) => {}
            // A room that was removed refuses it.
            Ok(_) | Err(WriteError::Refused(_)) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// The versions of all listed rooms.
async fn listed(store: &Store) -> HashMap<RoomId, u64> {
    let query = RoomQuery {
        status: None,
        filter: Default::default(),
        order: RoomOrder::Activity,
        cursor: None,
        limit: 100,
    };
    let page = store.list_rooms(query).await.expect("read");
    let records = page.records.iter();
    records
        .map(|record| (record.room.id, record.version))
        .collect()
}

async fn run(steps: Vec<Step>) {
    let first = TestStore::new();
    let nodes: [Store; NODES] = nodes(&first);
    let rooms = open_rooms(&nodes[0], ROOMS).await;
    let mut readers = [Reader::default(), Reader::default()];
    for step in steps {
        match step {
            Step::Post { node, room } => post(&nodes[node], rooms[room]).await,
            Step::Remove { node, room } => remove_room(&nodes[node], rooms[room]).await,
            Step::Read { reader, limit } => {
                readers[reader].read(&nodes[reader], limit).await;
            }
            Step::Snapshot { reader } => readers[reader].start_again(&nodes[reader]).await,
        }
    }
    let expected = listed(&nodes[0]).await;
    for (mut reader, limit) in readers.into_iter().zip([1, 100]) {
        while reader.read(&nodes[2], limit).await {}
        assert_eq!(reader.rooms, expected);
    }
    for node in nodes {
        node.close().await;
    }
}

#[test]
fn a_reader_of_pages_ends_with_what_is_listed() {
    if left_out_on_sqlite() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let config = ProptestConfig::with_cases(12);
    proptest!(config, |(steps in proptest::collection::vec(step(), 1..60))| {
        runtime.block_on(run(steps));
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_beside_writers_misses_nothing() {
    if left_out_on_sqlite() {
        return;
    }
    let first = TestStore::new();
    let nodes: [Store; NODES] = nodes(&first);
    let rooms = open_rooms(&nodes[0], 40).await;
    let writers: Vec<_> = (0..9)
        .map(|writer| {
            let (node, rooms) = (nodes[writer % NODES].clone(), rooms.clone());
            tokio::spawn(async move {
                for number in 0..60 {
                    let room = rooms[(writer * 7 + number * 11) % rooms.len()];
                    post(&node, room).await;
                }
            })
        })
        .collect();
    let mut reader = Reader::default();
    while writers.iter().any(|writer| !writer.is_finished()) {
        reader.read(&nodes[1], 3).await;
    }
    for writer in writers {
        writer.await.expect("it ends");
    }
    while reader.read(&nodes[1], 3).await {}
    assert_eq!(reader.rooms, listed(&nodes[1]).await);
    assert_eq!(reader.rooms.len(), rooms.len());
}

/// Whoever asks may hang up in the middle of a page.
#[tokio::test]
async fn a_page_that_was_given_up_leaves_no_old_snapshot_behind() {
    if left_out_on_sqlite() {
        return;
    }
    let store = TestStore::new();
    let Store::Postgres(postgres) = &store.store else {
        unreachable!("the test is left out otherwise");
    };
    let begun = tokio::sync::Notify::new();
    let reader = postgres.shared().readers.get().await.expect("it connects");
    let given_up = reader.snapshot(async |db| {
        db.run("SELECT count(*) FROM rooms").await?;
        begun.notify_one();
        std::future::pending::<Result<(), _>>().await
    });
    tokio::select! {
        _ = given_up => unreachable!("it never ends"),
        () = begun.notified() => {}
    }
    drop(reader);
    let room = open_room(&store).await;
    store.post_as_visitor(room, "hello").await;
    let snapshot = store.lobby_snapshot(100).await.expect("it reads");
    assert_eq!(snapshot.records.len(), 1);
}
