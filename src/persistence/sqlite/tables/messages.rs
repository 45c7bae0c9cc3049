use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::chat::{Message, MessageId, Room, RoomId, SenderType, SystemEvent, Timestamp};
use crate::persistence::message_page;
use crate::persistence::sqlite::codes::{self, int, uint};
use crate::persistence::sqlite::tables::places::{Place, RoomPlaces, damage};
use crate::persistence::sqlite::transaction::Tx;

const COLUMNS: &str = "room, seq, id, sender_type, sender_name, content, event, created_at,
     via, agent";

/// What a message takes from its room: the id, and the read marks that `is_read` depends on.
struct Marks {
    id: RoomId,
    customer_read_seq: u64,
    admin_read_seq: u64,
}

impl Marks {
    fn of(room: &Room) -> Self {
        Self {
            id: room.id,
            customer_read_seq: room.customer_read_seq,
            admin_read_seq: room.admin_read_seq,
        }
    }

    fn message(&self, row: &Row<'_>) -> rusqlite::Result<Message> {
        let seq = uint(row, 1)?;
        let sender_type = codes::sender(row, 3)?;
        let mark = match sender_type {
            SenderType::Customer => self.admin_read_seq,
            SenderType::Admin | SenderType::System => self.customer_read_seq,
        };
        let content: String = row.get(5)?;
        Ok(Message {
            id: row.get(2)?,
            room_id: self.id,
            seq,
            sender_type,
            sender_name: row.get(4)?,
            // Nobody posts an empty one.
            redacted: content.is_empty(),
            content,
            event: codes::event(row, 6)?,
            is_read: seq <= mark,
            created_at: Timestamp(row.get(7)?),
            via: codes::via(row, 8)?,
            agent_id: row.get(9)?,
        })
    }
}

/// The log of one room, as one read transaction sees it.
pub(crate) struct Log {
    marks: Marks,
    pub(crate) places: RoomPlaces,
}

impl Log {
    /// The log of a room, or `None` when there is no such room.
    pub(crate) fn load(conn: &Connection, id: RoomId) -> rusqlite::Result<Option<Self>> {
        conn.prepare_cached(
            "SELECT pk, last_seq, customer_read_seq, admin_read_seq, tail FROM rooms
             WHERE id = ?1",
        )?
        .query_row([id], |row| {
            Ok(Self {
                marks: Marks {
                    id,
                    customer_read_seq: uint(row, 2)?,
                    admin_read_seq: uint(row, 3)?,
                },
                places: RoomPlaces::new(row.get(0)?, uint(row, 1)?, row.get(4)?)?,
            })
        })
        .optional()
    }

    /// The same log with the read marks of an earlier state of the room.
    pub(crate) fn at_state_of(self, room: &Room) -> Self {
        Self {
            marks: Marks::of(room),
            ..self
        }
    }

    /// Reads the messages at these places, until there are `items` of them or a page is full.
    pub(crate) fn page(
        &self,
        conn: &Connection,
        places: impl Iterator<Item = (Place, u64)>,
        items: usize,
    ) -> rusqlite::Result<Vec<Message>> {
        let mut by_n =
            conn.prepare_cached(&format!("SELECT {COLUMNS} FROM messages WHERE n = ?1"))?;
        let messages = places.map(|(place, seq)| {
            by_n.query_row([place.n], |row| {
                let is_here = (row.get(0)?, uint(row, 1)?) == (self.places.pk(), seq);
                is_here.then(|| self.marks.message(row)).transpose()
            })
            .optional()?
            .flatten()
            .ok_or_else(|| damage(self.places.pk(), "a message is not in its place"))
        });
        message_page::fill(messages, items)
    }
}

/// The message of a room with this id.
pub(crate) fn by_id(
    conn: &Connection,
    pk: i64,
    room: &Room,
    id: MessageId,
) -> rusqlite::Result<Option<Message>> {
    conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM messages WHERE room = ?1 AND id = ?2"
    ))?
    .query_row(params![pk, id], |row| Marks::of(room).message(row))
    .optional()
}

/// What the message with this number records, if it is a `system` message.
pub(crate) fn event(conn: &Connection, n: i64) -> rusqlite::Result<Option<SystemEvent>> {
    conn.prepare_cached("SELECT event FROM messages WHERE n = ?1")?
        .query_row([n], |row| codes::event(row, 0))
}

/// Whether the room has a message with this id.
pub(crate) fn has(conn: &Connection, pk: i64, id: MessageId) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM messages WHERE id = ?2 AND room = ?1")?
        .exists(params![pk, id])
}

/// Inserts a message and returns its number, or `None`, inserting nothing, when the room has a
/// message with its id. Repeated ids are rare, so the unique key is left to find them, without a
/// query before.
pub(crate) fn insert(tx: &mut Tx<'_>, pk: i64, message: &Message) -> rusqlite::Result<Option<i64>> {
    let n = int(tx.state.last_n + 1);
    let added = tx.execute(
        "INSERT INTO messages
             (n, room, seq, id, sender_type, sender_name, content, event, created_at, via, agent)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (id, room) DO NOTHING",
        params![
            n,
            pk,
            int(message.seq),
            message.id,
            codes::sender_code(message.sender_type),
            message.sender_name,
            message.content,
            message.event.map(codes::event_code),
            message.created_at.0,
            message.via.map(codes::via_code),
            message.agent_id,
        ],
    )?;
    if added == 0 {
        return Ok(None);
    }
    tx.state.next_n();
    Ok(Some(n))
}

/// The number of a room's message with this id.
pub(crate) fn number(
    conn: &Connection,
    room: RoomId,
    id: MessageId,
) -> rusqlite::Result<Option<i64>> {
    conn.prepare_cached(
        "SELECT n FROM messages WHERE room = (SELECT pk FROM rooms WHERE id = ?1) AND id = ?2",
    )?
    .query_row(params![room, id], |row| row.get(0))
    .optional()
}

/// Removes the text of the message with this number from the log, the text index and the summary of
/// its room. Returns whether it had one.
pub(crate) fn redact(tx: &Tx<'_>, n: i64) -> rusqlite::Result<bool> {
    let message: Option<(i64, i64, MessageId)> = tx
        .conn
        .prepare_cached(
            "UPDATE messages SET content = '' WHERE n = ?1 AND content <> ''
             RETURNING room, seq, id",
        )?
        .query_row([n], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((pk, seq, id)) = message else {
        return Ok(false);
    };
    tx.execute("DELETE FROM search WHERE rowid = ?1", [n])?;
    tx.execute(
        "UPDATE rooms SET last_content = '' WHERE pk = ?1 AND last_n = ?2",
        [pk, n],
    )?;
    tx.execute(
        "INSERT OR REPLACE INTO redactions (room, seq, message, at, in_ledger)
         VALUES (?1, ?2, ?3, ?4, 0)",
        params![pk, seq, id, tx.now.0],
    )?;
    Ok(true)
}

/// The seqs up to `until` of a room's messages whose text was removed.
pub(crate) fn redacted(conn: &Connection, room: RoomId, until: u64) -> rusqlite::Result<Vec<u64>> {
    conn.prepare_cached(
        "SELECT d.seq FROM redactions d JOIN rooms r ON r.pk = d.room
         WHERE r.id = ?1 AND d.seq <= ?2 ORDER BY d.seq",
    )?
    .query_map(params![room, int(until)], |row| uint(row, 0))?
    .collect()
}
