//! Heads of several rooms, written at once.

use crate::chat::{AgentId, RoomRecord};
use crate::persistence::postgres::codes::{int, sender_code, status_code};
use crate::persistence::postgres::slot::slot_code;
use crate::persistence::postgres::tables::room_rows::RoomKeys;

/// How many columns [`UPDATE_HEADS`] takes.
const WRITTEN_COLUMNS: usize = 19;

/// Writes the heads of several rooms; tags and spam, which messages do not change, stay.
pub(crate) const UPDATE_HEADS: &str = "UPDATE room_heads h SET
        status = u.status, updated_at = u.updated_at, last_seq = u.last_seq,
        customer_read_seq = u.customer_read_seq, admin_read_seq = u.admin_read_seq,
        unread_count = u.unread_count, version = u.version, slot = u.slot, change = u.change,
        waiting_since = u.waiting_since, waiting_n = u.waiting_n, last_n = u.last_n,
        last_message_at = u.last_message_at, last_sender_type = u.last_sender_type,
        last_sender_name = u.last_sender_name, last_content = u.last_content,
        assignee = u.assignee, snoozed_until = u.snoozed_until
    FROM unnest($1::bigint[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[],
        $6::bigint[], $7::bigint[], $8::bigint[], $9::smallint[], $10::bigint[], $11::bigint[],
        $12::bigint[], $13::bigint[], $14::bigint[], $15::smallint[], $16::text[], $17::text[],
        $18::uuid[], $19::bigint[])
        AS u (room, status, updated_at, last_seq, customer_read_seq, admin_read_seq,
            unread_count, version, slot, change, waiting_since, waiting_n, last_n,
            last_message_at, last_sender_type, last_sender_name, last_content, assignee,
            snoozed_until)
    WHERE h.room = u.room";

/// The parameters of [`UPDATE_HEADS`], a column each.
#[derive(Default)]
pub(crate) struct HeadColumns<'r> {
    room: Vec<i64>,
    status: Vec<i16>,
    updated_at: Vec<i64>,
    last_seq: Vec<i64>,
    customer_read_seq: Vec<i64>,
    admin_read_seq: Vec<i64>,
    unread_count: Vec<i64>,
    version: Vec<i64>,
    slot: Vec<i16>,
    change: Vec<i64>,
    waiting_since: Vec<Option<i64>>,
    waiting_n: Vec<Option<i64>>,
    last_n: Vec<Option<i64>>,
    last_message_at: Vec<Option<i64>>,
    last_sender_type: Vec<Option<i16>>,
    last_sender_name: Vec<Option<&'r str>>,
    last_content: Vec<Option<&'r str>>,
    assignee: Vec<Option<AgentId>>,
    snoozed_until: Vec<Option<i64>>,
}

impl<'r> HeadColumns<'r> {
    /// Adds a room.
    pub(crate) fn push(&mut self, keys: RoomKeys, record: &'r RoomRecord) {
        let room = &record.room;
        let last = record.last_message.as_ref();
        self.room.push(keys.pk);
        self.status.push(status_code(room.status));
        self.updated_at.push(room.updated_at.0);
        self.last_seq.push(int(room.last_seq));
        self.customer_read_seq.push(int(room.customer_read_seq));
        self.admin_read_seq.push(int(room.admin_read_seq));
        self.unread_count.push(int(record.unread_count));
        self.version.push(int(record.version));
        self.slot.push(slot_code(record.change.slot));
        self.change.push(int(record.change.number));
        self.waiting_since.push(record.waiting_since.map(|at| at.0));
        self.waiting_n.push(keys.waiting_n);
        self.last_n.push(keys.last_n);
        self.last_message_at
            .push(room.last_message_at.map(|at| at.0));
        self.last_sender_type
            .push(last.map(|last| sender_code(last.sender_type)));
        self.last_sender_name
            .push(last.map(|last| last.sender_name.as_str()));
        self.last_content
            .push(last.map(|last| last.content.as_str()));
        self.assignee.push(record.desk.assignee);
        self.snoozed_until
            .push(record.desk.snoozed_until.map(|at| at.0));
    }

    /// How many rooms there are.
    pub(crate) fn len(&self) -> usize {
        self.room.len()
    }

    pub(crate) fn as_params(
        &self,
    ) -> [&(dyn tokio_postgres::types::ToSql + Sync); WRITTEN_COLUMNS] {
        [
            &self.room,
            &self.status,
            &self.updated_at,
            &self.last_seq,
            &self.customer_read_seq,
            &self.admin_read_seq,
            &self.unread_count,
            &self.version,
            &self.slot,
            &self.change,
            &self.waiting_since,
            &self.waiting_n,
            &self.last_n,
            &self.last_message_at,
            &self.last_sender_type,
            &self.last_sender_name,
            &self.last_content,
            &self.assignee,
            &self.snoozed_until,
        ]
    }
}
