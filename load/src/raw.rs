//! What the disk can do: inserts of the server's rows into the server's schema, by the same SQLite
//! with the same settings, and nothing around them.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;
use rusqlite::{Connection, params};
use shoptalk::persistence::{Store, StoreOptions, Synchronous};
use uuid::Uuid;

use crate::texts;

/// Messages of a room whose row numbers share a block.
const BLOCK: i64 = 32;

/// Messages in a transaction while a database is filled.
const FILL_BATCH: usize = 1_000;

/// A room that messages are inserted into.
struct Room {
    pk: i64,
    seq: i64,
    /// The row numbers of the messages after the last full block.
    tail: Vec<u8>,
}

/// Inserts messages into rooms in turn.
pub(crate) struct Inserter {
    conn: Connection,
    rooms: Vec<Room>,
    next: usize,
    n: i64,
}

impl Inserter {
    /// A database as the server makes it, with this many rooms.
    pub(crate) async fn new(data_dir: &Path, rooms: usize) -> Result<Self> {
        let store = Store::open(StoreOptions {
            url: None,
            data_dir: data_dir.to_owned(),
            backup_dir: data_dir.join("backups"),
            backup_recipients: Vec::new(),
            still_upgrading: || {},
            synchronous: Synchronous::Full,
            exclusive: true,
            queue_items: 16,
            batch_items: 16,
            readers: 1,
            rules: Default::default(),
        })?;
        store.close().await;
        drop(store);
        let conn = Connection::open(data_dir.join("shoptalk.db"))?;
        conn.set_prepared_statement_cache_capacity(64);
        for (pragma, value) in [
            ("journal_mode", "WAL"),
            ("synchronous", "FULL"),
            ("foreign_keys", "ON"),
            ("cache_size", "-16384"),
            ("wal_autocheckpoint", "10000"),
            ("journal_size_limit", "67108864"),
        ] {
            conn.pragma_update(None, pragma, value)?;
        }
        let mut inserter = Self {
            conn,
            rooms: Vec::new(),
            next: 0,
            n: 0,
        };
        inserter.add_rooms(rooms)?;
        Ok(inserter)
    }

    /// Adds rooms, each with a visitor of its own.
    pub(crate) fn add_rooms(&mut self, rooms: usize) -> Result<()> {
        self.conn.execute_batch("BEGIN IMMEDIATE")?;
        for _ in 0..rooms {
            let visitor = Uuid::now_v7();
            self.conn
                .prepare_cached(
                    "INSERT INTO visitors (id, user, blocked, created_at) VALUES (?1, NULL, 0, 0)",
                )?
                .execute([visitor])?;
            self.conn
                .prepare_cached(
                    "INSERT INTO rooms (id, visitor, status, customer_name, signed, created_at, updated_at,
                                        last_seq, customer_read_seq, admin_read_seq, unread_count, version)
                     VALUES (?1, ?2, 1, 'Ann', 0, 0, 0, 0, 0, 0, 0, 0)",
                )?
                .execute(params![Uuid::now_v7(), visitor])?;
            self.rooms.push(Room {
                pk: self.conn.last_insert_rowid(),
                seq: 0,
                tail: Vec::new(),
            });
        }
        self.conn.execute_batch("COMMIT")?;
        Ok(())
    }

    /// Inserts for this long, `batch` messages per transaction. Returns messages per second, and
    /// how long each COMMIT took.
    pub(crate) fn run(&mut self, batch: usize, time: Duration) -> Result<(f64, Histogram<u64>)> {
        let mut commits = Histogram::new(3)?;
        let started = Instant::now();
        let mut inserted = 0;
        while started.elapsed() < time {
            inserted += batch;
            commits.record(self.transaction(batch)?.as_micros() as u64)?;
        }
        Ok((inserted as f64 / started.elapsed().as_secs_f64(), commits))
    }

    /// Inserts this many messages and [finishes](Self::finish).
    pub(crate) fn fill(mut self, messages: usize) -> Result<()> {
        let mut left = messages;
        while left > 0 {
            let batch = left.min(FILL_BATCH);
            self.transaction(batch)?;
            left -= batch;
        }
        self.finish()
    }

    /// Inserts this many messages in one transaction. Returns how long its COMMIT took.
    fn transaction(&mut self, batch: usize) -> Result<Duration> {
        self.conn.execute_batch("BEGIN IMMEDIATE")?;
        for _ in 0..batch {
            self.insert()?;
        }
        let before = Instant::now();
        self.conn.execute_batch("COMMIT")?;
        Ok(before.elapsed())
    }

    fn insert(&mut self) -> Result<()> {
        let content = texts::next();
        let place = self.next % self.rooms.len();
        self.next += 1;
        self.n += 1;
        let Room { pk, seq, tail } = &mut self.rooms[place];
        *seq += 1;
        self.conn
            .prepare_cached(
                "INSERT INTO messages (n, room, seq, id, sender_type, sender_name, content, created_at)
                 VALUES (?1, ?2, ?3, ?4, 0, 'Ann', ?5, ?6)",
            )?
            .execute(params![self.n, *pk, *seq, Uuid::now_v7(), content, 1_700_000_000_000_i64])?;
        // Five bytes: twice the number, and one because the customer wrote it.
        tail.extend(&(2 * self.n + 1).to_be_bytes()[3..]);
        if *seq % BLOCK == 0 {
            self.conn
                .prepare_cached(
                    "INSERT INTO message_places (room, block, places) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![*pk, *seq / BLOCK - 1, *tail])?;
            tail.clear();
        }
        self.conn
            .prepare_cached(
                "UPDATE rooms SET status = 0, updated_at = ?2, last_seq = ?3, unread_count = ?3, version = ?3,
                        change = ?4, last_n = ?4, last_message_at = ?2, last_sender_type = 0,
                        last_sender_name = 'Ann', last_content = ?5, waiting_since = ?2,
                        waiting_n = coalesce(waiting_n, ?4), tail = ?6
                 WHERE pk = ?1",
            )?
            .execute(params![*pk, 1_700_000_000_000_i64, *seq, self.n, content, *tail])?;
        Ok(())
    }

    /// Corrects the counts, so that the server can open the database.
    fn finish(self) -> Result<()> {
        self.conn.execute(
            "UPDATE state SET change = ?1, n = ?1, waiting = (SELECT count(*) FROM rooms WHERE status = 0 AND last_n IS NOT NULL)",
            [self.n],
        )?;
        self.conn
            .pragma_update_and_check(None, "wal_checkpoint", "TRUNCATE", |_| Ok(()))?;
        Ok(())
    }
}
