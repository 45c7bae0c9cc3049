//! The index from a room to its messages: their numbers, in the order of their seqs.
//!
//! The table of messages is in the order of arrival. A b-tree over room and seq would write one
//! more page for nearly every message, because each room's newest entries are on a page of their
//! own. Instead the numbers of a room's last messages are a column of its row, which is written
//! anyway; when there are enough for a block, they become a row of `message_places`.
//!
//! A message's row holds its room and seq, too. So every read notices a wrong place, and all
//! places can be rebuilt from the messages.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Type, ValueRef};
use rusqlite::{Connection, params};

use crate::persistence::sqlite::codes::{int, uint};

/// Messages in a block.
const BLOCK: u64 = 32;
/// Bytes of a place, big-endian: the message's number, and in the lowest bit whether the customer
/// wrote it, so that unread messages are counted without reading them. Enough for 549 billion
/// messages.
const PLACE_BYTES: usize = 5;

/// Where a message is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its number.
    pub(crate) n: i64,
    pub(crate) by_customer: bool,
}

/// The places of consecutive messages of a room, as stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Places(Vec<u8>);

impl Places {
    fn len(&self) -> u64 {
        (self.0.len() / PLACE_BYTES) as u64
    }

    fn push(&mut self, place: Place) {
        let word = place.n.unsigned_abs() << 1 | u64::from(place.by_customer);
        self.0.extend(&word.to_be_bytes()[8 - PLACE_BYTES..]);
    }

    fn iter(&self) -> impl Iterator<Item = Place> {
        self.0.chunks_exact(PLACE_BYTES).map(|bytes| {
            let word = bytes
                .iter()
                .fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
            Place {
                n: int(word >> 1),
                by_customer: word & 1 == 1,
            }
        })
    }
}

impl FromSql for Places {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_blob()?;
        if bytes.len() % PLACE_BYTES > 0 {
            return Err(FromSqlError::InvalidType);
        }
        Ok(Self(bytes.to_vec()))
    }
}

impl ToSql for Places {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_slice().into())
    }
}

/// The places of one room.
#[derive(Debug, Clone, Default)]
pub(crate) struct RoomPlaces {
    /// The room's primary key.
    pk: i64,
    /// Its newest seq.
    head: u64,
    /// The places after the last full block.
    tail: Places,
}

impl RoomPlaces {
    /// The places of a room with this key, newest seq and tail, as its row has them.
    pub(crate) fn new(pk: i64, head: u64, tail: Places) -> rusqlite::Result<Self> {
        if tail.len() != head % BLOCK {
            return Err(damage(pk, "it has too many or too few places"));
        }
        Ok(Self { pk, head, tail })
    }

    /// Reads the places of a room.
    pub(crate) fn load(conn: &Connection, pk: i64) -> rusqlite::Result<Self> {
        let (head, tail) = conn
            .prepare_cached("SELECT last_seq, tail FROM rooms WHERE pk = ?1")?
            .query_row([pk], |row| Ok((uint(row, 0)?, row.get(1)?)))?;
        Self::new(pk, head, tail)
    }

    pub(crate) fn pk(&self) -> i64 {
        self.pk
    }

    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// What the room's row holds.
    pub(crate) fn tail(&self) -> &Places {
        &self.tail
    }

    /// Adds the place of the next message. A full block is written at once, the tail with the
    /// room's row.
    pub(crate) fn append(&mut self, conn: &Connection, place: Place) -> rusqlite::Result<()> {
        self.tail.push(place);
        self.head += 1;
        if self.tail.len() == BLOCK {
            let block = int(self.head / BLOCK - 1);
            conn.prepare_cached(
                "INSERT INTO message_places (room, block, places) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![self.pk, block, self.tail])?;
            self.tail = Places::default();
        }
        Ok(())
    }

    /// The places of the messages with seqs in `from ..= to`, as far as they exist.
    pub(crate) fn range(
        &self,
        conn: &Connection,
        from: u64,
        to: u64,
    ) -> rusqlite::Result<Vec<Place>> {
        let (from, to) = (from.max(1), to.min(self.head));
        if from > to {
            return Ok(Vec::new());
        }
        let (first, full) = ((from - 1) / BLOCK, self.head / BLOCK);
        let mut found = Vec::new();
        if first < full {
            let mut blocks = conn.prepare_cached(
                "SELECT block, places FROM message_places
                 WHERE room = ?1 AND block >= ?2 AND block <= ?3 ORDER BY block",
            )?;
            let last = ((to - 1) / BLOCK).min(full - 1);
            let mut rows = blocks.query(params![self.pk, int(first), int(last)])?;
            let mut due = first;
            while let Some(row) = rows.next()? {
                let places: Places = row.get(1)?;
                if uint(row, 0)? != due || places.len() != BLOCK {
                    break;
                }
                found.extend(places.iter());
                due += 1;
            }
            if due <= last {
                return Err(damage(self.pk, "a block of places is missing"));
            }
        }
        if to > full * BLOCK {
            found.extend(self.tail.iter());
        }
        let begins = first.min(full) * BLOCK + 1;
        found.truncate(usize::try_from(to + 1 - begins).unwrap_or(usize::MAX));
        found.drain(..usize::try_from(from - begins).unwrap_or(usize::MAX));
        Ok(found)
    }
}

/// The error for a row that SQLite can read but this program never writes.
pub(crate) fn damage(pk: i64, what: &str) -> rusqlite::Error {
    let cause = format!("room {pk}: {what}");
    rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, cause.into())
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Place, Places, RoomPlaces};
    use crate::persistence::testing::*;
    use crate::persistence::*;

    #[test]
    fn places_are_read_as_they_were_stored() {
        let mut places = Places::default();
        let all = [(1, true), (2, false), (549_755_813_887, true), (255, false)];
        for (n, by_customer) in all {
            places.push(Place { n, by_customer });
        }
        assert_eq!(places.len(), 4);
        let back: Vec<_> = places.iter().map(|it| (it.n, it.by_customer)).collect();
        assert_eq!(back, all);
    }

    #[tokio::test]
    async fn every_range_has_the_numbers_of_its_messages() {
        let store = TestStore::in_sqlite();
        let (one, two) = (store.new_room("Ann").await, store.new_room("Bob").await);
        for _ in 0..2 * BLOCK + 3 {
            store.post_as_visitor(one, "hello").await;
            store.post_as_agent(two, "hi").await;
        }
        let head = 2 * BLOCK + 3;
        store
            .sqlite()
            .readers()
            .read(move |conn| {
                for (pk, by_customer) in [(1, true), (2, false)] {
                    let room = RoomPlaces::load(conn, pk)?;
                    let all: Vec<Place> = conn
                        .prepare("SELECT n FROM messages WHERE room = ?1 ORDER BY seq")?
                        .query_map([pk], |row| row.get(0))?
                        .map(|n| n.map(|n| Place { n, by_customer }))
                        .collect::<rusqlite::Result<_>>()?;
                    for from in 0..head + 2 {
                        for to in from..head + 2 {
                            let low = from.max(1) as usize - 1;
                            let due = all.get(low..(to.min(head)) as usize);
                            let found = room.range(conn, from, to)?;
                            assert_eq!(found, due.unwrap_or_default(), "{from} {to}");
                        }
                    }
                }
                Ok(())
            })
            .await
            .expect("read");
    }

    #[tokio::test]
    async fn a_wrong_place_is_damage() {
        for wrong in [
            "UPDATE rooms SET tail = CAST(substr(tail, 1, 5) || substr(tail, 1, 5) AS BLOB)",
            "UPDATE rooms SET tail = substr(tail, 6)",
            "UPDATE rooms SET tail = substr(tail, 2)",
            "UPDATE message_places SET block = 7",
            "UPDATE message_places SET places = substr(places, 6)",
            "DELETE FROM message_places",
            "DELETE FROM messages WHERE seq = 33",
            "UPDATE messages SET seq = 3 WHERE seq = 33",
        ] {
            let store = TestStore::in_sqlite();
            let room = store.new_room("Ann").await;
            for _ in 0..BLOCK + 2 {
                store.post_as_visitor(room, "hello").await;
            }
            store
                .sqlite()
                .write(move |tx| Ok(tx.execute(wrong, [])?))
                .await
                .expect("changed");
            let page = store.messages_before(room, None, 50).await;
            assert!(matches!(page, Err(StoreError::Corrupt(_))), "{wrong}");
            assert!(store.damage().is_some(), "{wrong}");
        }
    }
}
