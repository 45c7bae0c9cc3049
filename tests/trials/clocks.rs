//! P11: wall clocks that jump.

use anyhow::{Context, Result, ensure};

use crate::common::json;
use crate::faults::Faults;
use crate::history::check_histories;
use crate::process::Setup;
use crate::report::{Form, Line};
use crate::workload::{Behavior, Workload};

/// By how many seconds the server's clock is wrong, one after the other.
const JUMPS: [i64; 6] = [86_400, -86_400, -3_600, 0, 7_200, -60];

pub(crate) async fn jumps(form: Form, line: Line) -> Result<()> {
    let rounds = form.pick(1, 20);
    let mut setup = Setup::new()
        .with("SHOPTALK_SOCKET__PING_INTERVAL_MS", "500")
        // Shorter than most jumps, and longer than any machine takes to answer.
        .with("SHOPTALK_SOCKET__PONG_TIMEOUT_MS", "50000")
        .with("SHOPTALK_SOCKET__POST_TIMEOUT_MS", "50000")
        .failing(Faults::new());
    let mut server = setup.serve().await?;
    let rest = server.rest();
    let mut workload = Workload::start(server.addr, 6, Behavior::PLAIN, form.seed).await?;
    workload.wait_for_acks(100).await?;
    let faults = setup.faults.as_ref().context("faults")?;
    let mut dates = Vec::new();
    for jump in JUMPS.iter().cycle().take(rounds * JUMPS.len()) {
        faults.set_clock(*jump);
        workload.wait_for_acks(workload.acks() + 300).await?;
        // The jump is real: what is made now has the wrong date.
        let opened = rest.post("/api/chat/rooms/", json!({})).await.is(201);
        let date = opened["room"]["created_at"].as_str().context("a date")?;
        dates.push(chrono::DateTime::parse_from_rfc3339(date)?.timestamp());
    }
    let backwards = dates.windows(2).filter(|pair| pair[1] < pair[0]).count();
    ensure!(backwards >= 2 * rounds, "the clock never jumped: {dates:?}");
    let (resumes, errors) = (workload.resumes(), workload.errors());
    let histories = workload.finish().await?;
    server.kill().await?;
    let verdict = check_histories(&setup.database(), &histories, None)?;
    setup.log()?;
    line.figure(
        &format!(
            "{} jumps of the clock, ±1 day, −1 h, under load",
            dates.len()
        ),
        format!("{resumes} connections lost, {errors} refusals; {verdict}"),
        "order unchanged, no connection dropped",
        verdict.faults() == 0 && verdict.unknown == 0 && resumes == 0 && errors == 0,
    )
}
