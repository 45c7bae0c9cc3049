//! P1 and P2: kills and cuts under load.

use anyhow::Result;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::history::check_histories;
use crate::process::Setup;
use crate::report::{Form, Line};
use crate::workload::{Behavior, Workload};

/// The real binary, killed at random moments under load: what was acked is stored, without a
/// gap and once, and every reader sees all of it.
pub(crate) async fn kill_nine(form: Form, line: Line) -> Result<()> {
    let kills = form.pick(10, 200);
    let mut random = StdRng::seed_from_u64(form.seed);
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    let mut workload = Workload::start(server.addr, 8, Behavior::PLAIN, form.seed).await?;
    for _ in 0..kills {
        let target = workload.acks() + random.random_range(10..600);
        workload.wait_for_acks(target).await?;
        server.kill().await?;
        server = setup.serve().await?;
        workload.reconnect_to(server.addr);
    }
    workload.wait_for_acks(workload.acks() + 50).await?;
    let acks = workload.acks();
    let histories = workload.finish().await?;
    server.kill().await?;
    let verdict = check_histories(&setup.database(), &histories, None)?;
    verdict.clean()?;
    setup.log()?;
    line.figure(
        &format!("{kills} × kill -9 under load"),
        format!("{} of {acks} acked lost; {verdict}", verdict.lost),
        "0 lost, integrity_check ok",
        verdict.unknown == 0,
    )
}

/// Messages posted again with the same id, and sockets cut at random.
pub(crate) async fn retries_and_cuts(form: Form, line: Line) -> Result<()> {
    let sends = form.pick(10_000, 1_000_000);
    let behavior = Behavior {
        repost: 0.2,
        cut: 0.01,
        readers: 2,
    };
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    let mut workload = Workload::start(server.addr, form.pick(16, 64), behavior, form.seed).await?;
    workload.wait_for_acks(sends).await?;
    let (acks, cuts, resumes) = (workload.acks(), workload.cuts(), workload.resumes());
    let histories = workload.finish().await?;
    server.kill().await?;
    let verdict = check_histories(&setup.database(), &histories, None)?;
    setup.log()?;
    line.figure(
        &format!("{sends} sends, 20 % again with the same id, sockets cut at random"),
        format!("{acks} acks, {cuts} cuts, {resumes} resumes; {verdict}"),
        "0 lost, 0 duplicated, 0 reordered for any reader",
        verdict.faults() == 0 && verdict.unknown == 0 && cuts > 0,
    )
}
