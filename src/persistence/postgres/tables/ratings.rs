use tokio_postgres::Row;

use crate::chat::Rating;
use crate::persistence::postgres::codes::{int, limit, time, uint};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;

/// The newest ratings of a room, by closing; at most `items`.
pub(crate) async fn of_room(db: &Session, pk: i64, items: usize) -> Result<Vec<Rating>, TxError> {
    let rows = db
        .query(
            "SELECT closing, score, comment, created_at, changed_at FROM ratings
             WHERE room = $1 ORDER BY closing DESC LIMIT $2",
            &[&pk, &limit(items, 0)],
        )
        .await?;
    rows.iter().rev().map(read).collect()
}

fn read(row: &Row) -> Result<Rating, TxError> {
    let score: i16 = row.try_get(1)?;
    Ok(Rating {
        closing: uint(row, 0)?,
        score: u8::try_from(score)
            .map_err(|_| TxError::unreadable(format!("{score} is no score")))?,
        comment: row.try_get(2)?,
        created_at: time(row, 3)?,
        changed_at: time(row, 4)?,
    })
}

/// Writes a rating of a locked room, a new one or over that of its closing.
pub(crate) async fn write(tx: &Tx, pk: i64, rating: &Rating) -> Result<(), TxError> {
    tx.execute(
        "INSERT INTO ratings (room, closing, score, comment, created_at, changed_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (room, closing) DO UPDATE SET score = excluded.score,
             comment = excluded.comment, changed_at = excluded.changed_at",
        &[
            &pk,
            &int(rating.closing),
            &i16::from(rating.score),
            &rating.comment,
            &rating.created_at.0,
            &rating.changed_at.0,
        ],
    )
    .await?;
    Ok(())
}
