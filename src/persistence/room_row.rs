use crate::chat::RoomRecord;

/// Numbers that lead from a room to other rows; nobody but the store sees them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoomKeys {
    /// The room's primary key.
    pub(crate) pk: i64,
    /// The number of the newest message, which orders rooms by activity.
    pub(crate) last_n: Option<i64>,
    /// The number of the oldest message of the visitor that no agent has replied to.
    pub(crate) waiting_n: Option<i64>,
}

impl RoomKeys {
    /// Brings the keys up to date with a changed record, to which the message with this number was
    /// appended, if one was.
    pub(crate) fn append(&mut self, n: Option<i64>, record: &RoomRecord) {
        self.last_n = n.or(self.last_n);
        self.waiting_n = match record.waiting_since {
            Some(_) => self.waiting_n.or(n),
            None => None,
        };
    }
}

/// What is stored of a room, apart from its log.
#[derive(Debug, Clone)]
pub(crate) struct RoomRow {
    pub(crate) keys: RoomKeys,
    /// The record; everything else is a key.
    pub(crate) record: RoomRecord,
}
