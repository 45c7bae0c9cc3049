use std::collections::HashSet;

use tokio_postgres::Row;

use crate::chat::{AgentId, Message, MessageId, Room, RoomId, SenderType, Side, SystemEvent};
use crate::persistence::postgres::codes::{
    self, event_code, int, limit, sender, sender_code, time, uint, via, via_code,
};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tables::search;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;

/// The columns of a message, 10 of them.
macro_rules! message_columns {
    () => {
        "m.room, m.seq, m.id, m.sender_type, m.sender_name, m.content, m.event,
         m.created_at, m.via, m.agent"
    };
}
pub(crate) use message_columns;

/// The read marks that decide whether a message counts as read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marks {
    pub(crate) room_id: RoomId,
    customer_read_seq: u64,
    admin_read_seq: u64,
}

impl Marks {
    pub(crate) fn new(room_id: RoomId, customer_read_seq: u64, admin_read_seq: u64) -> Self {
        Self {
            room_id,
            customer_read_seq,
            admin_read_seq,
        }
    }

    pub(crate) fn of(room: &Room) -> Self {
        Self::new(
            room.id,
            room.read_seq(Side::Visitor),
            room.read_seq(Side::Agent),
        )
    }
}

/// A message from a row that begins with [`message_columns`].
pub(crate) fn read(row: &Row, marks: &Marks) -> Result<Message, TxError> {
    let seq = uint(row, 1)?;
    let sender_type = sender(row, 3)?;
    let mark = match sender_type {
        SenderType::Customer => marks.admin_read_seq,
        SenderType::Admin | SenderType::System => marks.customer_read_seq,
    };
    let content: String = row.try_get(5)?;
    Ok(Message {
        id: row.try_get::<_, MessageId>(2)?,
        room_id: marks.room_id,
        seq,
        sender_type,
        sender_name: row.try_get(4)?,
        // Nobody posts an empty one.
        redacted: content.is_empty(),
        content,
        event: codes::event(row, 6)?,
        is_read: seq <= mark,
        created_at: time(row, 7)?,
        via: via(row, 8)?,
        agent_id: row.try_get(9)?,
    })
}

/// What a message records, if it is a `system` message.
pub(crate) async fn event(db: &Session, pk: i64, seq: u64) -> Result<Option<SystemEvent>, TxError> {
    let sql = "SELECT event FROM messages WHERE room = $1 AND seq = $2";
    match db.query_opt(sql, &[&pk, &int(seq)]).await? {
        Some(row) => codes::event(&row, 0),
        None => Ok(None),
    }
}

/// Numbers of new messages.
pub(crate) const NEXT_NUMBERS: &str =
    "SELECT nextval('message_n') FROM generate_series(1, $1::bigint)";

/// Appends messages; one without a number gets the next. No `ON CONFLICT DO NOTHING`, which would
/// leave a hole in the seqs.
pub(crate) const INSERT: &str = "INSERT INTO messages
        (room, seq, n, id, sender_type, sender_name, content, event, created_at, via, agent)
    SELECT room, seq, coalesce(n, nextval('message_n')), id, sender_type, sender_name, content,
        event, created_at, via, agent
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::uuid[], $5::smallint[],
        $6::text[], $7::text[], $8::smallint[], $9::bigint[], $10::smallint[], $11::uuid[])
        AS u (room, seq, n, id, sender_type, sender_name, content, event, created_at, via, agent)";

/// Messages that one statement appends, when there are many.
pub(crate) const INSERTED_AT_ONCE: usize = 500;

/// The numbers of the next messages, in the order in which they are given.
pub(crate) async fn next_numbers(tx: &Tx, messages: usize) -> Result<Vec<i64>, TxError> {
    let rows = tx.query(NEXT_NUMBERS, &[&limit(messages, 0)]).await?;
    let mut numbers = rows
        .iter()
        .map(|row| Ok(row.try_get(0)?))
        .collect::<Result<Vec<i64>, TxError>>()?;
    numbers.sort_unstable();
    Ok(numbers)
}

/// Appends messages.
pub(crate) async fn insert(tx: &Tx, columns: &MessageColumns) -> Result<(), TxError> {
    let inserted = tx.execute(INSERT, &columns.as_params()).await?;
    match inserted == columns.len() as u64 {
        true => Ok(()),
        false => Err(TxError::Bug(format!("{inserted} messages were appended"))),
    }
}

/// Those of these ids that messages of the room have.
pub(crate) async fn present(
    db: &Session,
    pk: i64,
    ids: &[MessageId],
) -> Result<HashSet<MessageId>, TxError> {
    let rows = db
        .query(
            "SELECT m.id FROM unnest($2::uuid[]) u (id) CROSS JOIN LATERAL
                 (SELECT id FROM messages m WHERE m.id = u.id AND m.room = $1 LIMIT 1) m",
            &[&pk, &ids],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Removes the text of a message from the log and the text index of a locked room. Returns whether
/// it had one; `None` when there is no such message.
pub(crate) async fn redact(tx: &Tx, pk: i64, seq: u64) -> Result<Option<bool>, TxError> {
    let (seq, at) = (int(seq), tx.now.0);
    let found = "SELECT id, content <> '' FROM messages WHERE room = $1 AND seq = $2";
    let Some(message) = tx.query_opt(found, &[&pk, &seq]).await? else {
        return Ok(None);
    };
    let (id, has_text): (MessageId, bool) = (message.try_get(0)?, message.try_get(1)?);
    if !has_text {
        return Ok(Some(false));
    }
    let sql = "UPDATE messages SET content = '' WHERE room = $1 AND seq = $2";
    tx.execute(sql, &[&pk, &seq]).await?;
    search::remove_entries(tx, pk, seq..=seq).await?;
    tx.execute(
        "INSERT INTO redactions (room, seq, message, at, in_ledger) VALUES ($1, $2, $3, $4, FALSE)
         ON CONFLICT (room, seq) DO UPDATE SET message = excluded.message, at = excluded.at,
             bytes_gone_at = NULL, in_ledger = FALSE",
        &[&pk, &seq, &id, &at],
    )
    .await?;
    Ok(Some(true))
}

/// The parameters of [`INSERT`], a column each.
#[derive(Default)]
pub(crate) struct MessageColumns {
    room: Vec<i64>,
    seq: Vec<i64>,
    n: Vec<Option<i64>>,
    id: Vec<MessageId>,
    sender_type: Vec<i16>,
    sender_name: Vec<String>,
    content: Vec<String>,
    event: Vec<Option<i16>>,
    created_at: Vec<i64>,
    via: Vec<Option<i16>>,
    agent: Vec<Option<AgentId>>,
}

impl MessageColumns {
    /// Adds a message of the room with this number, and with one of its own if it has it already.
    pub(crate) fn push(&mut self, room: i64, n: Option<i64>, message: &Message) {
        self.room.push(room);
        self.seq.push(int(message.seq));
        self.n.push(n);
        self.id.push(message.id);
        self.sender_type.push(sender_code(message.sender_type));
        self.sender_name.push(message.sender_name.clone());
        self.content.push(message.content.clone());
        self.event.push(message.event.map(event_code));
        self.created_at.push(message.created_at.0);
        self.via.push(message.via.map(via_code));
        self.agent.push(message.agent_id);
    }

    /// How many messages there are.
    pub(crate) fn len(&self) -> usize {
        self.room.len()
    }

    pub(crate) fn as_params(&self) -> [&(dyn tokio_postgres::types::ToSql + Sync); 11] {
        [
            &self.room,
            &self.seq,
            &self.n,
            &self.id,
            &self.sender_type,
            &self.sender_name,
            &self.content,
            &self.event,
            &self.created_at,
            &self.via,
            &self.agent,
        ]
    }
}
