//! Heads of several rooms, written at once.

use crate::chat::{AgentId, RoomRecord};
use crate::persistence::postgres::codes::{int, sender_code, status_code};
use crate::persistence::postgres::slot::slot_code;
use crate::persistence::postgres::tables::room_rows::RoomKeys;

/// How many columns [`UPDATE_HEADS`] takes.
pub(crate) const WRITTEN_COLUMNS: usize = 19;

/// What is set of a head whatever the numbers of its messages are; `u` has the values.
macro_rules! set_columns {
    () => {
        "status = u.status, updated_at = u.updated_at, last_seq = u.last_seq,
        customer_read_seq = u.customer_read_seq, admin_read_seq = u.admin_read_seq,
        unread_count = u.unread_count, version = u.version, slot = u.slot, change = u.change,
        waiting_since = u.waiting_since, last_message_at = u.last_message_at,
        last_sender_type = u.last_sender_type, last_sender_name = u.last_sender_name,
        last_content = u.last_content, assignee = u.assignee, snoozed_until = u.snoozed_until"
    };
}

/// The types of the parameters, in the order of [`column_names`].
macro_rules! column_types {
    () => {
        "$1::bigint[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[],
        $6::bigint[], $7::bigint[], $8::bigint[], $9::smallint[], $10::bigint[], $11::bigint[],
        $12::bigint[], $13::bigint[], $14::bigint[], $15::smallint[], $16::text[], $17::text[],
        $18::uuid[], $19::bigint[]"
    };
}

/// The names of the values.
macro_rules! column_names {
    () => {
        "room, status, updated_at, last_seq, customer_read_seq, admin_read_seq, unread_count,
        version, slot, change, waiting_since, waiting_message, last_message, last_message_at,
        last_sender_type, last_sender_name, last_content, assignee, snoozed_until"
    };
}
pub(crate) use {column_names, column_types, set_columns};

/// Writes the heads of several rooms; tags and spam, which messages do not change, stay.
pub(crate) const UPDATE_HEADS: &str = concat!(
    "UPDATE room_heads h SET ",
    set_columns!(),
    ", waiting_n = u.waiting_message, last_n = u.last_message FROM unnest(",
    column_types!(),
    ") AS u (",
    column_names!(),
    ") WHERE h.room = u.room"
);

/// The parameters of [`UPDATE_HEADS`], a column each. The messages since when a room waits and that
/// is its newest are named by their numbers.
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
    waiting_message: Vec<Option<i64>>,
    last_message: Vec<Option<i64>>,
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
        self.push_with(keys.pk, keys.waiting_n, keys.last_n, record);
    }

    /// Adds a room whose messages are named in the way that the statement wants.
    pub(crate) fn push_with(
        &mut self,
        pk: i64,
        waiting_message: Option<i64>,
        last_message: Option<i64>,
        record: &'r RoomRecord,
    ) {
        let room = &record.room;
        let last = record.last_message.as_ref();
        self.room.push(pk);
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
        self.waiting_message.push(waiting_message);
        self.last_message.push(last_message);
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
            &self.waiting_message,
            &self.last_message,
            &self.last_message_at,
            &self.last_sender_type,
            &self.last_sender_name,
            &self.last_content,
            &self.assignee,
            &self.snoozed_until,
        ]
    }
}
