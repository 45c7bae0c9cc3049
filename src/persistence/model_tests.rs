//! Random conversations under failing commits, held against what the tables say.

use proptest::prelude::*;
use rusqlite::Connection;
use uuid::Uuid;

use super::testing::*;
use super::*;
use crate::chat::{DetailsPatch, Draft, RoomId, Sender, Side, Status};

#[derive(Debug, Clone)]
enum Step {
    Ask(usize),
    Answer(usize),
    /// The last draft of the room once more.
    Retry(usize),
    Read(usize, bool),
    Close(usize),
    Reopen(usize),
    Rename(usize, u8),
    Block(usize, bool),
    /// The next commit fails.
    Fail,
    /// The next commit happens and reports an error.
    Blur,
    /// The next commit is rolled back by SQLite itself.
    Lose,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let room = 0..ROOMS;
    prop_oneof![
        6 => room.clone().prop_map(Step::Ask),
        4 => room.clone().prop_map(Step::Answer),
        2 => room.clone().prop_map(Step::Retry),
        2 => (room.clone(), any::<bool>()).prop_map(|(room, admin)| Step::Read(room, admin)),
        1 => room.clone().prop_map(Step::Close),
        1 => room.clone().prop_map(Step::Reopen),
        1 => (room.clone(), any::<u8>()).prop_map(|(room, name)| Step::Rename(room, name)),
        1 => (room, any::<bool>()).prop_map(|(room, blocked)| Step::Block(room, blocked)),
        2 => Just(Step::Fail),
        2 => Just(Step::Blur),
        2 => Just(Step::Lose),
        1 => Just(Step::Restart),
    ]
}

const ROOMS: usize = 3;

/// What one who was acked believes about a room.
#[derive(Default, Clone)]
struct Believed {
    log: Vec<Uuid>,
    last: Option<Draft>,
}

async fn settled(bench: &Bench, room: RoomId, op: RoomOp) -> Result<RoomCommit, Refusal> {
    loop {
        match bench.apply(room, op.clone()).await {
            Ok(commit) => return Ok(commit),
            Err(WriteError::Refused(refusal)) => return Err(refusal),
            Err(WriteError::Store(StoreError::Unavailable(_))) => {}
            Err(error) => panic!("nothing else may fail: {error}"),
        }
    }
}

async fn run(steps: Vec<Step>) {
    let mut bench = Bench::new();
    let mut rooms = Vec::new();
    for _ in 0..ROOMS {
        rooms.push(bench.new_room("Ann").await);
    }
    let mut believed = vec![Believed::default(); ROOMS];
    for step in steps {
        let (place, op) = match step {
            Step::Ask(place) => (place, RoomOp::Post(question("hello"))),
            Step::Answer(place) => (place, RoomOp::Post(reply("hi"))),
            Step::Retry(place) => match believed[place].last.clone() {
                Some(draft) => (place, RoomOp::Post(draft)),
                None => continue,
            },
            Step::Read(place, admin) => {
                let seq = believed[place].log.len() as u64;
                let side = if admin { Side::Admin } else { Side::Customer };
                (place, RoomOp::MarkRead { side, seq })
            }
            Step::Close(place) => (place, set(Status::Closed)),
            Step::Reopen(place) => (place, set(Status::Active)),
            Step::Rename(place, name) => {
                let patch = DetailsPatch {
                    name: Some(Some(name.to_string())),
                    ..DetailsPatch::default()
                };
                (place, RoomOp::SetDetails(patch))
            }
            Step::Block(place, blocked) => {
                let by = Actor::CommandLine;
                (place, RoomOp::SetBlocked { blocked, by })
            }
            Step::Fail => {
                bench.hooks().fail_next_commit();
                continue;
            }
            Step::Blur => {
                bench.hooks().blur_next_commit();
                continue;
            }
            Step::Lose => {
                bench.hooks().lose_next_commit();
                continue;
            }
            Step::Restart => {
                bench = bench.reopened();
                continue;
            }
        };
        let known = &mut believed[place];
        let Ok(commit) = settled(&bench, rooms[place], op.clone()).await else {
            continue;
        };
        match commit.effect {
            Effect::Posted(message) | Effect::StatusChanged(message) => {
                assert_eq!(message.seq, known.log.len() as u64 + 1);
                known.log.push(message.id);
                if let RoomOp::Post(draft) = op {
                    known.last = Some(draft);
                }
            }
            Effect::Duplicate(message) => {
                assert_eq!(known.log[message.seq as usize - 1], message.id);
            }
            _ => {}
        }
    }
    for (room, known) in rooms.iter().zip(&believed) {
        let page = bench.messages_after(*room, 0, 1_000).await.expect("read");
        let stored: Vec<Uuid> = page.messages.iter().map(|message| message.id).collect();
        assert_eq!(stored, known.log, "acked is stored, in its order, once");
    }
    let head = bench.head();
    bench
        .readers()
        .read(move |conn| {
            recount(conn, head);
            Ok(())
        })
        .await
        .expect("read");
}

fn set(status: Status) -> RoomOp {
    RoomOp::SetStatus {
        status,
        by: Sender::Customer,
    }
}

/// Every number that is kept is the one that counting gives.
fn recount(conn: &Connection, head: Head) {
    let number = |sql: &str| -> u64 {
        let number: i64 = conn.query_row(sql, [], |row| row.get(0)).expect(sql);
        number.try_into().expect(sql)
    };
    let listed = |status: u8| {
        number(&format!(
            "SELECT count(*) FROM rooms WHERE last_seq > 0 AND status = {status}"
        ))
    };
    assert_eq!(
        (listed(0), listed(1), listed(2)),
        (head.counts.waiting, head.counts.active, head.counts.closed)
    );
    assert_eq!(
        number("SELECT ifnull(max(change), 0) FROM rooms"),
        head.change
    );
    for wrong in [
        "SELECT count(*) FROM rooms WHERE (last_seq > 0) <> (change IS NOT NULL)",
        "SELECT count(*) FROM rooms WHERE (status = 0) <> (waiting_n IS NOT NULL)",
        "SELECT count(*) FROM rooms WHERE (waiting_n IS NULL) <> (waiting_since IS NULL)",
        "SELECT count(*) FROM rooms r WHERE unread_count <> (SELECT count(*) FROM messages
             WHERE room = r.pk AND sender_type = 0 AND seq > r.admin_read_seq)",
        "SELECT count(*) FROM rooms r WHERE last_n IS NOT
             (SELECT max(n) FROM messages WHERE room = r.pk)",
        "SELECT count(*) FROM rooms r WHERE last_seq <>
             (SELECT count(*) FROM messages WHERE room = r.pk)",
        "SELECT count(*) FROM pragma_foreign_key_check",
    ] {
        assert_eq!(number(wrong), 0, "{wrong}");
    }
    let sound: String = conn
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("it is checked");
    assert_eq!(sound, "ok");
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
