use rusqlite::{Connection, OptionalExtension, params};

use crate::chat::{RoomId, Suggestion, Timestamp};
use crate::persistence::sqlite::codes::{int, uint};
use crate::persistence::sqlite::transaction::Tx;

/// A room's suggestion.
pub(crate) fn of_room(conn: &Connection, room: RoomId) -> rusqlite::Result<Option<Suggestion>> {
    conn.prepare_cached(
        "SELECT d.after_seq, d.content, d.author, d.created_at
         FROM drafts d JOIN rooms r ON r.pk = d.room WHERE r.id = ?1",
    )?
    .query_row([room], |row| {
        Ok(Suggestion {
            after_seq: uint(row, 0)?,
            content: row.get(1)?,
            by: row.get(2)?,
            created_at: Timestamp(row.get(3)?),
        })
    })
    .optional()
}

/// Stores a suggestion in the place of the one before.
pub(crate) fn write(tx: &Tx<'_>, pk: i64, suggestion: &Suggestion) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT OR REPLACE INTO drafts (room, after_seq, content, author, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            pk,
            int(suggestion.after_seq),
            suggestion.content,
            suggestion.by,
            suggestion.created_at.0,
        ],
    )?;
    Ok(())
}

/// Removes it. Returns whether there was one.
pub(crate) fn delete(tx: &Tx<'_>, pk: i64) -> rusqlite::Result<bool> {
    Ok(tx.execute("DELETE FROM drafts WHERE room = ?1", [pk])? > 0)
}
