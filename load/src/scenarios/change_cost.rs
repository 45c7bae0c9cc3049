use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::Setup;
use crate::bare::{Bare, Bytes};
use crate::conversations::{Conversations, Joined, Layout, Measured, Timetable};
use crate::delivery_check::DeliveryCheck;
use crate::report::{Goal, median};
use crate::server::{Process, Server};

/// Rooms that change twice a second each.
const ROOMS: usize = 200;
const GAP: Duration = Duration::from_millis(500);
const CONSOLES: [usize; 4] = [0, 1, 50, 500];
/// Changes of each room in one round.
const EACH: usize = 6;
/// How long the last states may be gathered for the consoles; it belongs to the round.
const REST: Duration = Duration::from_secs(1);
/// How long the bare server is measured.
const BARE: Duration = Duration::from_secs(2);

/// A server with its consoles, and what its changes cost.
struct Measurement {
    consoles: usize,
    server: Server,
    process: Process,
    participants: Conversations,
    /// Processor seconds of each round.
    cpu: Vec<f64>,
    seconds: f64,
    reads: u64,
    bytes: u64,
    measured: Vec<Measured>,
    _dir: tempfile::TempDir,
}

/// What a change of a room costs the server with different numbers of consoles, and how much of that
/// is sending alone: a bare server writes as many bytes, as often, to as many sockets, each from a
/// task of its own. The rest is the message itself and the lobby's work for it.
pub(crate) async fn change_cost(setup: &mut Setup, rounds: usize) -> Result<()> {
    let check = Arc::new(DeliveryCheck::default());
    let mut measurements = Vec::new();
    for consoles in CONSOLES {
        measurements.push(Measurement::start(setup, consoles, &check).await?);
    }
    for _ in 0..rounds {
        for side in &mut measurements {
            side.round().await?;
        }
    }
    let changes = (rounds * ROOMS * EACH) as f64;
    let mut kept = Vec::new();
    for side in measurements {
        let (count, reads) = (side.consoles as f64, side.reads as f64);
        let (writes, bytes) = (reads / count / side.seconds, side.bytes as f64 / reads);
        // A neighbour on the host spoils a round, not the median of them.
        let whole = median(side.cpu) / (ROOMS * EACH) as f64 * 1e6;
        let sending = if side.consoles == 0 {
            0.0
        } else {
            bare_write(side.consoles, writes, bytes as usize).await? * reads / changes * 1e6
        };
        let report = &mut setup.report;
        let name = |what: &str| format!("{ROOMS} rooms, {} consoles: {what}", side.consoles);
        let mut add = |what: &str, value: f64, unit: &'static str, goal: Goal| {
            report.add("change", name(what), value, unit, goal);
        };
        add("server CPU per change", whole, "µs", Goal::None);
        if side.consoles > 0 {
            add(
                "of it a bare server's for the same writes",
                sending,
                "µs",
                Goal::None,
            );
            add("what is left", whole - sending, "µs", Goal::None);
            add("writes a second to each console", writes, "/s", Goal::None);
            let each = side.bytes as f64 / count / changes;
            add("bytes a change to each console", each, "bytes", Goal::None);
        }
        for (what, closed) in Measured::sum(&side.measured)?.closings() {
            add(what, closed as f64, "", Goal::AtMost(0.0));
        }
        kept.push((side.consoles, whole - sending));
        drop(side.participants);
        side.server.stop().await?;
    }
    let of = |count: usize| {
        let found = kept.iter().find(|(consoles, _)| *consoles == count);
        found.map(|(_, left)| *left).context("it was measured")
    };
    setup.report.add(
        "change",
        "what is left with 500 consoles, in that of 1",
        of(500)? / of(1)?,
        "",
        Goal::AtMost(1.25),
    );
    setup.report.check("change", &check);
    Ok(())
}

impl Measurement {
    async fn start(setup: &Setup, consoles: usize, check: &Arc<DeliveryCheck>) -> Result<Self> {
        let dir = setup.directory()?;
        let server = Server::start(&setup.target, dir.path()).await?;
        let layout = Layout {
            rooms: ROOMS,
            consoles,
            joined: Joined::NoRoom,
        };
        let mut participants = Conversations::start(&server, layout, check).await?;
        participants.fixed(timetable(2)).await?;
        Ok(Self {
            consoles,
            process: server.process()?,
            server,
            participants,
            cpu: Vec::new(),
            seconds: 0.0,
            reads: 0,
            bytes: 0,
            measured: Vec::new(),
            _dir: dir,
        })
    }

    async fn round(&mut self) -> Result<()> {
        self.participants.rest(REST).await?;
        let (reads, bytes) = self.participants.console_reads();
        let (started, cpu) = (Instant::now(), self.process.cpu_seconds()?);
        self.participants.fixed(timetable(EACH)).await?;
        self.participants.rest(REST).await?;
        self.cpu.push(self.process.cpu_seconds()? - cpu);
        self.seconds += started.elapsed().as_secs_f64();
        let (reads_after, bytes_after) = self.participants.console_reads();
        self.reads += reads_after - reads;
        self.bytes += bytes_after - bytes;
        self.measured.push(self.participants.take()?);
        Ok(())
    }
}

fn timetable(each: usize) -> Timetable {
    Timetable {
        start: Instant::now() + Duration::from_millis(20),
        gap: GAP,
        each: each as u32,
        jitter: Duration::ZERO,
        window: 16,
        from_due: false,
    }
}

/// The processor time of one write of `bytes` bytes to one of many sockets, in seconds.
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
    sleep(Duration::from_millis(300)).await;
    let before = bare.process()?.cpu_seconds()?;
    let (started, mut woken) = (Instant::now(), 0);
    while started.elapsed() < BARE {
        sleep_until(started + Duration::from_secs_f64(f64::from(woken) / per_second)).await;
        sender.write_all(b"!").await?;
        woken += 1;
    }
    let cpu = bare.process()?.cpu_seconds()? - before;
    readers.abort_all();
    Ok(cpu / (f64::from(woken) * sockets as f64))
}
