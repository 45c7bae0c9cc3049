//! What PostgreSQL can do: inserts of a node's rows into a node's schema over one connection with
//! prepared statements, those of a transaction sent at once, and nothing around them.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use shoptalk::persistence::{Store, StoreOptions, Synchronous};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Statement};
use uuid::Uuid;

use crate::texts;

/// The slot that the raw inserts number their changes in.
const SLOT: i16 = 63;
/// Slots that a database is filled in, as if so many nodes had written it: this one and those before.
const FILL_SLOTS: i16 = 8;
/// Messages in a transaction while a database is filled.
const FILL_BATCH: usize = 1_000;
const TIME: i64 = 1_700_000_000_000;

const ROOMS: &str = "
    WITH visitor AS (
        INSERT INTO visitors (id, \"user\", blocked, created_at)
        SELECT gen_random_uuid(), NULL, false, 0 FROM generate_series(1, $1::bigint) RETURNING id),
    room AS (
        INSERT INTO rooms (id, visitor, customer_name, signed, created_at)
        SELECT gen_random_uuid(), id, 'Ann', 0, 0 FROM visitor RETURNING pk)
    INSERT INTO room_heads (room, status, updated_at, last_seq, customer_read_seq, admin_read_seq,
        unread_count, version, slot, change)
    SELECT pk, 1, 0, 0, 0, 0, 0, 0, 0, 0 FROM room RETURNING room";

const MESSAGES: &str = "
    INSERT INTO messages (room, seq, n, id, sender_type, sender_name, content, event, created_at)
    SELECT room, seq, n, id, 0, 'Ann', content, NULL, $6
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::uuid[], $5::text[])
        AS u (room, seq, n, id, content)";

const HEADS: &str = "
    UPDATE room_heads h SET status = 0, updated_at = $5, last_seq = u.seq, unread_count = u.seq,
        version = u.seq, slot = $6, change = u.n, waiting_since = $5,
        waiting_n = coalesce(h.waiting_n, u.n), last_n = u.n, last_message_at = $5,
        last_sender_type = 0, last_sender_name = 'Ann', last_content = u.content
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[]) AS u (room, seq, n, content)
    WHERE h.room = u.room";

const MOVE: &str = "UPDATE slots SET change = $2, commits = commits + 1 WHERE slot = $1";

type Params<'p, const COUNT: usize> = [&'p (dyn ToSql + Sync); COUNT];

/// A store in this database, as a node opens it.
pub(crate) async fn open_store(url: &str, data_dir: &Path) -> Result<Store> {
    let options = StoreOptions {
        url: Some(url.to_owned()),
        data_dir: data_dir.to_owned(),
        backup_dir: data_dir.join("backups"),
        backup_recipients: Vec::new(),
        still_upgrading: || {},
        synchronous: Synchronous::Full,
        exclusive: true,
        queue_items: 4_096,
        batch_items: 256,
        readers: 1,
        rules: Default::default(),
    };
    Ok(tokio::task::spawn_blocking(|| Store::open(options)).await??)
}

/// Inserts messages into rooms in turn.
pub(crate) struct PostgresInserter {
    client: Client,
    messages: Statement,
    heads: Statement,
    move_slot: Statement,
    /// Their numbers, and the newest seq of each.
    rooms: Vec<(i64, i64)>,
    next: usize,
    n: i64,
    slot: i16,
}

impl PostgresInserter {
    /// A database as a node makes it, with this many rooms.
    pub(crate) async fn new(url: &str, data_dir: &Path, rooms: usize) -> Result<Self> {
        let store = open_store(url, data_dir).await?;
        store.close().await;
        drop(store);
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        client
            .execute(
                "INSERT INTO slots (slot, owner, fence, lease, change, commits, waiting, active, closed)
                 SELECT slot, 'raw', 0, now(), 0, 0, 0, 0, 0
                 FROM generate_series($1::smallint - $2::smallint + 1, $1) slot",
                &[&SLOT, &FILL_SLOTS],
            )
            .await?;
        let rows = client.query(ROOMS, &[&i64::try_from(rooms)?]).await?;
        let rooms = rows.iter().map(|row| Ok((row.try_get(0)?, 0)));
        Ok(Self {
            rooms: rooms.collect::<Result<_>>()?,
            messages: client.prepare(MESSAGES).await?,
            heads: client.prepare(HEADS).await?,
            move_slot: client.prepare(MOVE).await?,
            client,
            next: 0,
            n: 0,
            slot: SLOT,
        })
    }

    /// Inserts for this long, `batch` messages per transaction. Returns messages per second, and
    /// how long each transaction took.
    pub(crate) async fn run(
        &mut self,
        batch: usize,
        time: Duration,
    ) -> Result<(f64, Histogram<u64>)> {
        let mut transactions = Histogram::new(3)?;
        let started = Instant::now();
        let mut inserted = 0;
        while started.elapsed() < time {
            inserted += batch;
            let before = Instant::now();
            self.transaction(batch).await?;
            transactions.record(before.elapsed().as_micros() as u64)?;
        }
        let per_second = inserted as f64 / started.elapsed().as_secs_f64();
        Ok((per_second, transactions))
    }

    /// Inserts this many messages in many slots, and leaves the database as nodes would.
    pub(crate) async fn fill(mut self, messages: usize) -> Result<()> {
        let mut left = messages;
        while left > 0 {
            let batch = left.min(FILL_BATCH);
            self.transaction(batch).await?;
            self.slot = match self.slot {
                last if last == SLOT - FILL_SLOTS + 1 => SLOT,
                slot => slot - 1,
            };
            left -= batch;
        }
        let move_on = "SELECT setval('message_n', $1)";
        self.client.query_one(move_on, &[&self.n]).await?;
        Ok(())
    }

    async fn transaction(&mut self, batch: usize) -> Result<()> {
        let (mut rooms, mut seqs, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
        let (mut ids, mut contents) = (Vec::new(), Vec::new());
        let mut newest = HashMap::new();
        for place in 0..batch {
            let at = self.next % self.rooms.len();
            self.next += 1;
            self.n += 1;
            let (room, seq) = &mut self.rooms[at];
            *seq += 1;
            rooms.push(*room);
            seqs.push(*seq);
            numbers.push(self.n);
            ids.push(Uuid::now_v7());
            contents.push(texts::next());
            newest.insert(*room, place);
        }
        let mut places: Vec<usize> = newest.into_values().collect();
        places.sort_unstable();
        let of = |from: &[i64]| -> Vec<i64> { places.iter().map(|at| from[*at]).collect() };
        let (head_rooms, head_seqs, head_numbers) = (of(&rooms), of(&seqs), of(&numbers));
        let head_contents: Vec<&str> = places.iter().map(|at| &*contents[*at]).collect();
        let message_params: Params<'_, 6> = [&rooms, &seqs, &numbers, &ids, &contents, &TIME];
        let head_params: Params<'_, 6> = [
            &head_rooms,
            &head_seqs,
            &head_numbers,
            &head_contents,
            &TIME,
            &self.slot,
        ];
        let move_params: Params<'_, 2> = [&self.slot, &self.n];
        let client = &self.client;
        // Sent one behind the other, without waiting.
        let (begun, inserted, updated, moved, committed) = tokio::join!(
            biased;
            client.batch_execute("BEGIN"),
            client.execute(&self.messages, &message_params),
            client.execute(&self.heads, &head_params),
            client.execute(&self.move_slot, &move_params),
            client.batch_execute("COMMIT"),
        );
        begun?;
        ensure!(inserted? == batch as u64 && updated? == places.len() as u64 && moved? == 1);
        committed.context("a COMMIT")
    }
}
