use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::Bench;
use super::lobby::talk;
use crate::bare::{Bare, Bytes};
use crate::people::{Console, Customer, all};
use crate::report::Goal;
use crate::server::{Process, Server};
use crate::tally::Tally;
use crate::wire::Closed;

/// Rooms that change twice a second each.
const ROOMS: usize = 200;
const CONSOLES: [usize; 4] = [0, 1, 50, 500];
const SLICE: Duration = Duration::from_secs(3);

/// A server with its consoles, and what its changes cost.
struct Side {
    consoles: usize,
    server: Server,
    process: Process,
    customers: Vec<Customer>,
    got: Arc<Got>,
    watching: JoinSet<Result<()>>,
    cpu: f64,
    changes: u64,
    reads: u64,
    bytes: u64,
    _dir: tempfile::TempDir,
}

/// What consoles have read.
#[derive(Default)]
struct Got {
    reads: AtomicU64,
    bytes: AtomicU64,
    /// Consoles that were closed.
    closed: AtomicU64,
}

/// What a change of a room costs the server with so many consoles, and how much of that is the
/// consoles' own sending: a bare server writes as often to as many sockets, as many bytes, each
/// from a task of its own. What is left is the message itself and the lobby's work for it.
pub(crate) async fn change_cost(bench: &mut Bench, rounds: usize) -> Result<()> {
    let tally = Arc::new(Tally::default());
    let mut sides = Vec::new();
    for consoles in CONSOLES {
        sides.push(Side::start(bench, consoles, &tally).await?);
    }
    for _ in 0..rounds {
        for side in &mut sides {
            side.round().await?;
        }
    }
    let mut kept = Vec::new();
    for side in sides {
        let changes = side.changes as f64;
        let whole = side.cpu / changes * 1e6;
        let seconds = rounds as f64 * SLICE.as_secs_f64();
        let sending = if side.consoles == 0 {
            0.0
        } else {
            let writes = side.reads as f64 / side.consoles as f64 / seconds;
            let bytes = side.bytes / side.reads.max(1);
            let each = bare_write(side.consoles, writes, bytes as usize).await?;
            each * side.reads as f64 / changes * 1e6
        };
        let report = &mut bench.report;
        let mut add = |what: &str, value: f64, unit: &'static str| {
            let figure = format!("{ROOMS} rooms, {} consoles: {what}", side.consoles);
            report.add("change", figure, value, unit, Goal::None);
        };
        add("server CPU a change", whole, "µs");
        if side.consoles > 0 {
            add("of it a bare server's for the same writes", sending, "µs");
            add("what is left", whole - sending, "µs");
            let count = side.consoles as f64;
            add(
                "writes a second to each console",
                side.reads as f64 / count / seconds,
                "/s",
            );
            add(
                "bytes a change to each console",
                side.bytes as f64 / count / changes,
                "bytes",
            );
        }
        kept.push((side.consoles, whole - sending));
        side.end().await?;
    }
    let of = |count: usize| {
        let found = kept.iter().find(|(consoles, _)| *consoles == count);
        found.map(|(_, left)| *left).context("it was measured")
    };
    bench.report.add(
        "change",
        "what is left with 500 consoles, in that of 1",
        of(500)? / of(1)?,
        "",
        Goal::AtMost(1.25),
    );
    bench.report.tally("change", &tally);
    Ok(())
}

impl Side {
    async fn start(bench: &Bench, consoles: usize, tally: &Arc<Tally>) -> Result<Self> {
        let dir = bench.directory()?;
        let server = Server::start(&bench.target, dir.path()).await?;
        let (addr, token) = (server.addr, server.sign_in().await?);
        let customers = Customer::many(addr, ROOMS, tally).await?;
        let arrived = all(consoles, move |_| {
            let token = token.clone();
            async move { Console::arrive(addr, &token).await }
        })
        .await?;
        let (got, mut watching) = (Arc::new(Got::default()), JoinSet::new());
        for console in arrived {
            watching.spawn(got.clone().count(console));
        }
        let customers = talk(customers, Duration::from_secs(1), None).await?;
        Ok(Self {
            consoles,
            process: server.process()?,
            server,
            customers,
            got,
            watching,
            cpu: 0.0,
            changes: 0,
            reads: 0,
            bytes: 0,
            _dir: dir,
        })
    }

    async fn round(&mut self) -> Result<()> {
        let seqs = |customers: &[Customer]| customers.iter().map(|one| one.last_seq).sum::<u64>();
        let (reads, bytes) = self.got.so_far();
        let (before, cpu) = (seqs(&self.customers), self.process.cpu_seconds()?);
        let customers = talk(std::mem::take(&mut self.customers), SLICE, None).await?;
        self.customers = customers;
        // What is gathered for the consoles belongs to it.
        tokio::select! {
            Some(ended) = self.watching.join_next() => ended??,
            () = tokio::time::sleep(Duration::from_millis(1_200)) => {}
        }
        self.cpu += self.process.cpu_seconds()? - cpu;
        self.changes += seqs(&self.customers) - before;
        let (reads_after, bytes_after) = self.got.so_far();
        self.reads += reads_after - reads;
        self.bytes += bytes_after - bytes;
        Ok(())
    }

    async fn end(mut self) -> Result<()> {
        self.watching.abort_all();
        self.customers.clear();
        self.server.stop().await
    }
}

impl Got {
    fn so_far(&self) -> (u64, u64) {
        let [reads, bytes] = [&self.reads, &self.bytes].map(|count| count.load(Ordering::SeqCst));
        (reads, bytes)
    }

    async fn count(self: Arc<Self>, mut console: Console) -> Result<()> {
        loop {
            let (mut reads, mut bytes) = (console.wire.reads(), console.wire.bytes_in());
            let error = loop {
                if let Err(error) = console.next_states().await {
                    break error;
                }
                let now = (console.wire.reads(), console.wire.bytes_in());
                self.reads.fetch_add(now.0 - reads, Ordering::SeqCst);
                self.bytes.fetch_add(now.1 - bytes, Ordering::SeqCst);
                (reads, bytes) = now;
            };
            if !error.is::<Closed>() {
                bail!(error);
            }
            self.closed.fetch_add(1, Ordering::SeqCst);
            console.come_back().await?;
        }
    }
}

/// The processor time of one write of so many bytes to one of so many sockets, in seconds.
async fn bare_write(sockets: usize, per_second: f64, bytes: usize) -> Result<f64> {
    let bare = Bare::start(bytes, Bytes::Woken).await?;
    let mut sender = TcpStream::connect(bare.addr).await?;
    sender.set_nodelay(true)?;
    let mut readers = JoinSet::new();
    for _ in 0..sockets {
        let mut stream = TcpStream::connect(bare.addr).await?;
        readers.spawn(async move {
            let mut buffer = vec![0; 32 * 1_024];
            while stream.read(&mut buffer).await? > 0 {}
            Ok::<_, anyhow::Error>(())
        });
    }
    // All are accepted before the first byte.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = bare.process()?.cpu_seconds()?;
    let (started, mut woken) = (Instant::now(), 0);
    while started.elapsed() < SLICE {
        tokio::time::sleep_until(
            (started + Duration::from_secs_f64(f64::from(woken) / per_second)).into(),
        )
        .await;
        sender.write_all(b"!").await?;
        woken += 1;
    }
    let cpu = bare.process()?.cpu_seconds()? - before;
    readers.abort_all();
    Ok(cpu / (f64::from(woken) * sockets as f64))
}
