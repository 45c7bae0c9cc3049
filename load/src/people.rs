//! Customers and agents, as far as a measurement needs them.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::tally::Tally;
use crate::wire::{Wire, frame_into, kind, number, seq, text_after};

/// 80 characters, as a customer writes.
pub(crate) const CONTENT: &str =
    "Hello, I ordered the blue kettle last week and it has not arrived yet. Any news?";
/// Connections that are being made at a time, where the measurement is not about that.
const CONNECTS: usize = 64;

/// What a visitor keeps of a room.
#[derive(Clone)]
pub(crate) struct Ticket {
    pub(crate) room_id: String,
    pub(crate) token: String,
    pub(crate) epoch: String,
}

impl Ticket {
    /// Opens a room.
    pub(crate) async fn take(http: &reqwest::Client, addr: SocketAddr) -> Result<Self> {
        let opened: Value = http
            .post(format!("http://{addr}/api/chat/rooms/"))
            .json(&json!({"customer_name": "Ann"}))
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        let text = |value: &Value| value.as_str().map(str::to_owned).context("no such text");
        Ok(Self {
            room_id: text(&opened["room"]["id"])?,
            token: text(&opened["token"])?,
            epoch: text(&opened["epoch"])?,
        })
    }

    /// So many rooms.
    pub(crate) async fn many(addr: SocketAddr, count: usize) -> Result<Vec<Self>> {
        let http = reqwest::Client::new();
        all(count, |_| {
            let http = http.clone();
            async move { Self::take(&http, addr).await }
        })
        .await
    }
}

/// A post with an id of its own.
fn post() -> String {
    format!(
        r#"{{"type":"post","id":"{}","content":"{CONTENT}"}}"#,
        Uuid::now_v7()
    )
}

/// A post as it stands on the wire. All are equally long.
pub(crate) fn post_frame() -> Vec<u8> {
    let mut frame = Vec::new();
    frame_into(&mut frame, post().as_bytes());
    frame
}

/// A customer with an open socket in a room of its own.
pub(crate) struct Customer {
    pub(crate) wire: Wire,
    pub(crate) ticket: Ticket,
    pub(crate) last_seq: u64,
    tally: Arc<Tally>,
}

impl Customer {
    /// Connects, and resumes after `last_seq`.
    pub(crate) async fn arrive(
        addr: SocketAddr,
        ticket: Ticket,
        last_seq: u64,
        tally: Arc<Tally>,
    ) -> Result<Self> {
        let mut wire = Wire::open(addr, &format!("/ws/chat/{}/", ticket.room_id)).await?;
        let hello = json!({"type": "hello", "token": ticket.token, "epoch": ticket.epoch, "after": last_seq});
        wire.send(&hello.to_string()).await?;
        let welcome = wire.next().await?;
        if kind(welcome) != b"welcome" {
            bail!("no welcome: {}", String::from_utf8_lossy(welcome));
        }
        Ok(Self {
            wire,
            ticket,
            last_seq,
            tally,
        })
    }

    /// So many customers, each in a room of its own.
    pub(crate) async fn many(
        addr: SocketAddr,
        count: usize,
        tally: &Arc<Tally>,
    ) -> Result<Vec<Self>> {
        let tickets = Ticket::many(addr, count).await?;
        all(count, |at| {
            Self::arrive(addr, tickets[at].clone(), 0, tally.clone())
        })
        .await
    }

    /// Sends a post without waiting for anything.
    pub(crate) async fn send_post(&mut self) -> Result<()> {
        self.wire.send(&post()).await
    }

    /// Waits for the next ack, and holds each message on the way against the log.
    /// Returns the ack's seq.
    pub(crate) async fn next_ack(&mut self) -> Result<u64> {
        loop {
            if let Some(acked) = self.take_frame().await? {
                return Ok(acked);
            }
        }
    }

    /// Takes one frame; an ack's seq is returned. Cancel safe up to a pong.
    pub(crate) async fn take_frame(&mut self) -> Result<Option<u64>> {
        let frame = self.wire.next().await?;
        match kind(frame) {
            b"ack" => return Ok(Some(seq(frame)?)),
            b"message" => self.last_seq = self.tally.saw(self.last_seq, seq(frame)?),
            b"error" => bail!("refused: {}", String::from_utf8_lossy(frame)),
            b"ping" => self.wire.send(r#"{"type":"pong"}"#).await?,
            _ => {}
        }
        Ok(None)
    }

    /// Posts, and waits for the ack and for its own message.
    pub(crate) async fn post(&mut self) -> Result<()> {
        self.send_post().await?;
        let acked = self.next_ack().await?;
        while self.last_seq < acked {
            self.take_frame().await?;
        }
        Ok(())
    }
}

/// A console's socket.
pub(crate) struct Console {
    pub(crate) wire: Wire,
}

impl Console {
    /// Connects and takes the whole welcome.
    pub(crate) async fn arrive(addr: SocketAddr, token: &str) -> Result<Self> {
        let mut wire = Wire::open(addr, "/ws/admin/chat/").await?;
        wire.send(&json!({"type": "hello", "token": token}).to_string())
            .await?;
        let welcome = wire.next().await?;
        if kind(welcome) != b"welcome" {
            bail!("no welcome: {}", String::from_utf8_lossy(welcome));
        }
        Ok(Self { wire })
    }

    /// Joins a room after this seq, without waiting for the answer.
    pub(crate) async fn join(&mut self, room_id: &str, after: u64) -> Result<()> {
        let join = json!({"type": "join", "room_id": room_id, "after": after});
        self.wire.send(&join.to_string()).await
    }
}

/// The room that a console's frame is about, and its newest seq as the frame tells it.
pub(crate) fn summary_of(frame: &[u8]) -> Option<(String, u64)> {
    let id = text_after(frame, b"\"summary\":{\"id\":\"")?;
    Some((
        String::from_utf8_lossy(id).into_owned(),
        number(frame, b"\"last_seq\":")?,
    ))
}

/// Runs so many tasks, some at a time, and returns what they bring in order.
pub(crate) async fn all<T, F>(count: usize, task: impl Fn(usize) -> F) -> Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let gate = Arc::new(Semaphore::new(CONNECTS));
    let mut tasks = JoinSet::new();
    for at in 0..count {
        let (gate, task) = (gate.clone(), task(at));
        tasks.spawn(async move {
            let _permit = gate.acquire_owned().await?;
            Ok::<_, anyhow::Error>((at, task.await?))
        });
    }
    let mut done = Vec::with_capacity(count);
    while let Some(finished) = tasks.join_next().await {
        done.push(finished??);
    }
    done.sort_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, what)| what).collect())
}
