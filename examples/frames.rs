//! The protocol itself, frame by frame: `cargo run --example frames`
//!
//! A visitor opens a room, connects, posts one message, and prints every frame that it sends and
//! receives. Read it beside docs/protocol.md. There is no library in between but a WebSocket;
//! what a client does beyond this (reconnecting, resuming, posting again) is in the crate
//! `shoptalk-client`.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use shoptalk_client::{Closed, OpenRoom, Server, Socket, SocketOptions};

#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::args().nth(1);
    let url = url.as_deref().unwrap_or("http://127.0.0.1:8001");

    // POST /api/chat/rooms/ with no token: a new visitor, a new room, and a token for both.
    let opened = Server::new(url)
        .open_room(None, &OpenRoom::default())
        .await?;
    let token = opened.token.context("a new visitor gets a token")?;

    // The first frame is a hello. A client that comes back names its epoch and its last seq.
    let path = format!("/ws/chat/{}/", opened.room.id);
    let mut socket = Socket::connect(url, &path, SocketOptions::default()).await?;
    send(&mut socket, json!({"type": "hello", "token": token})).await?;
    receive(&mut socket, "welcome").await?;

    // The id is made before the first attempt. Until the ack, whatever happens, the same post is
    // sent again with the same id, and stored once.
    let id = uuid::Uuid::now_v7();
    let post = json!({"type": "post", "id": id, "content": "Where is my blue kettle?"});
    send(&mut socket, post).await?;
    receive(&mut socket, "ack").await?;

    socket.close().await;
    Ok(())
}

async fn send(socket: &mut Socket, frame: Value) -> Result<(), Closed> {
    println!("> {frame}");
    socket.send(&frame).await
}

/// Prints frames up to the one of this type. The `message` and the `ack` of a post come in
/// either order; a client that stays longer answers each `ping` with a `pong`.
async fn receive(socket: &mut Socket, kind: &str) -> Result<()> {
    loop {
        let text = socket.receive_text().await?;
        println!("< {text}");
        let frame: Value = serde_json::from_str(&text)?;
        if frame["type"] == kind {
            return Ok(());
        }
    }
}
