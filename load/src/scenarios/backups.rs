use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::sync::watch;
use tokio::task::{JoinHandle, block_in_place};

use super::Setup;
use super::closed_loop::closed_loop;
use super::rounds::Rounds;
use crate::clients::Visitor;
use crate::delivery_check::DeliveryCheck;
use crate::raw::Inserter;
use crate::report::Goal;
use crate::server::Server;

/// Rooms of the stored messages.
const ROOMS: usize = 10_000;
/// Backups of one database before the next ones are made of a new copy: customers post so much that
/// it would not stay near the number of messages it began with.
const BACKUPS_PER_COPY: usize = 5;
/// How long customers post without a backup, before each.
const ROUND: Duration = Duration::from_secs(3);
/// The time between two checks of the write-ahead log's size.
const LOOK: Duration = Duration::from_millis(20);
const MIB: f64 = 1_048_576.0;

/// Backups one after the other, each with its verification, beside customers who post as fast as
/// they are answered; against the same without backups, in turns. The database has about as many
/// messages as at first all the time.
pub(crate) async fn backups(
    setup: &mut Setup,
    senders: usize,
    messages: usize,
    wanted: usize,
) -> Result<()> {
    let filled = setup.directory()?;
    let inserter = Inserter::new(filled.path(), ROOMS.min(messages)).await?;
    block_in_place(|| inserter.fill(messages))?;
    let check = Arc::new(DeliveryCheck::default());
    let mut measured = Measured::default();
    while measured.made < wanted {
        let dir = setup.directory()?;
        let data = dir.path().join("data");
        block_in_place(|| copy_files(filled.path(), &data))?;
        let server = Server::start(&setup.target, &data).await?;
        let mut customers = Visitor::many(server.addr, senders, &check).await?;
        customers = closed_loop(customers, ROUND).await?.0;
        for _ in 0..BACKUPS_PER_COPY.min(wanted - measured.made) {
            customers = measured.backup(customers, &server, dir.path()).await?;
        }
        drop(customers);
        server.stop().await?;
    }
    let Measured {
        alone,
        beside,
        made,
        longest,
        log_bytes,
    } = measured;
    let report = &mut setup.report;
    let mut add = |what: &str, value: f64, unit: &'static str, goal: Goal| {
        report.add(
            "backups",
            format!("{senders} senders, {messages} messages: {what}"),
            value,
            unit,
            goal,
        );
    };
    add("backups, all of which verify", made as f64, "", Goal::None);
    add(
        "the longest of them",
        longest.as_secs_f64(),
        "s",
        Goal::None,
    );
    add(
        "durable acked without a backup",
        alone.per_second(),
        "/s",
        Goal::None,
    );
    add(
        "durable acked beside backups",
        beside.per_second(),
        "/s",
        Goal::None,
    );
    add(
        "ratio",
        beside.per_second() / alone.per_second(),
        "",
        Goal::AtLeast(0.8),
    );
    add("ack p99 without a backup", alone.p99_ms(), "ms", Goal::None);
    add("ack p99 beside backups", beside.p99_ms(), "ms", Goal::None);
    add(
        "ack p99, ratio",
        beside.p99_ms() / alone.p99_ms(),
        "",
        Goal::AtMost(2.0),
    );
    add(
        "the write-ahead log at its largest",
        log_bytes as f64 / MIB,
        "MiB",
        Goal::AtMost(64.0),
    );
    report.check("backups", &check);
    Ok(())
}

/// What the backups so far have shown.
#[derive(Default)]
struct Measured {
    alone: Rounds,
    beside: Rounds,
    made: usize,
    longest: Duration,
    log_bytes: u64,
}

impl Measured {
    /// Customers post without a backup, and then beside one that is made in this directory.
    async fn backup(
        &mut self,
        customers: Vec<Visitor>,
        server: &Server,
        dir: &Path,
    ) -> Result<Vec<Visitor>> {
        let (customers, round) = closed_loop(customers, ROUND).await?;
        self.alone.add(&round)?;
        let log = LogWatch::start(&dir.join("data"));
        let file = dir.join("backup.db");
        let (customers, time) = self
            .beside
            .post_during(customers, make_backup(server, &file))
            .await?;
        self.longest = self.longest.max(time);
        self.log_bytes = self.log_bytes.max(log.highest().await?);
        self.made += 1;
        eprintln!(
            "backup {}: {:.1} s; acked {:.0}/s without and {:.0}/s beside backups so far",
            self.made,
            time.as_secs_f64(),
            self.alone.per_second(),
            self.beside.per_second()
        );
        Ok(customers)
    }
}

/// Copies the files of a directory into a new one.
fn copy_files(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Makes a backup, verifies and removes it. Returns how long the making took.
async fn make_backup(server: &Server, file: &Path) -> Result<Duration> {
    let began = Instant::now();
    server.run("backup", file).await?;
    let time = began.elapsed();
    server.run("verify", file).await?;
    std::fs::remove_file(file)?;
    Ok(time)
}

/// Watches how large the write-ahead log gets.
struct LogWatch {
    stop: watch::Sender<bool>,
    highest: JoinHandle<u64>,
}

impl LogWatch {
    fn start(data: &Path) -> Self {
        let log = data.join("shoptalk.db-wal");
        let (stop, stopped) = watch::channel(false);
        let highest = tokio::spawn(async move {
            let mut highest = 0;
            while !*stopped.borrow() {
                highest = highest.max(std::fs::metadata(&log).map_or(0, |log| log.len()));
                tokio::time::sleep(LOOK).await;
            }
            highest
        });
        Self { stop, highest }
    }

    async fn highest(self) -> Result<u64> {
        self.stop.send_replace(true);
        Ok(self.highest.await?)
    }
}
