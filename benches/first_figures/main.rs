//! The first figures: what a durable message costs through the sockets, as a ratio
//! to what the disk gives in the same minute, and what an idle visitor costs.
//!
//! `make bench`, or `cargo bench --bench first_figures`. Loopback only; about a
//! minute. Absolute numbers belong to the machine and the moment, the ratios hold.

mod client;
mod raw;
mod server;

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use client::Customer;
use server::Served;

/// How long each side is measured in one round.
const SLICE: Duration = Duration::from_millis(1_500);
/// How long each side runs before it is measured.
const WARM_UP: Duration = Duration::from_secs(4);
/// Rounds; sockets and raw inserts take turns, and the median counts.
const ROUNDS: usize = 5;
/// Senders through the sockets, against raw inserts so many to a transaction.
const PAIRS: [(usize, usize); 3] = [(1, 1), (16, 8), (256, 64)];
/// Idle visitors, each in a live room of its own.
const IDLE_VISITORS: usize = 5_000;

fn main() -> Result<()> {
    // Under `cargo test --benches` there is nothing to measure.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    server::raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        throughput().await?;
        start_and_memory().await
    })
}

async fn throughput() -> Result<()> {
    println!("durable acked messages a second (80 characters), and raw inserts of the same rows");
    println!(
        "{:>8} {:>10} {:>8} {:>10} {:>7} {:>7}  ratios of all rounds",
        "senders", "acked/s", "batch", "raw/s", "ratio", "cpu µs"
    );
    for (senders, batch) in PAIRS {
        let dir = tempfile::tempdir()?;
        let served = Served::start(&dir.path().join("served")).await?;
        let mut customers = Vec::new();
        for _ in 0..senders {
            customers.push(Customer::arrive(served.addr).await?);
        }
        let mut inserter = raw::Inserter::new(&dir.path().join("raw"), senders)?;
        // Not counted: until the write-ahead log has its full size, each fsync also pays
        // for the growth of the file.
        customers = client::closed_loop(customers, WARM_UP).await?.0;
        inserter.run(batch, WARM_UP)?;
        let mut rounds = Vec::new();
        let (mut cpu_seconds, mut messages) = (0.0, 0.0);
        for _ in 0..ROUNDS {
            let cpu_before = served.cpu_seconds()?;
            let started = std::time::Instant::now();
            let (back, acked) = client::closed_loop(customers, SLICE).await?;
            messages += acked * started.elapsed().as_secs_f64();
            cpu_seconds += served.cpu_seconds()? - cpu_before;
            customers = back;
            let inserted = inserter.run(batch, SLICE)?;
            rounds.push((acked, inserted));
        }
        let mut ratios: Vec<f64> = rounds
            .iter()
            .map(|(acked, inserted)| acked / inserted)
            .collect();
        let listed: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
        let acked = median(rounds.iter().map(|(acked, _)| *acked).collect());
        let inserted = median(rounds.iter().map(|(_, inserted)| *inserted).collect());
        ratios.sort_by(f64::total_cmp);
        let ratio = median(ratios);
        // The server alone, its text index included.
        let cpu = cpu_seconds / messages * 1e6;
        println!(
            "{senders:>8} {acked:>10.0} {batch:>8} {inserted:>10.0} {ratio:>7.2} {cpu:>7.0}  {}",
            listed.join(" ")
        );
        println!(
            "{}",
            json!({"figure": "durable", "senders": senders, "batch": batch, "acked_per_s": acked.round(),
                   "raw_per_s": inserted.round(), "server_cpu_us": cpu.round(), "ratio": (ratio * 100.0).round() / 100.0})
        );
        served.stop().await?;
    }
    Ok(())
}

async fn start_and_memory() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let first = Served::start(dir.path()).await?;
    first.stop().await?;
    let mut ready_ms = Vec::new();
    for _ in 0..ROUNDS {
        let served = Served::start(dir.path()).await?;
        ready_ms.push(served.ready_in.as_secs_f64() * 1_000.0);
        served.stop().await?;
    }
    let served = Served::start(dir.path()).await?;
    let idle = served.resident_bytes()?;
    let mut visitors = Vec::with_capacity(IDLE_VISITORS);
    for _ in 0..IDLE_VISITORS {
        visitors.push(Customer::arrive(served.addr).await?);
    }
    let with_visitors = served.resident_bytes()?;
    let each = (with_visitors - idle) / u64::try_from(IDLE_VISITORS)?;
    let ready = median(ready_ms);
    println!();
    println!("ready on an existing database: {ready:.0} ms (median of {ROUNDS})");
    println!("idle process: {:.1} MB resident", mebibytes(idle));
    println!("idle visitor with a live room of its own: {each} bytes ({IDLE_VISITORS} visitors)");
    println!(
        "{}",
        json!({"figure": "idle", "ready_ms": ready.round(), "idle_bytes": idle, "bytes_per_visitor": each,
               "visitors": IDLE_VISITORS})
    );
    served.stop().await
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
