use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use memchr::memmem;
use tokio::task::JoinSet;

use super::Setup;
use super::closed_loop::{Echo, closed_loop, meanwhile};
use crate::clients::{Console, Visitor};
use crate::delivery_check::DeliveryCheck;
use crate::raw::Inserter;
use crate::report::{Goal, median};
use crate::server::Server;
use crate::wire::{kind, seq, text_after};

/// How long each side runs before it is measured: until the write-ahead log has its full size,
/// each fsync also pays for the growth of the file.
const WARM_UP: Duration = Duration::from_secs(3);
/// How long each side is measured in one round.
const SLICE: Duration = Duration::from_millis(1_500);
/// Server and raw inserts take turns, and the median counts.
const ROUNDS: usize = 5;
/// Rooms that an agent's socket may join.
const JOINS: usize = 128;

/// Visitors who post as fast as they are acked, in turns with raw inserts of `batch` rows per
/// transaction and with a bare TCP echo. `goal` is the least ratio of acks to inserts.
pub(crate) async fn durable(
    setup: &mut Setup,
    senders: usize,
    batch: usize,
    goal: f64,
) -> Result<()> {
    let dir = setup.directory()?;
    let server = Server::start(&setup.target, &dir.path().join("served")).await?;
    let process = server.process()?;
    let check = Arc::new(DeliveryCheck::default());
    let mut customers = Visitor::many(server.addr, senders, &check).await?;
    let mut inserter = Inserter::new(&dir.path().join("raw"), senders).await?;
    customers = closed_loop(customers, WARM_UP).await?.0;
    customers = meanwhile(customers, async {
        tokio::task::block_in_place(|| inserter.run(batch, WARM_UP)).map(drop)
    })
    .await?
    .0;
    let first = &mut customers[0];
    let before = first.wire.bytes_in();
    first.post_typical().await?;
    let answer_bytes = (first.wire.bytes_in() - before) as usize;
    let mut echo = Echo::start(answer_bytes, senders).await?;
    let (mut rounds, mut cpu, mut messages) = (Vec::new(), 0.0, 0);
    let mut latency = Histogram::<u64>::new(3)?;
    let mut commits = Histogram::<u64>::new(3)?;
    let mut echoes = Histogram::<u64>::new(3)?;
    for _ in 0..ROUNDS {
        let before = process.cpu_seconds()?;
        let (back, round) = closed_loop(customers, SLICE).await?;
        cpu += process.cpu_seconds()? - before;
        customers = back;
        messages += round.acked;
        latency.add(&round.latency)?;
        let others = meanwhile(customers, async {
            let inserted = tokio::task::block_in_place(|| inserter.run(batch, SLICE))?;
            Ok((inserted, echo.run(SLICE).await?))
        });
        let (back, ((raw, raw_commits), echoed)) = others.await?;
        customers = back;
        commits.add(raw_commits)?;
        echoes.add(&echoed.latency)?;
        rounds.push([round.per_second, raw, echoed.per_second]);
    }
    let report = &mut setup.report;
    let of = |what: fn(&[f64; 3]) -> f64| median(rounds.iter().map(what).collect());
    let name = |what: &str| format!("{senders} senders: {what}");
    report.add(
        "pairs",
        name("durable acked"),
        of(|round| round[0]),
        "/s",
        Goal::None,
    );
    report.add(
        "pairs",
        name(&format!("raw inserts, {batch} to a transaction")),
        of(|round| round[1]),
        "/s",
        Goal::None,
    );
    report.add(
        "pairs",
        name("ratio"),
        of(|round| round[0] / round[1]),
        "",
        Goal::AtLeast(goal),
    );
    report.add(
        "pairs",
        name("a bare TCP echo of the same bytes"),
        of(|round| round[2]),
        "/s",
        Goal::None,
    );
    let quantile = |of: &Histogram<u64>, q| of.value_at_quantile(q) as f64 / 1_000.0;
    report.add(
        "pairs",
        name("ack p50"),
        quantile(&latency, 0.5),
        "ms",
        Goal::None,
    );
    report.add(
        "pairs",
        name("ack p99"),
        quantile(&latency, 0.99),
        "ms",
        Goal::None,
    );
    report.add(
        "pairs",
        name("echo p50"),
        quantile(&echoes, 0.5),
        "ms",
        Goal::None,
    );
    if senders == 1 {
        report.add(
            "pairs",
            name("ack p50 ÷ raw COMMIT p50"),
            quantile(&latency, 0.5) / quantile(&commits, 0.5),
            "",
            Goal::AtMost(2.5),
        );
    }
    report.add(
        "pairs",
        name("server CPU per message"),
        cpu / messages as f64 * 1e6,
        "µs",
        Goal::None,
    );
    report.check("pairs", &check);
    server.stop().await
}

/// Rooms in which a visitor posts and an agent, who has joined, receives.
pub(crate) async fn pairs(setup: &mut Setup, rooms: usize, time: Duration) -> Result<()> {
    let dir = setup.directory()?;
    let server = Server::start(&setup.target, dir.path()).await?;
    let process = server.process()?;
    let check = Arc::new(DeliveryCheck::default());
    let customers = Visitor::many(server.addr, rooms, &check).await?;
    let token = server.sign_in().await?;
    let seen = Arc::new(AtomicU64::new(0));
    let mut agents = JoinSet::new();
    for joined in customers.chunks(JOINS) {
        let rooms = joined
            .iter()
            .map(|customer| (customer.room.room_id.clone(), 0));
        let agent = Watcher {
            addr: server.addr,
            token: token.clone(),
            rooms: rooms.collect(),
            check: check.clone(),
            seen: seen.clone(),
        };
        agents.spawn(agent.watch());
    }
    let (customers, warm) = closed_loop(customers, WARM_UP).await?;
    let before = process.cpu_seconds()?;
    let (customers, round) = closed_loop(customers, time).await?;
    let cpu = process.cpu_seconds()? - before;
    drop(customers);
    let acked = warm.acked + round.acked;
    let patience = Instant::now() + WARM_UP;
    while seen.load(Ordering::Relaxed) < acked && Instant::now() < patience {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let missed = acked.abs_diff(seen.load(Ordering::Relaxed));
    agents.abort_all();
    server.stop().await?;
    let report = &mut setup.report;
    let name = |what: &str| format!("{rooms} rooms of two: {what}");
    report.add(
        "pairs",
        name("durable acked"),
        round.per_second,
        "/s",
        Goal::None,
    );
    report.add(
        "pairs",
        name("server CPU per message"),
        cpu / round.acked as f64 * 1e6,
        "µs",
        Goal::AtMost(45.0),
    );
    report.add(
        "pairs",
        name("acked and not seen by the agent"),
        missed as f64,
        "messages",
        Goal::AtMost(0.0),
    );
    report.check("pairs", &check);
    Ok(())
}

/// An agent who has joined rooms, and comes back as a client does when the server lets go of a
/// reader that is too slow.
struct Watcher {
    addr: SocketAddr,
    token: String,
    /// The rooms, with the newest seq seen of each.
    rooms: HashMap<String, u64>,
    check: Arc<DeliveryCheck>,
    seen: Arc<AtomicU64>,
}

impl Watcher {
    async fn watch(mut self) -> Result<()> {
        loop {
            let mut agent = Console::connect(self.addr, &self.token).await?;
            for (room_id, seq) in &self.rooms {
                agent.join(room_id, *seq).await?;
            }
            while let Ok(frame) = agent.wire.next().await {
                match kind(frame) {
                    // The messages of a resume are in one frame, each with its seq.
                    b"message" | b"joined" | b"messages" => self.take(frame)?,
                    b"ping" => agent.wire.send(r#"{"type":"pong"}"#).await?,
                    _ => {}
                }
            }
        }
    }

    fn take(&mut self, frame: &[u8]) -> Result<()> {
        let room = text_after(frame, b"\"room_id\":\"").context("no room")?;
        let last = self.rooms.get_mut(std::str::from_utf8(room)?);
        let last = last.context("a strange room")?;
        for at in memmem::find_iter(frame, b",\"seq\":") {
            let seq = seq(&frame[at..])?;
            // The seam of a resume may bring one twice to the wire, never to the log.
            if seq > *last {
                self.seen.fetch_add(1, Ordering::Relaxed);
            }
            *last = self.check.received(*last, seq);
        }
        Ok(())
    }
}
