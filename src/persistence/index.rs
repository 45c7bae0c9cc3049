use rusqlite::params;

use super::codes::{self, int, uint};
use super::failure::Trouble;
use super::job::Tx;
use crate::chat::SenderType;

/// Messages that one batch indexes at most, so that a commit waits behind it for
/// some tens of milliseconds and no longer.
const STEP_MESSAGES: usize = 1_000;
/// Changed rooms that one batch looks at, at most.
const STEP_ROOMS: i64 = 500;

/// A room that has changed since it was last looked at.
struct Changed {
    pk: i64,
    change: u64,
    last_seq: u64,
    name: Option<String>,
    email: Option<String>,
    indexed: Option<Indexed>,
}

/// What the index has of it.
struct Indexed {
    seq: u64,
    details_n: Option<i64>,
    name: Option<String>,
    email: Option<String>,
}

/// A message that is to be indexed: its global number, and where it is.
type Found = (i64, i64, u64);

/// Brings the text index one bounded batch nearer to the head and returns up to
/// which change it is complete.
///
/// Rooms are walked in the order of their changes, and the mark moves in the same
/// transaction as the entries. So the index is complete up to its mark whatever
/// happens, and nothing before the mark is ever read again. Messages are entered in
/// the order of their numbers: an entry that goes back makes the index write out
/// what it has gathered, so room by room it would write, and later merge, a segment
/// for each room.
pub(super) fn step(tx: &mut Tx<'_>) -> Result<u64, Trouble> {
    let rooms = changed_rooms(tx)?;
    let seen_all = i64::try_from(rooms.len()).unwrap_or(i64::MAX) < STEP_ROOMS;
    let mut found = Vec::new();
    let mut complete = Some(if seen_all {
        tx.state.change
    } else {
        rooms
            .last()
            .map_or(tx.state.indexed_change, |room| room.change)
    });
    let mut details = Vec::new();
    for (at, room) in rooms.iter().enumerate() {
        let from = room.indexed.as_ref().map_or(0, |indexed| indexed.seq);
        let left = STEP_MESSAGES.saturating_sub(found.len());
        let until = room
            .last_seq
            .min(from.saturating_add(u64::try_from(left).unwrap_or(u64::MAX)));
        find_messages(tx, room.pk, from, until, &mut found)?;
        details.push((room, until));
        if until < room.last_seq {
            // The next step goes on with this room.
            complete = at.checked_sub(1).map(|before| rooms[before].change);
            break;
        }
    }
    found.sort_unstable();
    index_messages(tx, &found)?;
    for (room, until) in details {
        index_room(tx, room, until)?;
    }
    if let Some(complete) = complete {
        tx.state.indexed_change = complete;
    }
    Ok(tx.state.indexed_change)
}

fn changed_rooms(tx: &Tx<'_>) -> rusqlite::Result<Vec<Changed>> {
    tx.conn
        .prepare_cached(
            "SELECT r.pk, r.change, r.last_seq, r.customer_name, r.customer_email,
                    s.indexed_seq, s.details_n, s.name, s.email
             FROM rooms r LEFT JOIN search_rooms s ON s.room = r.pk
             WHERE r.change > ?1 ORDER BY r.change LIMIT ?2",
        )?
        .query_map(params![int(tx.state.indexed_change), STEP_ROOMS], |row| {
            let indexed = match row.get::<_, Option<i64>>(5)? {
                Some(_) => Some(Indexed {
                    seq: uint(row, 5)?,
                    details_n: row.get(6)?,
                    name: row.get(7)?,
                    email: row.get(8)?,
                }),
                None => None,
            };
            Ok(Changed {
                pk: row.get(0)?,
                change: uint(row, 1)?,
                last_seq: uint(row, 2)?,
                name: row.get(3)?,
                email: row.get(4)?,
                indexed,
            })
        })?
        .collect()
}

/// Indexes a room's details if they have changed, and notes how far the room is indexed.
fn index_room(tx: &mut Tx<'_>, room: &Changed, until: u64) -> rusqlite::Result<()> {
    let details_n = index_details(tx, room)?;
    tx.execute(
        "INSERT INTO search_rooms (room, indexed_seq, details_n, name, email)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (room) DO UPDATE SET indexed_seq = excluded.indexed_seq,
             details_n = excluded.details_n, name = excluded.name, email = excluded.email",
        params![room.pk, int(until), details_n, room.name, room.email],
    )?;
    Ok(())
}

/// Replaces a room's entry for its details when they have changed. Returns the
/// entry's number.
fn index_details(tx: &mut Tx<'_>, room: &Changed) -> rusqlite::Result<Option<i64>> {
    let old = room.indexed.as_ref();
    let unchanged = match old {
        Some(old) => old.name == room.name && old.email == room.email,
        None => room.name.is_none() && room.email.is_none(),
    };
    let old_n = old.and_then(|old| old.details_n);
    if unchanged {
        return Ok(old_n);
    }
    if let Some(n) = old_n {
        tx.execute("DELETE FROM search WHERE rowid = ?1", [n])?;
    }
    if room.name.is_none() && room.email.is_none() {
        return Ok(None);
    }
    let n = int(tx.state.next_n());
    tx.execute(
        "INSERT INTO search (rowid, name, email, body, room, seq) VALUES (?1, ?2, ?3, '', ?4, 0)",
        params![n, room.name, room.email, room.pk],
    )?;
    Ok(Some(n))
}

/// Adds the messages of a room in `from + 1 ..= until` to what is found.
fn find_messages(
    tx: &Tx<'_>,
    pk: i64,
    from: u64,
    until: u64,
    found: &mut Vec<Found>,
) -> rusqlite::Result<()> {
    let mut messages = tx
        .conn
        .prepare_cached("SELECT n, seq FROM messages WHERE room = ?1 AND seq > ?2 AND seq <= ?3")?;
    let mut rows = messages.query(params![pk, int(from), int(until)])?;
    while let Some(row) = rows.next()? {
        found.push((row.get(0)?, pk, uint(row, 1)?));
    }
    Ok(())
}

/// Indexes what people wrote; notes of the system are no words of theirs.
fn index_messages(tx: &Tx<'_>, found: &[Found]) -> rusqlite::Result<()> {
    let mut message = tx.conn.prepare_cached(
        "SELECT sender_type, sender_name, content FROM messages WHERE room = ?1 AND seq = ?2",
    )?;
    let mut insert = tx.conn.prepare_cached(
        "INSERT INTO search (rowid, name, email, body, room, seq)
         VALUES (?1, ?2, '', ?3, ?4, ?5)",
    )?;
    for (n, pk, seq) in found {
        let mut rows = message.query(params![pk, int(*seq)])?;
        let Some(row) = rows.next()? else { continue };
        if codes::sender(row, 0)? != SenderType::System {
            let (name, body) = (row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str()?);
            insert.execute(params![n, name, body, pk, int(*seq)])?;
        }
    }
    Ok(())
}
