use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::chat::{Note, NoteId, RoomId, Timestamp};
use crate::persistence::sqlite::codes::{int, limit, uint};
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::{NotePage, NoteRange, note_page};

const COLUMNS: &str = "no, id, after_seq, agent, agent_name, content, created_at";

fn read(row: &Row<'_>, room_id: RoomId) -> rusqlite::Result<Note> {
    Ok(Note {
        no: uint(row, 0)?,
        id: row.get(1)?,
        room_id,
        after_seq: uint(row, 2)?,
        agent_id: row.get(3)?,
        agent_name: row.get(4)?,
        content: row.get(5)?,
        created_at: Timestamp(row.get(6)?),
    })
}

/// The number of a room.
pub(crate) fn room(conn: &Connection, id: RoomId) -> rusqlite::Result<Option<i64>> {
    conn.prepare_cached("SELECT pk FROM rooms WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()
}

/// The number of a room's newest note; 0 without any.
pub(crate) fn last(conn: &Connection, pk: i64) -> rusqlite::Result<u64> {
    conn.prepare_cached("SELECT ifnull(max(no), 0) FROM notes WHERE room = ?1")?
        .query_row([pk], |row| uint(row, 0))
}

/// The note of a room with this id.
pub(crate) fn by_id(
    conn: &Connection,
    pk: i64,
    room_id: RoomId,
    id: NoteId,
) -> rusqlite::Result<Option<Note>> {
    conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM notes WHERE id = ?2 AND room = ?1"
    ))?
    .query_row(params![pk, id], |row| read(row, room_id))
    .optional()
}

/// Inserts a note, and its entry in the text index: there are too few of them to be left to the
/// indexer.
pub(crate) fn insert(tx: &mut Tx<'_>, pk: i64, note: &Note, to_ring: bool) -> rusqlite::Result<()> {
    let n = int(tx.state.next_n());
    tx.execute(
        "INSERT INTO search (rowid, name, email, body) VALUES (?1, ?2, '', ?3)",
        params![n, note.agent_name, note.content],
    )?;
    tx.execute(
        "INSERT INTO notes (room, no, id, after_seq, agent, agent_name, content, created_at, n,
             to_ring)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            pk,
            int(note.no),
            note.id,
            int(note.after_seq),
            note.agent_id,
            note.agent_name,
            note.content,
            note.created_at.0,
            n,
            to_ring,
        ],
    )?;
    Ok(())
}

/// The first notes of a range.
pub(crate) fn page(
    conn: &Connection,
    pk: i64,
    room_id: RoomId,
    range: NoteRange,
    items: usize,
    bytes: usize,
) -> rusqlite::Result<NotePage> {
    let last = last(conn, pk)?;
    let (after, from, until) = note_page::bounds(range);
    let mut notes = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM notes
         WHERE room = ?1 AND no > ?2 AND after_seq BETWEEN ?3 AND ?4 ORDER BY no LIMIT ?5"
    ))?;
    let notes = notes.query_map(
        params![pk, int(after), int(from), int(until), limit(items, 1)],
        |row| read(row, room_id),
    )?;
    note_page::fill(notes, items, bytes, last)
}

/// The room, the `after_seq` and the text of the note with this entry in the text index.
pub(crate) fn by_entry(conn: &Connection, n: i64) -> rusqlite::Result<Option<(i64, u64, String)>> {
    conn.prepare_cached("SELECT room, after_seq, content FROM notes WHERE n = ?1")?
        .query_row([n], |row| Ok((row.get(0)?, uint(row, 1)?, row.get(2)?)))
        .optional()
}

/// Notes whose agents are still to be rung.
pub(crate) fn to_ring(conn: &Connection, items: usize) -> rusqlite::Result<Vec<Note>> {
    conn.prepare_cached(&format!(
        "SELECT {COLUMNS}, (SELECT id FROM rooms WHERE pk = room) FROM notes
         WHERE to_ring = 1 ORDER BY room, no LIMIT ?1"
    ))?
    .query_map([limit(items, 0)], |row| read(row, row.get(7)?))?
    .collect()
}

/// The agents of a note were rung.
pub(crate) fn was_rung(tx: &Tx<'_>, room: RoomId, no: u64) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE notes SET to_ring = 0
         WHERE room = (SELECT pk FROM rooms WHERE id = ?1) AND no = ?2",
        params![room, int(no)],
    )?;
    Ok(())
}

/// Deletes the notes of a room, also from the text index.
pub(crate) fn delete(tx: &Tx<'_>, pk: i64) -> rusqlite::Result<()> {
    tx.execute(
        "DELETE FROM search WHERE rowid IN (SELECT n FROM notes WHERE room = ?1)",
        [pk],
    )?;
    tx.execute("DELETE FROM notes WHERE room = ?1", [pk])?;
    Ok(())
}
