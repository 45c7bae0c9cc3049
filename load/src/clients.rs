//! Visitors and consoles, as far as a measurement needs them. Calls over HTTP are those of
//! `shoptalk-client`; the sockets are not (`wire.rs` says why).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use memchr::memmem;
use serde_json::json;
use shoptalk_client::Server;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::delivery_check::DeliveryCheck;
use crate::texts;
use crate::wire::{Wire, frame_into, kind, number, seq, text_after};
use crate::wire_format::WireFormat;
use shoptalk_client::chat::Side;

/// Connections that are being made at a time, where the measurement is not about that.
const CONNECTS: usize = 64;

/// A visitor's room, and what opens it.
#[derive(Clone)]
pub(crate) struct OpenRoom {
    pub(crate) room_id: String,
    pub(crate) token: String,
    pub(crate) epoch: String,
}

impl OpenRoom {
    /// Opens a room.
    pub(crate) async fn open(server: &Server) -> Result<Self> {
        let details = shoptalk_client::OpenRoom {
            customer_name: Some("Ann".to_owned()),
            ..shoptalk_client::OpenRoom::default()
        };
        let opened = server.open_room(None, &details).await?;
        Ok(Self {
            room_id: opened.room.id.to_string(),
            token: opened.token.context("a new visitor has a token")?,
            epoch: opened.epoch,
        })
    }

    /// Opens `count` rooms.
    pub(crate) async fn many(addr: SocketAddr, count: usize) -> Result<Vec<Self>> {
        let server = Server::new(&format!("http://{addr}"));
        all(count, |_| {
            let server = server.clone();
            async move { Self::open(&server).await }
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

/// An encoded post of average length. All of them are equally long.
pub(crate) fn typical_frame() -> Vec<u8> {
    let mut frame = Vec::new();
    frame_into(&mut frame, post(texts::TYPICAL).as_bytes());
    frame
}

/// A visitor with an open socket in a room of its own.
pub(crate) struct Visitor {
    pub(crate) wire: Wire,
    pub(crate) room: OpenRoom,
    pub(crate) last_seq: u64,
    check: Arc<DeliveryCheck>,
}

impl Visitor {
    /// Connects, and resumes after `last_seq`.
    pub(crate) async fn connect(
        addr: SocketAddr,
        room: OpenRoom,
        last_seq: u64,
        check: Arc<DeliveryCheck>,
    ) -> Result<Self> {
        let mut wire = Wire::open(addr, &format!("/ws/chat/{}/", room.room_id)).await?;
        let hello =
            json!({"type": "hello", "token": room.token, "epoch": room.epoch, "after": last_seq});
        wire.send(&hello.to_string()).await?;
        let welcome = wire.next().await?;
        if kind(welcome) != b"welcome" {
            bail!("no welcome: {}", String::from_utf8_lossy(welcome));
        }
        Ok(Self {
            wire,
            room,
            last_seq,
            check,
        })
    }

    /// `count` visitors, each in a room of its own.
    pub(crate) async fn many(
        addr: SocketAddr,
        count: usize,
        check: &Arc<DeliveryCheck>,
    ) -> Result<Vec<Self>> {
        let rooms = OpenRoom::many(addr, count).await?;
        all(count, |at| {
            Self::connect(addr, rooms[at].clone(), 0, check.clone())
        })
        .await
    }

    /// Sends a post without waiting for anything.
    pub(crate) async fn send_post(&mut self) -> Result<()> {
        self.wire.send(&post(texts::next())).await
    }

    /// Waits for the next ack, and checks each message that comes before it.
    /// Returns the ack's seq.
    pub(crate) async fn next_ack(&mut self) -> Result<u64> {
        loop {
            if let Some(acked) = self.take_frame().await? {
                return Ok(acked);
            }
        }
    }

    /// Handles one frame. Returns its seq if it is an ack. Cancel safe, except while it sends a pong.
    pub(crate) async fn take_frame(&mut self) -> Result<Option<u64>> {
        let frame = self.wire.next().await?;
        match kind(frame) {
            b"ack" => return Ok(Some(seq(frame)?)),
            b"message" => self.last_seq = self.check.received(self.last_seq, seq(frame)?),
            b"error" => bail!("refused: {}", String::from_utf8_lossy(frame)),
            b"ping" => self.wire.send(r#"{"type":"pong"}"#).await?,
            _ => {}
        }
        Ok(None)
    }

    /// Posts, and waits for the ack and for its own message.
    pub(crate) async fn post(&mut self) -> Result<()> {
        self.send_post().await?;
        self.wait_for_own_message().await
    }

    /// The same with a message of average length, so that the length of the answer can be measured.
    pub(crate) async fn post_typical(&mut self) -> Result<()> {
        self.wire.send(&post(texts::TYPICAL)).await?;
        self.wait_for_own_message().await
    }

    async fn wait_for_own_message(&mut self) -> Result<()> {
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
    /// The cursor of the last frame.
    cursor: String,
}

/// How long a console that was closed waits before it reconnects.
const RECONNECT_AFTER: Duration = Duration::from_millis(250);

impl Console {
    /// Connects, and reads the welcome.
    pub(crate) async fn connect(addr: SocketAddr, token: &str) -> Result<Self> {
        let wire = Self::open_socket(addr, token, None).await?;
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

    /// Reconnects after it was closed, and resumes from its cursor. The welcome
    /// is then the wire's last frame.
    pub(crate) async fn reconnect(&mut self) -> Result<()> {
        tokio::time::sleep(RECONNECT_AFTER).await;
        let resume = (self.epoch.as_str(), self.cursor.as_str());
        self.wire = Self::open_socket(self.addr, &self.token, Some(resume)).await?;
        self.keep_cursor();
        Ok(())
    }

    /// Another console that comes back with this one's cursor. The welcome is the wire's last frame.
    pub(crate) async fn resumed(&self) -> Result<Self> {
        let resume = (self.epoch.as_str(), self.cursor.as_str());
        let mut console = Self {
            wire: Self::open_socket(self.addr, &self.token, Some(resume)).await?,
            addr: self.addr,
            token: self.token.clone(),
            epoch: self.epoch.clone(),
            cursor: self.cursor.clone(),
        };
        console.keep_cursor();
        Ok(console)
    }

    /// Reads until all rooms have come that follow the welcome.
    pub(crate) async fn catch_up(&mut self) -> Result<()> {
        while memmem::find(self.wire.last(), b"\"more\":true").is_some() {
            self.next_states().await?;
        }
        Ok(())
    }

    async fn open_socket(
        addr: SocketAddr,
        token: &str,
        after: Option<(&str, &str)>,
    ) -> Result<Wire> {
        let mut wire = Wire::open(addr, &WireFormat::Shoptalk.path(Side::Agent, "")).await?;
        let hello = WireFormat::Shoptalk.agent_hello(token, after);
        wire.send(&hello).await?;
        let welcome = wire.next().await?;
        if kind(welcome) != b"welcome" {
            bail!("no welcome: {}", String::from_utf8_lossy(welcome));
        }
        Ok(wire)
    }

    /// The next frame with states of rooms. Pings that come before it are answered.
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

/// The room of a `summary` frame, and the seq of its newest message.
pub(crate) fn summary_of(frame: &[u8]) -> Option<(String, u64)> {
    let id = text_after(frame, b"\"summary\":{\"id\":\"")?;
    Some((
        String::from_utf8_lossy(id).into_owned(),
        number(frame, b"\"last_seq\":")?,
    ))
}

/// Runs `count` tasks, some at a time, and returns their results in order.
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
