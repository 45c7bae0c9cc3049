//! TCP servers that only write bytes, to show what the sockets of this machine can do. Each runs as
//! a process of its own, as the measured server does.

use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::{Context, Result};
use clap::ValueEnum;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::clients;
use crate::server::Process;
use crate::texts;
use crate::wire::frame_into;

/// What a bare server does with a post.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bytes {
    /// Writes the bytes back to the connection that the post came from.
    Echoed,
    /// Writes them to all other connections, once per post and connection.
    FannedOut,
    /// Writes them to all other connections; posts that arrived together share a write.
    Gathered,
    /// Wakes a task for each other connection, which writes them.
    Woken,
}

/// Serves until it is killed. Each post makes it write `bytes` bytes.
pub(crate) async fn serve(bytes: usize, how: Bytes) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    match how {
        Bytes::Echoed => loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(echo(stream, vec![b'x'; bytes]));
        },
        Bytes::FannedOut => fan_out(listener, bytes, false).await,
        Bytes::Gathered => fan_out(listener, bytes, true).await,
        Bytes::Woken => wake(listener, bytes).await,
    }
}

async fn echo(mut stream: TcpStream, reply: Vec<u8>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut post = vec![0; clients::typical_frame().len()];
    loop {
        stream.read_exact(&mut post).await?;
        stream.write_all(&reply).await?;
    }
}

/// The first connection sends; for each frame that arrives from it, the bytes go to all others,
/// then a short answer to the sender.
async fn fan_out(listener: TcpListener, bytes: usize, gathered: bool) -> Result<()> {
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
    frame_into(&mut post, texts::TYPICAL.as_bytes());
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

/// The first connection sends; each of its bytes wakes the tasks of all others, and each of them
/// writes once.
async fn wake(listener: TcpListener, bytes: usize) -> Result<()> {
    let (mut sender, _) = listener.accept().await?;
    let (woken, _) = watch::channel(());
    let mut byte = [0];
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (mut stream, _) = accepted?;
                stream.set_nodelay(true)?;
                let mut wakes = woken.subscribe();
                tokio::spawn(async move {
                    let frame = vec![b'x'; bytes];
                    while wakes.changed().await.is_ok() {
                        stream.write_all(&frame).await?;
                    }
                    Ok::<_, anyhow::Error>(())
                });
            }
            read = sender.read(&mut byte) => {
                if read? == 0 { return Ok(()); }
                woken.send_replace(());
            }
        }
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
    child: Child,
}

impl Bare {
    pub(crate) async fn start(bytes: usize, how: Bytes) -> Result<Self> {
        let how = how.to_possible_value().context("a hidden value")?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["bare", how.get_name(), &bytes.to_string()])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().context("its output is piped")?;
        let line = BufReader::new(stdout).lines().next_line().await?;
        Ok(Self {
            addr: line.context("it ended at once")?.parse()?,
            child,
        })
    }

    /// Its process.
    pub(crate) fn process(&self) -> Result<Process> {
        Process::of(&self.child)
    }
}
