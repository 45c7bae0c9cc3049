//! A TCP proxy that delays, stalls, cuts and half-opens what goes through it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the proxy does to all connections.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// Passes everything on.
    Good,
    /// Passes everything on, late.
    Slow(Duration),
    /// Holds everything back and closes nothing, as when a cable is pulled.
    Silent,
    /// Passes on what the server sends and discards what the clients send.
    Deaf,
    /// Resets the connections that are open. Later ones are served.
    Cut,
}

pub(crate) struct Proxy {
    pub(crate) addr: SocketAddr,
    line: watch::Sender<Line>,
    server: watch::Sender<SocketAddr>,
}

impl Proxy {
    /// One in front of a server.
    pub(crate) async fn before(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let line = watch::Sender::new(Line::Good);
        let lines = line.clone();
        let server = watch::Sender::new(server);
        let servers = server.subscribe();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let lines = lines.clone();
                let server = *servers.borrow();
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(server).await else {
                        return;
                    };
                    let (client_reads, client_writes) = client.into_split();
                    let (server_reads, server_writes) = server.into_split();
                    let up = pass(client_reads, server_writes, lines.subscribe(), true);
                    let down = pass(server_reads, client_writes, lines.subscribe(), false);
                    // When one direction has ended, so has the other.
                    tokio::select! { () = up => {}, () = down => {} }
                });
            }
        });
        Ok(Self { addr, line, server })
    }

    /// Leads later connections to another server, and resets those that are open.
    pub(crate) fn lead_to(&self, server: SocketAddr) {
        self.server.send_replace(server);
        self.set(Line::Cut);
    }

    /// From now on all connections are like this.
    pub(crate) fn set(&self, line: Line) {
        self.line.send_replace(line);
        if line == Line::Cut {
            self.line.send_replace(Line::Good);
        }
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut lines: watch::Receiver<Line>,
    from_client: bool,
) {
    let mut buffer = [0; 4096];
    lines.mark_unchanged();
    loop {
        let line = *lines.borrow();
        let swallows = line == Line::Deaf && from_client;
        let read = tokio::select! {
            changed = lines.changed() => {
                // A cut is followed by a good line at once, so any change to good is one.
                if changed.is_err() || *lines.borrow_and_update() == Line::Good {
                    return;
                }
                continue;
            }
            read = from.read(&mut buffer), if line != Line::Silent => read,
        };
        let Ok(read @ 1..) = read else { return };
        if swallows {
            continue;
        }
        if let Line::Slow(delay) = line {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
