use crate::chat::{RoomId, Suggestion};
use crate::persistence::postgres::codes::{int, time, uint};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;

/// A room's suggestion.
pub(crate) async fn of_room(db: &Session, room: RoomId) -> Result<Option<Suggestion>, TxError> {
    let row = db
        .query_opt(
            "SELECT d.after_seq, d.content, d.author, d.created_at
             FROM drafts d JOIN rooms r ON r.pk = d.room WHERE r.id = $1",
            &[&room],
        )
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(Suggestion {
        after_seq: uint(&row, 0)?,
        content: row.try_get(1)?,
        by: row.try_get(2)?,
        created_at: time(&row, 3)?,
    }))
}

/// Stores a suggestion in the place of the one before. The room is locked.
pub(crate) async fn write(tx: &Tx, pk: i64, suggestion: &Suggestion) -> Result<(), TxError> {
    tx.execute(
        "INSERT INTO drafts (room, after_seq, content, author, created_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (room) DO UPDATE SET after_seq = excluded.after_seq,
             content = excluded.content, author = excluded.author,
             created_at = excluded.created_at",
        &[
            &pk,
            &int(suggestion.after_seq),
            &suggestion.content,
            &suggestion.by,
            &suggestion.created_at.0,
        ],
    )
    .await?;
    Ok(())
}

/// Removes it. Returns whether there was one.
pub(crate) async fn delete(tx: &Tx, pk: i64) -> Result<bool, TxError> {
    let deleted = tx
        .execute("DELETE FROM drafts WHERE room = $1", &[&pk])
        .await?;
    Ok(deleted > 0)
}
