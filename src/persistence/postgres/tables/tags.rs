use crate::chat::{RoomId, Tag, TagId, Timestamp};
use crate::persistence::BlockedVisitor;
use crate::persistence::postgres::codes::{limit, optional_time};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;

/// All tags by name.
pub(crate) async fn all(db: &Session) -> Result<Vec<Tag>, TxError> {
    let sql = "SELECT id, name, color FROM tags ORDER BY name_key COLLATE \"C\"";
    let rows = db.query(sql, &[]).await?;
    let read = |row: &tokio_postgres::Row| {
        Ok(Tag {
            id: row.try_get(0)?,
            name: row.try_get(1)?,
            color: row.try_get(2)?,
        })
    };
    rows.iter().map(read).collect()
}

/// Writes a tag, a new one or over the one with its id.
pub(crate) async fn write(tx: &mut Tx, tag: &Tag) -> Result<(), TxError> {
    tx.execute(
        "INSERT INTO tags (id, name, name_key, color) VALUES ($1, $2, $3, $4)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, name_key = excluded.name_key,
             color = excluded.color",
        &[&tag.id, &tag.name, &tag.name_key(), &tag.color],
    )
    .await?;
    // Whoever shows names reads them again.
    tx.auth_changed = true;
    Ok(())
}

/// Adds a tag of an export, unless its id or its name is taken.
pub(crate) async fn insert_known(tx: &mut Tx, tag: &Tag) -> Result<(), TxError> {
    let added = tx
        .execute(
            "INSERT INTO tags (id, name, name_key, color) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
            &[&tag.id, &tag.name, &tag.name_key(), &tag.color],
        )
        .await?;
    tx.auth_changed |= added > 0;
    Ok(())
}

/// Deletes a tag. Rooms still have its id.
pub(crate) async fn delete(tx: &mut Tx, id: TagId) -> Result<(), TxError> {
    tx.execute("DELETE FROM tags WHERE id = $1", &[&id]).await?;
    tx.auth_changed = true;
    Ok(())
}

/// Rooms with a tag that was deleted, in the order in which rooms are locked.
pub(crate) async fn deleted(db: &Session, items: usize) -> Result<Vec<(TagId, i64)>, TxError> {
    let sql = "SELECT tag, room FROM room_tags WHERE tag NOT IN (SELECT id FROM tags)
         ORDER BY room LIMIT $1";
    let rows = db.query(sql, &[&limit(items, 0)]).await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect()
}

/// A room has a tag no longer.
pub(crate) async fn take_off(tx: &Tx, tag: TagId, room: i64) -> Result<(), TxError> {
    let sql = "DELETE FROM room_tags WHERE tag = $1 AND room = $2";
    tx.execute(sql, &[&tag, &room]).await?;
    Ok(())
}

/// Rooms whose snooze has ended.
pub(crate) async fn ended_snoozes(
    db: &Session,
    now: Timestamp,
    items: usize,
) -> Result<Vec<RoomId>, TxError> {
    let sql = "SELECT r.id FROM room_heads h JOIN rooms r ON r.pk = h.room
         WHERE h.snoozed_until <= $1 ORDER BY h.snoozed_until LIMIT $2";
    let rows = db.query(sql, &[&now.0, &limit(items, 0)]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The newest room of each visitor whose block has ended.
pub(crate) async fn ended_blocks(
    db: &Session,
    now: Timestamp,
    items: usize,
) -> Result<Vec<RoomId>, TxError> {
    let sql = "SELECT r.id FROM visitors v
         JOIN rooms r ON r.pk = (SELECT max(pk) FROM rooms WHERE visitor = v.id)
         WHERE v.blocked AND v.blocked_until <= $1 ORDER BY v.blocked_until LIMIT $2";
    let rows = db.query(sql, &[&now.0, &limit(items, 0)]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Blocked visitors with a room, those first whose block ends first.
pub(crate) async fn blocked(db: &Session, items: usize) -> Result<Vec<BlockedVisitor>, TxError> {
    let sql = "SELECT r.id, r.customer_name, v.\"user\", v.blocked_until FROM visitors v
         JOIN rooms r ON r.pk = (SELECT max(pk) FROM rooms WHERE visitor = v.id)
         WHERE v.blocked ORDER BY v.blocked_until NULLS LAST, v.id LIMIT $1";
    let rows = db.query(sql, &[&limit(items, 0)]).await?;
    let read = |row: &tokio_postgres::Row| {
        Ok(BlockedVisitor {
            room_id: row.try_get(0)?,
            customer_name: row.try_get(1)?,
            user: row.try_get(2)?,
            until: optional_time(row, 3)?,
        })
    };
    rows.iter().map(read).collect()
}
