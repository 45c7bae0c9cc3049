use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::chat::{PAGES_KEPT, PageVisit, Timestamp, VisitorId};
use crate::persistence::sqlite::codes::limit;
use crate::persistence::sqlite::transaction::Tx;

fn read(row: &Row<'_>) -> rusqlite::Result<PageVisit> {
    Ok(PageVisit {
        url: row.get(0)?,
        at: Timestamp(row.get(1)?),
    })
}

/// The newest pages of a room, the newest first.
pub(crate) fn newest(conn: &Connection, pk: i64, count: usize) -> rusqlite::Result<Vec<PageVisit>> {
    conn.prepare_cached("SELECT url, at FROM pages WHERE room = ?1 ORDER BY at DESC LIMIT ?2")?
        .query_map(params![pk, limit(count, 0)], read)?
        .collect()
}

/// When the visitor came to the newest page of all their rooms.
pub(crate) fn last_of(
    conn: &Connection,
    visitor: VisitorId,
) -> rusqlite::Result<Option<Timestamp>> {
    let at: Option<Option<i64>> = conn
        .prepare_cached(
            "SELECT max(p.at) FROM rooms r JOIN pages p ON p.room = r.pk WHERE r.visitor = ?1",
        )?
        .query_row([visitor], |row| row.get(0))
        .optional()?;
    Ok(at.flatten().map(Timestamp))
}

/// Stores a page. The one that it takes the place of, and those past the bound, go.
pub(crate) fn insert(
    tx: &Tx<'_>,
    pk: i64,
    visit: &PageVisit,
    replaced: Option<&PageVisit>,
) -> rusqlite::Result<()> {
    if let Some(replaced) = replaced {
        tx.execute(
            "DELETE FROM pages WHERE room = ?1 AND at = ?2",
            params![pk, replaced.at.0],
        )?;
    }
    tx.execute(
        "INSERT INTO pages (room, at, url) VALUES (?1, ?2, ?3)",
        params![pk, visit.at.0, visit.url],
    )?;
    tx.execute(
        "DELETE FROM pages WHERE room = ?1 AND at <= (
             SELECT at FROM pages WHERE room = ?1 ORDER BY at DESC LIMIT 1 OFFSET ?2)",
        params![pk, limit(PAGES_KEPT, 0)],
    )?;
    Ok(())
}
