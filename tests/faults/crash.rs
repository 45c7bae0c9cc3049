//! The real binary, killed at random moments under load: what was acked is stored,
//! without a gap and once.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{SinkExt, StreamExt};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;

use crate::common::{Rest, Value, json, new_id};

/// Customers that write as fast as they are acked, each in its own room.
const SENDERS: usize = 8;

/// `SHOPTALK_CRASH_KILLS` makes the run longer, `SHOPTALK_CRASH_SEED` repeats one.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

struct Running {
    child: Child,
    addr: SocketAddr,
}

async fn serve(data_dir: &Path) -> Running {
    let mut child = Command::new(env!("CARGO_BIN_EXE_shoptalk"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data_dir)
        .env("SHOPTALK_LIMITS__ENABLED", "false")
        .env("SHOPTALK_LOG__FILTER", "off")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary starts");
    let stdout = child.stdout.take().expect("its output is piped");
    let line = BufReader::new(stdout)
        .lines()
        .next_line()
        .await
        .expect("readable")
        .expect("the ready line");
    let addr = line
        .strip_prefix("listening on http://")
        .expect(&line)
        .parse()
        .expect("an address");
    Running { child, addr }
}

/// One customer with an outbox of one message.
struct Sender {
    token: String,
    room_id: String,
    /// Acked messages: id to seq.
    acked: HashMap<String, u64>,
    pending: Option<String>,
}

impl Sender {
    /// Writes until the connection breaks.
    async fn write(
        &mut self,
        addr: SocketAddr,
        acks: &watch::Sender<u64>,
        done: &AtomicBool,
    ) -> Option<()> {
        let tcp = TcpStream::connect(addr).await.ok()?;
        let url = format!("ws://{addr}/ws/chat/{}/", self.room_id);
        let (mut socket, _) = tokio_tungstenite::client_async(url, tcp).await.ok()?;
        let hello = json!({"type": "hello", "token": self.token, "tail": 0});
        socket.send(Message::text(hello.to_string())).await.ok()?;
        while !done.load(Ordering::Relaxed) {
            let id = self.pending.get_or_insert_with(new_id).clone();
            let post =
                json!({"type": "post", "id": id, "content": "is this still there tomorrow?"});
            socket.send(Message::text(post.to_string())).await.ok()?;
            loop {
                let Message::Text(text) = socket.next().await?.ok()? else {
                    continue;
                };
                let frame: Value = serde_json::from_str(&text).expect("frames are JSON");
                assert_ne!(frame["type"], "error", "{frame}");
                if frame["type"] == "ack" && frame["id"] == id.as_str() {
                    let seq = frame["seq"].as_u64().expect("a seq");
                    self.acked.insert(id, seq);
                    self.pending = None;
                    acks.send_modify(|acks| *acks += 1);
                    break;
                }
            }
        }
        Some(())
    }
}

async fn check(addr: SocketAddr, sender: &Sender) {
    let rest = Rest::new(addr).bearer(&sender.token);
    let mut stored: HashMap<String, u64> = HashMap::new();
    let mut last = 0;
    loop {
        let path = format!(
            "/api/chat/rooms/{}/messages/?after={last}&limit=200",
            sender.room_id
        );
        let page = rest.get(&path).await.is(200);
        for message in page["results"].as_array().expect("messages") {
            let seq = message["seq"].as_u64().expect("a seq");
            assert_eq!(seq, last + 1, "no gap and no double");
            last = seq;
            let id = message["id"].as_str().expect("an id").to_owned();
            assert_eq!(stored.insert(id, seq), None, "an id is stored once");
        }
        if page["next"].is_null() {
            break;
        }
    }
    for (id, seq) in &sender.acked {
        assert_eq!(
            stored.get(id),
            Some(seq),
            "what was acked is stored, at its place"
        );
    }
    let unacked = stored.len() - sender.acked.len();
    assert!(
        unacked <= usize::from(sender.pending.is_some()),
        "only the pending one may be stored unacked"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acked_is_lost_to_kill_9() {
    let kills = setting("SHOPTALK_CRASH_KILLS", 10);
    let seed = setting("SHOPTALK_CRASH_SEED", rand::random());
    println!("SHOPTALK_CRASH_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().expect("a directory for the data");
    let mut running = serve(dir.path()).await;
    let (address, _) = watch::channel(running.addr);
    let acks = Arc::new(watch::Sender::new(0_u64));
    let mut acked = acks.subscribe();
    let done = Arc::new(AtomicBool::new(false));

    let mut senders = Vec::new();
    for _ in 0..SENDERS {
        let opened = Rest::new(running.addr)
            .post("/api/chat/rooms/", json!({}))
            .await
            .is(201);
        let mut sender = Sender {
            token: opened["token"].as_str().expect("a token").to_owned(),
            room_id: opened["room"]["id"].as_str().expect("an id").to_owned(),
            acked: HashMap::new(),
            pending: None,
        };
        let (mut address, acks, done) = (address.subscribe(), acks.clone(), done.clone());
        senders.push(tokio::spawn(async move {
            while !done.load(Ordering::Relaxed) {
                let addr = *address.borrow_and_update();
                if sender.write(addr, &acks, &done).await.is_none()
                    && address.changed().await.is_err()
                {
                    break;
                }
            }
            sender
        }));
    }

    for _ in 0..kills {
        let target = *acked.borrow() + random.random_range(10..300);
        acked
            .wait_for(|acks| *acks >= target)
            .await
            .expect("the senders go on");
        running.child.kill().await.expect("it can be killed");
        running = serve(dir.path()).await;
        address.send_replace(running.addr);
    }
    let target = *acked.borrow() + 50;
    acked
        .wait_for(|acks| *acks >= target)
        .await
        .expect("the senders go on");
    done.store(true, Ordering::Relaxed);
    // Those who wait for an address look at `done` again.
    address.send_replace(running.addr);
    for sender in senders {
        check(
            running.addr,
            &sender.await.expect("the sender does not panic"),
        )
        .await;
    }
    running.child.kill().await.expect("it can be killed");
    let database = rusqlite::Connection::open(dir.path().join("shoptalk.db")).expect("it opens");
    let verdict: String = database
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("it can be checked");
    assert_eq!(verdict, "ok");
    println!("{} acks over {kills} kills", *acked.borrow());
}
