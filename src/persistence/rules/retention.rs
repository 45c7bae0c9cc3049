use crate::chat::{RoomRecord, Status, Timestamp};
use crate::persistence::Expiry;

/// Whether a room is past its time.
pub(crate) fn is_expired(record: &RoomRecord, expiry: Expiry) -> bool {
    let Some(last) = record.room.last_message_at else {
        return false;
    };
    let is_past = |before: Option<Timestamp>| before.is_some_and(|before| last < before);
    (record.room.status == Status::Closed && is_past(expiry.closed_before))
        || (record.desk.spam && is_past(expiry.spam_before))
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
        assert!(
            !is_expired(&record, Expiry::of_closed(at(100))),
            "it has no message"
        );
        record.room.last_message_at = Some(at(10));
        assert!(
            !is_expired(&record, Expiry::of_closed(at(100))),
            "it is open"
        );
        record.room.status = Status::Closed;
        assert!(is_expired(&record, Expiry::of_closed(at(11))));
        assert!(
            !is_expired(&record, Expiry::of_closed(at(10))),
            "it is not that old"
        );
        let spam = Expiry {
            closed_before: None,
            spam_before: Some(at(11)),
        };
        assert!(!is_expired(&record, spam));
        record.desk.spam = true;
        record.room.status = Status::Active;
        assert!(is_expired(&record, spam));
    }
}
