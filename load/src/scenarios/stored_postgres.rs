//! A full database in PostgreSQL, written by several nodes, with the conversations of a shop that has
//! agents, tags and spam.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use memchr::memmem;
use shoptalk_local_servers::{Database, Postgres};
use tokio::task::block_in_place;
use uuid::Uuid;

use super::Setup;
use super::closed_loop::closed_loop;
use super::stored::{INDEXING_A_MILLION, POSTING, Reads, SAMPLED, STARTS};
use crate::clients::{Console, Visitor};
use crate::delivery_check::DeliveryCheck;
use crate::raw_postgres::PostgresInserter;
use crate::report::{Goal, median, millis};
use crate::server::Server;

/// How often each list is read.
const LISTS_EACH: usize = 50;
/// How often consoles come back.
const RESUMES: usize = 20;

/// Ten agents, three tags (of half of the rooms, of one in twenty, of one in a thousand), one room in
/// twenty spam, one in ten waiting, half of them closed, and two of three with an agent.
const SHOP: &str = "
    INSERT INTO agents (id, username, username_key, display_name, role, disabled, password_hash,
            created_at, on_duty)
        SELECT gen_random_uuid(), 'a' || g, 'a' || g, 'A' || g, 1, false, '', 0, false
        FROM generate_series(1, 9) g;
    INSERT INTO tags (id, name, name_key, color)
        SELECT gen_random_uuid(), t, t, 'red' FROM unnest(ARRAY['common', 'seldom', 'rare']) t;
    INSERT INTO room_tags (tag, room) SELECT t.id, h.room FROM room_heads h, tags t
        WHERE h.room % CASE t.name WHEN 'common' THEN 2 WHEN 'seldom' THEN 20 ELSE 1000 END = 1;
    WITH agent AS (SELECT id, row_number() OVER (ORDER BY username) - 1 AS no FROM agents),
    room AS (SELECT room, room / 20 % 10 AS status, room / 200 % 3 > 0 AS assigned,
            room / 600 % 10 AS agent, room / 3 % 20 = 0 AS spam FROM room_heads)
    UPDATE room_heads h SET
        status = CASE WHEN r.status = 0 THEN 0 WHEN r.status < 5 THEN 1 ELSE 2 END,
        waiting_since = CASE WHEN r.status = 0 THEN h.waiting_since END,
        waiting_n = CASE WHEN r.status = 0 THEN h.waiting_n END,
        assignee = CASE WHEN r.assigned THEN a.id END, spam = r.spam,
        tags = (SELECT array_agg(t.tag) FROM room_tags t WHERE t.room = h.room)
    FROM room r JOIN agent a ON a.no = r.agent WHERE h.room = r.room;
    UPDATE slots SET (waiting, active, closed) =
        (SELECT count(*) FILTER (WHERE status = 0), count(*) FILTER (WHERE status = 1),
            count(*) FILTER (WHERE status = 2) FROM room_heads WHERE NOT spam)
    WHERE slot = 63";

/// One room in twenty changes, as other nodes would have changed it.
const CHANGES: &str = "
    WITH other AS (SELECT slot, change, row_number() OVER () - 1 AS no, count(*) OVER () AS slots
        FROM slots WHERE owner = 'raw'),
    room AS (SELECT room, row_number() OVER () AS no FROM room_heads WHERE room % 20 = 7)
    UPDATE room_heads h SET version = h.version + 1, slot = o.slot, change = o.change + r.no
        FROM room r JOIN other o ON o.no = r.no % o.slots WHERE h.room = r.room;
    UPDATE slots SET change = change + 1000000, commits = commits + 1 WHERE owner = 'raw'";

/// A database with this many messages in this many rooms, all of them indexed.
pub(crate) async fn stored_postgres(
    setup: &mut Setup,
    messages: usize,
    rooms: usize,
) -> Result<()> {
    let postgres = block_in_place(Postgres::start)?;
    let database = block_in_place(|| postgres.create_database())?;
    let dir = setup.directory()?;
    let settings = [("SHOPTALK_STORAGE__URL", database.url())];
    let inserter = PostgresInserter::new(&database.url(), dir.path(), rooms).await?;
    inserter.fill(messages).await?;
    // As its upkeep would, which would otherwise come in the middle of what is measured.
    sql(&database, "VACUUM ANALYZE")?;
    let server = Server::start_with(&setup.target, dir.path(), &settings).await?;
    let patience = INDEXING_A_MILLION * (messages / 1_000_000 + 1) as u32;
    let indexed_in = indexed(&database, patience).await?;
    server.stop().await?;
    sql(&database, "VACUUM ANALYZE")?;
    let bytes = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    let bytes: f64 = sql(&database, bytes)?.parse()?;
    sql(&database, SHOP)?;
    sql(&database, "VACUUM ANALYZE")?;
    let mut ready = Vec::new();
    for _ in 1..STARTS {
        let server = Server::start_with(&setup.target, dir.path(), &settings).await?;
        ready.push(server.ready_in.as_secs_f64() * 1_000.0);
        server.stop().await?;
    }
    let server = Server::start_with(&setup.target, dir.path(), &settings).await?;
    ready.push(server.ready_in.as_secs_f64() * 1_000.0);
    let token = server.sign_in().await?;
    let reads = Reads::new(server.addr, token.clone());
    let ids = format!(
        "SELECT id FROM rooms WHERE pk % greatest(1, (SELECT max(pk) FROM rooms) / {SAMPLED}) = 0
         LIMIT {SAMPLED}"
    );
    let ids = sql(&database, &ids)?;
    let ids = ids
        .lines()
        .map(Uuid::parse_str)
        .collect::<Result<Vec<_>, _>>()?;
    let pages = reads.first_pages(&ids).await?;
    let (searches, slowest_search, search_ms) = reads.searches().await?;
    let (lists, slowest_list, list_ms) = reads.each(&lists(&database)?, LISTS_EACH).await?;
    let (counts, ..) = reads
        .each(&[("counts", "?assignee=me&limit=1".to_owned())], RESUMES)
        .await?;
    let resumes = resumes(&server, &token, &database).await?;
    let process = server.process()?;
    let check = Arc::new(DeliveryCheck::default());
    let customers = Visitor::many(server.addr, POSTING, &check).await?;
    let customers = closed_loop(customers, Duration::from_secs(1)).await?.0;
    let before = process.cpu_seconds()?;
    let (customers, round) = closed_loop(customers, Duration::from_secs(3)).await?;
    let cpu_us = (process.cpu_seconds()? - before) / round.acked as f64 * 1e6;
    let name = |what: &str| format!("{messages} messages in {rooms} rooms: {what}");
    let slowest_search = format!("the slowest query (\"{slowest_search}\"), p50");
    let slowest_list = format!("the slowest list ({slowest_list}), p50");
    let report = &mut setup.report;
    for (what, value, unit, goal) in [
        ("ready", median(ready), "ms", Goal::AtMost(100.0)),
        (
            "first page p99",
            millis(&pages, 0.99),
            "ms",
            Goal::AtMost(2.0),
        ),
        (
            "search p99",
            millis(&searches, 0.99),
            "ms",
            Goal::AtMost(20.0),
        ),
        (slowest_search.as_str(), search_ms, "ms", Goal::None),
        ("lists p99", millis(&lists, 0.99), "ms", Goal::None),
        (slowest_list.as_str(), list_ms, "ms", Goal::None),
        (
            "a list of one with its counts, p50",
            millis(&counts, 0.5),
            "ms",
            Goal::None,
        ),
        (
            "a console is back, one room in 20 changed, p50",
            millis(&resumes, 0.5),
            "ms",
            Goal::None,
        ),
        (
            "server CPU per message, 16 senders",
            cpu_us,
            "µs",
            Goal::None,
        ),
        (
            "disk per message",
            bytes / messages as f64,
            "bytes",
            Goal::None,
        ),
        ("indexed in", indexed_in.as_secs_f64(), "s", Goal::None),
    ] {
        report.add("stored-postgres", name(what), value, unit, goal);
    }
    report.check("stored-postgres", &check);
    drop(customers);
    server.stop().await.context("the full server")
}

fn sql(database: &Database<'_>, sql: &str) -> Result<String> {
    Ok(block_in_place(|| database.psql(sql))?)
}

/// Waits until everything is in the text index.
async fn indexed(database: &Database<'_>, patience: Duration) -> Result<Duration> {
    let started = Instant::now();
    let behind = "SELECT count(*) FROM slots s LEFT JOIN search_progress p USING (slot)
        WHERE s.change > coalesce(p.change, 0)";
    while sql(database, behind)? != "0" {
        ensure!(
            started.elapsed() < patience,
            "the text index is not done after {patience:?}"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(started.elapsed())
}

/// The lists of the console, with each of its filters.
fn lists(database: &Database<'_>) -> Result<Vec<(&'static str, String)>> {
    let mut lists = Vec::new();
    for (name, filter) in [
        ("all", ""),
        ("waiting", "&status=waiting&order=waiting"),
        ("active", "&status=active"),
        ("closed", "&status=closed"),
        ("mine", "&assignee=me&order=waiting"),
        ("mine, active", "&assignee=me&status=active"),
        ("mine, closed", "&assignee=me&status=closed"),
        ("unassigned", "&assignee=none&order=waiting"),
        ("unassigned, active", "&assignee=none&status=active"),
        ("unassigned, closed", "&assignee=none&status=closed"),
        ("spam", "&spam=true"),
        ("spam, waiting", "&spam=true&order=waiting"),
        ("spam of mine", "&spam=true&assignee=me"),
    ] {
        lists.push((name, format!("?limit=50{filter}")));
    }
    for (name, tag, filter) in [
        ("common tag", "common", ""),
        ("common tag, mine", "common", "&assignee=me&order=waiting"),
        ("seldom tag", "seldom", ""),
        ("seldom tag, waiting", "seldom", "&order=waiting"),
        ("rare tag", "rare", ""),
        ("rare tag, waiting", "rare", "&order=waiting"),
    ] {
        let tag = sql(
            database,
            &format!("SELECT id FROM tags WHERE name = '{tag}'"),
        )?;
        lists.push((name, format!("?limit=50&tag={tag}{filter}")));
    }
    Ok(lists)
}

/// The times until a console has everything that has changed while it was away.
async fn resumes(server: &Server, token: &str, database: &Database<'_>) -> Result<Histogram<u64>> {
    let mut console = Console::connect(server.addr, token).await?;
    console.catch_up().await?;
    sql(database, CHANGES)?;
    let mut times = Histogram::<u64>::new(3)?;
    for _ in 0..RESUMES {
        let before = Instant::now();
        let mut back = console.resumed().await?;
        let recovered = memmem::find(back.wire.last(), b"\"recovered\":true");
        ensure!(recovered.is_some(), "the console had to start again");
        back.catch_up().await?;
        times.record(before.elapsed().as_micros() as u64)?;
    }
    Ok(times)
}
