use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use uuid::Uuid;

/// 80 characters, as a customer writes.
pub(crate) const CONTENT: &str =
    "Hello, I ordered the blue kettle last week and it has not arrived yet. Any news?";

/// A customer with an open socket in a room of its own.
pub(crate) struct Customer {
    socket: WebSocketStream<TcpStream>,
    last_seq: u64,
}

impl Customer {
    /// Opens a room and its socket.
    pub(crate) async fn arrive(addr: SocketAddr) -> Result<Self> {
        let http = reqwest::Client::new();
        let opened: Value = http
            .post(format!("http://{addr}/api/chat/rooms/"))
            .json(&json!({"customer_name": "Ann"}))
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        let room_id = opened["room"]["id"].as_str().context("no room")?;
        let tcp = TcpStream::connect(addr).await?;
        tcp.set_nodelay(true)?;
        let config = WebSocketConfig::default().read_buffer_size(4096);
        let url = format!("ws://{addr}/ws/chat/{room_id}/");
        let (mut socket, _) =
            tokio_tungstenite::client_async_with_config(url, tcp, Some(config)).await?;
        let hello = json!({"type": "hello", "token": opened["token"]});
        socket.send(Message::text(hello.to_string())).await?;
        match socket.next().await {
            Some(Ok(Message::Text(text))) if text.contains("\"welcome\"") => Ok(Self {
                socket,
                last_seq: 0,
            }),
            other => bail!("no welcome: {other:?}"),
        }
    }

    /// Posts and waits for the ack and for its own message, each of which has the
    /// next seq.
    async fn post(&mut self) -> Result<()> {
        let post = json!({"type": "post", "id": Uuid::now_v7(), "content": CONTENT});
        self.socket.send(Message::text(post.to_string())).await?;
        let (mut acked, mut delivered) = (false, false);
        while !(acked && delivered) {
            let Some(Ok(Message::Text(text))) = self.socket.next().await else {
                bail!("the socket ended")
            };
            let frame: Value = serde_json::from_str(&text)?;
            let seq = match frame["type"].as_str() {
                Some("ack") => {
                    acked = true;
                    &frame["seq"]
                }
                Some("message") => {
                    delivered = true;
                    &frame["message"]["seq"]
                }
                Some("error") => bail!("refused: {frame}"),
                Some("ping") => {
                    self.socket
                        .send(Message::text(r#"{"type":"pong"}"#))
                        .await?;
                    continue;
                }
                _ => continue,
            };
            if *seq != self.last_seq + 1 {
                bail!(
                    "lost, doubled or out of order: {frame} after {}",
                    self.last_seq
                );
            }
        }
        self.last_seq += 1;
        Ok(())
    }
}

/// Each customer posts as fast as it is answered. Returns them and the acked
/// messages a second.
pub(crate) async fn closed_loop(
    customers: Vec<Customer>,
    time: Duration,
) -> Result<(Vec<Customer>, f64)> {
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for mut customer in customers {
        tasks.spawn(async move {
            let mut acked = 0_u64;
            while started.elapsed() < time {
                customer.post().await?;
                acked += 1;
            }
            Ok::<_, anyhow::Error>((customer, acked))
        });
    }
    let mut back = Vec::new();
    let mut total = 0;
    for finished in tasks.join_all().await {
        let (customer, acked) = finished?;
        back.push(customer);
        total += acked;
    }
    Ok((back, total as f64 / started.elapsed().as_secs_f64()))
}
