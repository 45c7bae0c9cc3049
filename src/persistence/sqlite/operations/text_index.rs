use rusqlite::params;

use crate::chat::SenderType;
use crate::persistence::WriteError;
use crate::persistence::sqlite::codes::{self, int, uint};
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::TxError;

/// Messages that one step indexes, at most. It bounds how long a commit may wait behind a step,
/// some tens of milliseconds; with fewer, FTS5 merges a backlog more often than needed.
const STEP_MESSAGES: u64 = 5_000;
/// Changed rooms that one step reads, at most.
const STEP_ROOMS: u64 = 1_000;

/// A room that has changed since its details were indexed.
struct ChangedRoom {
    pk: i64,
    change: u64,
    name: Option<String>,
    email: Option<String>,
    entry: Option<DetailsEntry>,
}

/// The entry that the index has for a room's details.
struct DetailsEntry {
    n: i64,
    name: Option<String>,
    email: Option<String>,
}

impl SqliteStore {
    pub(crate) async fn flush_search_index(&self) -> Result<(), WriteError> {
        let goal = self.write(|tx| Ok(tx.state.last_change)).await?;
        while self.write(step).await? < goal {}
        Ok(())
    }
}

/// Brings the text index one bounded step nearer to the head. Returns the number of the change up
/// to which it is complete.
///
/// It walks the messages in the order of their numbers, then the changed rooms in the order of
/// their changes, for their details. How far it has come is stored in the transaction of the
/// entries, so the index is complete up to there whatever happens, and nothing before that is
/// read again. `indexed_change` does not move while a message is left.
pub(crate) fn step(tx: &mut Tx<'_>) -> Result<u64, TxError> {
    if index_messages(tx)? {
        index_rooms(tx)?;
        // Entries of details take numbers, too.
        tx.state.indexed_n = tx.state.last_n;
    }
    Ok(tx.state.indexed_change)
}

/// Indexes the messages of people, not `system` messages. Returns whether none is left.
fn index_messages(tx: &mut Tx<'_>) -> rusqlite::Result<bool> {
    let mut messages = tx.conn.prepare_cached(
        "SELECT n, sender_type, sender_name, content FROM messages
         WHERE n > ?1 ORDER BY n LIMIT ?2",
    )?;
    let mut insert = tx
        .conn
        .prepare_cached("INSERT INTO search (rowid, name, email, body) VALUES (?1, ?2, '', ?3)")?;
    let mut rows = messages.query(params![int(tx.state.indexed_n), int(STEP_MESSAGES)])?;
    let mut left = STEP_MESSAGES;
    while let Some(row) = rows.next()? {
        left -= 1;
        if codes::sender(row, 1)? != SenderType::System {
            let (name, body) = (row.get_ref(2)?.as_str()?, row.get_ref(3)?.as_str()?);
            // A text that was removed before its turn leaves nothing to find.
            if !body.is_empty() {
                insert.execute(params![row.get::<_, i64>(0)?, name, body])?;
            }
        }
        tx.state.indexed_n = uint(row, 0)?;
    }
    Ok(left > 0)
}

/// Indexes the details of changed rooms.
fn index_rooms(tx: &mut Tx<'_>) -> rusqlite::Result<()> {
    let mut left = STEP_ROOMS;
    let mut complete = tx.state.last_change;
    for room in changed_rooms(tx)? {
        left -= 1;
        index_details(tx, &room)?;
        complete = room.change;
    }
    tx.state.indexed_change = if left > 0 {
        tx.state.last_change
    } else {
        complete
    };
    Ok(())
}

fn changed_rooms(tx: &Tx<'_>) -> rusqlite::Result<Vec<ChangedRoom>> {
    tx.conn
        .prepare_cached(
            "SELECT r.pk, r.change, r.customer_name, r.customer_email, d.n, d.name, d.email
             FROM rooms r LEFT JOIN search_details d ON d.room = r.pk
             WHERE r.change > ?1 ORDER BY r.change LIMIT ?2",
        )?
        .query_map(
            params![int(tx.state.indexed_change), int(STEP_ROOMS)],
            |row| {
                let entry = match row.get(4)? {
                    Some(n) => Some(DetailsEntry {
                        n,
                        name: row.get(5)?,
                        email: row.get(6)?,
                    }),
                    None => None,
                };
                Ok(ChangedRoom {
                    pk: row.get(0)?,
                    change: uint(row, 1)?,
                    name: row.get(2)?,
                    email: row.get(3)?,
                    entry,
                })
            },
        )?
        .collect()
}

/// Replaces a room's entry for its details when they have changed.
fn index_details(tx: &mut Tx<'_>, room: &ChangedRoom) -> rusqlite::Result<()> {
    let unchanged = match &room.entry {
        Some(entry) => entry.name == room.name && entry.email == room.email,
        None => room.name.is_none() && room.email.is_none(),
    };
    if unchanged {
        return Ok(());
    }
    if let Some(entry) = &room.entry {
        tx.execute("DELETE FROM search WHERE rowid = ?1", [entry.n])?;
        tx.execute("DELETE FROM search_details WHERE room = ?1", [room.pk])?;
    }
    if room.name.is_none() && room.email.is_none() {
        return Ok(());
    }
    let n = int(tx.state.next_n());
    tx.execute(
        "INSERT INTO search (rowid, name, email, body) VALUES (?1, ?2, ?3, '')",
        params![n, room.name, room.email],
    )?;
    tx.execute(
        "INSERT INTO search_details (room, n, name, email) VALUES (?1, ?2, ?3, ?4)",
        params![room.pk, n, room.name, room.email],
    )?;
    Ok(())
}
