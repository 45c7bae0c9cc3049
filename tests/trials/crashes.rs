//! P1 and P2: kills and cuts under load.

use anyhow::Result;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::history::judge;
use crate::people::{AtWork, Habits};
use crate::process::Setup;
use crate::report::{Form, Line};

/// The real binary, killed at random moments under load: what was acked is stored, without a
/// gap and once, and every reader sees all of it.
pub(crate) async fn kill_nine(form: Form, line: Line) -> Result<()> {
    let kills = form.pick(10, 200);
    let mut random = StdRng::seed_from_u64(form.seed);
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    let mut people = AtWork::begin(server.addr, 8, Habits::PLAIN, form.seed).await?;
    for _ in 0..kills {
        let target = people.acks() + random.random_range(10..600);
        people.acked(target).await?;
        server.kill().await?;
        server = setup.serve().await?;
        people.moved(server.addr);
    }
    people.acked(people.acks() + 50).await?;
    let acks = people.acks();
    let histories = people.finish().await?;
    server.kill().await?;
    let verdict = judge(&setup.database(), &histories, None)?;
    verdict.clean()?;
    setup.said()?;
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
    let habits = Habits {
        again: 0.2,
        cut: 0.01,
        readers: 2,
    };
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    let mut people = AtWork::begin(server.addr, form.pick(16, 64), habits, form.seed).await?;
    people.acked(sends).await?;
    let (acks, cuts, resumes) = (people.acks(), people.cuts(), people.resumes());
    let histories = people.finish().await?;
    server.kill().await?;
    let verdict = judge(&setup.database(), &histories, None)?;
    setup.said()?;
    line.figure(
        &format!("{sends} sends, 20 % again with the same id, sockets cut at random"),
        format!("{acks} acks, {cuts} cuts, {resumes} resumes; {verdict}"),
        "0 lost, 0 doubled, 0 reordered for any reader",
        verdict.faults() == 0 && verdict.unknown == 0 && cuts > 0,
    )
}
