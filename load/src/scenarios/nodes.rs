//! Nodes that share a database in PostgreSQL, in turns with raw inserts into the same tables, and the
//! time that a message takes to another node.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;
use shoptalk_local_servers::{Database, Nats, Postgres};
use tokio::task::block_in_place;

use super::Setup;
use super::across_nodes::{Pace, deliveries};
use super::bare_stores::{bare_stores, index_caught_up, mean_batch, totals};
use super::closed_loop::{closed_loop, meanwhile};
use crate::clients::{OpenRoom, Visitor};
use crate::delivery_check::DeliveryCheck;
use crate::raw_postgres::PostgresInserter;
use crate::report::{Goal, median, millis};
use crate::server::Server;

const NODES: usize = 3;
const WARM_UP: Duration = Duration::from_secs(3);
/// How long each side is measured in one round.
const SLICE: Duration = Duration::from_millis(1_500);
/// Nodes and raw inserts take turns, and the median counts.
const ROUNDS: usize = 5;
/// Rooms with a customer who posts on one node and has a tab on another.
const PAIRS: usize = 60;

/// Everything about nodes that has a goal.
pub(crate) async fn nodes(setup: &mut Setup, senders: usize) -> Result<()> {
    let postgres = block_in_place(Postgres::start)?;
    posting(setup, &postgres, 1, senders, Goal::AtLeast(0.6)).await?;
    posting(setup, &postgres, NODES, senders, Goal::AtLeast(0.75)).await?;
    posting(setup, &postgres, 1, 1, Goal::None).await?;
    for nodes in [1, NODES] {
        bare_stores(setup, &postgres, nodes, senders).await?;
    }
    let cluster = Cluster::start(setup, &postgres, NODES).await?;
    for (pace, name, goal) in [
        (Pace::PerSecond(3_000.0), "at 3,000 messages/s", 10.0),
        (Pace::Saturated, "saturated", 20.0),
    ] {
        let pairs = if matches!(pace, Pace::Saturated) {
            senders
        } else {
            PAIRS
        };
        let check = Arc::new(DeliveryCheck::default());
        let addresses = cluster.servers.iter().map(|server| server.addr).collect();
        let (delays, per_second) = deliveries(addresses, pairs, pace, &check).await?;
        let figure = |what: &str| format!("{NODES} nodes {name}: {what}");
        let report = &mut setup.report;
        report.add("nodes", figure("acked"), per_second, "/s", Goal::None);
        for (part, quantile, goal) in [("p50", 0.5, Goal::None), ("p99", 0.99, Goal::AtMost(goal))]
        {
            let what = figure(&format!("from ack to another node, {part}"));
            report.add("nodes", what, millis(&delays, quantile), "ms", goal);
        }
        report.check("nodes", &check);
    }
    cluster.stop().await
}

/// Visitors who post as fast as they are acked, spread over the nodes so that every room is written
/// to on each of them, in turns with raw inserts at the same mean number of messages per transaction.
async fn posting(
    setup: &mut Setup,
    postgres: &Postgres,
    nodes: usize,
    senders: usize,
    goal: Goal,
) -> Result<()> {
    let cluster = Cluster::start(setup, postgres, nodes).await?;
    let check = Arc::new(DeliveryCheck::default());
    let rooms = senders.div_ceil(nodes);
    let mut customers = cluster.customers(rooms, &check).await?;
    let raw = block_in_place(|| postgres.create_database())?;
    let dir = setup.directory()?;
    let mut inserter = PostgresInserter::new(&raw.url(), dir.path(), rooms).await?;
    let senders = customers.len();
    customers = closed_loop(customers, WARM_UP).await?.0;
    let batch = mean_batch(&cluster.database, (0, 0))?.round().max(1.0) as usize;
    customers = meanwhile(customers, inserter.run(batch, WARM_UP)).await?.0;
    let mut rounds = Vec::new();
    let mut latency = Histogram::<u64>::new(3)?;
    let mut transactions = Histogram::<u64>::new(3)?;
    for _ in 0..ROUNDS {
        let before = totals(&cluster.database)?;
        let (back, round) = closed_loop(customers, SLICE).await?;
        latency.add(&round.latency)?;
        let mean = mean_batch(&cluster.database, before)?;
        let (back, behind) = meanwhile(back, index_caught_up(&cluster.database)).await?;
        let batch = mean.round().max(1.0) as usize;
        let (back, (raw, taken)) = meanwhile(back, inserter.run(batch, SLICE)).await?;
        customers = back;
        transactions.add(taken)?;
        rounds.push([round.per_second, raw, mean, behind.as_secs_f64() * 1e3]);
    }
    drop(customers);
    cluster.stop().await?;
    let of = |what: fn(&[f64; 4]) -> f64| median(rounds.iter().map(what).collect());
    let nodes = match nodes {
        1 => "one node".to_owned(),
        _ => format!("{nodes} nodes sharing all rooms"),
    };
    let name = |what: &str| format!("{nodes}, {senders} senders: {what}");
    let report = &mut setup.report;
    for (what, value, unit, goal) in [
        ("durable acked", of(|round| round[0]), "/s", Goal::None),
        ("raw inserts", of(|round| round[1]), "/s", Goal::None),
        (
            "messages per transaction",
            of(|round| round[2]),
            "",
            Goal::None,
        ),
        ("ratio", of(|round| round[0] / round[1]), "", goal),
        (
            "until all is in the text index",
            of(|round| round[3]),
            "ms",
            Goal::None,
        ),
        ("ack p50", millis(&latency, 0.5), "ms", Goal::None),
        ("ack p99", millis(&latency, 0.99), "ms", Goal::None),
    ] {
        report.add("nodes", name(what), value, unit, goal);
    }
    if senders == 1 {
        let times = millis(&latency, 0.5) / millis(&transactions, 0.5);
        let what = name("ack p50 ÷ raw transaction p50");
        report.add("nodes", what, times, "", Goal::AtMost(2.2));
    }
    report.check("nodes", &check);
    Ok(())
}

/// Nodes on a new database.
struct Cluster<'p> {
    servers: Vec<Server>,
    database: Database<'p>,
    _nats: Option<Nats>,
    _dir: tempfile::TempDir,
}

impl<'p> Cluster<'p> {
    async fn start(setup: &Setup, postgres: &'p Postgres, nodes: usize) -> Result<Self> {
        let database = block_in_place(|| postgres.create_database())?;
        let nats = match nodes {
            1 => None,
            _ => Some(block_in_place(Nats::start)?),
        };
        let dir = setup.directory()?;
        let mut servers = Vec::new();
        for node in 0..nodes {
            let nats_url = nats.as_ref().map(Nats::url);
            let data_dir = dir.path().join(node.to_string());
            let url = database.url();
            servers.push(Server::start_node(&setup.target, &data_dir, &url, nats_url).await?);
        }
        Ok(Self {
            servers,
            database,
            _nats: nats,
            _dir: dir,
        })
    }

    /// Rooms with a socket of their visitor on each node.
    async fn customers(&self, rooms: usize, check: &Arc<DeliveryCheck>) -> Result<Vec<Visitor>> {
        let mut customers = Vec::new();
        for room in OpenRoom::many(self.servers[0].addr, rooms).await? {
            for server in &self.servers {
                let visitor = Visitor::connect(server.addr, room.clone(), 0, check.clone());
                customers.push(visitor.await?);
            }
        }
        Ok(customers)
    }

    async fn stop(self) -> Result<()> {
        for server in self.servers {
            server.stop().await?;
        }
        Ok(())
    }
}
