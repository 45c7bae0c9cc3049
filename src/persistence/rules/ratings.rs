//! A rating is of a closing: the `system` message that closed the room, as long as the room stays
//! closed. It changes nothing that the visitor sees of the room.

use crate::chat::rules::may_post;
use crate::chat::{
    Message, NewRating, RATING_CHANGEABLE_MS, Rating, RoomRecord, Side, Status, SystemEvent,
    Timestamp,
};
use crate::persistence::Refusal;
use crate::persistence::TransferRoom;

/// The seq of the closing that a visitor may rate now. `last_event` is what the newest message
/// records: without a closing (an imported room may be closed without one) there is nothing to rate.
pub(crate) fn closing(
    record: &RoomRecord,
    last_event: Option<SystemEvent>,
) -> Result<u64, Refusal> {
    if !may_post(record, Side::Visitor) {
        return Err(Refusal::Blocked);
    }
    let is_closing = last_event == Some(SystemEvent::Closed);
    let may_be_rated = is_closing && !record.desk.spam;
    match record.room.status == Status::Closed && may_be_rated {
        true => Ok(record.room.last_seq),
        false => Err(Refusal::NothingToRate),
    }
}

/// The rating of a closing after the visitor has given one. `earlier` is the one that it has.
pub(crate) fn rate(
    closing: u64,
    earlier: Option<&Rating>,
    new: NewRating,
    now: Timestamp,
) -> Result<Rating, Refusal> {
    let created_at = earlier.map_or(now, |earlier| earlier.created_at);
    if now.0.saturating_sub(created_at.0) > RATING_CHANGEABLE_MS {
        return Err(Refusal::NothingToRate);
    }
    Ok(Rating {
        closing,
        score: new.score,
        comment: new.comment,
        created_at,
        changed_at: now,
    })
}

/// Checks that a rating of an export is of a closing of its room, and the next one.
///
/// # Errors
///
/// What does not fit.
pub fn check_rating(
    line: &TransferRoom,
    log: &[Message],
    before: Option<&Rating>,
    rating: &Rating,
) -> Result<(), String> {
    let room = line.room.id;
    let closing = rating.closing;
    let message = usize::try_from(closing).ok().and_then(|seq| {
        let index = seq.checked_sub(1)?;
        log.get(index)
    });
    if message.and_then(|message| message.event) != Some(SystemEvent::Closed) {
        return Err(format!(
            "closing is {closing}, but no message of the room {room} before it has this seq and the event closed"
        ));
    }
    if before.is_some_and(|before| before.closing >= closing) {
        return Err(format!(
            "the rating of closing {closing} has to come after those of earlier closings, and once"
        ));
    }
    crate::chat::check_score(rating.score.into())
        .and_then(|_| crate::chat::check_rating_comment(rating.comment.as_deref()))
        .map_err(|violation| format!("{} {}", violation.field, violation.message))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::chat::{Draft, Sender};
    use crate::persistence::rules::open_room::new_room;
    use crate::persistence::rules::visitors::StoredVisitor;

    const NOW: Timestamp = Timestamp(1_000);

    fn closed_room(blocked: bool) -> RoomRecord {
        let visitor = StoredVisitor {
            id: Uuid::from_u128(1),
            user: None,
            blocked,
        };
        let mut record = new_room(Uuid::from_u128(2), &visitor, None, Default::default(), NOW);
        let draft = Draft {
            id: Uuid::from_u128(3),
            sender: Sender::Visitor,
            content: "hello".into(),
            via: None,
        };
        record.post(draft, NOW);
        record.set_status(Status::Closed, &Sender::Visitor, Uuid::from_u128(4), NOW);
        record
    }

    fn new(score: u8) -> NewRating {
        NewRating {
            score,
            comment: None,
        }
    }

    #[test]
    fn what_is_closed_is_rated_until_it_is_opened_again() {
        let mut record = closed_room(false);
        assert_eq!(closing(&record, Some(SystemEvent::Closed)), Ok(2));
        for event in [None, Some(SystemEvent::Reopened)] {
            assert_eq!(closing(&record, event), Err(Refusal::NothingToRate));
        }
        let reopened = record.set_status(Status::Active, &Sender::Visitor, Uuid::nil(), NOW);
        assert!(reopened.is_some());
        let refused = closing(&record, Some(SystemEvent::Closed));
        assert_eq!(refused, Err(Refusal::NothingToRate));
    }

    #[test]
    fn spam_is_not_rated() {
        let mut record = closed_room(false);
        record.desk.spam = true;
        let refused = closing(&record, Some(SystemEvent::Closed));
        assert_eq!(refused, Err(Refusal::NothingToRate));
    }

    #[test]
    fn nothing_is_taken_from_a_blocked_visitor() {
        let refused = closing(&closed_room(true), Some(SystemEvent::Closed));
        assert_eq!(refused, Err(Refusal::Blocked));
    }

    #[test]
    fn a_rating_can_be_changed_for_a_day_after_it_was_given_first() {
        let first = rate(2, None, new(4), NOW).expect("rated");
        assert_eq!((first.created_at, first.changed_at), (NOW, NOW));
        let until = Timestamp(NOW.0 + RATING_CHANGEABLE_MS);
        let changed = rate(2, Some(&first), new(1), until).expect("changed");
        assert_eq!((changed.score, changed.created_at), (1, NOW));
        assert_eq!(changed.changed_at, until);
        let late = Timestamp(until.0 + 1);
        let refused = rate(2, Some(&changed), new(1), late);
        assert_eq!(refused, Err(Refusal::NothingToRate));
    }
}
