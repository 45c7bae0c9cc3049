//! P17: an upgrade takes no more than a restart, even if it is killed in the middle.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use crate::common::{DEADLINE, Rest, json};
use crate::faults::{Faults, KILLED, Order, SYNCS, TRUNCATES, WRITES};
use crate::history::check_histories;
use crate::process::Setup;
use crate::report::{Form, Line};
use crate::workload::{Behavior, Workload};

/// The path of the database that this process is to migrate, when it was started for that.
const MIGRATE: &str = "TRIALS_MIGRATE";

/// The schema that messages are put into, in steps.
const RELEASED: usize = 2;
/// Today's schema, in steps.
pub(crate) const RELEASED_STEPS: usize = STEPS.len() - 1;
/// Today's schema, and a step that only this trial has: it touches every message.
pub(crate) const STEPS: &[M<'_>] = &[
    M::up(include_str!(
        "../../src/persistence/sqlite/migrations/0001_base.sql"
    )),
    M::up(include_str!(
        "../../src/persistence/sqlite/migrations/0002_search.sql"
    )),
    M::up(include_str!(
        "../../src/persistence/sqlite/migrations/0003_arrival.sql"
    )),
    M::up(include_str!(
        "../../src/persistence/sqlite/migrations/0004_open_rooms.sql"
    )),
    M::up(include_str!(
        "../../src/persistence/sqlite/migrations/0005_visitor_changes.sql"
    )),
    M::up(include_str!(
        "../../src/persistence/sqlite/migrations/0006_erasures.sql"
    )),
    M::up(include_str!(
        "../../src/persistence/sqlite/migrations/0007_reach.sql"
    )),
    M::up(include_str!(
        "../../src/persistence/sqlite/migrations/0008_desk.sql"
    )),
    M::up(include_str!(
        "../../src/persistence/sqlite/migrations/0009_language.sql"
    )),
    M::up(
        "ALTER TABLE messages ADD COLUMN mood TEXT;
         UPDATE messages SET mood = 'a mood for message ' || n;
         CREATE INDEX messages_by_mood ON messages (mood);",
    ),
];

/// Migrates and returns true if this process was started to do so.
pub(crate) fn run_migration_if_asked() -> bool {
    let Some(path) = std::env::var_os(MIGRATE) else {
        return false;
    };
    let migrate = || -> Result<()> {
        let mut conn = Connection::open(&path)?;
        conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        conn.pragma_update(None, "synchronous", "FULL")?;
        // A small cache, so that a step is written while it goes on.
        conn.pragma_update(None, "cache_size", 10)?;
        Migrations::from_slice(STEPS).to_latest(&mut conn)?;
        Ok(())
    };
    migrate().expect("the migration works");
    true
}

/// Starts this program again, under faults, to migrate.
fn migrate(database: &Path, faults: &Faults) -> Result<bool> {
    let status = Command::new(std::env::current_exe()?)
        .env(MIGRATE, database)
        .envs(faults.environment(database.parent().context("a directory")?))
        .status()?;
    Ok(status.success())
}

/// The first start makes the whole schema; killed at each of its writes, the next one goes on.
pub(crate) async fn first_starts(form: Form, line: Line) -> Result<()> {
    let kills = form.pick(12, 50);
    let mut random = StdRng::seed_from_u64(form.seed);
    let mut whole = Setup::new().failing(Faults::new());
    let mut server = whole.serve().await?;
    server.kill().await?;
    let calls = whole.faults.as_ref().context("faults")?.calls();
    let mut killed = 0;
    for _ in 0..kills {
        let mut setup = Setup::new().failing(Faults::new());
        let faults = setup.faults.as_ref().context("faults")?;
        faults.order(Order {
            nth: random.random_range(1..=u64::try_from(calls)?),
            kinds: WRITES | SYNCS | TRUNCATES,
            error: KILLED,
            repeat: 1,
            torn: false,
        });
        match setup.serve().await {
            Ok(mut server) => server.kill().await?,
            Err(_) => killed += 1,
        }
        setup.faults = None;
        let mut server = setup.serve().await.context("after a kill")?;
        let opened = Rest::new(server.addr)
            .post("/api/chat/rooms/", json!({}))
            .await;
        ensure!(opened.status == 201, "{}", opened.text);
        server.kill().await?;
        setup.log()?;
    }
    line.figure(
        &format!("{kills} first starts, killed at a random write of {calls}"),
        format!("{killed} killed part-way; each next start works"),
        "the next start resumes",
        killed > 0,
    )
}

/// Puts what a database holds into one of the schema before, as far as that has it.
fn released(now: &Path, released: &Path) -> Result<()> {
    let mut conn = Connection::open(released)?;
    Migrations::from_slice(&STEPS[..RELEASED]).to_latest(&mut conn)?;
    conn.pragma_update(None, "foreign_keys", false)?;
    conn.execute("ATTACH ?1 AS now", [now.to_str().context("a plain name")?])?;
    for table in [
        "state",
        "visitors",
        "visitor_tokens",
        "rooms",
        "messages",
        "agents",
        "agent_sessions",
        "audit",
    ] {
        let columns: String = conn.query_row(
            "SELECT group_concat('\"' || name || '\"') FROM pragma_table_info(?1, 'main')",
            [table],
            |row| row.get(0),
        )?;
        conn.execute_batch(&format!(
            "INSERT INTO main.{table} ({columns}) SELECT {columns} FROM now.{table}"
        ))?;
    }
    Ok(())
}

/// All steps over a database of the schema before with messages in it, killed at random writes.
pub(crate) async fn killed_steps(form: Form, line: Line) -> Result<()> {
    let kills: usize = form.pick(10, 50);
    let mut random = StdRng::seed_from_u64(form.seed);
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    let mut workload = Workload::start(server.addr, 4, Behavior::PLAIN, form.seed).await?;
    workload.wait_for_acks(form.pick(1_500, 20_000)).await?;
    let histories = workload.finish().await?;
    server.terminate(DEADLINE).await?;
    let dir = tempfile::tempdir()?;
    let database = dir.path().join("shoptalk.db");
    let before = dir.path().join("before.db");
    released(&setup.database(), &before)?;
    let copy = |to: &Path| std::fs::copy(&before, to);
    copy(&database)?;
    let faults = Faults::new();
    ensure!(migrate(&database, &faults)?, "the step itself fails");
    let calls = u64::try_from(faults.calls())?;
    let mut killed = 0;
    for _ in 0..kills {
        for end in ["", "-wal", "-shm"] {
            let file = dir.path().join(format!("shoptalk.db{end}"));
            if file.exists() {
                std::fs::remove_file(file)?;
            }
        }
        copy(&database)?;
        faults.order(Order {
            nth: random.random_range(1..=calls),
            kinds: WRITES | SYNCS | TRUNCATES,
            error: KILLED,
            repeat: 1,
            torn: false,
        });
        killed += usize::from(!migrate(&database, &faults)?);
        faults.withdraw();
        ensure!(
            migrate(&database, &faults)?,
            "the next start does not go on"
        );
        let conn = Connection::open(&database)?;
        let (steps, moods, places): (usize, bool, bool) = conn.query_row(
            "SELECT (SELECT user_version FROM pragma_user_version),
                    NOT EXISTS (SELECT 1 FROM messages WHERE mood IS NULL),
                    (SELECT count(*) FROM messages) =
                        (SELECT sum(length(places) / 5) FROM message_places)
                        + (SELECT sum(length(tail) / 5) FROM rooms)",
            [],
            |row| Ok((row.get::<_, i64>(0)? as usize, row.get(1)?, row.get(2)?)),
        )?;
        ensure!(
            steps == STEPS.len() && moods && places,
            "{steps} steps, moods: {moods}, places: {places}"
        );
        check_histories(&database, &histories, None)?.clean()?;
    }
    // An older binary does not touch what a newer one has made.
    std::fs::copy(&database, setup.database())?;
    let refused = match setup.serve().await {
        Ok(_) => anyhow::bail!("a newer database was opened"),
        Err(refused) => format!("{refused:#}"),
    };
    ensure!(refused.contains("newer"), "{refused}");
    line.figure(
        &format!("the migration from the previous schema, killed {kills} ×"),
        format!("{killed} killed within {calls} writes; each next start finished it, nothing lost; an older binary refuses the newer schema"),
        "the next start resumes",
        killed > 0,
    )
}
