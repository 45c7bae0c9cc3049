use crate::chat::{Message, PastMessage, RoomRecord, SenderType, Side};

/// How far each side has read, computed while messages are appended that are each read or unread.
///
/// A mark moves over messages that its side has read, up to the first unread one: no unread message
/// is ever taken for read. Once it has stopped it stays.
#[derive(Debug)]
pub(crate) struct ReadMarks {
    /// The customer's messages, which the agents read.
    by_agents: Mark,
    /// The agents' messages, which the visitor reads.
    by_visitor: Mark,
}

#[derive(Debug)]
struct Mark {
    seq: u64,
    /// Messages that it has passed.
    passed: u64,
    has_stopped: bool,
}

impl Mark {
    fn follow(&mut self, seq: u64, is_read: bool) {
        self.has_stopped |= !is_read;
        if !self.has_stopped {
            self.seq = seq;
            self.passed += 1;
        }
    }
}

impl ReadMarks {
    /// The marks before anything is appended to this record.
    pub(crate) fn of(record: &RoomRecord) -> Self {
        let mark = |side, has_stopped| Mark {
            seq: record.room.read_seq(side),
            passed: 0,
            has_stopped,
        };
        Self {
            by_agents: mark(Side::Agent, record.unread_count > 0),
            by_visitor: mark(Side::Visitor, false),
        }
    }

    fn follow(&mut self, message: &Message, is_read: bool) {
        match message.sender_type {
            SenderType::Customer => self.by_agents.follow(message.seq, is_read),
            SenderType::Admin => self.by_visitor.follow(message.seq, is_read),
            SenderType::System => {}
        }
    }
}

/// Appends a message that came from elsewhere.
pub(crate) fn append(
    record: &mut RoomRecord,
    marks: &mut ReadMarks,
    past: PastMessage,
    is_read: bool,
) -> Message {
    let message = record.append_past(past);
    marks.follow(&message, is_read);
    message
}

/// Ends the import of a room: sets its read marks, and closes it if it was closed in the source.
pub(crate) fn finish(record: &mut RoomRecord, marks: &ReadMarks, closed: bool) {
    let at = record.room.updated_at;
    for (side, mark) in [
        (Side::Agent, &marks.by_agents),
        (Side::Visitor, &marks.by_visitor),
    ] {
        // A mark is never past the head, which holds the messages that it has passed.
        let moved = record.mark_read(side, mark.seq, at).unwrap_or(false);
        if moved && side == Side::Agent {
            record.unread_count = record.unread_count.saturating_sub(mark.passed);
        }
    }
    if closed {
        record.close_past();
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::chat::{Status, Timestamp};
    use crate::persistence::rules::open_room::new_room;
    use crate::persistence::rules::visitors::StoredVisitor;

    use SenderType::{Admin, Customer, System};

    fn room() -> RoomRecord {
        let visitor = StoredVisitor {
            id: Uuid::from_u128(1),
            user: None,
            blocked: false,
        };
        let opened_at = Timestamp(1);
        new_room(
            Uuid::from_u128(2),
            &visitor,
            None,
            Default::default(),
            opened_at,
        )
    }

    fn import(record: &mut RoomRecord, log: &[(SenderType, bool)], closed: bool) {
        let mut marks = ReadMarks::of(record);
        for (sender_type, is_read) in log {
            let number = record.room.last_seq + 10;
            let past = PastMessage {
                id: Uuid::from_u128(number.into()),
                sender_type: *sender_type,
                sender_name: "Ann".into(),
                content: "hello".into(),
                via: None,
                event: None,
                agent_id: None,
                created_at: Timestamp(i64::try_from(number).expect("small")),
            };
            append(record, &mut marks, past, *is_read);
        }
        finish(record, &marks, closed);
    }

    fn marks(record: &RoomRecord) -> (u64, u64, u64) {
        let room = &record.room;
        (
            room.admin_read_seq,
            room.customer_read_seq,
            record.unread_count,
        )
    }

    #[test]
    fn a_mark_stops_at_the_first_unread_message_of_the_other_side() {
        let mut record = room();
        let log = [
            (Customer, true),
            (Admin, true),
            (Customer, true),
            (System, false),
            (Customer, false),
            (Admin, true),
            (Customer, true),
        ];
        import(&mut record, &log, false);
        assert_eq!(marks(&record), (3, 6, 2));
        import(&mut record, &[(Customer, true), (Admin, false)], false);
        assert_eq!(
            marks(&record),
            (3, 6, 3),
            "an older message is unread still"
        );
    }

    #[test]
    fn a_mark_goes_on_in_a_later_run() {
        let mut record = room();
        import(&mut record, &[(Customer, true)], false);
        assert_eq!(marks(&record), (1, 0, 0));
        import(&mut record, &[(Customer, true), (Customer, false)], false);
        assert_eq!(marks(&record), (2, 0, 1));
    }

    #[test]
    fn the_status_follows_from_the_log_unless_the_room_was_closed() {
        for (log, status, since) in [
            (&[(Admin, true), (Customer, true)][..], Status::Waiting, 11),
            (&[(Customer, true), (Customer, true)], Status::Waiting, 10),
            (&[(Customer, true), (System, true)], Status::Waiting, 10),
            (&[(Customer, true), (Admin, true)], Status::Active, 0),
        ] {
            let mut record = room();
            import(&mut record, log, false);
            assert_eq!(record.room.status, status, "{log:?}");
            let waiting = (since > 0).then_some(Timestamp(since));
            assert_eq!(record.waiting_since, waiting, "{log:?}");
            let mut record = room();
            import(&mut record, log, true);
            assert_eq!(record.room.status, Status::Closed);
            assert_eq!(record.waiting_since, None);
            assert_eq!(record.room.last_seq, 2, "nothing is noted in the log");
            assert_eq!(record.room.last_message_at, Some(Timestamp(11)));
        }
    }
}
