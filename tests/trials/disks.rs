//! P5 and P6: disks that are full or fail.

use std::cell::Cell;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::timeout;

use crate::common::DEADLINE;
use crate::faults::{EIO, ENOSPC, Faults, HANGS, Order, SYNCS, TRUNCATES, WRITES};
use crate::fixtures::{OpenShop, try_sign_in};
use crate::history::check_histories;
use crate::process::{Process, Setup};
use crate::report::{Form, Line};
use crate::workload::{Behavior, Workload};

/// Until something holds.
pub(crate) async fn within(
    deadline: Duration,
    what: &str,
    mut holds: impl AsyncFnMut() -> Result<bool>,
) -> Result<()> {
    let tries = async {
        while !holds().await? {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    };
    timeout(deadline, tries)
        .await
        .with_context(|| format!("not within {deadline:?}: {what}"))?
}

/// A disk that the fault library makes appear full; needs no rights.
pub(crate) async fn full_disk(form: Form, line: Line) -> Result<()> {
    let setup = Setup::new().failing(Faults::new());
    without_space(form, line, setup, "disk (ENOSPC on demand)").await
}

/// A small file system in memory; needs the right to mount it.
pub(crate) async fn full_tmpfs(form: Form, line: Line) -> Result<()> {
    let setup = Setup::new().on_a_small_disk();
    without_space(form, line, setup, "tmpfs of 128 MB").await
}

/// A full disk: no false ack, reading goes on, and posting recovers when there is space again.
async fn without_space(form: Form, line: Line, mut setup: Setup, disk: &str) -> Result<()> {
    let rounds = form.pick(2, 20);
    let recovers_in = form.deadline(Duration::from_secs(5));
    let mut slowest = Duration::ZERO;
    let mut server = setup.serve().await?;
    let shop = OpenShop::create(&setup, &server, 3).await?;
    let ballast = server.sees(&setup.data_dir()).join("ballast");
    let mut workload = Workload::start(server.addr, 4, Behavior::PLAIN, form.seed).await?;
    workload.wait_for_acks(200).await?;
    for _ in 0..rounds {
        if let Some(faults) = &setup.faults {
            faults.order(Order {
                nth: 1,
                kinds: WRITES | TRUNCATES,
                error: ENOSPC,
                repeat: crate::faults::FOREVER,
                torn: false,
            });
        } else {
            fill(&ballast)?;
        }
        let refused = workload.errors() + 8;
        within(DEADLINE, "a full disk refuses", || {
            let errors = workload.errors();
            async move { Ok(errors >= refused) }
        })
        .await?;
        refuses_and_reads(&server, &shop, recovers_in).await?;
        if let Some(faults) = &setup.faults {
            faults.withdraw();
        } else {
            std::fs::remove_file(&ballast)?;
        }
        let freed = Instant::now();
        let goal = workload.acks() + 50;
        timeout(recovers_in, workload.wait_for_acks(goal))
            .await
            .with_context(|| format!("posting does not recover in {recovers_in:?}"))??;
        slowest = slowest.max(freed.elapsed());
        within(recovers_in, "readyz recovers", || {
            let rest = server.rest();
            async move { Ok(rest.get("/readyz").await.status == 200) }
        })
        .await?;
    }
    let refusals = workload.errors();
    let histories = workload.finish().await?;
    let copy = tempfile::tempdir()?;
    let database = server.freeze(&setup, copy.path()).await?;
    let verdict = check_histories(&database, &histories, None)?;
    setup.log()?;
    line.figure(
        &format!("{rounds} × a full {disk}"),
        format!(
            "{refusals} refusals; posting back after {:.1} s at most; {verdict}",
            slowest.as_secs_f64()
        ),
        "no false ack, reads continue, sign-in refused with the reason, posting back ≤ 5 s",
        verdict.faults() == 0 && verdict.unknown == 0,
    )
}

/// While nothing can be written: posts and sign-ins are refused with the reason, `/readyz` reports
/// it within `notices_in`, and reading goes on.
async fn refuses_and_reads(server: &Process, shop: &OpenShop, notices_in: Duration) -> Result<()> {
    let names_full_disk = |response: &crate::common::Response| -> Result<()> {
        ensure!(
            response.status == 503,
            "{} {}",
            response.status,
            response.text
        );
        let problem = response.json();
        ensure!(problem["code"] == "storage_unavailable", "{problem}");
        let detail = problem["detail"].as_str().unwrap_or("");
        ensure!(detail.contains("disk is full"), "no reason in {problem}");
        Ok(())
    };
    // The log's own space may be written once more after a checkpoint, so some still succeed
    // now and then; what is promised is for as long as nothing does.
    let refused_since = Cell::new(None::<Instant>);
    within(
        2 * DEADLINE,
        "a post and a sign-in are refused, and readyz says so",
        || async {
            let (posted, signed_in) = (shop.post().await?, try_sign_in(server).await);
            if posted.status == 201 || signed_in.status == 200 {
                refused_since.set(None);
                return Ok(false);
            }
            names_full_disk(&posted).context("a post")?;
            names_full_disk(&signed_in).context("a sign-in")?;
            let ready = server.rest().get("/readyz").await;
            let since = refused_since.get().unwrap_or_else(Instant::now);
            refused_since.set(Some(since));
            ensure!(
                since.elapsed() < notices_in,
                "after {notices_in:?}, /readyz does not report that the disk is full: {}",
                ready.text
            );
            Ok(ready.status == 503 && ready.text.contains("full"))
        },
    )
    .await?;
    let read = shop.visitor.get(&shop.messages()).await;
    ensure!(read.status == 200, "reading: {}", read.text);
    let messages = read.json()["results"].as_array().map_or(0, Vec::len);
    ensure!(messages >= 3, "{messages} messages");
    for path in ["/api/admin/me/", "/api/admin/rooms/", "/healthz"] {
        let response = shop.agent.get(path).await;
        ensure!(response.status == 200, "{path}: {}", response.text);
    }
    Ok(())
}

/// Writes zeros until there is no space left.
pub(crate) fn fill(path: &std::path::Path) -> Result<()> {
    use std::io::Write;
    let mut file = std::fs::File::create(path)?;
    for size in [1 << 20, 4_096] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
    Ok(())
}

/// Whether this user may make a file system of its own.
pub(crate) fn can_mount() -> bool {
    std::process::Command::new("unshare")
        .args(["-rm", "sh", "-c", "mount -t tmpfs none /mnt"])
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Each write or sync fails in turn while visitors post.
pub(crate) async fn io_errors(form: Form, line: Line) -> Result<()> {
    let last = form.pick(60, 500);
    let mut random = StdRng::seed_from_u64(form.seed);
    let mut setup = Setup::new().failing(Faults::new());
    let mut server = setup.serve().await?;
    let mut workload = Workload::start(server.addr, 4, Behavior::PLAIN, form.seed).await?;
    workload.wait_for_acks(50).await?;
    let faults = setup.faults.as_ref().context("faults")?;
    let mut failed = 0;
    for nth in 1..=last {
        for error in [EIO, ENOSPC] {
            let fired = faults.fired();
            faults.order(Order {
                nth,
                kinds: [WRITES, SYNCS, WRITES | SYNCS | TRUNCATES][random.random_range(0..3)],
                error,
                // A disk may fail once, or for a while.
                repeat: [1, 1, 7][random.random_range(0..3)],
                torn: random.random_bool(0.5),
            });
            // The writing itself brings the call that fails, and must go on after it.
            while faults.fired() == fired {
                workload.wait_for_acks(workload.acks() + 1).await?;
            }
            faults.withdraw();
            let goal = workload.acks() + 5;
            workload
                .wait_for_acks(goal)
                .await
                .with_context(|| format!("wedged after call {nth} failed with {error}"))?;
            failed += 1;
        }
    }
    let (refusals, calls) = (workload.errors(), faults.fired());
    let histories = workload.finish().await?;
    // Those that were refused must not come back from the log after a crash either, unless
    // their retry was acked: all of them were.
    server.kill().await?;
    let verdict = check_histories(&setup.database(), &histories, None)?;
    setup.log()?;
    line.figure(
        &format!("EIO and ENOSPC at each of {last} writes and syncs"),
        format!("{failed} faults injected, {calls} calls failed, {refusals} refusals; {verdict}"),
        "no false ack, no partial message, no hang",
        verdict.faults() == 0 && verdict.unknown == 0 && refusals > 0,
    )
}

/// A disk that never finishes the last commit: the server ends all the same.
pub(crate) async fn end_on_a_hanging_disk(form: Form, line: Line) -> Result<()> {
    let mut setup = Setup::new().failing(Faults::new());
    let mut server = setup.serve().await?;
    let shop = OpenShop::create(&setup, &server, 3).await?;
    let faults = setup.faults.as_ref().context("faults")?;
    faults.order(Order {
        nth: 1,
        kinds: SYNCS,
        error: HANGS,
        repeat: crate::faults::FOREVER,
        torn: false,
    });
    let unanswered = tokio::spawn(async move { shop.post().await });
    within(DEADLINE, "a sync hangs", async || Ok(faults.fired() > 0)).await?;
    unanswered.abort();
    let started = Instant::now();
    let promised = Duration::from_secs(12);
    let status = server.terminate(form.deadline(promised)).await;
    let status = status.with_context(|| format!("it does not end within {promised:?}"))?;
    let took = started.elapsed();
    ensure!(status.success(), "it ended with {status}");
    setup.log()?;
    line.figure(
        "SIGTERM while the disk hangs in a sync",
        format!("exit 0 after {:.1} s", took.as_secs_f64()),
        "exit 0 within 12 s",
        !form.long || took <= promised,
    )
}

/// *Control* of P6: an error that is swallowed must be seen by the checker.
pub(crate) async fn half_written(form: Form, line: Line) -> Result<()> {
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    let mut workload = Workload::start(server.addr, 2, Behavior::PLAIN, form.seed).await?;
    workload.wait_for_acks(50).await?;
    let histories = workload.finish().await?;
    server.kill().await?;
    check_histories(&setup.database(), &histories, None)?.clean()?;
    // As if the last commit had been half done.
    rusqlite::Connection::open(setup.database())?.execute(
        "DELETE FROM messages WHERE n = (SELECT max(n) FROM messages)",
        [],
    )?;
    let verdict = check_histories(&setup.database(), &histories, None)?;
    line.figure(
        "*control*: one message taken out of the database",
        &verdict,
        "the checker reports it",
        verdict.lost > 0,
    )
}
