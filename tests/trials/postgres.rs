//! G3: crashes and failovers of PostgreSQL under load.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use shoptalk_local_servers::{Postgres, Replication};
use tokio::task::block_in_place;

use crate::history::{Verdict, check_histories_in_postgres};
use crate::process::Setup;
use crate::proxy::Proxy;
use crate::report::{Form, Line};
use crate::workload::{Behavior, Workload, open_room};

const DATABASE: &str = "shop";
/// The promise: how long after PostgreSQL is back, posts are acked again.
const BACK_WITHIN: Duration = Duration::from_secs(5);

/// PostgreSQL that is stopped as by a crash of its machine, again and again: what was acked is
/// there, and posting goes on.
pub(crate) async fn immediate_stops(form: Form, line: Line) -> Result<()> {
    let stops = form.pick(3, 50);
    let mut random = StdRng::seed_from_u64(form.seed);
    let postgres = start()?;
    let mut setup = Setup::new().with("SHOPTALK_STORAGE__URL", &postgres.url(DATABASE));
    let mut server = setup.serve().await?;
    let mut workload = Workload::start(server.addr, 8, Behavior::PLAIN, form.seed).await?;
    let mut slowest = Duration::ZERO;
    for _ in 0..stops {
        let target = workload.acks() + random.random_range(10..600);
        workload.wait_for_acks(target).await?;
        block_in_place(|| postgres.stop_immediately())?;
        block_in_place(|| postgres.start_again())?;
        slowest = slowest.max(until_posts_are_acked(&mut workload).await?);
    }
    workload.wait_for_acks(workload.acks() + 50).await?;
    let verdict = judge(workload, &postgres).await?;
    server.kill().await?;
    setup.log()?;
    report(
        form,
        line,
        &format!("{stops} immediate stops of PostgreSQL under load"),
        slowest,
        &verdict,
    )
}

/// A synchronous standby takes the place of a PostgreSQL that has crashed, again and again.
pub(crate) async fn promotions(form: Form, line: Line) -> Result<()> {
    let promotions = form.pick(2, 20);
    let mut random = StdRng::seed_from_u64(form.seed);
    let mut first = start()?;
    let proxy = Proxy::before(address(&first)).await?;
    let mut setup = behind(&proxy);
    let mut server = setup.serve().await?;
    let mut workload = Workload::start(server.addr, 8, Behavior::PLAIN, form.seed).await?;
    let mut slowest = Duration::ZERO;
    for _ in 0..promotions {
        let standby = block_in_place(|| first.start_standby(Replication::Synchronous))?;
        let target = workload.acks() + random.random_range(10..600);
        workload.wait_for_acks(target).await?;
        block_in_place(|| first.stop_immediately())?;
        block_in_place(|| standby.promote())?;
        proxy.lead_to(address(&standby));
        first = standby;
        slowest = slowest.max(until_posts_are_acked(&mut workload).await?);
    }
    workload.wait_for_acks(workload.acks() + 50).await?;
    let verdict = judge(workload, &first).await?;
    server.kill().await?;
    setup.log()?;
    report(
        form,
        line,
        &format!("{promotions} promotions of a synchronous standby under load"),
        slowest,
        &verdict,
    )
}

/// The control: a standby that commits do not wait for has lost some. The server notices, begins a
/// new epoch and ends, and its next start goes on.
pub(crate) async fn asynchronous_standby(form: Form, line: Line) -> Result<()> {
    let first = start()?;
    let proxy = Proxy::before(address(&first)).await?;
    let mut setup = behind(&proxy);
    let mut server = setup.serve().await?;
    let mut workload = Workload::start(server.addr, 4, Behavior::PLAIN, form.seed).await?;
    let standby = block_in_place(|| first.start_standby(Replication::Asynchronous))?;
    workload.wait_for_acks(workload.acks() + 50).await?;
    let epoch = standby.psql(DATABASE, "SELECT epoch FROM state")?;
    // What is acked from here on, it never gets.
    block_in_place(|| standby.stop_immediately())?;
    workload.wait_for_acks(workload.acks() + 50).await?;
    block_in_place(|| first.stop_immediately())?;
    block_in_place(|| standby.start_again())?;
    block_in_place(|| standby.promote())?;
    proxy.lead_to(address(&standby));
    let status = server.ended().await?;
    ensure!(
        !status.success(),
        "it has lost commits and ends with {status}"
    );
    // Its customers would have to read anew, which those of this workload do not.
    drop(workload);
    server = setup.serve().await?;
    open_room(&server.rest()).await?;
    let new_epoch = standby.psql(DATABASE, "SELECT epoch FROM state")?;
    server.kill().await?;
    setup.log()?;
    line.figure(
        "control: a standby that misses commits takes over",
        format!("epoch {epoch}, then {new_epoch}"),
        "another epoch, so that every client reads anew",
        epoch != new_epoch,
    )
}

/// A server with an empty database.
fn start() -> Result<Postgres> {
    block_in_place(|| {
        let postgres = Postgres::start()?;
        postgres.psql("postgres", &format!("CREATE DATABASE {DATABASE}"))?;
        Ok(postgres)
    })
}

fn address(postgres: &Postgres) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, postgres.port()).into()
}

/// A server whose PostgreSQL is behind the proxy.
fn behind(proxy: &Proxy) -> Setup {
    let url = format!("postgres://shoptalk@{}/{DATABASE}", proxy.addr);
    Setup::new().with("SHOPTALK_STORAGE__URL", &url)
}

async fn until_posts_are_acked(workload: &mut Workload) -> Result<Duration> {
    let back = Instant::now();
    workload.wait_for_acks(workload.acks() + 1).await?;
    Ok(back.elapsed())
}

async fn judge(workload: Workload, postgres: &Postgres) -> Result<Verdict> {
    let histories = workload.finish().await?;
    ensure!(!histories.is_empty(), "nobody wrote");
    let verdict = block_in_place(|| {
        check_histories_in_postgres(|sql| postgres.psql(DATABASE, sql), &histories)
    })?;
    verdict.clean()?;
    Ok(verdict)
}

fn report(
    form: Form,
    line: Line,
    figure: &str,
    slowest: Duration,
    verdict: &Verdict,
) -> Result<()> {
    line.figure(
        figure,
        format!("acked again after at most {slowest:.1?}; {verdict}"),
        "0 lost, acked again within 5 s",
        verdict.unknown == 0 && slowest <= form.deadline(BACK_WITHIN),
    )
}
