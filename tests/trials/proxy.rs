//! A TCP proxy that delays, stalls, cuts and half-opens what goes through it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::common::DEADLINE;

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
    quota: Arc<Quota>,
}

/// How many bytes may pass before all connections are cut.
struct Quota {
    left: AtomicI64,
    /// How late what the clients have sent by then arrives; below 0, it never does.
    late_ms: AtomicI64,
    cuts: watch::Sender<u64>,
}

/// More than ever pass.
const NO_END: i64 = i64::MAX / 2;

impl Proxy {
    /// One in front of a server.
    pub(crate) async fn before(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let line = watch::Sender::new(Line::Good);
        let lines = line.clone();
        let server = watch::Sender::new(server);
        let servers = server.subscribe();
        let quota = Arc::new(Quota {
            left: AtomicI64::new(NO_END),
            late_ms: AtomicI64::new(-1),
            cuts: watch::Sender::new(0),
        });
        let quotas = quota.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (lines, quota) = (lines.clone(), quotas.clone());
                let server = *servers.borrow();
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(server).await else {
                        return;
                    };
                    let (client_reads, client_writes) = client.into_split();
                    let (server_reads, server_writes) = server.into_split();
                    let up = pass(client_reads, server_writes, &lines, &quota, true);
                    let down = pass(server_reads, client_writes, &lines, &quota, false);
                    // When one direction has ended, so has the other.
                    tokio::select! { () = up => {}, () = down => {} }
                });
            }
        });
        Ok(Self {
            addr,
            line,
            server,
            quota,
        })
    }

    /// Leads later connections to another server, and resets those that are open.
    pub(crate) fn lead_to(&self, server: SocketAddr) {
        self.server.send_replace(server);
        self.set(Line::Cut);
    }

    /// Lets as many bytes pass, in both directions together, then cuts all connections and returns.
    /// With `late`, what the clients have sent by then still reaches the server, so much later.
    pub(crate) async fn cut_after(&self, bytes: u32, late: Option<Duration>) -> Result<()> {
        let late = late.map_or(Ok(-1), |late| i64::try_from(late.as_millis()))?;
        self.quota.late_ms.store(late, Ordering::SeqCst);
        let mut cuts = self.quota.cuts.subscribe();
        cuts.mark_unchanged();
        self.quota.left.store(bytes.into(), Ordering::SeqCst);
        timeout(DEADLINE, cuts.changed()).await??;
        Ok(())
    }
    /// Bytes that have passed since the proxy was made, or since the last cut by
    /// [`cut_after`](Self::cut_after).
    pub(crate) fn passed(&self) -> i64 {
        NO_END - self.quota.left.load(Ordering::SeqCst)
    }

    /// From now on all connections are like this.
    pub(crate) fn set(&self, line: Line) {
        self.line.send_replace(line);
        if line == Line::Cut {
            self.line.send_replace(Line::Good);
        }
    }
}

impl Quota {
    /// How many of these bytes may pass.
    fn take(&self, bytes: usize) -> usize {
        let wanted = bytes as i64;
        let left = self.left.fetch_sub(wanted, Ordering::SeqCst);
        usize::try_from(left.clamp(0, wanted)).unwrap_or(bytes)
    }

    /// It is used up: nobody is cut any more once the connections of this moment are.
    fn end(&self, lines: &watch::Sender<Line>) {
        self.left.store(NO_END, Ordering::SeqCst);
        lines.send_replace(Line::Cut);
        lines.send_replace(Line::Good);
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    fn late(&self) -> Option<Duration> {
        let ms = self.late_ms.load(Ordering::SeqCst);
        u64::try_from(ms).ok().map(Duration::from_millis)
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    all_lines: &watch::Sender<Line>,
    quota: &Quota,
    from_client: bool,
) {
    let mut buffer = [0; 4096];
    let mut lines = all_lines.subscribe();
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
        let passing = quota.take(read);
        if to.write_all(&buffer[..passing]).await.is_err() {
            return;
        }
        if passing < read {
            if let Some(late) = quota.late().filter(|_| from_client) {
                tokio::spawn(arrive_late(late, to, buffer[passing..read].to_vec()));
            }
            return quota.end(all_lines);
        }
    }
}

/// The client takes the connection for lost, and the server still gets the rest.
async fn arrive_late(late: Duration, mut to: OwnedWriteHalf, rest: Vec<u8>) {
    tokio::time::sleep(late).await;
    let _ = to.write_all(&rest).await;
}
