//! A visitor's live socket, which resumes after what was seen and notes what it is shown.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use shoptalk_client::tungstenite::Message;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use uuid::Uuid;

use crate::common::{DEADLINE, Value, json};
use crate::history::View;

/// Nobody waits longer than this for a frame; pings come every 25 s.
pub(crate) const SILENCE: Duration = DEADLINE;

/// Reads what is past the view.
pub(crate) async fn catch_up(
    addr: SocketAddr,
    room_id: Uuid,
    token: &str,
    view: &mut View,
) -> Result<()> {
    let mut line = LiveLine::connect(addr, room_id, token, view).await?;
    while line.more {
        line.next(view).await?.context("the server has gone")?;
    }
    Ok(())
}

/// A live socket after its welcome.
pub(crate) struct LiveLine {
    socket: WebSocketStream<TcpStream>,
    /// The rest of the resume is still on its way.
    pub(crate) more: bool,
}

impl LiveLine {
    /// The same, again and again: a server may turn somebody away who is to come back later.
    pub(crate) async fn connect(
        addr: SocketAddr,
        room_id: Uuid,
        token: &str,
        view: &mut View,
    ) -> Result<Self> {
        let connected = async {
            loop {
                if let Some(line) = Self::open(addr, room_id, token, view).await? {
                    return Ok(line);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(DEADLINE, connected).await.context("no server")?
    }

    /// Connects and resumes after what was seen; nothing when there is no server.
    pub(crate) async fn open(
        addr: SocketAddr,
        room_id: Uuid,
        token: &str,
        view: &mut View,
    ) -> Result<Option<Self>> {
        let Ok(tcp) = TcpStream::connect(addr).await else {
            return Ok(None);
        };
        let url = format!("ws://{addr}/ws/chat/{room_id}/");
        let Ok(Ok((socket, _))) = timeout(SILENCE, tokio_tungstenite::client_async(url, tcp)).await
        else {
            return Ok(None);
        };
        let mut line = Self { socket, more: true };
        let hello = json!({"type": "hello", "token": token, "after": view.last()});
        if line.send(&hello).await.is_none() {
            return Ok(None);
        }
        let Some(welcome) = line.next(view).await? else {
            return Ok(None);
        };
        ensure!(
            welcome["type"] == "welcome" || welcome["type"] == "going_away",
            "no welcome: {welcome}"
        );
        ensure!(welcome["recovered"] != false, "no resume: {welcome}");
        Ok(Some(line))
    }

    pub(crate) async fn send(&mut self, frame: &Value) -> Option<()> {
        self.socket
            .send(Message::text(frame.to_string()))
            .await
            .ok()
    }

    /// The next frame; what it shows goes into the view as it comes. Nothing when the
    /// connection has ended.
    pub(crate) async fn next(&mut self, view: &mut View) -> Result<Option<Value>> {
        loop {
            let next = timeout(SILENCE, self.socket.next())
                .await
                .context("a socket without any frame, not even a ping")?;
            let text = match next {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(Some(close)))) if u16::from(close.code) >= 4500 => {
                    bail!("sent away: {close}")
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(None),
                Some(Ok(_)) => continue,
            };
            let frame: Value = serde_json::from_str(&text)?;
            match frame["type"].as_str() {
                Some("ping") => {
                    if self.send(&json!({"type": "pong"})).await.is_none() {
                        return Ok(None);
                    }
                    continue;
                }
                Some("message") => see(view, &frame["message"])?,
                Some("welcome" | "messages") => {
                    for message in frame["messages"].as_array().context("a page")? {
                        see(view, message)?;
                    }
                    self.more = frame["more"] == true;
                }
                _ => {}
            }
            return Ok(Some(frame));
        }
    }
}

fn see(view: &mut View, message: &Value) -> Result<()> {
    let seq = message["seq"].as_u64().context("no seq")?;
    let id = message["id"].as_str().context("no id")?.parse()?;
    view.seen.push((seq, id));
    Ok(())
}
