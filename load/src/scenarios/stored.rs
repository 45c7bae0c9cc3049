use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

use super::Setup;
use super::closed_loop::closed_loop;
use crate::clients::Visitor;
use crate::delivery_check::DeliveryCheck;
use crate::raw::Inserter;
use crate::report::{Goal, median};
use crate::server::Server;

/// Rooms whose first page is read, spread over all.
pub(super) const SAMPLED: i64 = 200;
/// Searches: in most messages, in few, in none, two words, a beginning, one letter, two.
const SEARCHES: [&str; 7] = [
    "the",
    "kettle",
    "teapot",
    "kettle%20week",
    "yest",
    "a",
    "th",
];
const SEARCHES_EACH: usize = 50;
pub(super) const STARTS: usize = 3;
pub(super) const POSTING: usize = 16;
/// How long the text index may take for a million messages.
pub(super) const INDEXING_A_MILLION: Duration = Duration::from_secs(300);

/// What one size of database costs.
pub(crate) struct Cost {
    pub(crate) ready_ms: f64,
    pub(crate) page_p99_ms: f64,
    pub(crate) search_p99_ms: f64,
    pub(crate) cpu_us: f64,
}

/// An agent who reads lists and conversations, one after the other.
pub(super) struct Reads {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Reads {
    pub(super) fn new(addr: SocketAddr, token: String) -> Self {
        Self {
            http: reqwest::Client::new(),
            url: format!("http://{addr}/api/admin/rooms/"),
            token,
        }
    }

    /// Reads once and records the time.
    pub(super) async fn timed(&self, path: &str, times: &mut Histogram<u64>) -> Result<()> {
        let before = Instant::now();
        self.http
            .get(format!("{}{path}", self.url))
            .bearer_auth(&self.token)
            .send()
            .await?
            .error_for_status()?
            .bytes()
            .await?;
        Ok(times.record(before.elapsed().as_micros() as u64)?)
    }

    /// The times of the newest pages of these rooms, each twice.
    pub(super) async fn first_pages(&self, ids: &[Uuid]) -> Result<Histogram<u64>> {
        let mut pages = Histogram::<u64>::new(3)?;
        for _ in 0..2 {
            for id in ids {
                self.timed(&format!("{id}/messages/?limit=50"), &mut pages)
                    .await?;
            }
        }
        Ok(pages)
    }

    /// The times of all searches, the slowest one and its median in milliseconds.
    pub(super) async fn searches(&self) -> Result<(Histogram<u64>, String, f64)> {
        let paths = SEARCHES.map(|words| (words, format!("?q={words}&limit=50")));
        self.each(&paths, SEARCHES_EACH).await
    }

    /// The times of reading each of these paths so often, the name of the slowest one and its median
    /// in milliseconds.
    pub(super) async fn each(
        &self,
        paths: &[(&str, String)],
        times: usize,
    ) -> Result<(Histogram<u64>, String, f64)> {
        let mut all = Histogram::<u64>::new(3)?;
        let (mut slowest, mut slowest_ms) = ("", 0.0);
        for (name, path) in paths {
            let mut own = Histogram::<u64>::new(3)?;
            for _ in 0..times {
                self.timed(path, &mut own).await?;
            }
            let ms = own.value_at_quantile(0.5) as f64 / 1_000.0;
            if ms > slowest_ms {
                (slowest, slowest_ms) = (name, ms);
            }
            all.add(own)?;
        }
        Ok((all, slowest.to_owned(), slowest_ms))
    }
}

/// A database with this many messages in this many rooms, all of them indexed.
pub(crate) async fn stored(setup: &mut Setup, messages: usize, rooms: usize) -> Result<Cost> {
    let dir = setup.directory()?;
    let inserter = Inserter::new(dir.path(), rooms).await?;
    tokio::task::block_in_place(|| inserter.fill(messages))?;
    let path = dir.path().join("shoptalk.db");
    let look = || Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let server = Server::start(&setup.target, dir.path()).await?;
    let patience = INDEXING_A_MILLION * (messages / 1_000_000 + 1) as u32;
    let started = Instant::now();
    loop {
        let behind: bool =
            look()?.query_row("SELECT indexed_change < change FROM state", [], |row| {
                row.get(0)
            })?;
        if !behind {
            break;
        }
        anyhow::ensure!(
            started.elapsed() < patience,
            "the text index is not done after {patience:?}"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let indexed_in = started.elapsed();
    server.stop().await?;
    let bytes = std::fs::metadata(&path)?.len() as f64 / messages as f64;
    let mut ready = Vec::new();
    for _ in 1..STARTS {
        let server = Server::start(&setup.target, dir.path()).await?;
        ready.push(server.ready_in.as_secs_f64() * 1_000.0);
        server.stop().await?;
    }
    let server = Server::start(&setup.target, dir.path()).await?;
    ready.push(server.ready_in.as_secs_f64() * 1_000.0);
    let token = server.sign_in().await?;
    let ids: Vec<Uuid> = look()?
        .prepare("SELECT id FROM rooms WHERE pk % max(1, (SELECT max(pk) FROM rooms) / ?1) = 0 AND last_seq > 0 LIMIT ?1")?
        .query_map([SAMPLED], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let reads = Reads::new(server.addr, token);
    let pages = reads.first_pages(&ids).await?;
    let (searches, slowest, slowest_ms) = reads.searches().await?;
    let search_p99_ms = searches.value_at_quantile(0.99) as f64 / 1_000.0;
    let process = server.process()?;
    let check = Arc::new(DeliveryCheck::default());
    let customers = Visitor::many(server.addr, POSTING, &check).await?;
    let customers = closed_loop(customers, Duration::from_secs(1)).await?.0;
    let before = process.cpu_seconds()?;
    let (customers, round) = closed_loop(customers, Duration::from_secs(3)).await?;
    let cpu_us = (process.cpu_seconds()? - before) / round.acked as f64 * 1e6;
    let cost = Cost {
        ready_ms: median(ready),
        page_p99_ms: pages.value_at_quantile(0.99) as f64 / 1_000.0,
        search_p99_ms,
        cpu_us,
    };
    let report = &mut setup.report;
    let name = |what: &str| format!("{messages} messages in {rooms} rooms: {what}");
    report.add(
        "stored",
        name("ready"),
        cost.ready_ms,
        "ms",
        Goal::AtMost(100.0),
    );
    report.add(
        "stored",
        name("first page p99"),
        cost.page_p99_ms,
        "ms",
        Goal::AtMost(2.0),
    );
    report.add(
        "stored",
        name("search p99"),
        cost.search_p99_ms,
        "ms",
        Goal::AtMost(20.0),
    );
    report.add(
        "stored",
        name(&format!("the slowest query (\"{slowest}\"), p50")),
        slowest_ms,
        "ms",
        Goal::None,
    );
    report.add(
        "stored",
        name("server CPU per message, 16 senders"),
        cost.cpu_us,
        "µs",
        Goal::None,
    );
    report.add(
        "stored",
        name("disk per message"),
        bytes,
        "bytes",
        // A room has its own rows and indices, which are for many messages.
        if messages >= 10 * rooms {
            Goal::AtMost(250.0)
        } else {
            Goal::None
        },
    );
    report.add(
        "stored",
        name("indexed in"),
        indexed_in.as_secs_f64(),
        "s",
        Goal::None,
    );
    report.check("stored", &check);
    drop(customers);
    server.stop().await.context("the full server")?;
    Ok(cost)
}
