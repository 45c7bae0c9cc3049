//! The half of a transaction on rooms that writes. It is the whole transaction when the rooms are
//! known already.

use tokio_postgres::types::ToSql;

use crate::chat::{AgentId, RoomRecord, VisitorId};
use crate::persistence::postgres::codes::int;
use crate::persistence::postgres::slot::MoveParams;
use crate::persistence::postgres::tables::head_columns::{
    HeadColumns, WRITTEN_COLUMNS, column_names, column_types, set_columns,
};

/// Begins a transaction that has read nothing. A room that another node holds is not waited for:
/// with what is read first, the others go on without it.
pub(super) const BEGIN: &str =
    "BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL lock_timeout = '2ms'";

/// Writes the heads of rooms and moves the slot. Unless every room is there in the version it was
/// changed from, its visitor may still post and its assignee is still there, or if the fence has
/// been raised, the fence becomes null, which the table refuses. A message that the transaction has
/// appended is named by its seq; without one, the head keeps the number that it has.
///
/// The conditions are scalar subqueries, since those are looked up by key for each row; EXISTS may
/// get a plan that reads the whole table.
pub(super) const WRITE_HEADS_AND_MOVE: &str = concat!(
    "WITH written AS (UPDATE room_heads h SET ",
    set_columns!(),
    ", waiting_n = CASE WHEN u.waiting_since IS NULL THEN NULL
            WHEN u.waiting_message IS NULL THEN h.waiting_n
            ELSE (SELECT m.n FROM messages m WHERE m.room = u.room AND m.seq = u.waiting_message) END,
        last_n = CASE WHEN u.last_message IS NULL THEN h.last_n
            ELSE (SELECT m.n FROM messages m WHERE m.room = u.room AND m.seq = u.last_message) END
    FROM unnest(",
    column_types!(),
    ", $20::bigint[], $21::uuid[], $22::uuid[]) AS u (",
    column_names!(),
    ", known_version, visitor, present)
    WHERE h.room = u.room AND h.version = u.known_version
        AND (SELECT v.blocked FROM visitors v WHERE v.id = u.visitor) IS NOT TRUE
        AND (SELECT a.disabled OR NOT a.on_duty FROM agents a WHERE a.id = u.present) IS NOT TRUE
    RETURNING h.room)
    UPDATE slots SET change = $24, commits = commits + 1, waiting = waiting + $25,
        active = active + $26, closed = closed + $27, lease = now() + interval '6 seconds',
        fence = CASE WHEN fence = $28 AND change = $29 AND commits = $30
            AND (SELECT count(*) FROM written) = cardinality($1) THEN fence END
    WHERE slot = $23"
);

/// What a room has to be like for its head to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conditions {
    pub(super) known_version: u64,
    /// Who must not be blocked.
    pub(super) visitor: Option<VisitorId>,
    /// Who must be on duty.
    pub(super) present: Option<AgentId>,
}

/// The parameters of [`WRITE_HEADS_AND_MOVE`] except those that move the slot.
#[derive(Default)]
pub(super) struct WrittenHeads<'r> {
    heads: HeadColumns<'r>,
    known_version: Vec<i64>,
    visitor: Vec<Option<VisitorId>>,
    present: Vec<Option<AgentId>>,
}

impl<'r> WrittenHeads<'r> {
    /// Adds a room. `waiting` and `newest` are seqs of messages that the transaction has appended:
    /// since when the room waits, and its newest one.
    pub(super) fn push(
        &mut self,
        pk: i64,
        waiting: Option<u64>,
        newest: Option<u64>,
        record: &'r RoomRecord,
        conditions: Conditions,
    ) {
        self.heads
            .push_with(pk, waiting.map(int), newest.map(int), record);
        self.known_version.push(int(conditions.known_version));
        self.visitor.push(conditions.visitor);
        self.present.push(conditions.present);
    }

    /// All parameters.
    pub(super) fn as_params<'p>(&'p self, moved: &'p MoveParams) -> Vec<&'p (dyn ToSql + Sync)> {
        let mut params = Vec::with_capacity(WRITTEN_COLUMNS + 11);
        params.extend(self.heads.as_params());
        params.extend([
            &self.known_version as &(dyn ToSql + Sync),
            &self.visitor,
            &self.present,
        ]);
        params.extend(moved.as_params());
        params
    }
}
