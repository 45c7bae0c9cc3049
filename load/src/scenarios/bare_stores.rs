//! The stores of nodes without sockets and rooms around them: how much of the database is left for
//! posts when nothing else needs the processor.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use shoptalk::chat::{Details, Draft, RoomId, Sender};
use shoptalk::persistence::{OpenRoom, RoomOp, Store, TokenHash};
use shoptalk_local_servers::{Database, Postgres};
use tokio::sync::oneshot;
use tokio::task::{JoinSet, block_in_place};
use uuid::Uuid;

use super::Setup;
use crate::raw_postgres::{PostgresInserter, open_store};
use crate::report::{Goal, median};
use crate::texts;

const WARM_UP: Duration = Duration::from_secs(3);
/// How long each side is measured in one round.
const SLICE: Duration = Duration::from_millis(1_500);
/// Stores and raw inserts take turns, and the median counts.
const ROUNDS: usize = 5;

/// As many posts in flight as there are senders, spread over the stores so that every room is written
/// to by each of them, in turns with raw inserts at the same mean number of messages per transaction.
pub(super) async fn bare_stores(
    setup: &mut Setup,
    postgres: &Postgres,
    nodes: usize,
    senders: usize,
) -> Result<()> {
    let database = block_in_place(|| postgres.create_database())?;
    let dir = setup.directory()?;
    let mut stores = Vec::new();
    for node in 0..nodes {
        let data_dir = dir.path().join(node.to_string());
        stores.push(Arc::new(open_store(&database.url(), &data_dir).await?));
    }
    let count = senders.div_ceil(nodes);
    let mut rooms = Vec::new();
    for _ in 0..count {
        rooms.push(open_room(&stores[0]).await?);
    }
    let raw = block_in_place(|| postgres.create_database())?;
    let mut inserter = PostgresInserter::new(&raw.url(), dir.path(), count).await?;
    let before = totals(&database)?;
    post(&stores, &rooms, WARM_UP).await?;
    let batch = mean_batch(&database, before)?.round().max(1.0) as usize;
    index_caught_up(&database).await?;
    inserter.run(batch, WARM_UP).await?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let before = totals(&database)?;
        let posted = post(&stores, &rooms, SLICE).await?;
        let mean = mean_batch(&database, before)?;
        let behind = index_caught_up(&database).await?.as_secs_f64() * 1e3;
        let batch = mean.round().max(1.0) as usize;
        let raw = inserter.run(batch, SLICE).await?.0;
        rounds.push([posted, raw, mean, behind]);
    }
    for store in stores {
        store.close().await;
    }
    let of = |what: fn(&[f64; 4]) -> f64| median(rounds.iter().map(what).collect());
    let nodes = match nodes {
        1 => "one store".to_owned(),
        _ => format!("{nodes} stores sharing all rooms"),
    };
    for (what, value, unit) in [
        ("durable posts", of(|round| round[0]), "/s"),
        ("raw inserts", of(|round| round[1]), "/s"),
        ("messages per transaction", of(|round| round[2]), ""),
        ("ratio", of(|round| round[0] / round[1]), ""),
        ("until all is in the text index", of(|round| round[3]), "ms"),
    ] {
        let figure = format!("{nodes} without sockets, {senders} posts in flight: {what}");
        setup.report.add("nodes", figure, value, unit, Goal::None);
    }
    Ok(())
}

/// Posts per second: in each store one in each room at a time.
async fn post(stores: &[Arc<Store>], rooms: &[RoomId], time: Duration) -> Result<f64> {
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for store in stores {
        for room in rooms {
            let (store, room) = (Arc::clone(store), *room);
            tasks.spawn(async move {
                let mut posted = 0;
                while started.elapsed() < time {
                    post_one(&store, room).await?;
                    posted += 1;
                }
                anyhow::Ok(posted)
            });
        }
    }
    let mut posted = 0;
    for sender in tasks.join_all().await {
        posted += sender?;
    }
    Ok(f64::from(posted) / started.elapsed().as_secs_f64())
}

async fn post_one(store: &Store, room: RoomId) -> Result<()> {
    let draft = Draft {
        id: Uuid::now_v7(),
        sender: Sender::Visitor,
        content: texts::next().to_owned(),
        via: None,
    };
    let (done, is_done) = oneshot::channel();
    let complete = move |result| drop(done.send(result));
    store.write_room(room, RoomOp::Post(draft), Box::new(complete));
    is_done.await?.context("a post")?;
    Ok(())
}

async fn open_room(store: &Store) -> Result<RoomId> {
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(Uuid::now_v7().as_bytes());
    let request = OpenRoom {
        token: None,
        identity: None,
        details: Details::default(),
        fresh_token: TokenHash(hash),
    };
    Ok(store.open_room(request).await?.record.room.id)
}

/// Waits until the text index has everything, so that nothing of it is left to the next turn. Returns
/// how long that took.
pub(super) async fn index_caught_up(database: &Database<'_>) -> Result<Duration> {
    let behind = "SELECT count(*) FROM slots s LEFT JOIN search_progress p USING (slot)
        WHERE s.change > coalesce(p.change, 0)";
    let started = Instant::now();
    while block_in_place(|| database.psql(behind))? != "0" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(started.elapsed())
}

/// Transactions and changes so far.
pub(super) fn totals(database: &Database<'_>) -> Result<(u64, u64)> {
    let sums = "SELECT sum(commits), sum(change) FROM slots";
    let row = block_in_place(|| database.psql(sums))?;
    let (commits, changes) = row.split_once('|').context("two sums")?;
    Ok((commits.parse()?, changes.parse()?))
}

/// Changes per transaction since then.
pub(super) fn mean_batch(database: &Database<'_>, before: (u64, u64)) -> Result<f64> {
    let (commits, changes) = totals(database)?;
    Ok((changes - before.1) as f64 / (commits - before.0).max(1) as f64)
}
