use tokio_postgres::Row;

use crate::chat::{ChangeId, Desk, LastMessage, Room, RoomId, RoomRecord, TagId, VisitorId};
use crate::persistence::postgres::codes::{
    int, optional_time, sender, signed, signed_code, status, status_code, time, uint,
};
use crate::persistence::postgres::session::{Params, Session};
pub(crate) use crate::persistence::postgres::tables::head_columns::{HeadColumns, UPDATE_HEADS};
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
pub(crate) use crate::persistence::room_row::{RoomKeys, RoomRow};
use crate::persistence::rules::listing::PriorState;

/// The columns of a head, 21 of them.
macro_rules! head_columns {
    () => {
        "h.room, h.status, h.updated_at, h.last_seq, h.customer_read_seq, h.admin_read_seq,
         h.unread_count, h.version, h.slot, h.change, h.waiting_since, h.waiting_n, h.last_n,
         h.last_message_at, h.last_sender_type, h.last_sender_name, h.last_content, h.assignee,
         h.tags, h.spam, h.snoozed_until"
    };
}

/// How many columns a head has.
pub(crate) const HEAD_COLUMNS: usize = 21;

/// The columns of a room and its visitor.
macro_rules! detail_columns {
    () => {
        "r.pk, r.id, r.visitor, r.customer_name, r.customer_email, r.customer_phone, r.page_url,
         r.signed, r.created_at, v.\"user\", v.blocked"
    };
}

/// The beginning of every query of whole rooms: `h` is the head, `r` the room, `v` its visitor.
macro_rules! select_rooms {
    ($rest:expr) => {
        concat!(
            "SELECT ",
            $crate::persistence::postgres::tables::room_rows::head_columns!(),
            ", ",
            $crate::persistence::postgres::tables::room_rows::detail_columns!(),
            " FROM room_heads h JOIN rooms r ON r.pk = h.room JOIN visitors v ON v.id = r.visitor ",
            $rest
        )
    };
}
pub(crate) use {detail_columns, head_columns, select_rooms};

/// What a head holds, without the details of its room.
#[derive(Debug, Clone)]
pub(crate) struct HeadRow(Row);

/// What rooms and visitors hold of a room.
#[derive(Debug, Clone)]
pub(crate) struct DetailsRow {
    row: Row,
    first: usize,
}

impl HeadRow {
    /// A row that begins with [`head_columns`].
    pub(crate) fn new(row: Row) -> Self {
        Self(row)
    }

    /// The room's primary key.
    pub(crate) fn pk(&self) -> Result<i64, TxError> {
        Ok(self.0.try_get(0)?)
    }

    /// The whole room.
    pub(crate) fn with(&self, details: &DetailsRow) -> Result<RoomRow, TxError> {
        read(&self.0, &details.row, details.first)
    }
}

impl DetailsRow {
    /// A row that begins with [`detail_columns`].
    pub(crate) fn new(row: Row) -> Self {
        Self { row, first: 0 }
    }

    /// The room's primary key.
    pub(crate) fn pk(&self) -> Result<i64, TxError> {
        Ok(self.row.try_get(self.first)?)
    }
}

/// The rooms that a query made by [`select_rooms`] finds, in its order.
pub(crate) async fn query(
    db: &Session,
    sql: &'static str,
    params: &Params<'_>,
) -> Result<Vec<RoomRow>, TxError> {
    let rows = db.query(sql, params).await?;
    rows.iter()
        .map(|row| read(row, row, HEAD_COLUMNS))
        .collect()
}

/// One room by its id.
pub(crate) async fn by_id(db: &Session, id: RoomId) -> Result<Option<RoomRow>, TxError> {
    let found = query(db, select_rooms!("WHERE r.id = $1"), &[&id]).await?;
    Ok(found.into_iter().next())
}

/// One room by its number.
pub(crate) async fn by_pk(db: &Session, pk: i64) -> Result<Option<RoomRow>, TxError> {
    let found = query(db, select_rooms!("WHERE r.pk = $1"), &[&pk]).await?;
    Ok(found.into_iter().next())
}

/// Locks a room and reads it. Whoever locks several takes them in the order of their numbers.
pub(crate) async fn lock(tx: &Tx, id: RoomId) -> Result<Option<RoomRow>, TxError> {
    let found = tx
        .query_opt(
            "SELECT room FROM room_heads WHERE room = (SELECT pk FROM rooms WHERE id = $1)
             FOR NO KEY UPDATE",
            &[&id],
        )
        .await?;
    match found {
        // A statement of its own, so that it sees what was committed while the lock was awaited.
        Some(_) => by_id(tx, id).await,
        None => Ok(None),
    }
}

/// Locks a room by its number and reads it.
pub(crate) async fn lock_pk(tx: &Tx, pk: i64) -> Result<Option<RoomRow>, TxError> {
    let found = tx
        .query_opt(
            "SELECT room FROM room_heads WHERE room = $1 FOR NO KEY UPDATE",
            &[&pk],
        )
        .await?;
    match found {
        Some(_) => by_pk(tx, pk).await,
        None => Ok(None),
    }
}

/// Locks rooms that are to be deleted, in the order of their numbers, and reads those that are there.
pub(crate) async fn lock_to_delete(tx: &Tx, pks: &[i64]) -> Result<Vec<RoomRow>, TxError> {
    tx.query(
        "SELECT room FROM room_heads WHERE room = ANY($1) ORDER BY room FOR UPDATE",
        &[&pks],
    )
    .await?;
    query(
        tx,
        select_rooms!("WHERE r.pk = ANY($1) ORDER BY r.pk"),
        &[&pks],
    )
    .await
}

/// The visitor's open room with the newest message. Rooms without messages come after those with,
/// the newest room first.
pub(crate) async fn latest_open(
    db: &Session,
    visitor: VisitorId,
) -> Result<Option<RoomRow>, TxError> {
    let sql = select_rooms!(
        "WHERE r.visitor = $1 AND h.status <> 2 ORDER BY h.last_n DESC NULLS LAST, r.pk DESC LIMIT 1"
    );
    Ok(query(db, sql, &[&visitor]).await?.into_iter().next())
}

fn read(head: &Row, details: &Row, first: usize) -> Result<RoomRow, TxError> {
    let room = Room {
        id: details.try_get(first + 1)?,
        status: status(head, 1)?,
        customer_name: details.try_get(first + 3)?,
        customer_email: details.try_get(first + 4)?,
        customer_phone: details.try_get(first + 5)?,
        user: details.try_get(first + 9)?,
        page_url: details.try_get(first + 6)?,
        created_at: time(details, first + 8)?,
        updated_at: time(head, 2)?,
        last_message_at: optional_time(head, 13)?,
        last_seq: uint(head, 3)?,
        customer_read_seq: uint(head, 4)?,
        admin_read_seq: uint(head, 5)?,
    };
    let last_message = match room.last_message_at {
        Some(created_at) => Some(LastMessage {
            seq: room.last_seq,
            sender_type: sender(head, 14)?,
            sender_name: head.try_get(15)?,
            content: head.try_get(16)?,
            created_at,
        }),
        None => None,
    };
    let slot: i16 = head.try_get(8)?;
    Ok(RoomRow {
        keys: RoomKeys {
            pk: head.try_get(0)?,
            last_n: head.try_get(12)?,
            waiting_n: head.try_get(11)?,
        },
        record: RoomRecord {
            room,
            visitor_id: details.try_get(first + 2)?,
            blocked: details.try_get(first + 10)?,
            signed: signed(details, first + 7)?,
            version: uint(head, 7)?,
            change: ChangeId {
                slot: usize::try_from(slot)
                    .map_err(|_| TxError::unreadable(format!("{slot} is no slot")))?,
                number: uint(head, 9)?,
            },
            unread_count: uint(head, 6)?,
            waiting_since: optional_time(head, 10)?,
            last_message,
            desk: Desk {
                assignee: head.try_get(17)?,
                tags: head
                    .try_get::<_, Option<Vec<TagId>>>(18)?
                    .unwrap_or_default(),
                spam: head.try_get(19)?,
                snoozed_until: optional_time(head, 20)?,
            },
        },
    })
}

/// Inserts a room and its head, and returns its number.
pub(crate) async fn insert(tx: &Tx, record: &RoomRecord) -> Result<i64, TxError> {
    let room = &record.room;
    let row = tx
        .query_one(
            "INSERT INTO rooms (id, visitor, customer_name, customer_email, customer_phone,
                 page_url, signed, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING pk",
            &[
                &room.id,
                &record.visitor_id,
                &room.customer_name,
                &room.customer_email,
                &room.customer_phone,
                &room.page_url,
                &signed_code(record.signed),
                &room.created_at.0,
            ],
        )
        .await?;
    let pk: i64 = row.try_get(0)?;
    tx.execute(
        "INSERT INTO room_heads (room, status, updated_at, last_seq, customer_read_seq,
             admin_read_seq, unread_count, version, slot, change)
         VALUES ($1, $2, $3, 0, 0, 0, 0, $4, 0, 0)",
        &[
            &pk,
            &status_code(room.status),
            &room.updated_at.0,
            &int(record.version),
        ],
    )
    .await?;
    Ok(pk)
}

/// Inserts a room without messages and returns its row.
pub(crate) async fn insert_new(tx: &Tx, record: RoomRecord) -> Result<RoomRow, TxError> {
    let keys = RoomKeys {
        pk: insert(tx, &record).await?,
        last_n: None,
        waiting_n: None,
    };
    Ok(RoomRow { keys, record })
}

/// Moves the counts with a changed room and writes its head.
pub(crate) async fn update(
    tx: &mut Tx,
    before: PriorState,
    row: &mut RoomRow,
) -> Result<(), TxError> {
    tx.record_change(before, &mut row.record);
    let mut heads = HeadColumns::default();
    heads.push(row.keys, &row.record);
    let written = tx.execute(UPDATE_HEADS, &heads.as_params()).await?;
    match written {
        1 => Ok(()),
        _ => Err(TxError::Bug(
            "the head of a locked room was not there".into(),
        )),
    }
}

/// Writes which tags and what else of the desk messages do not change, when the tags were these
/// before.
pub(crate) async fn update_desk(tx: &Tx, row: &RoomRow, tags: &[TagId]) -> Result<(), TxError> {
    let (pk, desk) = (row.keys.pk, &row.record.desk);
    let stored = (!desk.tags.is_empty()).then_some(&desk.tags);
    tx.execute(
        "UPDATE room_heads SET tags = $2, spam = $3 WHERE room = $1",
        &[&pk, &stored, &desk.spam],
    )
    .await?;
    let added: Vec<TagId> = (desk.tags.iter().copied())
        .filter(|tag| !tags.contains(tag))
        .collect();
    tx.execute(
        "DELETE FROM room_tags WHERE room = $1 AND tag = ANY($2) AND NOT tag = ANY($3)",
        &[&pk, &tags, &desk.tags],
    )
    .await?;
    tx.execute(
        "INSERT INTO room_tags (tag, room) SELECT tag, $1 FROM unnest($2::uuid[]) AS tag
         ON CONFLICT DO NOTHING",
        &[&pk, &added],
    )
    .await?;
    Ok(())
}

/// Writes the details of a room and whose it is.
pub(crate) async fn update_details(tx: &Tx, row: &RoomRow) -> Result<(), TxError> {
    let room = &row.record.room;
    tx.execute(
        "UPDATE rooms SET visitor = $2, customer_name = $3, customer_email = $4,
             customer_phone = $5, page_url = $6, signed = $7
         WHERE pk = $1",
        &[
            &row.keys.pk,
            &row.record.visitor_id,
            &room.customer_name,
            &room.customer_email,
            &room.customer_phone,
            &room.page_url,
            &signed_code(row.record.signed),
        ],
    )
    .await?;
    Ok(())
}
