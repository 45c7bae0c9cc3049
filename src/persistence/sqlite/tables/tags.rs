use rusqlite::{Connection, Row, params};

use crate::chat::{RoomId, Tag, TagId, Timestamp};
use crate::persistence::BlockedVisitor;
use crate::persistence::sqlite::codes::limit;
use crate::persistence::sqlite::transaction::Tx;

/// All tags by name.
pub(crate) fn all(conn: &Connection) -> rusqlite::Result<Vec<Tag>> {
    conn.prepare_cached("SELECT id, name, color FROM tags ORDER BY name_key")?
        .query_map([], |row| {
            Ok(Tag {
                id: row.get(0)?,
                name: row.get(1)?,
                color: row.get(2)?,
            })
        })?
        .collect()
}

/// Writes a tag, a new one or over the one with its id.
pub(crate) fn write(tx: &mut Tx<'_>, tag: &Tag) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT INTO tags (id, name, name_key, color) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, name_key = excluded.name_key,
             color = excluded.color",
        params![tag.id, tag.name, tag.name_key(), tag.color],
    )?;
    // Whoever shows names reads them again.
    tx.state.auth_version += 1;
    Ok(())
}

/// Adds a tag of an export, unless its id or its name is taken.
pub(crate) fn insert_known(tx: &mut Tx<'_>, tag: &Tag) -> rusqlite::Result<()> {
    let added = tx.execute(
        "INSERT INTO tags (id, name, name_key, color) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO NOTHING",
        params![tag.id, tag.name, tag.name_key(), tag.color],
    )?;
    tx.state.auth_version += added as u64;
    Ok(())
}

/// Deletes a tag. Rooms still have its id.
pub(crate) fn delete(tx: &mut Tx<'_>, id: TagId) -> rusqlite::Result<()> {
    tx.execute("DELETE FROM tags WHERE id = ?1", [id])?;
    tx.state.auth_version += 1;
    Ok(())
}

/// Rooms with a tag that was deleted.
pub(crate) fn deleted(conn: &Connection, items: usize) -> rusqlite::Result<Vec<(TagId, i64)>> {
    conn.prepare_cached(
        "SELECT tag, room FROM room_tags WHERE tag NOT IN (SELECT id FROM tags) LIMIT ?1",
    )?
    .query_map([limit(items, 0)], |row| Ok((row.get(0)?, row.get(1)?)))?
    .collect()
}

/// A room has a tag no longer.
pub(crate) fn take_off(tx: &Tx<'_>, tag: TagId, room: i64) -> rusqlite::Result<()> {
    tx.execute(
        "DELETE FROM room_tags WHERE tag = ?1 AND room = ?2",
        params![tag, room],
    )?;
    Ok(())
}

/// Rooms whose snooze has ended.
pub(crate) fn ended_snoozes(
    conn: &Connection,
    now: Timestamp,
    items: usize,
) -> rusqlite::Result<Vec<RoomId>> {
    conn.prepare_cached(
        "SELECT id FROM rooms WHERE snoozed_until <= ?1 ORDER BY snoozed_until LIMIT ?2",
    )?
    .query_map(params![now.0, limit(items, 0)], |row| row.get(0))?
    .collect()
}

/// The newest room of each visitor whose block has ended.
pub(crate) fn ended_blocks(
    conn: &Connection,
    now: Timestamp,
    items: usize,
) -> rusqlite::Result<Vec<RoomId>> {
    conn.prepare_cached(
        "SELECT r.id FROM visitors v
         JOIN rooms r ON r.pk = (SELECT max(pk) FROM rooms WHERE visitor = v.id)
         WHERE v.blocked = 1 AND v.blocked_until <= ?1 ORDER BY v.blocked_until LIMIT ?2",
    )?
    .query_map(params![now.0, limit(items, 0)], |row| row.get(0))?
    .collect()
}

/// Blocked visitors with a room, those first whose block ends first.
pub(crate) fn blocked(conn: &Connection, items: usize) -> rusqlite::Result<Vec<BlockedVisitor>> {
    conn.prepare_cached(
        "SELECT r.id, r.customer_name, v.user, v.blocked_until FROM visitors v
         JOIN rooms r ON r.pk = (SELECT max(pk) FROM rooms WHERE visitor = v.id)
         WHERE v.blocked = 1 ORDER BY v.blocked_until IS NULL, v.blocked_until, v.id LIMIT ?1",
    )?
    .query_map([limit(items, 0)], read_blocked)?
    .collect()
}

fn read_blocked(row: &Row<'_>) -> rusqlite::Result<BlockedVisitor> {
    Ok(BlockedVisitor {
        room_id: row.get(0)?,
        customer_name: row.get(1)?,
        user: row.get(2)?,
        until: row.get::<_, Option<i64>>(3)?.map(Timestamp),
    })
}
