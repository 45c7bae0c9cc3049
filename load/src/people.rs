//! Customers and agents, as far as a measurement needs them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::dialect::{Dialect, Side};
use crate::tally::Tally;
use crate::wire::{Wire, frame_into, kind, number, seq, text_after};
use crate::words;

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
fn post(content: &str) -> String {
    format!(
        r#"{{"type":"post","id":"{}","content":"{content}"}}"#,
        Uuid::now_v7()
    )
}

/// A post as it stands on the wire. All are equally long, and as long as posts are on average.
pub(crate) fn typical_frame() -> Vec<u8> {
    let mut frame = Vec::new();
    frame_into(&mut frame, post(words::TYPICAL).as_bytes());
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
        self.wire.send(&post(words::next())).await
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
        self.settle().await
    }

    /// The same with a message of average length, for those who look at how long the answer is.
    pub(crate) async fn post_typical(&mut self) -> Result<()> {
        self.wire.send(&post(words::TYPICAL)).await?;
        self.settle().await
    }

    async fn settle(&mut self) -> Result<()> {
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
    addr: SocketAddr,
    token: String,
    epoch: String,
    /// How far what was read brings this console.
    cursor: String,
}

/// How long a console that was closed stays away.
const AWAY: Duration = Duration::from_millis(250);

impl Console {
    /// Connects and takes the welcome.
    pub(crate) async fn arrive(addr: SocketAddr, token: &str) -> Result<Self> {
        let wire = Self::greet(addr, token, None).await?;
        let epoch = text_after(wire.last(), b"\"epoch\":\"").context("no epoch")?;
        let epoch = String::from_utf8_lossy(epoch).into_owned();
        let mut console = Self {
            wire,
            addr,
            token: token.to_owned(),
            epoch,
            cursor: String::new(),
        };
        console.keep_cursor();
        Ok(console)
    }

    /// Comes back after it was closed, as consoles do, and goes on after its cursor. The welcome
    /// is the wire's last frame then.
    pub(crate) async fn come_back(&mut self) -> Result<()> {
        tokio::time::sleep(AWAY).await;
        let resume = (self.epoch.as_str(), self.cursor.as_str());
        self.wire = Self::greet(self.addr, &self.token, Some(resume)).await?;
        self.keep_cursor();
        Ok(())
    }

    async fn greet(addr: SocketAddr, token: &str, after: Option<(&str, &str)>) -> Result<Wire> {
        let mut wire = Wire::open(addr, &Dialect::Shoptalk.path(Side::Agent, "")).await?;
        let hello = Dialect::Shoptalk.agent_hello(token, after);
        wire.send(&hello).await?;
        let welcome = wire.next().await?;
        if kind(welcome) != b"welcome" {
            bail!("no welcome: {}", String::from_utf8_lossy(welcome));
        }
        Ok(wire)
    }

    /// The next frame that tells of rooms' states; pings are answered on the way.
    pub(crate) async fn next_states(&mut self) -> Result<&[u8]> {
        loop {
            let kind = kind(self.wire.next().await?);
            if kind == b"ping" {
                self.wire.send(r#"{"type":"pong"}"#).await?;
            } else if kind == b"summary" || kind == b"summaries" {
                self.keep_cursor();
                return Ok(self.wire.last());
            }
        }
    }

    fn keep_cursor(&mut self) {
        if let Some(cursor) = text_after(self.wire.last(), b"\"cursor\":\"") {
            self.cursor.clear();
            self.cursor.push_str(&String::from_utf8_lossy(cursor));
        }
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
