use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Row, ToSql, params};

use crate::chat::{
    ChangeId, Desk, LastMessage, Room, RoomId, RoomRecord, Status, TagId, Timestamp, VisitorId,
};
pub(crate) use crate::persistence::room_row::{RoomKeys, RoomRow};
use crate::persistence::rules::listing::PriorState;
use crate::persistence::sqlite::codes::{self, int, optional_uint, uint};
use crate::persistence::sqlite::tables::places::Places;
use crate::persistence::sqlite::transaction::Tx;

/// The beginning of every query of rooms. CROSS JOIN makes SQLite walk rooms first, whose indexes
/// give the order. A visitor's user and block are columns of `visitors` alone, so they cannot
/// differ between rooms.
const SELECT: &str = "SELECT r.pk, r.last_n, r.waiting_n, r.id, r.status, r.customer_name,
    r.customer_email, r.customer_phone, v.user, r.page_url, r.created_at, r.updated_at,
    r.last_message_at, r.last_seq, r.customer_read_seq, r.admin_read_seq, r.visitor, v.blocked,
    r.signed, r.version, r.change, r.unread_count, r.waiting_since, r.last_sender_type,
    r.last_sender_name, r.last_content, r.assignee, r.tags, r.spam, r.snoozed_until
  FROM rooms r CROSS JOIN visitors v ON v.id = r.visitor ";

/// The columns that every change of a room writes.
macro_rules! update_room {
    () => {
        "UPDATE rooms SET updated_at = ?2, last_seq = ?3, customer_read_seq = ?4,
             admin_read_seq = ?5, unread_count = ?6, version = ?7, change = ?8, last_n = ?9,
             last_message_at = ?10, last_sender_type = ?11, last_sender_name = ?12,
             last_content = ?13, tail = ifnull(?14, tail)"
    };
}

/// The columns that a change of a room's status or waiting time writes as well.
macro_rules! move_room {
    () => {
        ", status = ?15, waiting_since = ?16, waiting_n = ?17"
    };
}

/// A query of rooms: what comes after FROM, with `r` for the room and `v` for its visitor.
fn prepare<'c>(conn: &'c Connection, rest: &str) -> rusqlite::Result<CachedStatement<'c>> {
    conn.prepare_cached(&[SELECT, rest].concat())
}

/// The rooms that a query finds, in its order.
pub(crate) fn query(
    conn: &Connection,
    rest: &str,
    params: impl Params,
) -> rusqlite::Result<Vec<RoomRow>> {
    prepare(conn, rest)?.query_map(params, read)?.collect()
}

/// One room by its id.
pub(crate) fn by_id(conn: &Connection, id: RoomId) -> rusqlite::Result<Option<RoomRow>> {
    prepare(conn, "WHERE r.id = ?1")?
        .query_row([id], read)
        .optional()
}

/// One room by its number.
pub(crate) fn by_pk(conn: &Connection, pk: i64) -> rusqlite::Result<Option<RoomRow>> {
    prepare(conn, "WHERE r.pk = ?1")?
        .query_row([pk], read)
        .optional()
}

/// The visitor's open room with the newest message. Rooms without messages come after those with,
/// the newest room first.
pub(crate) fn latest_open(
    conn: &Connection,
    visitor: VisitorId,
) -> rusqlite::Result<Option<RoomRow>> {
    // A literal 0, not a parameter: so the planner sees that the partial index fits.
    let rest = "WHERE r.visitor = ?1 AND r.closed = 0 ORDER BY r.last_n DESC, r.pk DESC LIMIT 1";
    Ok(query(conn, rest, [visitor])?.pop())
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp)
}

fn optional_time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp))
}

fn read(row: &Row<'_>) -> rusqlite::Result<RoomRow> {
    let room = Room {
        id: row.get(3)?,
        status: codes::status(row, 4)?,
        customer_name: row.get(5)?,
        customer_email: row.get(6)?,
        customer_phone: row.get(7)?,
        user: row.get(8)?,
        page_url: row.get(9)?,
        created_at: time(row, 10)?,
        updated_at: time(row, 11)?,
        last_message_at: optional_time(row, 12)?,
        last_seq: uint(row, 13)?,
        customer_read_seq: uint(row, 14)?,
        admin_read_seq: uint(row, 15)?,
    };
    let last_message = match room.last_message_at {
        Some(created_at) => Some(LastMessage {
            seq: room.last_seq,
            sender_type: codes::sender(row, 23)?,
            sender_name: row.get(24)?,
            content: row.get(25)?,
            created_at,
        }),
        None => None,
    };
    Ok(RoomRow {
        keys: RoomKeys {
            pk: row.get(0)?,
            last_n: row.get(1)?,
            waiting_n: row.get(2)?,
        },
        record: RoomRecord {
            room,
            visitor_id: row.get(16)?,
            blocked: row.get(17)?,
            signed: codes::signed(row, 18)?,
            version: uint(row, 19)?,
            change: ChangeId::of_single_writer(optional_uint(row, 20)?.unwrap_or(0)),
            unread_count: uint(row, 21)?,
            waiting_since: optional_time(row, 22)?,
            last_message,
            desk: Desk {
                assignee: row.get(26)?,
                tags: codes::tags(row, 27)?,
                spam: row.get(28)?,
                snoozed_until: optional_time(row, 29)?,
            },
        },
    })
}

/// Adds a room and returns its number.
pub(crate) fn insert(tx: &Tx<'_>, record: &RoomRecord) -> rusqlite::Result<i64> {
    let room = &record.room;
    tx.execute(
        "INSERT INTO rooms (id, visitor, status, customer_name, customer_email, customer_phone,
             page_url, signed, created_at, updated_at, last_seq, customer_read_seq,
             admin_read_seq, unread_count, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, 0, 0, 0, ?11)",
        params![
            room.id,
            record.visitor_id,
            codes::status_code(room.status),
            room.customer_name,
            room.customer_email,
            room.customer_phone,
            room.page_url,
            codes::signed_code(record.signed),
            room.created_at.0,
            room.updated_at.0,
            int(record.version),
        ],
    )?;
    Ok(tx.conn.last_insert_rowid())
}

/// Moves the counts with a changed room and writes its row.
pub(crate) fn update(
    tx: &mut Tx<'_>,
    before: PriorState,
    row: &mut RoomRow,
) -> rusqlite::Result<()> {
    tx.state.record_change(before, &mut row.record);
    write(tx.conn, before, row.keys, &row.record, None)
}

/// Writes a room's row, except for its details and its visitor, and with the places of its last
/// messages if there are new ones. `stored` is the state that the row has so far: only columns
/// that may have changed are written, because an unchanged indexed column costs no index a page.
/// Most messages change neither status nor waiting time.
pub(crate) fn write(
    conn: &Connection,
    stored: PriorState,
    keys: RoomKeys,
    record: &RoomRecord,
    tail: Option<&Places>,
) -> rusqlite::Result<()> {
    let room = &record.room;
    let last = record.last_message.as_ref();
    let values: [&dyn ToSql; 18] = [
        &keys.pk,
        &room.updated_at.0,
        &int(room.last_seq),
        &int(room.customer_read_seq),
        &int(room.admin_read_seq),
        &int(record.unread_count),
        &int(record.version),
        &record.is_listed().then(|| int(record.change.number)),
        &keys.last_n,
        &room.last_message_at.map(|at| at.0),
        &last.map(|last| codes::sender_code(last.sender_type)),
        &last.map(|last| last.sender_name.as_str()),
        &last.map(|last| last.content.as_str()),
        &tail,
        &codes::status_code(room.status),
        &record.waiting_since.map(|since| since.0),
        &keys.waiting_n,
        &(room.status == Status::Closed),
    ];
    if (record.desk.assignee, record.desk.snoozed_until) != (stored.assignee, stored.snoozed_until)
    {
        conn.prepare_cached("UPDATE rooms SET assignee = ?2, snoozed_until = ?3 WHERE pk = ?1")?
            .execute(params![
                keys.pk,
                record.desk.assignee,
                record.desk.snoozed_until.map(|at| at.0)
            ])?;
    }
    let (sql, used) = if (room.status == Status::Closed) != (stored.status == Status::Closed) {
        let sql = concat!(update_room!(), move_room!(), ", closed = ?18 WHERE pk = ?1");
        (sql, 18)
    } else if (room.status, record.waiting_since) != (stored.status, stored.waiting_since) {
        (concat!(update_room!(), move_room!(), " WHERE pk = ?1"), 17)
    } else {
        (concat!(update_room!(), " WHERE pk = ?1"), 14)
    };
    conn.prepare_cached(sql)?.execute(&values[..used])?;
    Ok(())
}

/// Writes a room's details, which [`update`] leaves alone because most changes do.
pub(crate) fn update_details(tx: &Tx<'_>, row: &RoomRow) -> rusqlite::Result<()> {
    let room = &row.record.room;
    tx.execute(
        "UPDATE rooms SET customer_name = ?2, customer_email = ?3, customer_phone = ?4,
             page_url = ?5, signed = ?6
         WHERE pk = ?1",
        params![
            row.keys.pk,
            room.customer_name,
            room.customer_email,
            room.customer_phone,
            room.page_url,
            codes::signed_code(row.record.signed),
        ],
    )?;
    Ok(())
}

/// Writes what agents alone know of the room, whose tags were these before.
pub(crate) fn update_desk(tx: &Tx<'_>, row: &RoomRow, tags: &[TagId]) -> rusqlite::Result<()> {
    let desk = &row.record.desk;
    tx.execute(
        "UPDATE rooms SET assignee = ?2, tags = ?3, spam = ?4, snoozed_until = ?5 WHERE pk = ?1",
        params![
            row.keys.pk,
            desk.assignee,
            codes::tags_bytes(&desk.tags),
            desk.spam,
            desk.snoozed_until.map(|at| at.0),
        ],
    )?;
    for tag in tags.iter().filter(|tag| !desk.tags.contains(tag)) {
        tx.execute(
            "DELETE FROM room_tags WHERE tag = ?1 AND room = ?2",
            params![tag, row.keys.pk],
        )?;
    }
    for tag in desk.tags.iter().filter(|tag| !tags.contains(tag)) {
        tx.execute(
            "INSERT INTO room_tags (tag, room) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            params![tag, row.keys.pk],
        )?;
    }
    Ok(())
}

/// Writes the room's visitor.
pub(crate) fn update_visitor(tx: &Tx<'_>, row: &RoomRow) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE rooms SET visitor = ?2 WHERE pk = ?1",
        params![row.keys.pk, row.record.visitor_id],
    )?;
    Ok(())
}

/// SQLite's plan for a query of rooms.
#[cfg(test)]
pub(crate) fn plan(conn: &Connection, rest: &str) -> rusqlite::Result<Vec<String>> {
    conn.prepare(&["EXPLAIN QUERY PLAN ", SELECT, rest].concat())?
        .query_map([], |row| row.get(3))?
        .collect()
}
