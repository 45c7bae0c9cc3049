//! P16: a backup restores, whatever happens while it is made.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rusqlite::{Connection, OpenFlags};

use crate::common::DEADLINE;
use crate::history::check_histories;
use crate::process::Setup;
use crate::report::{Form, Line};
use crate::workload::{Behavior, Workload};

fn read<T: rusqlite::types::FromSql>(database: &Path, sql: &str) -> Result<T> {
    let conn = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    Ok(conn.query_row(sql, [], |row| row.get(0))?)
}

/// Messages of people, without the system's notes.
fn messages(database: &Path) -> Result<u64> {
    let count: i64 = read(
        database,
        "SELECT count(*) FROM messages WHERE event IS NULL",
    )?;
    Ok(u64::try_from(count)?)
}

fn epoch(database: &Path) -> Result<String> {
    read(database, "SELECT epoch FROM state")
}

async fn back_up(setup: &Setup, out: &Path) -> Result<()> {
    let name = out.display().to_string();
    ensure!(setup.run(&["backup", &name]).await?.success(), "no backup");
    verify(setup, out).await
}

async fn verify(setup: &Setup, backup: &Path) -> Result<()> {
    let name = backup.display().to_string();
    ensure!(
        setup.run(&["verify", &name]).await?.success(),
        "{name} does not verify"
    );
    Ok(())
}

/// Backups beside a server under load: each is sound and has every message that was acked before
/// it began. The last one is restored.
pub(crate) async fn under_load(form: Form, line: Line) -> Result<()> {
    let backups = form.pick(3, 50);
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    let senders = form.pick(8, 256);
    let mut workload = Workload::start(server.addr, senders, Behavior::PLAIN, form.seed).await?;
    let mut missing = 0;
    let mut last = PathBuf::new();
    for number in 0..backups {
        workload.wait_for_acks(workload.acks() + 100).await?;
        let acked = workload.acks();
        last = setup.outside(&format!("backup-{number}.db"));
        back_up(&setup, &last).await?;
        missing += acked.saturating_sub(messages(&last)?);
    }
    let acks = workload.acks();
    let histories = workload.finish().await?;
    server.kill().await?;
    let verdict = check_histories(&setup.database(), &histories, None)?;
    verdict.clean()?;
    let (stored, old_epoch) = (messages(&last)?, epoch(&setup.database())?);
    let name = last.display().to_string();
    ensure!(
        setup.run(&["restore", &name]).await?.success(),
        "no restore"
    );
    server = setup.serve().await?;
    server.kill().await?;
    let restored = messages(&setup.database())?;
    let new_epoch = epoch(&setup.database())? != old_epoch;
    setup.log()?;
    line.figure(
        &format!("{backups} backups beside {senders} senders"),
        format!(
            "all verify; {missing} messages missing of {acks} acked; {restored} of {stored} restored, epoch changed: {new_epoch}"
        ),
        "all verify, 0 missing that were acked before, the last one restores under a new epoch",
        missing == 0 && restored == stored && new_epoch,
    )
}

/// Backups that are killed: what is at the target is whole or nothing, the data directory is
/// cleaned, and the chat does not notice.
pub(crate) async fn killed(form: Form, line: Line) -> Result<()> {
    let kills = form.pick(5, 50);
    let mut random = StdRng::seed_from_u64(form.seed);
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    let mut workload = Workload::start(server.addr, 8, Behavior::PLAIN, form.seed).await?;
    let mut whole = 0;
    for number in 0..kills {
        workload.wait_for_acks(workload.acks() + 20).await?;
        let out = setup.outside(&format!("backup-{number}.db"));
        let mut child = setup.spawn(&["backup", &out.display().to_string()])?;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..80))).await;
        child.kill().await?;
        if out.exists() {
            verify(&setup, &out).await?;
            whole += 1;
        }
    }
    let began = Instant::now();
    while has_partial(&setup.data_dir())? {
        ensure!(began.elapsed() < DEADLINE, "a partial backup stays");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // A killed command's request may reach the server late; until it is given up, another copy is
    // refused.
    let after = setup.outside("after.db");
    while back_up(&setup, &after).await.is_err() {
        ensure!(
            began.elapsed() < DEADLINE,
            "no backup after the killed ones"
        );
    }
    let histories = workload.finish().await?;
    server.kill().await?;
    let verdict = check_histories(&setup.database(), &histories, None)?;
    setup.log()?;
    line.figure(
        &format!("{kills} backups killed at random"),
        format!("{whole} were whole already, nothing is left of the others; {verdict}"),
        "a whole file or nothing, the chat unharmed",
        verdict.faults() == 0 && verdict.unknown == 0,
    )
}

fn has_partial(data_dir: &Path) -> Result<bool> {
    for entry in std::fs::read_dir(data_dir)? {
        if entry?.file_name().to_string_lossy().contains(".partial") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// *Control*: a copy through another connection starts again at every commit.
pub(crate) async fn from_outside(form: Form, line: Line) -> Result<()> {
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    let mut workload = Workload::start(server.addr, 256, Behavior::PLAIN, form.seed).await?;
    workload.wait_for_acks(400_000).await?;
    let (database, copy) = (setup.database(), setup.outside("outside.db"));
    let ended = tokio::task::spawn_blocking(move || -> Result<bool> {
        let source = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut target = Connection::open(copy)?;
        let backup = rusqlite::backup::Backup::new(&source, &mut target)?;
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(60) {
            // As many pages as the `sqlite3` shell takes at once.
            if backup.step(100)? == rusqlite::backup::StepResult::Done {
                return Ok(true);
            }
        }
        Ok(false)
    });
    let ended = ended.await??;
    workload.finish().await?;
    server.kill().await?;
    line.figure(
        "*control*: a copy through another connection beside 256 senders",
        format!("ended within 60 s: {ended}"),
        "has not ended in 60 s",
        !ended,
    )
}

/// Writes that fail for lack of space while a backup is made: a whole file or a refusal.
pub(crate) async fn without_space(form: Form, line: Line) -> Result<()> {
    use crate::faults::{ENOSPC, Faults, Order, WRITES};
    let rounds = form.pick(5, 50);
    let mut random = StdRng::seed_from_u64(form.seed);
    let mut setup = Setup::new().failing(Faults::new());
    let mut server = setup.serve().await?;
    let mut workload = Workload::start(server.addr, 4, Behavior::PLAIN, form.seed).await?;
    let (mut whole, mut refused) = (0, 0);
    for number in 0..rounds {
        workload.wait_for_acks(workload.acks() + 20).await?;
        let out = setup.outside(&format!("backup-{number}.db"));
        let faults = setup.faults.as_ref().context("faults")?;
        faults.order(Order {
            nth: random.random_range(1..200),
            kinds: WRITES,
            error: ENOSPC,
            repeat: [1, 20, crate::faults::FOREVER][random.random_range(0..3)],
            torn: false,
        });
        let made = setup.run(&["backup", &out.display().to_string()]).await?;
        setup.faults.as_ref().context("faults")?.withdraw();
        ensure!(
            made.success() == out.exists(),
            "{made}, but {}",
            out.exists()
        );
        if out.exists() {
            verify(&setup, &out).await?;
            whole += 1;
        } else {
            refused += 1;
        }
        workload.wait_for_acks(workload.acks() + 5).await?;
    }
    back_up(&setup, &setup.outside("after.db")).await?;
    ensure!(!has_partial(&setup.data_dir())?, "a partial backup stays");
    let histories = workload.finish().await?;
    server.kill().await?;
    let verdict = check_histories(&setup.database(), &histories, None)?;
    setup.log()?;
    line.figure(
        &format!("{rounds} backups on a disk that fills up"),
        format!("{whole} whole, {refused} refused, nothing is left of those; {verdict}"),
        "a whole file or nothing, the chat unharmed",
        verdict.faults() == 0 && verdict.unknown == 0,
    )
}

/// Restores that are killed: the next start has the old database or the restored one.
pub(crate) async fn killed_restores(form: Form, line: Line) -> Result<()> {
    let kills = form.pick(5, 50);
    let mut random = StdRng::seed_from_u64(form.seed);
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    let mut workload = Workload::start(server.addr, 4, Behavior::PLAIN, form.seed).await?;
    workload.wait_for_acks(200).await?;
    let backup = setup.outside("backup.db");
    back_up(&setup, &backup).await?;
    workload.wait_for_acks(workload.acks() + 200).await?;
    workload.finish().await?;
    server.terminate(DEADLINE).await?;
    let present = setup.outside("present.db");
    std::fs::copy(setup.database(), &present)?;
    let (old, restored) = (messages(&present)?, messages(&backup)?);
    ensure!(old > restored, "{old} messages, {restored} in the backup");
    let name = backup.display().to_string();
    let restore = ["restore", name.as_str()];
    let began = Instant::now();
    ensure!(setup.run(&restore).await?.success(), "no restore");
    let whole = began.elapsed();
    let (mut finished, mut as_before) = (0, 0);
    for _ in 0..kills {
        std::fs::remove_dir_all(setup.data_dir())?;
        std::fs::create_dir(setup.data_dir())?;
        std::fs::copy(&present, setup.database())?;
        setup.kill_within(&restore, whole, &mut random).await?;
        let mut server = setup.serve().await?;
        server.terminate(DEADLINE).await?;
        let found = messages(&setup.database())?;
        ensure!(
            found == old || found == restored,
            "{found} messages are neither {old} nor {restored}"
        );
        let sound: String = read(&setup.database(), "PRAGMA integrity_check")?;
        ensure!(sound == "ok", "{sound}");
        for left in ["shoptalk.db.restored", "shoptalk.db.exchanging"] {
            ensure!(!setup.data_dir().join(left).exists(), "{left} stays");
        }
        finished += u32::from(found == restored);
        as_before += u32::from(found == old);
    }
    setup.log()?;
    line.figure(
        &format!("{kills} restores killed at random"),
        format!(
            "{as_before} as before, {finished} restored; each starts, sound, with nothing left over"
        ),
        "the old database or the restored one",
        true,
    )
}
