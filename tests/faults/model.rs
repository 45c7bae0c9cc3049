//! Random joins, posts, retries, cuts and crashes of rooms, held against a simple
//! reference: every reader's view equals the log.

use std::collections::HashMap;
use std::time::Instant;

use proptest::prelude::*;
use shoptalk::FaultPoint;

use crate::common::{
    Agent, DEADLINE, Socket, TestServer, Value, Visitor, eventually, json, new_id,
};

/// Readers of the one room: two tabs of the visitor, two agents' consoles.
const READERS: usize = 4;

/// Where the room is made to panic.
const POINTS: [FaultPoint; 4] = [
    FaultPoint::RoomWrite,
    FaultPoint::RoomCommitted,
    FaultPoint::RoomJoin,
    FaultPoint::RoomStart,
];

#[derive(Debug, Clone)]
enum Step {
    /// Connect, and resume after what was seen.
    Connect(usize),
    /// Lose the connection, with all frames that are under way.
    Cut(usize),
    /// Post and wait for the ack.
    Post(usize),
    /// Post and lose the connection before the ack; tried again later.
    PostAndCut(usize),
    /// Post again what was acked before.
    Retry(usize),
    /// Read all that has been acked so far.
    CatchUp(usize),
    /// The room panics the next time that it reaches this point.
    Crash(FaultPoint),
}

fn step() -> impl Strategy<Value = Step> {
    let reader = 0..READERS;
    let point = prop::sample::select(&POINTS);
    prop_oneof![
        3 => reader.clone().prop_map(Step::Connect),
        2 => reader.clone().prop_map(Step::Cut),
        6 => reader.clone().prop_map(Step::Post),
        2 => reader.clone().prop_map(Step::PostAndCut),
        2 => reader.clone().prop_map(Step::Retry),
        3 => reader.prop_map(Step::CatchUp),
        1 => point.prop_map(Step::Crash),
    ]
}

/// One client: what a widget or a console remembers.
#[derive(Default)]
struct Reader {
    socket: Option<Socket>,
    seen: Vec<(u64, String)>,
    /// Posted, not acked: to be posted again.
    outbox: Vec<(String, String)>,
}

struct ModelRun {
    server: TestServer,
    visitor: Visitor,
    agent: Agent,
    readers: Vec<Reader>,
    /// The reference: what has been acked, by id.
    acked: HashMap<String, (u64, String)>,
    posted: u32,
    /// Panics that were injected, by point.
    crashes: Vec<FaultPoint>,
}

impl ModelRun {
    async fn new() -> Self {
        let server = TestServer::start().await;
        let visitor = Visitor::named(&server, "Ann").await;
        let agent = server.agent("mia", "agent").await;
        let readers = (0..READERS).map(|_| Reader::default()).collect();
        Self {
            server,
            visitor,
            agent,
            readers,
            acked: HashMap::new(),
            posted: 0,
            crashes: Vec::new(),
        }
    }

    fn is_agent(reader: usize) -> bool {
        reader >= READERS / 2
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Connect(reader) => {
                if self.readers[reader].socket.is_none() {
                    self.connect(reader).await;
                }
            }
            Step::Cut(reader) => self.readers[reader].socket = None,
            Step::Post(reader) => {
                let (id, content) = self.draft(reader);
                self.readers[reader].outbox.push((id, content));
                self.flush(reader).await;
            }
            Step::PostAndCut(reader) => {
                let (id, content) = self.draft(reader);
                self.connected(reader).await;
                self.send_post(reader, &id, &content).await;
                self.readers[reader].outbox.push((id, content));
                self.readers[reader].socket = None;
            }
            Step::Retry(reader) => {
                let own = if Self::is_agent(reader) {
                    "admin"
                } else {
                    "customer"
                };
                let known = self
                    .acked
                    .iter()
                    .find(|(_, (_, content))| content.starts_with(own));
                let Some((id, (seq, content))) =
                    known.map(|(id, entry)| (id.clone(), entry.clone()))
                else {
                    return;
                };
                self.connected(reader).await;
                let ack = self.post_until_acked(reader, &id, &content).await;
                assert_eq!(ack["seq"], seq, "the first one's place");
                assert_eq!(ack["duplicate"], true);
            }
            Step::CatchUp(reader) => self.catch_up(reader).await,
            Step::Crash(point) => {
                // With the one that causes a start, fewer than lead to quarantine.
                if self.crashes.len() < 3 && self.pending(point) == 0 {
                    self.order(point);
                }
            }
        }
    }

    fn room(&self) -> uuid::Uuid {
        self.visitor.room_id.parse().expect("a room's id")
    }

    fn order(&mut self, point: FaultPoint) {
        self.crashes.push(point);
        self.server.faults().panic_at(point, Some(self.room()), 1);
    }

    /// Injected panics at a point that have not happened yet.
    fn pending(&self, point: FaultPoint) -> u32 {
        let ordered = self.crashes.iter().filter(|at| **at == point).count();
        let fired = self.server.faults().fired(point, Some(self.room()));
        u32::try_from(ordered).expect("a few") - fired
    }

    /// Makes the room reach the points of panics that have not happened, so that each run has all.
    async fn provoke(&mut self) {
        if self.pending(FaultPoint::RoomStart) > 0 {
            // A panic at the start can only happen after another one.
            self.order(FaultPoint::RoomTyping);
        }
        let until = Instant::now() + DEADLINE;
        while let Some(point) = self.crashes.iter().find(|at| self.pending(**at) > 0) {
            assert!(Instant::now() < until, "it never falls at {point:?}");
            // A join, a write and its commit, and typing.
            self.readers[0].socket = None;
            self.take(Step::Post(0)).await;
            self.socket(0).send(json!({"type": "typing"})).await;
        }
        let crashes = self.crashes.len() as f64;
        eventually("each crash was a restart", async || {
            self.server.metric("shoptalk_room_restarts_total").await == crashes
        })
        .await;
    }

    fn draft(&mut self, reader: usize) -> (String, String) {
        self.posted += 1;
        let side = if Self::is_agent(reader) {
            "admin"
        } else {
            "customer"
        };
        (new_id(), format!("{side} {}", self.posted))
    }

    fn socket(&mut self, reader: usize) -> &mut Socket {
        self.readers[reader]
            .socket
            .as_mut()
            .expect("it is connected")
    }

    async fn connected(&mut self, reader: usize) {
        if self.readers[reader].socket.is_none() {
            self.connect(reader).await;
        }
    }

    async fn connect(&mut self, reader: usize) {
        let after = self.readers[reader].seen.last().map_or(0, |(seq, _)| *seq);
        let resume = json!({"after": after, "epoch": self.visitor.epoch});
        let (socket, first) = if Self::is_agent(reader) {
            let mut socket = self.agent.online().await;
            let mut join = resume;
            join["type"] = json!("join");
            join["room_id"] = json!(self.visitor.room_id);
            socket.send(join).await;
            let joined = socket.expect("joined").await;
            (socket, joined)
        } else {
            self.visitor.connect_with(resume).await
        };
        assert_eq!(first["recovered"], true, "{first}");
        self.readers[reader].socket = Some(socket);
        let page = first["messages"].as_array().expect("a page").clone();
        self.see(reader, &page);
    }

    async fn send_post(&mut self, reader: usize, id: &str, content: &str) {
        let post =
            json!({"type": "post", "room_id": self.visitor.room_id, "id": id, "content": content});
        self.socket(reader).send(post).await;
    }

    /// A post whose room dies twice in a row is refused as busy; a client tries again.
    async fn post_until_acked(&mut self, reader: usize, id: &str, content: &str) -> Value {
        for _ in 0..5 {
            self.send_post(reader, id, content).await;
            let response = self.socket(reader).reply_to(id).await;
            if response["type"] == "ack" {
                return response;
            }
            assert_eq!(response["code"], "busy", "{response}");
            assert_eq!(response["retryable"], true);
        }
        panic!("refused as busy more often than the room was made to crash");
    }

    /// Posts all that has not been acked, in order, as a client does.
    async fn flush(&mut self, reader: usize) {
        self.connected(reader).await;
        for (id, content) in std::mem::take(&mut self.readers[reader].outbox) {
            let ack = self.post_until_acked(reader, &id, &content).await;
            let seq = ack["seq"].as_u64().expect("a seq");
            let before = self.acked.insert(id, (seq, content));
            assert_eq!(before, None, "an id is acked as new once");
        }
    }

    async fn catch_up(&mut self, reader: usize) {
        self.connected(reader).await;
        let head = self.acked.values().map(|(seq, _)| *seq).max().unwrap_or(0);
        while self.readers[reader].seen.last().map_or(0, |(seq, _)| *seq) < head {
            let messages = self.socket(reader).messages(1).await;
            self.see(reader, &messages);
        }
    }

    fn see(&mut self, reader: usize, messages: &[Value]) {
        let seen = &mut self.readers[reader].seen;
        for message in messages {
            let seq = message["seq"].as_u64().expect("a seq");
            assert_eq!(
                seq,
                seen.last().map_or(0, |(seq, _)| *seq) + 1,
                "the next one, once"
            );
            seen.push((seq, message["id"].as_str().expect("an id").to_owned()));
        }
    }

    /// At the end everybody has posted and read everything.
    async fn check(mut self) {
        self.provoke().await;
        for reader in 0..READERS {
            self.flush(reader).await;
        }
        for reader in 0..READERS {
            self.catch_up(reader).await;
        }
        let mut log: Vec<(u64, String)> = Vec::new();
        loop {
            let after = log.last().map_or(0, |(seq, _)| *seq);
            let path = self
                .visitor
                .path(&format!("messages/?after={after}&limit=200"));
            let page = self.visitor.rest.get(&path).await.is(200);
            for message in page["results"].as_array().expect("messages") {
                let id = message["id"].as_str().expect("an id").to_owned();
                let seq = message["seq"].as_u64().expect("a seq");
                let acked = self
                    .acked
                    .get(&id)
                    .expect("nothing is stored that nobody posted");
                assert_eq!(
                    acked,
                    &(seq, message["content"].as_str().expect("text").to_owned())
                );
                log.push((seq, id));
            }
            if page["next"].is_null() {
                break;
            }
        }
        assert_eq!(
            log.len(),
            self.acked.len(),
            "everything acked is stored, once"
        );
        for reader in &self.readers {
            assert_eq!(reader.seen, log);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_view_equals_the_log(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let mut run = ModelRun::new().await;
            for step in steps {
                run.take(step).await;
            }
            run.check().await;
        });
    }
}

/// `SHOPTALK_MODEL_CASES` makes the run longer.
fn cases() -> u32 {
    std::env::var("SHOPTALK_MODEL_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(24)
}
