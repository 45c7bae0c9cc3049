//! G2, G5 and G7: several nodes on one database, which are killed, or lose the line to it.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use shoptalk_local_servers::Postgres;
use tokio::task::block_in_place;

use crate::cluster::{Cluster, new_database};
use crate::common::DEADLINE;
use crate::followers::{BySequence, BySlots};
use crate::proxy::Proxy;
use crate::report::{Form, Line};
use crate::workload::{Behavior, Workload};

const NODES: usize = 3;

/// Nodes that are killed at random moments under load: their clients go on elsewhere.
pub(crate) async fn killed(form: Form, line: Line) -> Result<()> {
    let kills = form.pick(5, 200);
    let behavior = Behavior {
        readers: 2,
        ..Behavior::PLAIN
    };
    let mut random = StdRng::seed_from_u64(form.seed);
    let mut cluster = Cluster::start(NODES).await?;
    let mut workload =
        Workload::start_on_nodes(cluster.addresses(), 8, behavior, form.seed).await?;
    let began = Instant::now();
    for _ in 0..kills {
        let target = workload.acks() + random.random_range(10..600);
        workload.wait_for_acks(target).await?;
        let node = random.random_range(0..NODES);
        cluster.kill(node).await?;
        // The others go on without it.
        let target = workload.acks() + random.random_range(10..100);
        workload.wait_for_acks(target).await?;
        cluster.start_again(node).await?;
    }
    workload.wait_for_acks(workload.acks() + 50).await?;
    let (acks, resumes) = (workload.acks(), workload.resumes());
    let rate = acks as f64 / began.elapsed().as_secs_f64();
    let verdict = cluster.judge(workload).await?;
    line.figure(
        &format!("{kills} × kill -9 of a random one of {NODES} nodes under load"),
        format!("{acks} acks, {rate:.0} a second; {resumes} resumes, mostly elsewhere; {verdict}"),
        "0 lost, 0 duplicated, 0 reordered for any reader, ≥ 300 messages a second",
        verdict.unknown == 0 && resumes > 0 && (!form.long || rate >= 300.0),
    )
}

/// The line to PostgreSQL cut within the bytes of a batch or of its reply. What was on its way is
/// lost, or arrives when the node has long asked what has become of it.
pub(crate) async fn cut_batches(form: Form, line: Line) -> Result<()> {
    let cuts = form.pick(20, 500);
    let mut random = StdRng::seed_from_u64(form.seed);
    let database = new_database()?;
    let server = Postgres::shared().context("it is installed")?;
    let proxy = Proxy::before((Ipv4Addr::LOCALHOST, server.port()).into()).await?;
    let url = format!("postgres://shoptalk@{}/{}", proxy.addr, database.name());
    let cluster = Cluster::start_at(database, &url, NODES).await?;
    let mut workload =
        Workload::start_on_nodes(cluster.addresses(), 8, Behavior::PLAIN, form.seed).await?;
    let mut late_ones = 0;
    for _ in 0..cuts {
        let target = workload.acks() + random.random_range(10..100);
        workload.wait_for_acks(target).await?;
        let late = random
            .random_bool(0.5)
            .then(|| Duration::from_millis(random.random_range(0..200)));
        late_ones += u32::from(late.is_some());
        proxy
            .cut_after(random.random_range(1..40_000), late)
            .await?;
    }
    workload.wait_for_acks(workload.acks() + 50).await?;
    let (acks, errors) = (workload.acks(), workload.errors());
    let verdict = cluster.judge(workload).await?;
    line.figure(
        &format!("the line of {NODES} nodes to PostgreSQL cut at {cuts} random bytes"),
        format!("{late_ones} times the rest came late; {acks} acks, {errors} refusals; {verdict}"),
        "no false ack, nothing committed after it was given up",
        verdict.unknown == 0,
    )
}

/// The control: numbers of messages come from a sequence, and whoever follows them under load misses
/// some, since they are not committed in their order. Whoever follows slots misses nothing.
pub(crate) async fn followed_by_sequence(form: Form, line: Line) -> Result<()> {
    let changes = form.pick(1_000, 50_000);
    let cluster = Cluster::start(NODES).await?;
    let behavior = Behavior {
        readers: 0,
        ..Behavior::PLAIN
    };
    let mut workload =
        Workload::start_on_nodes(cluster.addresses(), 24, behavior, form.seed).await?;
    let began = Instant::now();
    let mut session = block_in_place(|| cluster.database.session())?;
    let (mut by_sequence, mut by_slots) = (BySequence::default(), BySlots::default());
    // The load goes on until a message was missed.
    let mut missed = 0;
    while workload.acks() < changes || missed == 0 {
        workload.wait_for_acks(workload.acks() + 1).await?;
        missed = block_in_place(|| {
            by_sequence.read(&mut session)?;
            by_slots.read(&mut session)?;
            by_sequence.missed(&mut session)
        })?;
        ensure!(
            began.elapsed() < DEADLINE,
            "nothing was missed for {DEADLINE:?}"
        );
    }
    let verdict = cluster.check(&workload.finish().await?)?;
    drop(session);
    cluster.end().await?;
    line.figure(
        &format!("*control*: {NODES} nodes followed by numbers of a sequence, under load"),
        format!(
            "{missed} of {} messages missed; followed by slots, {} changes; {verdict}",
            missed + by_sequence.seen,
            by_slots.missed
        ),
        "some missed by the sequence, none by slots",
        by_slots.missed == 0,
    )
}
