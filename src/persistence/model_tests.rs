//! Random conversations under failing commits, compared with what the tables hold.

mod patches;
mod room_model;

use proptest::prelude::*;
use rusqlite::Connection;
use tokio::sync::oneshot;
use uuid::Uuid;

use self::patches::{AnyPatch, Desks, patch};
use self::room_model::{RoomModel, counts};
use crate::chat::{DetailsPatch, RoomId, RoomRecord};
use crate::persistence::sqlite::{TxError, contradictions};
use crate::persistence::testing::*;
use crate::persistence::*;

#[derive(Debug, Clone)]
enum Step {
    /// An operation on its own.
    One(Item),
    /// Operations that share a commit.
    Batch(Vec<Item>),
    Rename(usize, u8),
    Block(usize, bool),
    /// A block that another process writes.
    BlockFromOutside(usize, bool),
    /// The next commit fails.
    FailCommit,
    /// The next commit succeeds, but reports an error.
    MisreportCommit,
    /// The next commit is rolled back by SQLite itself.
    RollBackCommit,
    Restart,
}

#[derive(Debug, Clone)]
enum Item {
    VisitorPost(usize),
    AgentPost(usize),
    /// The last draft of the room, posted again.
    Retry(usize),
    /// The id of the room's last draft with other words.
    Reuse(usize),
    Read(usize, bool),
    ReadTooFar(usize),
    Close(usize),
    Reopen(usize),
    Patch(usize, AnyPatch),
    /// Writes garbage into a room's row, then panics.
    Panic(usize),
    /// Writes garbage into a room's row, then refuses.
    Refuse(usize),
    /// Changes the room in memory, then panics.
    PanicInMemory(usize),
    /// Changes the room in memory, then refuses.
    RefuseInMemory(usize),
}

fn item() -> impl Strategy<Value = Item> {
    let room = 0..ROOMS;
    prop_oneof![
        6 => room.clone().prop_map(Item::VisitorPost),
        4 => room.clone().prop_map(Item::AgentPost),
        2 => room.clone().prop_map(Item::Retry),
        2 => room.clone().prop_map(Item::Reuse),
        2 => (room.clone(), any::<bool>()).prop_map(|(room, admin)| Item::Read(room, admin)),
        1 => room.clone().prop_map(Item::ReadTooFar),
        1 => room.clone().prop_map(Item::Close),
        1 => room.clone().prop_map(Item::Reopen),
        4 => (room, patch()).prop_map(|(room, patch)| Item::Patch(room, patch)),
    ]
}

/// Items of a batch, with an occasional one that fails after it has written.
fn batched() -> impl Strategy<Value = Item> {
    let room = 0..ROOMS;
    prop_oneof![
        20 => item(),
        1 => room.clone().prop_map(Item::Panic),
        1 => room.clone().prop_map(Item::Refuse),
        1 => room.clone().prop_map(Item::PanicInMemory),
        1 => room.prop_map(Item::RefuseInMemory),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let room = 0..ROOMS;
    prop_oneof![
        10 => item().prop_map(Step::One),
        6 => proptest::collection::vec(batched(), 2..12).prop_map(Step::Batch),
        1 => (room.clone(), any::<u8>()).prop_map(|(room, name)| Step::Rename(room, name)),
        1 => (room.clone(), any::<bool>()).prop_map(|(room, blocked)| Step::Block(room, blocked)),
        2 => (room, any::<bool>()).prop_map(|(room, blocked)| Step::BlockFromOutside(room, blocked)),
        1 => Just(Step::FailCommit),
        1 => Just(Step::MisreportCommit),
        1 => Just(Step::RollBackCommit),
        1 => Just(Step::Restart),
    ]
}

const ROOMS: usize = 3;

async fn apply_until_settled(
    store: &TestStore,
    room: RoomId,
    op: RoomOp,
) -> Result<RoomCommit, Refusal> {
    loop {
        match store.apply(room, op.clone()).await {
            Ok(commit) => return Ok(commit),
            Err(WriteError::Refused(refusal)) => return Err(refusal),
            Err(WriteError::Store(StoreError::Unavailable(_))) => {}
            Err(error) => panic!("nothing else may fail: {error}"),
        }
    }
}

/// Puts an item of another kind into the queue: it writes, then fails.
fn submit_garbage(
    store: &TestStore,
    item: &Item,
    room: RoomId,
) -> oneshot::Receiver<Result<(), WriteError>> {
    let (reply, replied) = oneshot::channel();
    let done: Completion<()> = Box::new(move |result| {
        let _ = reply.send(result);
    });
    let panics = matches!(item, Item::Panic(_) | Item::PanicInMemory(_));
    let fail = move || -> Result<(), TxError> {
        assert!(!panics, "injected by a test");
        Err(Refusal::NotFound.into())
    };
    if matches!(item, Item::Panic(_) | Item::Refuse(_)) {
        store.sqlite().submit(
            move |tx| {
                tx.state.last_change += 7;
                tx.execute("UPDATE rooms SET last_seq = 99 WHERE id = ?1", [room])?;
                fail()
            },
            done,
        );
    } else {
        store.sqlite().submit_to_rooms(
            move |tx, rooms| {
                let live = rooms.get(tx.conn, room)?.expect("it is there");
                let mut record = RoomRecord::clone(&live.record);
                record.room.last_seq = 99;
                rooms.replace(tx, record, None)?;
                fail()
            },
            done,
        );
    }
    replied
}

enum Submitted {
    Op(
        usize,
        RoomOp,
        oneshot::Receiver<Result<RoomCommit, WriteError>>,
    ),
    Garbage(oneshot::Receiver<Result<(), WriteError>>),
}

/// Applies all items in one commit, checks the replies, and returns what the audit gets.
async fn apply_in_one_commit(
    store: &TestStore,
    rooms: &[RoomId],
    models: &mut [RoomModel],
    items: &[Item],
) -> Vec<String> {
    let pause = store.pause_writer().await;
    let mut submitted = Vec::new();
    for item in items {
        let place = item.place();
        match models[place].op(item) {
            Some(op) => {
                let reply = store.submit_op(rooms[place], op.clone());
                submitted.push(Submitted::Op(place, op, reply));
            }
            None if item.is_garbage() => {
                let reply = submit_garbage(store, item, rooms[place]);
                submitted.push(Submitted::Garbage(reply));
            }
            None => {}
        }
    }
    drop(pause);
    let mut audit = Vec::new();
    for item in submitted {
        match item {
            Submitted::Op(place, op, reply) => {
                let reply = match reply.await.expect("it is completed") {
                    Ok(commit) => Ok(commit),
                    Err(WriteError::Refused(refusal)) => Err(refusal),
                    Err(WriteError::Store(StoreError::Unavailable(_))) => continue,
                    Err(error) => panic!("nothing else may fail: {error}"),
                };
                audit.extend(models[place].check_reply(&op, reply));
            }
            Submitted::Garbage(reply) => {
                let reply = reply.await.expect("it is completed");
                assert!(
                    matches!(
                        reply,
                        Err(WriteError::Refused(Refusal::NotFound)
                            | WriteError::Store(
                                StoreError::Internal(_) | StoreError::Unavailable(_)
                            ))
                    ),
                    "{reply:?}"
                );
            }
        }
    }
    audit
}

impl Item {
    fn place(&self) -> usize {
        match self {
            Self::VisitorPost(place)
            | Self::AgentPost(place)
            | Self::Retry(place)
            | Self::Reuse(place)
            | Self::Read(place, _)
            | Self::ReadTooFar(place)
            | Self::Close(place)
            | Self::Reopen(place)
            | Self::Patch(place, _)
            | Self::Panic(place)
            | Self::Refuse(place)
            | Self::PanicInMemory(place)
            | Self::RefuseInMemory(place) => *place,
        }
    }

    fn is_garbage(&self) -> bool {
        matches!(
            self,
            Self::Panic(_) | Self::Refuse(_) | Self::PanicInMemory(_) | Self::RefuseInMemory(_)
        )
    }
}

async fn run(steps: Vec<Step>) {
    let mut store = TestStore::in_sqlite();
    let desks = Desks::new(&store).await;
    let (mut rooms, mut models) = (Vec::new(), Vec::new());
    for _ in 0..ROOMS {
        let room = store.new_room("Ann").await;
        models.push(RoomModel::new(record(&store, room).await, desks));
        rooms.push(room);
    }
    let mut audit = Vec::new();
    for step in steps {
        match step {
            Step::One(item) => {
                let model = &mut models[item.place()];
                if let Some(op) = model.op(&item) {
                    let reply = apply_until_settled(&store, rooms[item.place()], op.clone()).await;
                    audit.extend(model.check_reply(&op, reply));
                }
            }
            Step::Batch(items) => {
                audit.extend(apply_in_one_commit(&store, &rooms, &mut models, &items).await);
            }
            Step::Rename(place, name) => {
                let patch = DetailsPatch {
                    name: Some(Some(name.to_string())),
                    ..DetailsPatch::default()
                };
                let op = RoomOp::set_details(patch);
                let reply = apply_until_settled(&store, rooms[place], op.clone()).await;
                audit.extend(models[place].check_reply(&op, reply));
            }
            Step::Block(place, blocked) => {
                let by = Principal::CommandLine;
                let op = RoomOp::set_block(SetBlock {
                    blocked,
                    until: None,
                    by,
                });
                let reply = apply_until_settled(&store, rooms[place], op.clone()).await;
                audit.extend(models[place].check_reply(&op, reply));
            }
            Step::BlockFromOutside(place, blocked) => {
                store.block_from_outside(rooms[place], blocked);
                models[place].block_from_outside(blocked);
            }
            Step::FailCommit => store.sqlite().hooks().fail_next_commit(),
            Step::MisreportCommit => store.sqlite().hooks().misreport_next_commit(),
            Step::RollBackCommit => store.sqlite().hooks().roll_back_next_commit(),
            Step::Restart => store = store.reopened(),
        }
    }
    for (room, model) in rooms.iter().zip(&models) {
        let page = store.messages_after(*room, 0, 1_000).await.expect("read");
        let stored: Vec<Uuid> = page.messages.iter().map(|message| message.id).collect();
        assert_eq!(stored, model.log, "acked is stored, in its order, once");
        assert_eq!(*record(&store, *room).await, model.record());
    }
    let blocks = "SELECT actor, subject FROM audit WHERE action = 'visitor_blocked' ORDER BY pk";
    assert_eq!(store.rows(blocks), audit, "each change of a block, once");
    let head = store.head();
    assert_eq!(head.counts, counts(&models));
    store
        .sqlite()
        .readers()
        .read(move |conn| {
            let state: (i64, i64, i64, i64) = conn.query_row(
                "SELECT waiting, active, closed, change FROM state",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
            )?;
            let counts = head.counts;
            let published = [
                counts.waiting,
                counts.active,
                counts.closed,
                head.changes.single_writer(),
            ]
            .map(|number| i64::try_from(number).expect("a small number"));
            assert_eq!([state.0, state.1, state.2, state.3], published);
            let newest = "SELECT ifnull(max(change), 0) FROM rooms";
            let newest: i64 = conn.query_row(newest, [], |row| row.get(0))?;
            assert_eq!(newest, state.3, "no room was removed");
            Ok(())
        })
        .await
        .expect("read");
    let path = store.directory.path().join("shoptalk.db");
    let conn = Connection::open(path).expect("it opens");
    let found = contradictions(&conn).expect("it is checked");
    assert!(found.is_empty(), "{found:#?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_is_acked_is_stored_whatever_fails(
        steps in proptest::collection::vec(step(), 1..60)
    ) {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
            .block_on(run(steps));
    }
}
