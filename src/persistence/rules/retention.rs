use crate::chat::{RoomRecord, Status, Timestamp};

/// Whether a room is past its time: closed, and without a message since `before`.
pub(crate) fn is_expired(record: &RoomRecord, before: Timestamp) -> bool {
    let last = record.room.last_message_at;
    record.room.status == Status::Closed && last.is_some_and(|last| last < before)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::persistence::rules::open_room::new_room;
    use crate::persistence::rules::visitors::StoredVisitor;

    #[test]
    fn a_room_expires_when_it_was_closed_and_is_old() {
        let visitor = StoredVisitor {
            id: Uuid::from_u128(1),
            user: None,
            blocked: false,
        };
        let at = Timestamp;
        let mut record = new_room(
            Uuid::from_u128(2),
            &visitor,
            None,
            Default::default(),
            at(1),
        );
        assert!(!is_expired(&record, at(100)), "it has no message");
        record.room.last_message_at = Some(at(10));
        assert!(!is_expired(&record, at(100)), "it is open");
        record.room.status = Status::Closed;
        assert!(is_expired(&record, at(11)));
        assert!(!is_expired(&record, at(10)), "it is not that old");
    }
}
