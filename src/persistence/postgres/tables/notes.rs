use tokio_postgres::Row;

use crate::chat::{Note, NoteId, RoomId};
use crate::persistence::postgres::codes::{int, limit, time, uint};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::{NotePage, NoteRange, note_page};

/// The columns of a note, 7 of them.
macro_rules! note_columns {
    () => {
        "n.no, n.id, n.after_seq, n.agent, n.agent_name, n.content, n.created_at"
    };
}

/// A note from a row that begins with [`note_columns`].
pub(crate) fn read(row: &Row, room_id: RoomId) -> Result<Note, TxError> {
    Ok(Note {
        no: uint(row, 0)?,
        id: row.try_get(1)?,
        room_id,
        after_seq: uint(row, 2)?,
        agent_id: row.try_get(3)?,
        agent_name: row.try_get(4)?,
        content: row.try_get(5)?,
        created_at: time(row, 6)?,
    })
}

/// The number of a room.
pub(crate) async fn room(db: &Session, id: RoomId) -> Result<Option<i64>, TxError> {
    let row = db
        .query_opt("SELECT pk FROM rooms WHERE id = $1", &[&id])
        .await?;
    row.map(|row| Ok(row.try_get(0)?)).transpose()
}

/// The number of a room's newest note; 0 without any.
pub(crate) async fn last(db: &Session, pk: i64) -> Result<u64, TxError> {
    let sql = "SELECT coalesce(max(no), 0) FROM notes WHERE room = $1";
    uint(&db.query_one(sql, &[&pk]).await?, 0)
}

/// The note of a room with this id.
pub(crate) async fn by_id(
    db: &Session,
    pk: i64,
    room_id: RoomId,
    id: NoteId,
) -> Result<Option<Note>, TxError> {
    const SQL: &str = concat!(
        "SELECT ",
        note_columns!(),
        " FROM notes n WHERE n.id = $2 AND n.room = $1"
    );
    let row = db.query_opt(SQL, &[&pk, &id]).await?;
    row.map(|row| read(&row, room_id)).transpose()
}

/// Inserts a note of a locked room.
pub(crate) async fn insert(tx: &Tx, pk: i64, note: &Note, to_ring: bool) -> Result<(), TxError> {
    tx.execute(
        "INSERT INTO notes (room, no, id, after_seq, agent, agent_name, content, created_at,
             to_ring)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            &pk,
            &int(note.no),
            &note.id,
            &int(note.after_seq),
            &note.agent_id,
            &note.agent_name,
            &note.content,
            &note.created_at.0,
            &to_ring,
        ],
    )
    .await?;
    Ok(())
}

/// The first notes of a range.
pub(crate) async fn page(
    db: &Session,
    pk: i64,
    room_id: RoomId,
    range: NoteRange,
    items: usize,
    bytes: usize,
) -> Result<NotePage, TxError> {
    const SQL: &str = concat!(
        "SELECT ",
        note_columns!(),
        " FROM notes n WHERE n.room = $1 AND n.no > $2 AND n.after_seq BETWEEN $3 AND $4
         ORDER BY n.no LIMIT $5"
    );
    let last = last(db, pk).await?;
    let (after, from, until) = note_page::bounds(range);
    let rows = db
        .query(
            SQL,
            &[&pk, &int(after), &int(from), &int(until), &limit(items, 1)],
        )
        .await?;
    let notes = rows.iter().map(|row| read(row, room_id));
    note_page::fill(notes, items, bytes, last)
}

/// Notes whose agents are still to be rung.
pub(crate) async fn to_ring(db: &Session, items: usize) -> Result<Vec<Note>, TxError> {
    const SQL: &str = concat!(
        "SELECT ",
        note_columns!(),
        ", r.id FROM notes n JOIN rooms r ON r.pk = n.room
         WHERE n.to_ring ORDER BY n.room, n.no LIMIT $1"
    );
    let rows = db.query(SQL, &[&limit(items, 0)]).await?;
    rows.iter().map(|row| read(row, row.try_get(7)?)).collect()
}

/// The agents of a note were rung.
pub(crate) async fn was_rung(tx: &Tx, room: RoomId, no: u64) -> Result<(), TxError> {
    tx.execute(
        "UPDATE notes SET to_ring = FALSE
         WHERE room = (SELECT pk FROM rooms WHERE id = $1) AND no = $2",
        &[&room, &int(no)],
    )
    .await?;
    Ok(())
}
