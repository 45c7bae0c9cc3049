//! The store alone, without sockets and rooms: what the writer's thread pays for a message, in
//! processor time, log and disk, and what a page costs to read. Figures of two builds can be
//! compared by taking turns (`scripts/store-turns.sh`).

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use rusqlite::{Connection, OpenFlags};
use shoptalk::chat::{Details, Draft, RoomId, Sender};
use shoptalk::persistence::{OpenRoom, RoomOp, Store, StoreOptions, Synchronous, TokenHash};
use uuid::Uuid;

use super::Setup;
use crate::report::Goal;
use crate::texts;

/// Writes that share a commit at most.
const BATCH: usize = 64;
/// Messages stored before anything is measured, so that each room's newest ones are spread over the
/// file as they would be after months.
const WARM_UP: usize = 100_000;
/// Messages that are measured.
const MEASURED: usize = 100_000;
/// Messages posted while the text index follows.
const MIXED: usize = 50_000;
/// First pages read.
const PAGES: usize = 4_000;
/// Messages in a page.
const PAGE: usize = 50;
/// Messages a second in a shop's everyday.
const EVERYDAY_RATE: u64 = 20;

/// The sizes of the scenario.
pub(crate) struct Sizes {
    pub(crate) rooms: usize,
    pub(crate) stored: usize,
    pub(crate) everyday: Duration,
}

/// Measures the store that this program is linked with.
pub(crate) async fn store(setup: &mut Setup, sizes: Sizes) -> Result<()> {
    let dir = setup.directory()?;
    let database = dir.path().join("shoptalk.db");
    let mut add = |figure: &str, value: f64, unit: &'static str| {
        setup.report.add("store", figure, value, unit, Goal::None);
    };

    // Whoever is not exclusive leaves the text index alone.
    let store = open(dir.path(), false)?;
    let mut rooms = Vec::new();
    for _ in 0..sizes.rooms {
        rooms.push(new_room(&store).await?);
    }
    let mut feeder = Feeder { rooms, next: 0 };
    let written = feeder.post(&store, WARM_UP)?;
    let measured = feeder.post(&store, MEASURED)?;
    add("writer CPU per message, no index", measured.cpu_us(), "µs");
    add("log per message, no index", measured.log_bytes(), "bytes");
    add("messages to a commit", measured.batch(), "");
    let more = sizes.stored.saturating_sub(written.messages + MEASURED);
    feeder.post(&store, more)?;
    let pages = read_pages(&store, &feeder.rooms).await?;
    add("first page p50", us(&pages, 0.5), "µs");
    add("first page p99", us(&pages, 0.99), "µs");
    store.close().await;
    drop(store);
    let stored = written.messages + MEASURED + more;
    let bare = fs::metadata(&database)?.len() as f64 / stored as f64;
    add("disk per message, no index", bare, "bytes");

    let before = Instant::now();
    let store = open(dir.path(), true)?;
    add("open", before.elapsed().as_secs_f64() * 1e3, "ms");
    let cpu = writer_cpu()?;
    wait_for_index(&database).await?;
    let index_us = (writer_cpu()? - cpu).as_secs_f64() * 1e6 / stored as f64;
    add("writer CPU per message, indexing alone", index_us, "µs");
    let cpu = writer_cpu()?;
    let mixed = feeder.post(&store, MIXED)?;
    wait_for_index(&database).await?;
    let cpu = (writer_cpu()? - cpu).as_secs_f64() * 1e6 / MIXED as f64;
    add("writer CPU per message, with its index", cpu, "µs");
    add("ack p50, 256 in flight", us(&mixed.acks, 0.5), "µs");
    add("ack p99, 256 in flight", us(&mixed.acks, 0.99), "µs");
    add("ack max, 256 in flight", mixed.acks.max() as f64, "µs");
    let everyday = feeder.everyday(&store, sizes.everyday)?;
    add("ack p50, everyday", us(&everyday, 0.5), "µs");
    add("ack p99, everyday", us(&everyday, 0.99), "µs");
    add("ack max, everyday", everyday.max() as f64, "µs");
    store.close().await;
    drop(store);
    let whole = fs::metadata(&database)?.len() as f64 / feeder.next as f64;
    add("disk per message", whole, "bytes");
    Ok(())
}

fn us(times: &Histogram<u64>, quantile: f64) -> f64 {
    times.value_at_quantile(quantile) as f64
}

fn open(data_dir: &Path, exclusive: bool) -> Result<Store> {
    Ok(Store::open(StoreOptions {
        url: None,
        data_dir: data_dir.to_owned(),
        backup_dir: data_dir.join("backups"),
        backup_recipients: Vec::new(),
        still_upgrading: || {},
        synchronous: Synchronous::Full,
        exclusive,
        queue_items: 4 * BATCH,
        batch_items: BATCH,
        readers: 2,
        rules: Default::default(),
    })?)
}

async fn new_room(store: &Store) -> Result<RoomId> {
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(Uuid::now_v7().as_bytes());
    let opened = store
        .open_room(OpenRoom {
            token: None,
            identity: None,
            details: Details {
                name: Some("Ann".into()),
                ..Details::default()
            },
            fresh_token: TokenHash(hash),
        })
        .await?;
    Ok(opened.record.room.id)
}

/// What some messages have cost.
struct Cost {
    messages: usize,
    cpu: Duration,
    log_frames: u64,
    commits: u64,
    acks: Histogram<u64>,
}

impl Cost {
    fn cpu_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.messages as f64
    }

    fn log_bytes(&self) -> f64 {
        const FRAME_BYTES: u64 = 4_096 + 24;
        (self.log_frames * FRAME_BYTES) as f64 / self.messages as f64
    }

    fn batch(&self) -> f64 {
        self.messages as f64 / self.commits as f64
    }
}

/// Posts to all rooms in turn, customer and agent alternating.
struct Feeder {
    rooms: Vec<RoomId>,
    next: usize,
}

impl Feeder {
    fn send(&mut self, store: &Store, sent: &Arc<Sent>) {
        let room = self.rooms[self.next % self.rooms.len()];
        let sender = if (self.next / self.rooms.len()).is_multiple_of(2) {
            Sender::Visitor
        } else {
            Sender::Agent {
                id: Uuid::nil(),
                display_name: "Mia".into(),
            }
        };
        self.next += 1;
        let draft = Draft {
            id: Uuid::now_v7(),
            sender,
            content: texts::next().to_owned(),
            via: None,
        };
        let sent = Arc::clone(sent);
        let at = Instant::now();
        let done = Box::new(move |result: Result<_, _>| sent.replied(at, result.is_ok()));
        store.write_room(room, RoomOp::Post(draft), done);
    }

    /// Keeps the writer's queue full until this many messages are acked.
    fn post(&mut self, store: &Store, messages: usize) -> Result<Cost> {
        tokio::task::block_in_place(|| {
            let sent = Arc::new(Sent::new()?);
            let log = Log::of(store)?;
            let (commits, cpu) = (log.commits()?, writer_cpu()?);
            let (mut frames, mut last) = (0, log.frames()?);
            let mut posted = 0;
            while sent.acked.load(Ordering::Acquire) < messages {
                // As many as the queue holds, and one batch on its way.
                while posted < messages && posted - sent.acked.load(Ordering::Acquire) < 4 * BATCH {
                    self.send(store, &sent);
                    posted += 1;
                }
                ensure!(sent.failed.load(Ordering::Acquire) == 0, "a post failed");
                std::thread::sleep(Duration::from_micros(50));
                let now = log.frames()?;
                // A shorter log was started again.
                frames += if now >= last { now - last } else { now };
                last = now;
            }
            Ok(Cost {
                messages,
                cpu: writer_cpu()? - cpu,
                log_frames: frames,
                commits: log.commits()? - commits,
                acks: sent.acks()?,
            })
        })
    }

    /// Posts at an everyday rate, evenly. Returns how long the acks took.
    fn everyday(&mut self, store: &Store, time: Duration) -> Result<Histogram<u64>> {
        tokio::task::block_in_place(|| {
            let sent = Arc::new(Sent::new()?);
            let started = Instant::now();
            let mut posted = 0;
            while started.elapsed() < time {
                self.send(store, &sent);
                posted += 1;
                // Not in step with anything that the writer does by the clock.
                let next = Duration::from_micros(posted as u64 * 1_013_000 / EVERYDAY_RATE);
                std::thread::sleep(next.saturating_sub(started.elapsed()));
            }
            while sent.acked.load(Ordering::Acquire) < posted {
                ensure!(sent.failed.load(Ordering::Acquire) == 0, "a post failed");
                std::thread::sleep(Duration::from_millis(1));
            }
            sent.acks()
        })
    }
}

/// What has come back.
struct Sent {
    acked: AtomicUsize,
    failed: AtomicUsize,
    acks: Mutex<Histogram<u64>>,
}

impl Sent {
    fn new() -> Result<Self> {
        Ok(Self {
            acked: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
            acks: Mutex::new(Histogram::new(3)?),
        })
    }

    /// Runs on the writer's thread, so it wakes nobody.
    fn replied(&self, at: Instant, ok: bool) {
        if let Ok(mut acks) = self.acks.lock() {
            // A histogram that grows by itself takes every value.
            let _ = acks.record(at.elapsed().as_micros() as u64);
        }
        let count = if ok { &self.acked } else { &self.failed };
        count.fetch_add(1, Ordering::Release);
    }

    fn acks(&self) -> Result<Histogram<u64>> {
        let acks = self.acks.lock().map_err(|_| anyhow::anyhow!("poisoned"))?;
        Ok(acks.clone())
    }
}

/// Reads the newest page of rooms in a scattered order.
async fn read_pages(store: &Store, rooms: &[RoomId]) -> Result<Histogram<u64>> {
    let mut times = Histogram::new(3)?;
    let mut dice = Dice(7);
    for turn in 0..PAGES + PAGES / 10 {
        let room = rooms[dice.below(rooms.len())];
        let before = Instant::now();
        let page = store.messages_before(room, None, PAGE).await?;
        let took = before.elapsed();
        ensure!(page.messages.len() == PAGE, "a page is not full");
        if turn >= PAGES / 10 {
            times.record(took.as_micros() as u64)?;
        }
    }
    Ok(times)
}

fn reader(database: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    Ok(Connection::open_with_flags(database, flags)?)
}

/// Waits until the text index holds everything.
async fn wait_for_index(database: &Path) -> Result<()> {
    let conn = reader(database)?;
    let mut marks = conn.prepare("SELECT indexed_change, change FROM state")?;
    loop {
        let (indexed, newest): (i64, i64) =
            marks.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if indexed == newest {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// SQLite's log of the one database that this process has open for writing.
struct Log {
    conn: Connection,
    index: fs::File,
}

impl Log {
    fn of(_: &Store) -> Result<Self> {
        // The index of the log is mapped by its name.
        let maps = fs::read_to_string("/proc/self/maps")?;
        let path = maps
            .lines()
            .filter_map(|line| line.find('/').map(|at| &line[at..]))
            .find(|path| path.ends_with("/shoptalk.db-shm"))
            .context("no database is open")?;
        let database = path.trim_end_matches("-shm");
        Ok(Self {
            conn: reader(Path::new(database))?,
            index: fs::File::open(path)?,
        })
    }

    /// Frames in the log since it was last begun: `mxFrame` of the header of the WAL index.
    fn frames(&self) -> Result<u64> {
        use std::os::unix::fs::FileExt;
        let mut frames = [0; 4];
        self.index.read_exact_at(&mut frames, 16)?;
        Ok(u32::from_ne_bytes(frames).into())
    }

    fn commits(&self) -> Result<u64> {
        let sql = "SELECT server_commits + tool_commits FROM state";
        Ok(self.conn.query_row(sql, [], |row| row.get::<_, i64>(0))? as u64)
    }
}

/// Processor time of the writer's thread so far.
fn writer_cpu() -> Result<Duration> {
    for _ in 0..1_000 {
        for task in fs::read_dir("/proc/self/task")? {
            let task = task?.path();
            // Other threads come and go.
            let name = fs::read_to_string(task.join("comm")).unwrap_or_default();
            if name.trim_end() == "shoptalk-writer" {
                let stat = fs::read_to_string(task.join("schedstat"))?;
                let on_cpu = stat.split_whitespace().next().context("no time")?;
                return Ok(Duration::from_nanos(on_cpu.parse()?));
            }
        }
        // A thread takes its name when it begins to run.
        std::thread::sleep(Duration::from_millis(1));
    }
    anyhow::bail!("there is no writer")
}

/// Chance that is the same in every run (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound as u64) as usize
    }
}
