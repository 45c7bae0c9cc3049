use tokio_postgres::Row;

use crate::chat::{PAGES_KEPT, PageVisit, Timestamp, VisitorId};
use crate::persistence::postgres::codes::{limit, optional_time, time};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;

fn read(row: &Row) -> Result<PageVisit, TxError> {
    Ok(PageVisit {
        url: row.try_get(0)?,
        at: time(row, 1)?,
    })
}

/// The newest pages of a room, the newest first.
pub(crate) async fn newest(db: &Session, pk: i64, count: usize) -> Result<Vec<PageVisit>, TxError> {
    let rows = db
        .query(
            "SELECT url, at FROM pages WHERE room = $1 ORDER BY at DESC LIMIT $2",
            &[&pk, &limit(count, 0)],
        )
        .await?;
    rows.iter().map(read).collect()
}

/// When the visitor came to the newest page of all their rooms.
pub(crate) async fn last_of(
    db: &Session,
    visitor: VisitorId,
) -> Result<Option<Timestamp>, TxError> {
    let row = db
        .query_one(
            "SELECT max(p.at) FROM rooms r JOIN pages p ON p.room = r.pk WHERE r.visitor = $1",
            &[&visitor],
        )
        .await?;
    optional_time(&row, 0)
}

/// Stores a page. The one that it takes the place of, and those past the bound, go. The room is
/// locked.
pub(crate) async fn insert(
    tx: &Tx,
    pk: i64,
    visit: &PageVisit,
    replaced: Option<&PageVisit>,
) -> Result<(), TxError> {
    if let Some(replaced) = replaced {
        tx.execute(
            "DELETE FROM pages WHERE room = $1 AND at = $2",
            &[&pk, &replaced.at.0],
        )
        .await?;
    }
    tx.execute(
        "INSERT INTO pages (room, at, url) VALUES ($1, $2, $3)",
        &[&pk, &visit.at.0, &visit.url],
    )
    .await?;
    tx.execute(
        "DELETE FROM pages WHERE room = $1 AND at <= (
             SELECT at FROM pages WHERE room = $1 ORDER BY at DESC LIMIT 1 OFFSET $2)",
        &[&pk, &limit(PAGES_KEPT, 0)],
    )
    .await?;
    Ok(())
}
