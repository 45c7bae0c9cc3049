//! P7: a database with flipped bits. SQLite itself decides which of them have to be noticed: it
//! reads each damaged copy first, and the server has to notice what SQLite notices.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rusqlite::Connection;

use crate::common::{DEADLINE, Response, Value};
use crate::fixtures::{OpenShop, try_sign_in};
use crate::process::Setup;
use crate::report::{Form, Line};
use crate::workload::{Behavior, Workload};

/// Bytes of a page of the database.
const PAGE: usize = 4096;

/// Tables that the trial has the server read whole.
const READ_WHOLE: [&str; 3] = ["rooms", "messages", "agents"];

/// How a server took a flipped bit.
#[derive(Default)]
struct Taken {
    /// SQLite finds them damaged, so the server has to.
    visible: usize,
    unnoticed: usize,
    /// Refused to start, with the reason.
    not_started: usize,
    /// Noticed while running: writes are refused, and `/readyz` names what to restore.
    refusing: usize,
}

/// One bit of the database flipped.
pub(crate) async fn flipped_bits(form: Form, line: Line) -> Result<()> {
    let copies = form.pick(40, 1_000);
    let mut random = StdRng::seed_from_u64(form.seed);
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    let shop = OpenShop::create(&setup, &server, 30).await?;
    let mut workload = Workload::start(server.addr, 8, Behavior::PLAIN, form.seed).await?;
    workload.wait_for_acks(400).await?;
    let mut rooms: Vec<String> = workload
        .rooms()
        .iter()
        .map(|(id, _)| id.to_string())
        .collect();
    rooms.push(shop.room_id.clone());
    workload.finish().await?;
    server.terminate(DEADLINE).await?;
    ensure!(visible_damage(&setup.database())?.is_none(), "it is whole");
    let roots = root_pages(&setup.database())?;
    let whole = std::fs::read(setup.database())?;
    let beside = tempfile::tempdir()?;
    let mut taken = Taken::default();
    for at in 0..copies {
        let mut flipped = whole.clone();
        let pages = flipped.len() / PAGE;
        let byte = match at % 3 {
            // The byte for the kind of a table's root page: every reader notices it.
            0 => (roots[random.random_range(0..roots.len())] - 1) * PAGE,
            // The header of a page, in which SQLite keeps its layout.
            1 => random.random_range(0..pages) * PAGE + random.random_range(0..12),
            _ => random.random_range(0..flipped.len()),
        };
        let bit = byte * 8
            + match at % 3 {
                // Without the bit that makes a leaf of an inner page: what it then holds may pass
                // for empty rows.
                0 => [0, 1, 2, 4, 5, 6, 7][random.random_range(0..7)],
                _ => random.random_range(0..8),
            };
        flipped[bit / 8] ^= 1 << (bit % 8);
        // SQLite has a copy of its own, as it leaves files beside what it reads.
        let copy = beside.path().join(format!("{at}.db"));
        std::fs::write(&copy, &flipped)?;
        let visible = visible_damage(&copy)?;
        std::fs::remove_file(&copy)?;
        ensure!(
            at % 3 != 0 || visible.is_some(),
            "SQLite reads a page of no kind"
        );
        // What the last copy's server left. With its number of commits, this one would pass for an
        // older database that somebody put there: it would end the agent's session.
        for beside in ["shoptalk.db-wal", "shoptalk.db-shm", "shoptalk.commits"] {
            let beside = setup.data_dir().join(beside);
            if beside.exists() {
                std::fs::remove_file(beside)?;
            }
        }
        std::fs::write(setup.database(), flipped)?;
        taken.visible += usize::from(visible.is_some());
        try_damaged(&mut setup, &shop, &rooms, visible.as_deref(), &mut taken)
            .await
            .with_context(|| {
                let output = setup.log().unwrap_or_else(|error| error.to_string());
                let last = output.lines().rfind(|line| line.contains("ERROR"));
                format!("bit {bit} of {}: {last:?}", whole.len() * 8)
            })?;
        setup.log()?;
    }
    line.figure(
        &format!("one bit flipped in {copies} copies of a database"),
        format!(
            "0 panics; {} damaged according to SQLite, all noticed; {} refused to start and gave the reason, {} refused writes, {} not noticed",
            taken.visible, taken.not_started, taken.refusing, taken.unnoticed
        ),
        "never a panic; where SQLite reports it, writes refused and `/readyz` says what to restore",
        // Those at the roots alone are as many.
        taken.visible >= copies / 3,
    )
}

/// The first pages of the tables that the server is to read whole.
fn root_pages(database: &Path) -> Result<Vec<usize>> {
    let conn = Connection::open(database)?;
    let page: i64 = conn.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    ensure!(page as usize == PAGE, "pages have {page} bytes");
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    READ_WHOLE
        .iter()
        .map(|table| Ok(conn.query_row(root, [table], |row| row.get::<_, i64>(0))? as usize))
        .collect()
}

/// What SQLite says of a database when all is read that the server will be asked for.
fn visible_damage(database: &Path) -> Result<Option<String>> {
    let read = || -> rusqlite::Result<()> {
        let conn = Connection::open(database)?;
        for table in READ_WHOLE {
            let mut statement = conn.prepare(&format!("SELECT * FROM {table}"))?;
            let columns = statement.column_count();
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                for column in 0..columns {
                    row.get_ref(column)?;
                }
            }
        }
        Ok(())
    };
    match read() {
        Ok(()) => Ok(None),
        Err(error) => {
            use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase, Unknown};
            // A name that has rotted in the schema is a table or a column that is not there.
            ensure!(
                matches!(
                    error.sqlite_error_code(),
                    Some(DatabaseCorrupt | NotADatabase | Unknown)
                ),
                "SQLite cannot read a copy: {error}"
            );
            Ok(Some(error.to_string()))
        }
    }
}

async fn try_damaged(
    setup: &mut Setup,
    shop: &OpenShop,
    rooms: &[String],
    visible: Option<&str>,
    taken: &mut Taken,
) -> Result<()> {
    let mut server = match setup.serve().await {
        Ok(server) => server,
        Err(refused) => {
            let refused = format!("{refused:#}");
            let last = refused.trim_end().lines().last().unwrap_or("");
            ensure!(last.contains("shoptalk:"), "no reason: {refused}");
            taken.not_started += 1;
            return Ok(());
        }
    };
    let mut damaged = false;
    let log = |room: &String| format!("/api/admin/rooms/{room}/messages/?limit=200");
    for (who, path) in [
        (&shop.visitor, shop.messages()),
        (&shop.agent, "/api/admin/rooms/?limit=200".to_owned()),
        (&shop.agent, "/api/admin/rooms/?q=kettle".to_owned()),
        (&shop.agent, "/api/admin/agents/".to_owned()),
    ]
    .into_iter()
    .chain(rooms.iter().map(|room| (&shop.agent, log(room))))
    {
        damaged |= reports_damage(&who.get(&path).await)?;
    }
    for _ in 0..3 {
        damaged |= reports_damage(&shop.post().await?)?;
        damaged |= reports_damage(&try_sign_in(&server).await)?;
    }
    // The server's own checks may notice it first.
    let ready = server.rest().get("/readyz").await;
    damaged |= ready.status == 503 && ready.text.contains("restore");
    if damaged {
        // Damage that was found stays known.
        let post = shop.post().await?;
        ensure!(
            !(200..300).contains(&post.status),
            "a damaged database takes a message: {}",
            post.text
        );
        ensure!(
            ready.status == 503 && ready.text.contains("restore"),
            "{} {}",
            ready.status,
            ready.text
        );
        taken.refusing += 1;
    } else {
        ensure!(
            visible.is_none(),
            "the server does not notice what SQLite reports: {visible:?}"
        );
        taken.unnoticed += 1;
    }
    server.kill().await
}

/// Whether an answer says that the database is damaged. A flip inside a hash or an id makes a
/// stranger of somebody, which is a refusal like any other; what is not allowed is an answer
/// that nobody can do anything with.
fn reports_damage(response: &Response) -> Result<bool> {
    if response.status < 500 {
        return Ok(false);
    }
    let problem: Value = response.json();
    ensure!(
        response.status == 503 && problem["code"] == "storage_unavailable",
        "{} {problem}",
        response.status
    );
    Ok(problem["detail"]
        .as_str()
        .is_some_and(|detail| detail.contains("restore")))
}
