//! The rows of erasures, and of what is left to do for each.

use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use crate::chat::{ChangeId, ChangeVector, RoomId, Timestamp, VisitorId};
use crate::persistence::sqlite::codes::{self, int, uint};
use crate::persistence::sqlite::tables::mail;
use crate::persistence::sqlite::tables::notes;
use crate::persistence::sqlite::tables::places::{Places, RoomPlaces};
use crate::persistence::sqlite::tables::room_rows::RoomRow;
use crate::persistence::sqlite::tables::{ratings, visitors};
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::{Erased, Erasure, ErasureId, RemovedRoom, TokenHash, Unrecorded};

/// Why rooms are erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Somebody asked for a person to be erased.
    Person,
    /// They are past the time that the settings give them.
    Retention,
}

/// A room that was deleted and whose messages were not yet.
pub(crate) struct Leftover {
    pub(crate) erasure: ErasureId,
    pub(crate) places: RoomPlaces,
    /// Messages up to this seq are gone.
    pub(crate) done: u64,
}

/// Adds an erasure.
pub(crate) fn insert(tx: &Tx<'_>, id: ErasureId, kind: Kind) -> rusqlite::Result<()> {
    let kind = match kind {
        Kind::Person => 0,
        Kind::Retention => 1,
    };
    tx.execute(
        "INSERT INTO erasures (id, kind, decided_at, visitors, rooms, messages, tokens, in_ledger)
         VALUES (?1, ?2, ?3, 0, 0, 0, 0, 0)",
        params![id, kind, tx.now.0],
    )?;
    Ok(())
}

/// One erasure.
pub(crate) fn by_id(conn: &Connection, id: ErasureId) -> rusqlite::Result<Option<Erasure>> {
    conn.prepare_cached(
        "SELECT id, decided_at, unreachable_at, finished_at, bytes_gone_at, visitors, rooms,
                messages, tokens
         FROM erasures WHERE id = ?1",
    )?
    .query_row([id], |row| {
        let time = |column| -> rusqlite::Result<Option<Timestamp>> {
            Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp))
        };
        Ok(Erasure {
            id: row.get(0)?,
            decided_at: Timestamp(row.get(1)?),
            unreachable_at: time(2)?,
            finished_at: time(3)?,
            bytes_gone_at: time(4)?,
            visitors: uint(row, 5)?,
            rooms: uint(row, 6)?,
            messages: uint(row, 7)?,
            tokens: uint(row, 8)?,
        })
    })
    .optional()
}

/// Marks a visitor as erased: their tokens end, and no identity finds them any more. Their rooms
/// follow.
pub(crate) fn insert_visitor(
    tx: &Tx<'_>,
    erasure: ErasureId,
    visitor: VisitorId,
) -> rusqlite::Result<Vec<TokenHash>> {
    let ended = visitors::end_tokens(tx, visitor)?;
    tx.execute("UPDATE visitors SET user = NULL WHERE id = ?1", [visitor])?;
    tx.execute("DELETE FROM visitor_changes WHERE visitor = ?1", [visitor])?;
    tx.execute(
        "INSERT INTO erased_visitors (visitor, erasure, pending) VALUES (?1, ?2, 1)",
        params![visitor, erasure],
    )?;
    tx.execute(
        "UPDATE erasures SET tokens = tokens + ?2 WHERE id = ?1",
        params![erasure, int(ended.len() as u64)],
    )?;
    Ok(ended)
}

/// Enters an erased visitor who is not here, unless they are known.
pub(crate) fn enter_visitor(
    tx: &Tx<'_>,
    erasure: ErasureId,
    visitor: VisitorId,
) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT OR IGNORE INTO erased_visitors (visitor, erasure, pending) VALUES (?1, ?2, 0)",
        params![visitor, erasure],
    )?;
    Ok(())
}

/// Enters an erased room that is not here, unless it is known.
pub(crate) fn enter_room(tx: &Tx<'_>, erasure: ErasureId, room: RoomId) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT OR IGNORE INTO erased_rooms (room, erasure) VALUES (?1, ?2)",
        params![room, erasure],
    )?;
    Ok(())
}

/// Whether these visitors and rooms are known to be erased, and no such room is here.
pub(crate) fn knows_all(conn: &Connection, erased: &Erased) -> rusqlite::Result<bool> {
    let mut visitor = conn.prepare_cached("SELECT 1 FROM erased_visitors WHERE visitor = ?1")?;
    for id in &erased.visitors {
        if !visitor.exists([id])? {
            return Ok(false);
        }
    }
    let mut room = conn.prepare_cached(
        "SELECT 1 FROM erased_rooms WHERE room = ?1
         AND room NOT IN (SELECT id FROM rooms)",
    )?;
    for id in &erased.rooms {
        if !room.exists([id])? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a room is known to be erased, by its own id or by its visitor's.
pub(crate) fn is_erased(
    conn: &Connection,
    room: RoomId,
    visitor: VisitorId,
) -> rusqlite::Result<bool> {
    let is_room_erased = conn
        .prepare_cached("SELECT 1 FROM erased_rooms WHERE room = ?1")?
        .exists([room])?;
    Ok(is_room_erased || is_visitor_erased(conn, visitor)?)
}

/// Whether a visitor is known to be erased.
pub(crate) fn is_visitor_erased(conn: &Connection, visitor: VisitorId) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM erased_visitors WHERE visitor = ?1")?
        .exists([visitor])
}

/// The next visitor whose rooms are to be deleted.
pub(crate) fn next_visitor(conn: &Connection) -> rusqlite::Result<Option<(VisitorId, ErasureId)>> {
    conn.prepare_cached("SELECT visitor, erasure FROM erased_visitors WHERE pending = 1 LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

/// Deletes an erased visitor, whose rooms have gone.
pub(crate) fn delete_visitor(
    tx: &Tx<'_>,
    erasure: ErasureId,
    visitor: VisitorId,
) -> rusqlite::Result<()> {
    visitors::end_tokens(tx, visitor)?;
    visitors::delete(tx, visitor)?;
    tx.execute(
        "UPDATE erased_visitors SET pending = 0 WHERE visitor = ?1",
        [visitor],
    )?;
    tx.execute(
        "UPDATE erasures SET visitors = visitors + 1 WHERE id = ?1",
        [erasure],
    )?;
    Ok(())
}

/// Deletes a room, whose messages are left for [`next_leftover`]. From then on nobody can read any
/// of it, and its id stays known as that of an erased room.
pub(crate) fn delete_room(
    tx: &mut Tx<'_>,
    erasure: ErasureId,
    row: &RoomRow,
) -> rusqlite::Result<()> {
    let (pk, room) = (row.keys.pk, row.record.room.id);
    let change = tx.state.unlist(&row.record).map(int);
    tx.execute(
        "INSERT OR REPLACE INTO erased_rooms (room, erasure, change) VALUES (?1, ?2, ?3)",
        params![room, erasure, change],
    )?;
    tx.execute(
        "INSERT INTO erasing_rooms (pk, erasure, head, tail, done)
         SELECT pk, ?2, last_seq, tail, 0 FROM rooms WHERE pk = ?1 AND last_seq > 0",
        params![pk, erasure],
    )?;
    tx.execute(
        "DELETE FROM search WHERE rowid = (SELECT n FROM search_details WHERE room = ?1)",
        [pk],
    )?;
    tx.execute("DELETE FROM search_details WHERE room = ?1", [pk])?;
    tx.execute("DELETE FROM redactions WHERE room = ?1", [pk])?;
    ratings::forget_room(tx, pk)?;
    tx.execute("DELETE FROM room_tags WHERE room = ?1", [pk])?;
    tx.execute("DELETE FROM drafts WHERE room = ?1", [pk])?;
    tx.execute("DELETE FROM pages WHERE room = ?1", [pk])?;
    notes::delete(tx, pk)?;
    mail::forget_room(tx, room, row.record.room.customer_email.as_deref())?;
    tx.execute("DELETE FROM rooms WHERE pk = ?1", [pk])?;
    tx.execute(
        "UPDATE erasures SET rooms = rooms + 1 WHERE id = ?1",
        [erasure],
    )?;
    Ok(())
}

/// The next room whose messages are to be deleted.
pub(crate) fn next_leftover(conn: &Connection) -> rusqlite::Result<Option<Leftover>> {
    conn.prepare_cached("SELECT pk, erasure, head, tail, done FROM erasing_rooms LIMIT 1")?
        .query_row([], |row: &Row<'_>| {
            let tail: Places = row.get(3)?;
            Ok(Leftover {
                erasure: row.get(1)?,
                places: RoomPlaces::new(row.get(0)?, uint(row, 2)?, tail)?,
                done: uint(row, 4)?,
            })
        })
        .optional()
}

/// Deletes the next messages of a room that is gone, at most `limit`. Returns how many.
pub(crate) fn delete_messages(
    tx: &Tx<'_>,
    leftover: &Leftover,
    limit: u64,
) -> rusqlite::Result<u64> {
    let (pk, head) = (leftover.places.pk(), leftover.places.head());
    let last = head.min(leftover.done + limit);
    let places = leftover.places.range(tx.conn, leftover.done + 1, last)?;
    for place in &places {
        tx.execute("DELETE FROM search WHERE rowid = ?1", [place.n])?;
        tx.execute("DELETE FROM messages WHERE n = ?1", [place.n])?;
    }
    if last == head {
        tx.execute("DELETE FROM message_places WHERE room = ?1", [pk])?;
        tx.execute("DELETE FROM erasing_rooms WHERE pk = ?1", [pk])?;
    } else {
        tx.execute(
            "UPDATE erasing_rooms SET done = ?2 WHERE pk = ?1",
            params![pk, int(last)],
        )?;
    }
    let deleted = places.len() as u64;
    tx.execute(
        "UPDATE erasures SET messages = messages + ?2 WHERE id = ?1",
        params![leftover.erasure, int(deleted)],
    )?;
    Ok(deleted)
}

/// Records when an erasure became unreachable and when its last row was deleted, once that is so.
pub(crate) fn settle(tx: &Tx<'_>, erasure: ErasureId) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE erasures SET unreachable_at = ifnull(unreachable_at, ?2)
         WHERE id = ?1 AND NOT EXISTS
             (SELECT 1 FROM erased_visitors WHERE erasure = ?1 AND pending = 1)",
        params![erasure, tx.now.0],
    )?;
    tx.execute(
        "UPDATE erasures SET finished_at = ifnull(finished_at, ?2)
         WHERE id = ?1 AND unreachable_at IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM erasing_rooms WHERE erasure = ?1)",
        params![erasure, tx.now.0],
    )?;
    Ok(())
}

/// The listed rooms that were erased after `since` and until `until`, in the order of changes, and
/// the newest change of this kind.
pub(crate) fn removed_since(
    conn: &Connection,
    since: &ChangeVector,
    until: &ChangeVector,
    limit: usize,
) -> rusqlite::Result<(Vec<RemovedRoom>, ChangeVector)> {
    let last: Option<i64> = conn
        .prepare_cached("SELECT max(change) FROM erased_rooms WHERE change IS NOT NULL")?
        .query_row([], |row| row.get(0))?;
    let last = ChangeVector::of_single_writer(last.unwrap_or(0).unsigned_abs());
    if since.includes_all(&last) {
        return Ok((Vec::new(), last));
    }
    let removed = conn
        .prepare_cached(
            "SELECT room, change FROM erased_rooms
             WHERE change > ?1 AND change <= ?2 ORDER BY change LIMIT ?3",
        )?
        .query_map(
            params![
                int(since.single_writer()),
                int(until.single_writer()),
                codes::limit(limit, 0)
            ],
            |row| {
                Ok(RemovedRoom {
                    room_id: row.get(0)?,
                    change: ChangeId::of_single_writer(uint(row, 1)?),
                })
            },
        )?
        .collect::<rusqlite::Result<_>>()?;
    Ok((removed, last))
}

/// What the ledger beside the backups lacks: erasures of people from their decision on, those of old
/// rooms when they are complete.
pub(crate) fn unrecorded(conn: &Connection) -> rusqlite::Result<Unrecorded> {
    let mut unrecorded = Unrecorded {
        erasures: conn
            .prepare_cached(
                "SELECT id FROM erasures
                 WHERE in_ledger = 0 AND (kind = 0 OR finished_at IS NOT NULL)",
            )?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?,
        ..Unrecorded::default()
    };
    let erased = &mut unrecorded.erased;
    for erasure in &unrecorded.erasures {
        let ids = |sql: &str| -> rusqlite::Result<Vec<Uuid>> {
            conn.prepare_cached(sql)?
                .query_map([erasure], |row| row.get(0))?
                .collect()
        };
        erased.visitors.extend(ids(
            "SELECT visitor FROM erased_visitors WHERE erasure = ?1",
        )?);
        erased.rooms.extend(ids(
            "SELECT room FROM erased_rooms WHERE erasure = ?1
             UNION ALL SELECT id FROM rooms WHERE visitor IN
                 (SELECT visitor FROM erased_visitors WHERE erasure = ?1 AND pending = 1)",
        )?);
    }
    let mut redactions = conn.prepare_cached(
        "SELECT d.room, d.seq, r.id, d.message FROM redactions d JOIN rooms r ON r.pk = d.room
         WHERE d.in_ledger = 0",
    )?;
    let mut rows = redactions.query([])?;
    while let Some(row) = rows.next()? {
        unrecorded.redactions.push((row.get(0)?, row.get(1)?));
        erased.messages.push((row.get(2)?, row.get(3)?));
    }
    Ok(unrecorded)
}

/// The ledger has all of this.
pub(crate) fn mark_recorded(tx: &Tx<'_>, recorded: &Unrecorded) -> rusqlite::Result<()> {
    for erasure in &recorded.erasures {
        tx.execute("UPDATE erasures SET in_ledger = 1 WHERE id = ?1", [erasure])?;
    }
    for (room, seq) in &recorded.redactions {
        tx.execute(
            "UPDATE redactions SET in_ledger = 1 WHERE room = ?1 AND seq = ?2",
            params![room, seq],
        )?;
    }
    Ok(())
}
