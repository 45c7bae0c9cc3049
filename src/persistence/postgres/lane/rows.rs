//! The first half of a transaction on rooms: locks their heads and reads all that the rules need,
//! in one round trip.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::batch::RoomNumbers;
use super::room_job::RoomAsk;
use crate::chat::{AgentId, Message, MessageId, Side};
use crate::persistence::RoomOp;
use crate::persistence::postgres::codes::{int, uint};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tables::messages::{self, Marks, message_columns};
use crate::persistence::postgres::tables::room_rows::{
    DetailsRow, HeadRow, RoomRow, detail_columns, head_columns,
};
use crate::persistence::postgres::tx_error::TxError;

/// A room that was skipped this often is waited for.
const SKIPS_MAX: u32 = 5;

/// A sequential scan would be planned while a table is small, and kept when it is large.
const BEGIN: &str = "BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL lock_timeout = '25ms'";

const LOCK: &str = concat!(
    "SELECT ",
    head_columns!(),
    " FROM room_heads h WHERE h.room = ANY($1) ORDER BY h.room FOR NO KEY UPDATE"
);

const LOCK_FREE: &str = concat!(
    "SELECT ",
    head_columns!(),
    " FROM room_heads h WHERE h.room = ANY($1) ORDER BY h.room FOR NO KEY UPDATE SKIP LOCKED"
);

const HEADS: &str = concat!(
    "SELECT ",
    head_columns!(),
    " FROM room_heads h WHERE h.room = ANY($1)"
);

/// A statement of its own: joined with the lock it would see rows as they were before.
const DETAILS: &str = concat!(
    "SELECT ",
    detail_columns!(),
    " FROM rooms r JOIN visitors v ON v.id = r.visitor WHERE r.pk = ANY($1)"
);

/// A join without LATERAL gets a plan that reads the whole table.
const REPEATED: &str = concat!(
    "SELECT ",
    message_columns!(),
    " FROM unnest($1::uuid[], $2::bigint[]) u (id, room) CROSS JOIN LATERAL
      (SELECT * FROM messages m WHERE m.id = u.id AND m.room = u.room LIMIT 1) m"
);

/// The customer's messages between the agents' mark and another seq.
const COUNTS: &str = "SELECT u.room, u.seq, c.messages
    FROM unnest($1::bigint[], $2::bigint[]) u (room, seq)
    JOIN room_heads h ON h.room = u.room
    CROSS JOIN LATERAL (SELECT count(*) AS messages FROM messages m
        WHERE m.room = u.room AND m.seq > h.admin_read_seq AND m.seq <= u.seq
            AND m.sender_type = 0) c";

/// Rooms whose assignees would not see the next message.
const ABSENT: &str =
    "SELECT h.room, h.assignee FROM room_heads h JOIN agents a ON a.id = h.assignee
    WHERE h.room = ANY($1) AND (a.disabled OR NOT a.on_duty)";

const NUMBERS: &str = "SELECT nextval('message_n') FROM generate_series(1, $1)";

/// What a transaction on rooms has locked and read.
#[derive(Default)]
pub(super) struct Loaded {
    /// Rooms by their numbers. One of those asked for that is neither here nor skipped is gone.
    pub(super) rooms: HashMap<i64, RoomRow>,
    /// Rooms that another node has locked.
    pub(super) skipped: HashSet<i64>,
    /// Messages whose ids are posted again, by room and id.
    pub(super) repeated: HashMap<(i64, MessageId), Message>,
    /// The customer's messages past the agents' mark, up to a seq, by room and seq.
    pub(super) counts: HashMap<(i64, u64), u64>,
    /// Assignees who are disabled or off duty, of rooms in which visitors post.
    pub(super) absent: HashMap<i64, AgentId>,
    /// Numbers for messages.
    pub(super) numbers: Vec<i64>,
}

/// What a batch asks for.
#[derive(Default)]
struct Wanted {
    waited_for: Vec<i64>,
    locked: Vec<i64>,
    read: Vec<i64>,
    all: Vec<i64>,
    ids: Vec<Uuid>,
    id_rooms: Vec<i64>,
    mark_rooms: Vec<i64>,
    mark_seqs: Vec<i64>,
    asked: Vec<i64>,
    messages: i32,
}

impl Wanted {
    fn by(asks: &[RoomAsk], room_numbers: &RoomNumbers, waits: bool) -> Self {
        let mut wanted = Self::default();
        let mut waited_for = HashSet::new();
        let mut locked = HashSet::new();
        let mut read = HashSet::new();
        for ask in asks {
            let Some(pk) = room_numbers.get(ask.room_id) else {
                continue;
            };
            match &ask.op {
                None => {
                    read.insert(pk);
                    continue;
                }
                Some(op) => wanted.add(pk, op),
            }
            if waits && ask.skips >= SKIPS_MAX {
                waited_for.insert(pk);
            } else {
                locked.insert(pk);
            }
        }
        wanted.all = read
            .iter()
            .chain(&locked)
            .chain(&waited_for)
            .copied()
            .collect();
        wanted.read = (&read - &locked).difference(&waited_for).copied().collect();
        wanted.locked = locked.difference(&waited_for).copied().collect();
        wanted.waited_for = waited_for.into_iter().collect();
        wanted
    }

    fn add(&mut self, pk: i64, op: &RoomOp) {
        match op {
            RoomOp::Post(draft) => {
                self.ids.push(draft.id);
                self.id_rooms.push(pk);
                if draft.sender.side() == Side::Visitor {
                    self.asked.push(pk);
                }
                self.messages += 1;
            }
            RoomOp::SetStatus { .. } => self.messages += 1,
            RoomOp::MarkRead {
                side: Side::Agent,
                seq,
            } => {
                self.mark_rooms.push(pk);
                self.mark_seqs.push(int(*seq));
            }
            _ => {}
        }
    }
}

/// Begins a transaction, locks and reads.
pub(super) async fn load(
    session: &Arc<Session>,
    asks: &[RoomAsk],
    room_numbers: &RoomNumbers,
    waits: bool,
) -> Result<Loaded, TxError> {
    let wanted = Wanted::by(asks, room_numbers, waits);
    let client = session.client();
    let statements = [
        LOCK, LOCK_FREE, HEADS, DETAILS, REPEATED, COUNTS, ABSENT, NUMBERS,
    ];
    let mut prepared = Vec::with_capacity(statements.len());
    for statement in statements {
        prepared.push(session.prepare(statement).await?);
    }
    let [
        lock,
        lock_free,
        heads,
        details,
        repeated,
        counts,
        absent,
        numbers,
    ] = &prepared[..]
    else {
        return Err(TxError::Bug("a statement was not prepared".into()));
    };
    type OneParam<'p> = [&'p (dyn ToSql + Sync); 1];
    let waited_for: OneParam<'_> = [&wanted.waited_for];
    let locked: OneParam<'_> = [&wanted.locked];
    let read: OneParam<'_> = [&wanted.read];
    let all: OneParam<'_> = [&wanted.all];
    let ids: [&(dyn ToSql + Sync); 2] = [&wanted.ids, &wanted.id_rooms];
    let marks: [&(dyn ToSql + Sync); 2] = [&wanted.mark_rooms, &wanted.mark_seqs];
    let asked: OneParam<'_> = [&wanted.asked];
    let messages: OneParam<'_> = [&wanted.messages];
    // Sent one behind the other in this order, without waiting.
    let (begun, waited_for, locked, read, details, repeated, counts, absent, numbers) = tokio::join!(
        biased;
        client.batch_execute(BEGIN),
        client.query(lock, &waited_for),
        client.query(lock_free, &locked),
        client.query(heads, &read),
        client.query(details, &all),
        client.query(repeated, &ids),
        client.query(counts, &marks),
        client.query(absent, &asked),
        client.query(numbers, &messages),
    );
    begun?;
    let heads: Vec<Row> = waited_for?
        .into_iter()
        .chain(locked?)
        .chain(read?)
        .collect();
    let mut loaded = gather(&wanted, heads, details?)?;
    for row in repeated? {
        let pk: i64 = row.try_get(0)?;
        if let Some(room) = loaded.rooms.get(&pk) {
            let message = messages::read(&row, &Marks::of(&room.record.room))?;
            loaded.repeated.insert((pk, message.id), message);
        }
    }
    for row in counts? {
        let key = (row.try_get(0)?, uint(&row, 1)?);
        loaded.counts.insert(key, uint(&row, 2)?);
    }
    for row in absent? {
        loaded.absent.insert(row.try_get(0)?, row.try_get(1)?);
    }
    for row in numbers?.iter().rev() {
        loaded.numbers.push(row.try_get(0)?);
    }
    Ok(loaded)
}

fn gather(wanted: &Wanted, heads: Vec<Row>, details: Vec<Row>) -> Result<Loaded, TxError> {
    let mut loaded = Loaded::default();
    let mut details_by_pk = HashMap::new();
    for row in details {
        let row = DetailsRow::new(row);
        details_by_pk.insert(row.pk()?, row);
    }
    for head in heads.into_iter().map(HeadRow::new) {
        let pk = head.pk()?;
        if let Some(details) = details_by_pk.get(&pk) {
            loaded.rooms.insert(pk, head.with(details)?);
        }
    }
    loaded.skipped = wanted
        .locked
        .iter()
        .filter(|pk| details_by_pk.contains_key(pk) && !loaded.rooms.contains_key(pk))
        .copied()
        .collect();
    Ok(loaded)
}
