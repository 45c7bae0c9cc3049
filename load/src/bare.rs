//! A TCP server that does nothing but write the same bytes: what the sockets of this machine
//! give. It runs as a process of its own, as the measured server does.

use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::wire::frame_into;

/// Serves until it is killed. The first connection sends; for each frame that arrives from it,
/// `bytes` bytes go to all others, then a short answer to the sender. `gathered`: what arrives
/// together leaves in one write to each subscriber, and not in one for each message.
pub(crate) async fn serve(bytes: usize, gathered: bool) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let (sender, _) = listener.accept().await?;
    sender.set_nodelay(true)?;
    let mut subscribers = Vec::new();
    // The sender says with its first byte that all are there.
    let mut first = [0];
    let (mut from, mut to) = sender.into_split();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                stream.set_nodelay(true)?;
                subscribers.push(stream);
            }
            read = from.read(&mut first) => {
                if read? == 0 { return Ok(()); }
                break;
            }
        }
    }
    let mut frame = Vec::new();
    unmasked_into(&mut frame, &vec![b'x'; bytes]);
    let mut ack = Vec::new();
    unmasked_into(&mut ack, b"{\"type\":\"ack\"}");
    let mut post = Vec::new();
    frame_into(&mut post, crate::people::CONTENT.as_bytes());
    let mut incoming = vec![0; 64 * 1_024];
    let mut bytes_in = 0;
    loop {
        let read = from.read(&mut incoming).await?;
        if read == 0 {
            return Ok(());
        }
        bytes_in += read;
        let posts = bytes_in / post.len();
        bytes_in %= post.len();
        let (times, together) = if gathered { (1, posts) } else { (posts, 1) };
        let frames = frame.repeat(together);
        for _ in 0..times {
            for subscriber in &mut subscribers {
                subscriber.write_all(&frames).await?;
            }
        }
        to.write_all(&ack.repeat(posts)).await?;
    }
}

fn unmasked_into(out: &mut Vec<u8>, payload: &[u8]) {
    out.push(0x81);
    if payload.len() <= 125 {
        out.push(payload.len() as u8);
    } else {
        out.push(126);
        out.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    }
    out.extend_from_slice(payload);
}

/// The bare server as a process.
pub(crate) struct Bare {
    pub(crate) addr: SocketAddr,
    _child: Child,
}

impl Bare {
    pub(crate) async fn start(bytes: usize, gathered: bool) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["bare", "--bytes", &bytes.to_string()])
            .args(gathered.then_some("--gathered"))
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().context("its output is piped")?;
        let line = BufReader::new(stdout).lines().next_line().await?;
        Ok(Self {
            addr: line.context("it ended at once")?.parse()?,
            _child: child,
        })
    }
}
