//! P17: databases of every released schema, with many messages, are upgraded by the binary under
//! trial, which is killed on the way.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::Migrations;

use crate::erasures::messages_in_the_long_form;
use crate::faults::{Faults, KILLED, Order, SYNCS, TRUNCATES, WRITES};
use crate::process::Setup;
use crate::report::{Form, Line};
use crate::upgrades::{RELEASED_STEPS, STEPS};

/// Schemas that a version of this program had, before today's: the first two came together. Of 7
/// and 8 there is no database that their versions made, so their steps follow on one of schema 6.
const SCHEMAS: [u64; 7] = [2, 3, 4, 5, 6, 7, 8];
/// The newest schema of which there is such a database (tests/fixtures/schemas).
const NEWEST_FIXTURE: u64 = 6;
/// Messages in each of them.
const FIXTURE_MESSAGES: usize = 240;
/// Exists while an upgrade is under way.
const MARKER_FILE: &str = "shoptalk.db.upgrading";
const BACKUP_PREFIX: &str = "before-upgrade-";

/// The server starts on a database of each released schema, and is killed: at a random write of
/// SQLite, or at a random time, also while the backup is made. The next start finishes; every row
/// is there, beside one sound backup of the old schema with every row.
pub(crate) async fn schemas(form: Form, line: Line) -> Result<()> {
    let kills = form.pick(2 * SCHEMAS.len(), 50);
    let messages = form.pick(2 * FIXTURE_MESSAGES, messages_in_the_long_form());
    let copies = messages.div_ceil(FIXTURE_MESSAGES);
    let mut random = StdRng::seed_from_u64(form.seed);
    let mut counts = Counts::default();
    let mut slowest = Duration::ZERO;
    let mut bytes = 0;
    for (nth, schema) in SCHEMAS.into_iter().enumerate() {
        let made = tempfile::tempdir()?;
        let old = made.path().join("old.db");
        make(schema, copies, &old)?;
        bytes = bytes.max(old.metadata()?.len());
        let mut whole = Setup::new().failing(Faults::new());
        place(&old, &whole)?;
        let began = Instant::now();
        let mut server = whole.serve().await?;
        let took = began.elapsed();
        server.kill().await?;
        is_upgraded(&whole, &old, schema)
            .await
            .and_then(|backup| has_rows_of(&Connection::open(backup)?, &old))
            .with_context(|| format!("schema {schema}, not killed"))?;
        slowest = slowest.max(took);
        let calls = u64::try_from(whole.faults.as_ref().context("faults")?.calls())?;
        for kill in (nth..kills).step_by(SCHEMAS.len()) {
            let mut setup = Setup::new();
            place(&old, &setup)?;
            if random.random() {
                setup = setup.failing(Faults::new());
                kill_at_a_write(&mut setup, random.random_range(1..=calls)).await?;
                setup.faults = None;
            } else {
                let after = took.mul_f64(random.random_range(0.0..1.0));
                kill_after(&setup, after).await?;
            }
            counts.see(&setup, &old, schema)?;
            let mut server = setup.serve().await.context("after a kill")?;
            server.kill().await?;
            is_upgraded(&setup, &old, schema)
                .await
                .with_context(|| format!("schema {schema}, kill {kill}"))?;
        }
        refuses_a_newer_one(whole).await?;
    }
    line.figure(
        &format!(
            "starts on each of {} released schemas with {messages} messages ({} MB), killed {kills} ×",
            SCHEMAS.len(),
            bytes / 1_000_000
        ),
        format!(
            "{} killed with the old schema, {} between two steps, {} with the new one; each next start \
             finished, nothing lost, one sound backup of the old schema; without a kill at most {slowest:.1?}; \
             a newer schema refused",
            counts.old, counts.between, counts.new
        ),
        "old or new, the next start resumes, nothing lost",
        counts.old + counts.between > 0,
    )
}

/// What the kills left.
#[derive(Default)]
struct Counts {
    old: u32,
    between: u32,
    new: u32,
}

impl Counts {
    /// Looks at a database after a kill, without mending anything.
    fn see(&mut self, setup: &Setup, old: &Path, schema: u64) -> Result<()> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let conn = Connection::open_with_flags(setup.database(), flags)?;
        let found = version(&conn)?;
        match found {
            found if found == schema => self.old += 1,
            found if found == latest() => self.new += 1,
            found if (schema..latest()).contains(&found) => self.between += 1,
            found => bail!("schema {found} after schema {schema}"),
        }
        let messages = |conn: &Connection| -> Result<i64> {
            Ok(conn.query_row("SELECT count(*) FROM messages", [], |row| row.get(0))?)
        };
        let (found, made) = (messages(&conn)?, messages(&Connection::open(old)?)?);
        ensure!(found == made, "{found} messages of {made} after a kill");
        Ok(())
    }
}

fn latest() -> u64 {
    RELEASED_STEPS as u64
}

fn version(conn: &Connection) -> Result<u64> {
    let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(u64::try_from(version)?)
}

async fn kill_at_a_write(setup: &mut Setup, nth: u64) -> Result<()> {
    setup.faults.as_ref().context("faults")?.order(Order {
        nth,
        kinds: WRITES | SYNCS | TRUNCATES,
        error: KILLED,
        repeat: 1,
        torn: false,
    });
    if let Ok(mut server) = setup.serve().await {
        server.kill().await?;
    }
    Ok(())
}

async fn kill_after(setup: &Setup, time: Duration) -> Result<()> {
    let mut child = setup.spawn(&["serve", "--listen", "127.0.0.1:0"])?;
    tokio::time::sleep(time).await;
    Ok(child.kill().await?)
}

fn place(database: &Path, setup: &Setup) -> Result<()> {
    std::fs::create_dir_all(setup.data_dir())?;
    std::fs::copy(database, setup.database())?;
    Ok(())
}

/// Today's schema, sound, with every row of before, and one sound backup, which is returned.
async fn is_upgraded(setup: &Setup, old: &Path, schema: u64) -> Result<PathBuf> {
    setup.log()?;
    let conn = Connection::open(setup.database())?;
    ensure!(version(&conn)? == latest(), "schema {}", version(&conn)?);
    let sound: String = conn.query_row("PRAGMA quick_check", [], |row| row.get(0))?;
    ensure!(sound == "ok", "{sound}");
    has_rows_of(&conn, old)?;
    // Where each room's messages are, which the oldest schema did not store.
    let is_found: bool = conn.query_row(
        "SELECT (SELECT count(*) FROM messages) =
             (SELECT sum(length(places) / 5) FROM message_places)
             + (SELECT sum(length(tail) / 5) FROM rooms)",
        [],
        |row| row.get(0),
    )?;
    ensure!(is_found, "messages without a place");
    ensure!(
        !setup.data_dir().join(MARKER_FILE).exists(),
        "its marker stays"
    );
    let directory = setup.data_dir().join("backups");
    let mut backups: Vec<PathBuf> = Vec::new();
    for directory in [&directory, &setup.data_dir()] {
        for entry in std::fs::read_dir(directory)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            ensure!(!name.contains("partial"), "{name} stays");
            if name.starts_with(BACKUP_PREFIX) {
                backups.push(directory.join(name));
            }
        }
    }
    let [backup] = &backups[..] else {
        bail!("not one backup: {backups:?}");
    };
    let verified = setup
        .run(&["verify", &backup.display().to_string()])
        .await?;
    ensure!(verified.success(), "{} does not verify", backup.display());
    let conn = Connection::open(backup)?;
    ensure!(version(&conn)? == schema, "a backup of another schema");
    Ok(backup.clone())
}

/// Whether a database has all that another one has, and no more of it: all columns of the older
/// schema, row by row.
fn has_rows_of(conn: &Connection, old: &Path) -> Result<()> {
    conn.execute("ATTACH ?1 AS old", [old.to_str().context("a plain name")?])?;
    for (table, key) in [
        ("messages", "n"),
        ("rooms", "pk"),
        ("visitors", "id"),
        ("visitor_tokens", "hash"),
        ("agents", "id"),
        ("agent_sessions", "hash"),
        ("audit", "pk"),
    ] {
        let columns = columns(conn, "old", table)?;
        let list = |of: &str| {
            let names = columns.iter().map(|name| format!("{of}.\"{name}\""));
            names.collect::<Vec<_>>().join(", ")
        };
        let (before, now, same): (i64, i64, i64) = conn.query_row(
            &format!(
                "SELECT (SELECT count(*) FROM old.{table}), (SELECT count(*) FROM main.{table}),
                     (SELECT count(*) FROM old.{table} o CROSS JOIN main.{table} m ON m.{key} = o.{key}
                      WHERE ({}) IS ({}))",
                list("o"),
                list("m")
            ),
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?;
        ensure!(
            before == now && before == same,
            "{table}: {before} before, {now} now, {same} of them the same"
        );
    }
    conn.execute("DETACH old", [])?;
    Ok(())
}

fn columns(conn: &Connection, database: &str, table: &str) -> Result<Vec<String>> {
    let mut query = conn.prepare("SELECT name FROM pragma_table_info(?1, ?2)")?;
    let names = query.query_map([table, database], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

async fn refuses_a_newer_one(mut setup: Setup) -> Result<()> {
    setup.faults = None;
    let conn = Connection::open(setup.database())?;
    conn.pragma_update(None, "user_version", i64::try_from(latest())? + 1)?;
    conn.close().map_err(|(_, error)| error)?;
    let Err(refused) = setup.serve().await else {
        bail!("a newer database was opened");
    };
    let refused = format!("{refused:#}");
    ensure!(refused.contains("newer"), "{refused}");
    Ok(())
}

/// Makes a database of a schema: the one that its version made, whose rooms with all their rows are
/// there so many times, each time with ids and numbers of their own and no long texts. The text index has those of the
/// first time, and says so, as after an import.
fn make(schema: u64, copies: usize, to: &Path) -> Result<()> {
    let fixture = schema.min(NEWEST_FIXTURE);
    unpack(fixture, to)?;
    let mut conn = Connection::open(to)?;
    conn.pragma_update(None, "synchronous", "OFF")?;
    let transaction = conn.transaction()?;
    multiply(&transaction, copies)?;
    transaction.commit()?;
    if schema > fixture {
        let schema = usize::try_from(schema)?;
        Migrations::from_slice(&STEPS[..schema]).to_latest(&mut conn)?;
    }
    let sound: String = conn
        .query_row("PRAGMA foreign_key_check", [], |row| row.get(0))
        .or_else(|error| match error {
            rusqlite::Error::QueryReturnedNoRows => Ok("ok".to_owned()),
            error => Err(error),
        })?;
    ensure!(sound == "ok", "{sound} refers to nothing");
    conn.close().map_err(|(_, error)| error.into())
}

fn unpack(schema: u64, to: &Path) -> Result<()> {
    let packed = format!(
        "{}/tests/fixtures/schemas/{schema}.db.gz",
        env!("CARGO_MANIFEST_DIR")
    );
    let mut database = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(packed)?).read_to_end(&mut database)?;
    Ok(std::fs::write(to, database)?)
}

/// The columns that differ from copy to copy, and how: `k` is the number of the copy.
fn differing(conn: &Connection) -> Result<BTreeMap<&'static str, String>> {
    let number = |sql: &str| -> Result<i64> { Ok(conn.query_row(sql, [], |row| row.get(0))?) };
    let n = number("SELECT n FROM state")?;
    let change = number("SELECT change FROM state")?;
    let room = number("SELECT max(pk) FROM rooms")?;
    let id = |column: &str| {
        format!(
            "CASE WHEN {column} IS NOT NULL THEN unhex(substr(hex({column}), 1, 24) || printf('%08x', k)) END"
        )
    };
    let mut differing = BTreeMap::from([
        ("user", "user || ' ' || k".to_owned()),
        ("content", "substr(content, 1, 100)".to_owned()),
        ("last_content", "substr(last_content, 1, 100)".to_owned()),
        ("hash", id("hash")),
        ("id", id("id")),
        ("visitor", id("visitor")),
    ]);
    for (column, step) in [
        ("pk", room),
        ("room", room),
        ("n", n),
        ("last_n", n),
        ("waiting_n", n),
        ("change", change),
    ] {
        differing.insert(column, format!("{column} + k * {step}"));
    }
    Ok(differing)
}

fn multiply(conn: &Connection, copies: usize) -> Result<()> {
    let differing = differing(conn)?;
    // Visitors before what refers to them.
    for table in ["visitors", "visitor_tokens", "rooms", "messages"] {
        let columns = columns(conn, "main", table)?;
        let values: Vec<String> = columns
            .iter()
            .map(|column| match differing.get(column.as_str()) {
                Some(value) => value.clone(),
                None => format!("\"{column}\""),
            })
            .collect();
        conn.execute_batch(&format!(
            "CREATE TEMP TABLE original AS SELECT * FROM main.{table};
             WITH RECURSIVE copies (k) AS
                 (SELECT 1 WHERE {copies} > 1 UNION ALL SELECT k + 1 FROM copies WHERE k + 1 < {copies})
             INSERT INTO main.{table} SELECT {} FROM copies CROSS JOIN temp.original;
             DROP TABLE original;",
            values.join(", ")
        ))?;
    }
    if conn.table_exists(None, "message_places")? {
        write_places(conn)?;
    }
    conn.execute(
        "UPDATE state SET n = n * ?1, change = change * ?1, waiting = waiting * ?1,
             active = active * ?1, closed = closed * ?1",
        [i64::try_from(copies)?],
    )?;
    Ok(())
}

/// Where the messages of the further rooms are, in the words of the third step.
fn write_places(conn: &Connection) -> Result<()> {
    Ok(conn.execute_batch(
        "CREATE TEMP TABLE ordered AS SELECT room, seq, 2 * n + (sender_type = 0) AS place
             FROM main.messages ORDER BY room, seq;
         DELETE FROM message_places;
         INSERT INTO message_places
             SELECT room, (seq - 1) / 32, unhex(group_concat(printf('%010x', place), '' ORDER BY seq))
             FROM ordered GROUP BY room, (seq - 1) / 32 HAVING count(*) = 32;
         CREATE TEMP TABLE tails AS
             SELECT room, unhex(group_concat(printf('%010x', place), '' ORDER BY seq)) AS tail
             FROM ordered JOIN main.rooms ON pk = room WHERE seq > last_seq / 32 * 32 GROUP BY room;
         CREATE INDEX temp.tails_by_room ON tails (room);
         UPDATE main.rooms SET tail = ifnull((SELECT tail FROM tails WHERE room = pk), x'');
         DROP TABLE tails;
         DROP TABLE ordered;",
    )?)
}
