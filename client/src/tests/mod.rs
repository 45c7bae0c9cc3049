//! The guarantees of the crate's documentation, against a server in memory that cuts connections
//! and drops, duplicates and reorders pushes. Time is paused: it advances when every task waits, so
//! that waits of minutes take no time.

mod notes;
mod server;

use std::collections::BTreeMap;
use std::time::Duration;

use shoptalk::chat::{Message, MessageId, RoomId};
use tokio::time::timeout;
use uuid::Uuid;

use self::server::{FakeDial, FakeServer, Faults};
use crate::agent::{AgentEvent, AgentProtocol};
use crate::handle::{Events, Handle, SendError};
use crate::visitor::{Command as VisitorCommand, Position, VisitorEvent, VisitorProtocol};

/// The longest that a test may take, in paused time.
const DEADLINE: Duration = Duration::from_secs(24 * 60 * 60);
const SEEDS: u64 = 60;
const POSTS: usize = 20;

fn room(n: u128) -> RoomId {
    Uuid::from_u128(n)
}

fn visitor(
    server: &FakeServer,
    room_id: RoomId,
    resume: Option<Position>,
    seed: u64,
) -> (Handle<VisitorCommand>, Events<VisitorEvent>) {
    let protocol = VisitorProtocol::new(room_id, "token", resume);
    let dialer = FakeDial::visitor(server.clone());
    Handle::start(protocol, dialer, fastrand::Rng::with_seed(seed))
}

/// The events that one client got about a room.
#[derive(Default)]
struct Seen {
    messages: Vec<Message>,
    acked: Vec<MessageId>,
}

impl Seen {
    /// Each message of the log arrived once, in order and without a gap.
    #[track_caller]
    fn assert_is_the_log(&self, server: &FakeServer, room_id: RoomId) {
        assert_eq!(self.messages, server.log(room_id));
    }
}

/// The ids of one client's posts are in the log in the order of writing, each once.
#[track_caller]
fn assert_stored_in_order(server: &FakeServer, room_id: RoomId, posted: &[MessageId]) {
    let log = server.log(room_id);
    let stored: Vec<MessageId> = log
        .iter()
        .map(|message| message.id)
        .filter(|id| posted.contains(id))
        .collect();
    assert_eq!(stored, posted);
}

#[tokio::test(start_paused = true)]
async fn a_visitor_gets_the_log_and_its_posts_are_stored_in_order_despite_faults() {
    for seed in 0..SEEDS {
        let server = FakeServer::new(Faults::ALL, seed);
        let (handle, mut events) = visitor(&server, room(1), None, seed);
        let mut posted = Vec::new();
        let writing = async {
            for n in 0..POSTS {
                let id = Uuid::now_v7();
                handle
                    .post(room(1), id, format!("question {n}"))
                    .expect("it runs");
                posted.push(id);
                server.post_from_elsewhere(room(1), n);
                tokio::time::sleep(Duration::from_millis(fastrand::u64(0..3_000))).await;
            }
            handle.flush().await.expect("it runs");
        };
        let mut seen = Seen::default();
        let reading = async {
            // Everybody's messages: those of this visitor, and as many of others.
            while seen.messages.len() < 2 * POSTS || seen.acked.len() < POSTS {
                match events.next().await.expect("it runs") {
                    VisitorEvent::Message(message) => seen.messages.push(message),
                    VisitorEvent::Acked { id, .. } => seen.acked.push(id),
                    VisitorEvent::Connected { resumed, .. } => {
                        assert!(resumed || seen.messages.is_empty(), "seed {seed}");
                    }
                    VisitorEvent::Stopped { reason, .. } => panic!("stopped: {reason}"),
                    _ => {}
                }
            }
        };
        timeout(DEADLINE, async { tokio::join!(writing, reading) })
            .await
            .unwrap_or_else(|_| panic!("seed {seed}: something never came"));
        seen.assert_is_the_log(&server, room(1));
        assert_stored_in_order(&server, room(1), &posted);
        assert_eq!(seen.acked, posted, "seed {seed}");
        handle.finish().await.expect("it ends well");
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_gets_joined_rooms_and_its_posts_are_stored_in_order_despite_faults() {
    const ROOMS: u128 = 3;
    for seed in 0..SEEDS {
        let server = FakeServer::new(Faults::ALL, seed);
        let protocol = AgentProtocol::new("token");
        let dialer = FakeDial::agent(server.clone());
        let (handle, mut events) = Handle::start(protocol, dialer, fastrand::Rng::with_seed(seed));
        for n in 1..=ROOMS {
            handle
                .side(crate::agent::Command::Join(room(n)))
                .expect("it runs");
        }
        let mut posted: BTreeMap<RoomId, Vec<MessageId>> = BTreeMap::new();
        let writing = async {
            for n in 0..POSTS {
                for room_id in (1..=ROOMS).map(room) {
                    let id = Uuid::now_v7();
                    handle
                        .post(room_id, id, format!("answer {n}"))
                        .expect("it runs");
                    posted.entry(room_id).or_default().push(id);
                    server.post_from_elsewhere(room_id, n);
                }
                tokio::time::sleep(Duration::from_millis(fastrand::u64(0..3_000))).await;
            }
            handle.flush().await.expect("it runs");
        };
        let mut seen: BTreeMap<RoomId, Seen> = BTreeMap::new();
        let mut versions: BTreeMap<RoomId, u64> = BTreeMap::new();
        let reading = async {
            while seen.len() < ROOMS as usize
                || seen.values().any(|seen| seen.messages.len() < 2 * POSTS)
            {
                match events.next().await.expect("it runs") {
                    AgentEvent::Message(message) => {
                        let seen = seen.entry(message.room_id).or_default();
                        seen.messages.push(message);
                    }
                    AgentEvent::Acked { room_id, id, .. } => {
                        seen.entry(room_id).or_default().acked.push(id);
                    }
                    AgentEvent::Connected { resumed: false, .. } => versions.clear(),
                    AgentEvent::Summary(summary) => {
                        let last = versions.insert(summary.room.id, summary.version);
                        assert!(last <= Some(summary.version), "an older state came");
                    }
                    AgentEvent::Stopped { reason, .. } => panic!("stopped: {reason}"),
                    _ => {}
                }
            }
        };
        timeout(DEADLINE, async { tokio::join!(writing, reading) })
            .await
            .unwrap_or_else(|_| panic!("seed {seed}: something never came"));
        for (room_id, posted) in posted {
            seen[&room_id].assert_is_the_log(&server, room_id);
            assert_stored_in_order(&server, room_id, &posted);
        }
        handle.finish().await.expect("it ends well");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_resumes_from_a_stored_position() {
    let server = FakeServer::new(Faults::NONE, 1);
    for n in 0..5 {
        server.post_from_elsewhere(room(1), n);
    }
    let position = Position {
        epoch: server::EPOCH.to_owned(),
        last_seq: 3,
    };
    let (_handle, mut events) = visitor(&server, room(1), Some(position), 1);
    let mut seqs = Vec::new();
    loop {
        match events.next().await.expect("it runs") {
            VisitorEvent::Connected { resumed, .. } => assert!(resumed),
            VisitorEvent::Message(message) => seqs.push(message.seq),
            VisitorEvent::CaughtUp => break,
            event => panic!("{event:?}"),
        }
    }
    assert_eq!(seqs, [4, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_good_stops_the_client_and_returns_what_is_unsettled() {
    let server = FakeServer::new(Faults::NONE, 1);
    server.refuse_with(4500);
    let (handle, mut events) = visitor(&server, room(1), None, 1);
    let id = Uuid::now_v7();
    handle
        .post(room(1), id, "kept".to_owned())
        .expect("it runs");
    let Some(VisitorEvent::Stopped { reason, unsettled }) = events.next().await else {
        panic!("the client stops");
    };
    assert!(reason.to_string().contains("4500"), "{reason}");
    assert_eq!((unsettled.len(), unsettled[0].id), (1, id));
    assert!(events.next().await.is_none(), "it was the last event");
    assert!(handle.flush().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn finish_fails_if_a_post_is_unsettled_when_the_client_stops() {
    let server = FakeServer::new(Faults::NONE, 1);
    server.refuse_with(4500);
    let (handle, _events) = visitor(&server, room(1), None, 1);
    handle
        .post(room(1), Uuid::now_v7(), "kept".to_owned())
        .expect("it runs");
    assert_eq!(handle.finish().await, Err(SendError::Stopped));
}

#[tokio::test(start_paused = true)]
async fn a_client_gives_up_a_silent_connection_and_reconnects() {
    let server = FakeServer::new(Faults::NONE, 1);
    server.set_silent(true);
    let (_handle, mut events) = visitor(&server, room(1), None, 1);
    let began = tokio::time::Instant::now();
    let Some(VisitorEvent::Offline { .. }) = events.next().await else {
        panic!("no welcome is no connection");
    };
    assert!(began.elapsed() >= Duration::from_secs(20));
    server.set_silent(false);
    let Some(VisitorEvent::Connected { .. }) = events.next().await else {
        panic!("it comes back");
    };
}

#[tokio::test(start_paused = true)]
async fn a_lost_push_is_noticed_at_the_second_ping() {
    let server = FakeServer::new(Faults::PUSHES, 1);
    let (_handle, mut events) = visitor(&server, room(1), None, 1);
    while !matches!(events.next().await, Some(VisitorEvent::CaughtUp)) {}
    server.post_from_elsewhere(room(1), 1);
    let finding = async {
        loop {
            if let Some(VisitorEvent::Message(message)) = events.next().await {
                return message.seq;
            }
        }
    };
    let found = timeout(3 * server::PING_INTERVAL, finding).await;
    assert_eq!(found.expect("it is found"), 1);
}
