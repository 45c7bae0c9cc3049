//! The rows of the text index.
//!
//! A word is stored behind the number of the *block* of entries that it occurs in, so that the
//! newest matches are found without looking at all of them, however common the word is. Smaller
//! blocks make a common word cheaper and a rare one dearer, and the index larger.
//!
//! Whoever changes or deletes a text that the index may have takes the index's turn first
//! ([`pause_index`]), and deletes its entries in a statement after that: no step of the indexer can
//! bring them back then.

use std::collections::BTreeSet;
use std::error::Error;
use std::ops::RangeInclusive;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{IsNull, ToSql, Type, accepts, to_sql_checked};

use crate::chat::{ChangeId, ChangeVector};
use crate::persistence::postgres::codes::uint;
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::slot::slot_code;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::words;

/// Entries of a block, as a power of two.
const BLOCK_BITS: u32 = 14;
/// How many characters the number of a block has in front of a word, at least.
const PREFIX_CHARS: usize = 5;

/// The block of an entry.
pub(crate) fn block_of(n: i64) -> i64 {
    n >> BLOCK_BITS
}

/// The number of a block's first entry.
pub(crate) fn first_of(block: i64) -> i64 {
    block << BLOCK_BITS
}

/// How a block begins its words: its number in base 32. It stands in front of every word, so it is
/// short.
fn prefix(block: i64) -> String {
    let mut prefix = String::new();
    let mut left = block.cast_unsigned();
    while left > 0 || prefix.len() < PREFIX_CHARS {
        let digit = u32::try_from(left % 32).ok();
        prefix.extend(digit.and_then(|digit| char::from_digit(digit, 32)));
        left /= 32;
    }
    prefix.chars().rev().collect()
}

/// The words of an entry, behind the number of its block.
fn words_of(n: i64, texts: &[&str]) -> Vec<String> {
    let mut found = BTreeSet::new();
    for text in texts {
        words::add(text, &mut found);
    }
    let prefix = prefix(block_of(n));
    let words = found.iter().map(|word| format!("{prefix}{word}"));
    words.collect()
}

/// Words without their places in a text. They are sent in the binary form, so that PostgreSQL parses
/// nothing.
#[derive(Debug)]
struct TsVector(Vec<String>);

impl ToSql for TsVector {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i32(self.0.len().try_into()?);
        for word in &self.0 {
            out.put_slice(word.as_bytes());
            out.put_u8(0);
            let places = 0;
            out.put_u16(places);
        }
        Ok(IsNull::No)
    }

    accepts!(TS_VECTOR);
    to_sql_checked!();
}

/// A `tsquery` for each of these blocks, the newest first: for entries that have all words, the last
/// one as a prefix.
pub(crate) fn queries(words: &[String], blocks: RangeInclusive<i64>) -> Vec<String> {
    let one = |block: i64| {
        let prefix = prefix(block);
        let quoted: Vec<String> = words.iter().map(|it| format!("'{prefix}{it}'")).collect();
        format!("{}:*", quoted.join(" & "))
    };
    blocks.rev().map(one).collect()
}

/// Takes the index's turn. With `wait` it waits for whoever has it; otherwise it returns whether it
/// was free. It is given back when the transaction ends.
pub(crate) async fn take_turn(db: &Session, wait: bool) -> Result<bool, TxError> {
    let sql = match wait {
        true => "SELECT id FROM search_turn FOR UPDATE",
        false => "SELECT id FROM search_turn FOR UPDATE SKIP LOCKED",
    };
    Ok(db.query_opt(sql, &[]).await?.is_some())
}

/// Keeps the indexer from working until the transaction ends.
pub(crate) async fn pause_index(tx: &Tx) -> Result<(), TxError> {
    tx.query_opt("SELECT id FROM search_turn FOR SHARE", &[])
        .await?;
    Ok(())
}

/// Removes the entries of some of a room's messages, which have to be there still.
pub(crate) async fn remove_entries(
    tx: &Tx,
    room: i64,
    seqs: RangeInclusive<i64>,
) -> Result<(), TxError> {
    pause_index(tx).await?;
    tx.execute(
        "DELETE FROM search WHERE n = ANY(ARRAY(
             SELECT n FROM messages WHERE room = $1 AND seq >= $2 AND seq <= $3))",
        &[&room, seqs.start(), seqs.end()],
    )
    .await?;
    Ok(())
}

/// Removes what the index knows of rooms that are deleted. The entries of their messages are left.
pub(crate) async fn forget_rooms(tx: &Tx, rooms: &[i64]) -> Result<(), TxError> {
    pause_index(tx).await?;
    for sql in [
        "DELETE FROM search WHERE room = ANY($1) AND seq <= 0",
        "DELETE FROM search_rooms WHERE room = ANY($1)",
    ] {
        tx.execute(sql, &[&rooms]).await?;
    }
    Ok(())
}

/// Up to where the index is complete.
pub(crate) async fn progress(db: &Session) -> Result<ChangeVector, TxError> {
    let rows = db
        .query("SELECT slot, change FROM search_progress", &[])
        .await?;
    let mut progress = ChangeVector::default();
    for row in &rows {
        let slot: i16 = row.try_get(0)?;
        progress.advance(ChangeId {
            slot: usize::try_from(slot)
                .map_err(|_| TxError::unreadable(format!("{slot} is no slot")))?,
            number: uint(row, 1)?,
        });
    }
    Ok(progress)
}

/// The index is complete up to here.
pub(crate) async fn set_progress(db: &Session, progress: &ChangeVector) -> Result<(), TxError> {
    let numbers = progress.numbers();
    let slots: Vec<i16> = (0..numbers.len()).map(slot_code).collect();
    let changes: Vec<i64> = numbers.iter().map(|number| number.cast_signed()).collect();
    db.execute(
        "INSERT INTO search_progress (slot, change)
         SELECT * FROM unnest($1::smallint[], $2::bigint[])
         ON CONFLICT (slot) DO UPDATE SET change = excluded.change",
        &[&slots, &changes],
    )
    .await?;
    Ok(())
}

/// Entries to be added, a column each.
#[derive(Default)]
pub(crate) struct NewEntries {
    n: Vec<i64>,
    room: Vec<i64>,
    seq: Vec<i64>,
    words: Vec<TsVector>,
}

impl NewEntries {
    /// Adds an entry, unless its texts have no words. `seq` is 0 for a room's details, and for a note
    /// its number below 0.
    pub(crate) fn push(&mut self, n: i64, room: i64, seq: i64, texts: &[&str]) {
        let words = words_of(n, texts);
        if !words.is_empty() {
            self.n.push(n);
            self.room.push(room);
            self.seq.push(seq);
            self.words.push(TsVector(words));
        }
    }

    pub(crate) async fn insert(&self, db: &Session) -> Result<(), TxError> {
        if self.n.is_empty() {
            return Ok(());
        }
        db.execute(
            "INSERT INTO search (n, room, seq, words)
             SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::tsvector[])
             ON CONFLICT (n) DO NOTHING",
            &[&self.n, &self.room, &self.seq, &self.words],
        )
        .await?;
        Ok(())
    }
}

/// PostgreSQL collects new entries in a list at first, which every search would have to read.
pub(crate) async fn tidy(db: &Session) -> Result<(), TxError> {
    let sql = "SELECT gin_clean_pending_list('search_words')";
    db.query_one(sql, &[]).await?;
    Ok(())
}

/// What the index has of a room.
#[derive(Debug)]
pub(crate) struct IndexedRoom {
    pub(crate) room: i64,
    /// Messages up to this seq are in it.
    pub(crate) seq: i64,
    /// The room's newest message.
    pub(crate) last_seq: i64,
    /// The entry of its details, and what they said.
    pub(crate) entry: Option<i64>,
    pub(crate) indexed: [Option<String>; 2],
    /// What they say now: name and email address.
    pub(crate) details: [Option<String>; 2],
    /// Notes up to this number are in it.
    pub(crate) note: i64,
}

/// The rooms with these numbers that are there and that consoles list.
pub(crate) async fn rooms(db: &Session, pks: &[i64]) -> Result<Vec<IndexedRoom>, TxError> {
    let rows = db
        .query(
            "SELECT h.room, coalesce(s.seq, 0), h.last_seq, s.n, s.name, s.email,
                 r.customer_name, r.customer_email, coalesce(s.note, 0)
             FROM unnest($1::bigint[]) WITH ORDINALITY u (room, place)
             JOIN room_heads h ON h.room = u.room JOIN rooms r ON r.pk = u.room
             LEFT JOIN search_rooms s ON s.room = u.room
             WHERE h.last_seq > 0 ORDER BY u.place",
            &[&pks],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(IndexedRoom {
                room: row.try_get(0)?,
                seq: row.try_get(1)?,
                last_seq: row.try_get(2)?,
                entry: row.try_get(3)?,
                indexed: [row.try_get(4)?, row.try_get(5)?],
                details: [row.try_get(6)?, row.try_get(7)?],
                note: row.try_get(8)?,
            })
        })
        .collect()
}

/// Records what the index has of rooms now.
pub(crate) async fn set_rooms(db: &Session, rooms: &[IndexedRoom]) -> Result<(), TxError> {
    let pks: Vec<i64> = rooms.iter().map(|room| room.room).collect();
    let seqs: Vec<i64> = rooms.iter().map(|room| room.seq).collect();
    let notes: Vec<i64> = rooms.iter().map(|room| room.note).collect();
    let entries: Vec<Option<i64>> = rooms.iter().map(|room| room.entry).collect();
    let column = |at: usize| -> Vec<Option<&str>> {
        let texts = rooms.iter().map(|room| room.indexed[at].as_deref());
        texts.collect()
    };
    db.execute(
        "INSERT INTO search_rooms (room, seq, n, name, email, note)
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[],
             $6::bigint[])
         ON CONFLICT (room) DO UPDATE SET seq = excluded.seq, n = excluded.n,
             name = excluded.name, email = excluded.email, note = excluded.note",
        &[&pks, &seqs, &entries, &column(0), &column(1), &notes],
    )
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_behind_the_number_of_their_block() {
        assert_eq!(words_of(5, &["Öl öl", "an"]), ["00000an", "00000ol"]);
        assert_eq!(words_of(1 << 14, &["a"]), ["00001a"]);
        assert!(words_of(5, &["…"]).is_empty());
        assert_eq!(prefix(31 + 32 * 10), "000av");
        assert_eq!(
            prefix(1 << 25),
            "100000",
            "no block is without one of its own"
        );
        let words = ["my".to_owned(), "pac".to_owned()];
        assert_eq!(
            queries(&words, 1..=2),
            ["'00002my' & '00002pac':*", "'00001my' & '00001pac':*"]
        );
        assert_eq!((block_of(first_of(7)), block_of(first_of(8) - 1)), (7, 7));
    }
}
