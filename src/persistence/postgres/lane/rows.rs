//! The first half of a transaction on rooms: locks their heads and reads all that the rules need,
//! in one round trip.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::apply::{ReadRows, Rooms};
use super::known::KnownRooms;
use super::room_job::RoomAsk;
use crate::chat::Side;
use crate::persistence::RoomOp;
use crate::persistence::postgres::codes::{int, uint};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tables::messages::{self, Marks, message_columns};
use crate::persistence::postgres::tables::room_rows::{
    DetailsRow, HeadRow, detail_columns, head_columns,
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

/// How much is read of what the rules need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// The rooms. That no message is stored already and every assignee is on duty is taken for granted;
    /// otherwise the unique key or the statement that writes refuses the batch.
    Rooms,
    /// Messages whose ids are stored already and absent assignees, too.
    Everything,
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
}

impl Wanted {
    fn by(asks: &[RoomAsk], known: &KnownRooms, waits: bool) -> Self {
        let mut wanted = Self::default();
        let mut waited_for = HashSet::new();
        let mut locked = HashSet::new();
        let mut read = HashSet::new();
        for ask in asks {
            let Some(pk) = known.number(ask.room_id) else {
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
            }
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
    known: &KnownRooms,
    waits: bool,
    reading: Reading,
) -> Result<Rooms, TxError> {
    let wanted = Wanted::by(asks, known, waits);
    let client = session.client();
    let rooms_only = reading == Reading::Rooms;
    // Each with what it is about: about nothing, it is not sent.
    let statements: [(&'static str, Vec<&(dyn ToSql + Sync)>, bool); 7] = [
        (LOCK, vec![&wanted.waited_for], wanted.waited_for.is_empty()),
        (LOCK_FREE, vec![&wanted.locked], wanted.locked.is_empty()),
        (HEADS, vec![&wanted.read], wanted.read.is_empty()),
        (DETAILS, vec![&wanted.all], wanted.all.is_empty()),
        (
            REPEATED,
            vec![&wanted.ids, &wanted.id_rooms],
            rooms_only || wanted.ids.is_empty(),
        ),
        (
            COUNTS,
            vec![&wanted.mark_rooms, &wanted.mark_seqs],
            wanted.mark_rooms.is_empty(),
        ),
        (
            ABSENT,
            vec![&wanted.asked],
            rooms_only || wanted.asked.is_empty(),
        ),
    ];
    let mut queries = Vec::with_capacity(statements.len());
    for (sql, params, is_empty) in &statements {
        queries.push(match is_empty {
            true => None,
            false => Some((session.prepare(sql).await?, params)),
        });
    }
    // Sent one behind the other in this order, without waiting.
    let run = |place: usize| {
        let query = queries[place].as_ref();
        async move {
            match query {
                Some((statement, params)) => client.query(statement, params).await,
                None => Ok(Vec::new()),
            }
        }
    };
    let (begun, waited_for, locked, read, details, repeated, counts, absent) = tokio::join!(
        biased;
        client.batch_execute(BEGIN),
        run(0),
        run(1),
        run(2),
        run(3),
        run(4),
        run(5),
        run(6),
    );
    begun?;
    let heads: Vec<Row> = waited_for?
        .into_iter()
        .chain(locked?)
        .chain(read?)
        .collect();
    let mut rooms = gather(&wanted, heads, details?)?;
    let mut rows = ReadRows {
        is_everything: !rooms_only,
        ..ReadRows::default()
    };
    for row in repeated? {
        let pk: i64 = row.try_get(0)?;
        if let Some(record) = rooms.records.get(&pk) {
            let message = messages::read(&row, &Marks::of(&record.room))?;
            rows.repeated.insert((pk, message.id), message);
        }
    }
    for row in counts? {
        let key = (row.try_get(0)?, uint(&row, 1)?);
        rows.counts.insert(key, uint(&row, 2)?);
    }
    for row in absent? {
        rows.absent.insert(row.try_get(0)?, row.try_get(1)?);
    }
    rooms.read = Some(rows);
    Ok(rooms)
}

fn gather(wanted: &Wanted, heads: Vec<Row>, details: Vec<Row>) -> Result<Rooms, TxError> {
    let mut rooms = Rooms::default();
    let mut details_by_pk = HashMap::new();
    for row in details {
        let row = DetailsRow::new(row);
        details_by_pk.insert(row.pk()?, row);
    }
    for head in heads.into_iter().map(HeadRow::new) {
        let pk = head.pk()?;
        if let Some(details) = details_by_pk.get(&pk) {
            let record = head.with(details)?.record;
            rooms.records.insert(pk, Arc::new(record));
        }
    }
    rooms.skipped = wanted
        .locked
        .iter()
        .filter(|pk| details_by_pk.contains_key(pk) && !rooms.records.contains_key(pk))
        .copied()
        .collect();
    Ok(rooms)
}
