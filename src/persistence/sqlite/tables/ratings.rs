use rusqlite::{Connection, Row, params};

use crate::chat::{Rating, Timestamp};
use crate::persistence::sqlite::codes::{int, limit, uint};
use crate::persistence::sqlite::transaction::Tx;

/// The newest ratings of a room, by closing; at most `items`.
pub(crate) fn of_room(conn: &Connection, pk: i64, items: usize) -> rusqlite::Result<Vec<Rating>> {
    let mut ratings: Vec<Rating> = conn
        .prepare_cached(
            "SELECT closing, score, comment, created_at, changed_at FROM ratings
             WHERE room = ?1 ORDER BY closing DESC LIMIT ?2",
        )?
        .query_map(params![pk, limit(items, 0)], read)?
        .collect::<rusqlite::Result<_>>()?;
    ratings.reverse();
    Ok(ratings)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Rating> {
    Ok(Rating {
        closing: uint(row, 0)?,
        score: row.get(1)?,
        comment: row.get(2)?,
        created_at: Timestamp(row.get(3)?),
        changed_at: Timestamp(row.get(4)?),
    })
}

/// Writes a rating, a new one or over that of its closing.
pub(crate) fn write(tx: &Tx<'_>, pk: i64, rating: &Rating) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT OR REPLACE INTO ratings (room, closing, score, comment, created_at, changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            pk,
            int(rating.closing),
            rating.score,
            rating.comment,
            rating.created_at.0,
            rating.changed_at.0,
        ],
    )?;
    Ok(())
}

/// Deletes the ratings of a room.
pub(crate) fn forget_room(tx: &Tx<'_>, pk: i64) -> rusqlite::Result<()> {
    tx.execute("DELETE FROM ratings WHERE room = ?1", [pk])?;
    Ok(())
}
