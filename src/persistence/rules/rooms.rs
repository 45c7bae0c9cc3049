use crate::chat::rules::may_post;
use crate::chat::{
    AgentId, DeskPatch, Draft, Message, MessageId, PageVisit, PastHead, RoomRecord, Sender,
    SenderType, Side, Status, Suggestion, TagId, Timestamp,
};
use crate::persistence::tx_error::TxError;
use crate::persistence::{Effect, NewSuggestion, Refusal, RoomPatch};

/// A room as it is to be written, and what is reported of it. A message in the effect is to be
/// appended to the log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) record: RoomRecord,
    pub(crate) effect: Effect,
}

/// What of the assignee decides what a visitor's message does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AssigneeState {
    /// There is none, or they are on duty.
    Present,
    /// They are disabled or off duty.
    Absent,
}

/// Whether a post asks for the [`AssigneeState`] of the room's assignee, and of whom.
pub(crate) fn asks_for_assignee(record: &RoomRecord, draft: &Draft) -> Option<AgentId> {
    record
        .desk
        .assignee
        .filter(|_| draft.sender.side() == Side::Visitor)
}

/// Appends a message. The id is taken for a new one: when the log has it already, the store
/// writes nothing and asks [`repeated`] instead.
///
/// Refused with `Blocked` when the visitor is blocked. What was stored before stays stored, so
/// the store looks for the id before it passes that on.
pub(crate) fn post(
    record: &RoomRecord,
    draft: &Draft,
    assignee: AssigneeState,
    now: Timestamp,
) -> Result<Change, Refusal> {
    if !may_post(record, draft.sender.side()) {
        return Err(Refusal::Blocked);
    }
    let mut record = record.clone();
    let message = record.post(draft.clone(), now);
    if assignee == AssigneeState::Absent {
        // Nobody would answer: everybody on duty is to see it.
        record.desk.assignee = None;
    }
    Ok(Change {
        record,
        effect: Effect::Posted(message),
    })
}

/// What a draft is whose id the room's log has: the same message again, or a conflict.
pub(crate) fn repeated(stored: Message, draft: &Draft) -> Result<Effect, Refusal> {
    let sender_type = SenderType::from(draft.sender.side());
    // What a removed text was is not known any more.
    let is_same = stored.redacted || stored.content == draft.content;
    if stored.sender_type == sender_type && is_same {
        Ok(Effect::Duplicate(stored))
    } else {
        Err(Refusal::Conflict)
    }
}

/// Sets the status, recorded in the log by a `system` message with this id. `None` when the room
/// has the status already. That somebody sets it `waiting` is a bug.
pub(crate) fn set_status<F>(
    record: &RoomRecord,
    status: Status,
    by: &Sender,
    message_id: MessageId,
    now: Timestamp,
) -> Result<Option<Change>, TxError<F>> {
    check_may_be_set(status)?;
    let mut record = record.clone();
    let message = record.set_status(status, by, message_id, now);
    Ok(message.map(|message| Change {
        record,
        effect: Effect::StatusChanged(message),
    }))
}

/// Only a visitor's message makes a room `waiting`. Whoever takes a status from outside has checked
/// that.
fn check_may_be_set<F>(status: Status) -> Result<(), TxError<F>> {
    match status {
        Status::Waiting => Err(TxError::Bug("nobody may set a room waiting".into())),
        Status::Active | Status::Closed => Ok(()),
    }
}

/// Stores a suggestion, which has to take the newest message into account.
pub(crate) fn suggest(
    record: &RoomRecord,
    new: &NewSuggestion,
    now: Timestamp,
) -> Result<(Change, Suggestion), Refusal> {
    let head = record.room.last_seq;
    let asked = new.after_seq;
    if asked > head {
        return Err(Refusal::PastHead(PastHead { asked, head }));
    }
    if asked < head {
        return Err(Refusal::StaleSuggestion);
    }
    let suggestion = Suggestion {
        after_seq: asked,
        content: new.content.clone(),
        by: new.by.clone(),
        created_at: now,
    };
    Ok((suggested(record, Some(suggestion.clone())), suggestion))
}

/// Notes what the suggestion is now.
pub(crate) fn suggested(record: &RoomRecord, suggestion: Option<Suggestion>) -> Change {
    let mut record = record.clone();
    record.changed_for_agents();
    Change {
        record,
        effect: Effect::Suggested(suggestion),
    }
}

/// Notes on which page the visitor is. `newest` is the last one that is known, if there is one.
pub(crate) fn visit(
    record: &RoomRecord,
    url: &str,
    newest: Option<&PageVisit>,
    now: Timestamp,
) -> (Change, PageVisit) {
    // Each has a time of its own, whatever the clock does.
    let at = newest.map_or(now, |newest| Timestamp(now.0.max(newest.at.0 + 1)));
    let visit = PageVisit {
        url: url.to_owned(),
        at,
    };
    let mut record = record.clone();
    record.changed_for_agents();
    let change = Change {
        record,
        effect: Effect::Visited(visit.clone()),
    };
    (change, visit)
}

/// Notes that the text of a message was removed.
pub(crate) fn redact(record: &RoomRecord, seq: u64, now: Timestamp) -> Change {
    let mut record = record.clone();
    record.redact(seq, now);
    Change {
        record,
        effect: Effect::Redacted { seq },
    }
}

/// Changes a room as a patch says, in one change. `None` when the room stays as it is, though the end
/// of a block may still move. Refused with `AssigneeMoved`; a status `waiting` is a bug.
///
/// A status leaves a `system` message with this id in the log. The block of the visitor's other rooms
/// is the store's work.
pub(crate) fn change<F>(
    record: &RoomRecord,
    patch: &RoomPatch,
    message_id: MessageId,
    now: Timestamp,
) -> Result<Option<Change>, TxError<F>> {
    if let Some((status, _)) = patch.status {
        check_may_be_set(status)?;
    }
    let mut after = record.clone();
    let desk_changed = after.set_desk(&patch.desk).map_err(Refusal::from)?;
    let details_changed = after.set_details(patch.details.clone(), now);
    let block = patch.block.map(|block| block.blocked);
    let block_changed = block.is_some_and(|blocked| after.set_blocked(blocked, now));
    let message = (patch.status.as_ref())
        .and_then(|(status, by)| after.set_status(*status, by, message_id, now));
    let effect = match message {
        Some(message) => Effect::StatusChanged(message),
        None if details_changed || block_changed => Effect::DetailsChanged,
        None if desk_changed => Effect::DeskChanged,
        None => return Ok(None),
    };
    // Each part has raised it.
    after.version = record.version + 1;
    Ok(Some(Change {
        record: after,
        effect,
    }))
}

/// Takes a tag off a room. `None` when the room does not have it.
pub(crate) fn without_tag(record: &RoomRecord, tag: TagId) -> Option<Change> {
    let tags = record.desk.tags.iter().copied();
    let patch = DeskPatch {
        tags: Some(tags.filter(|other| *other != tag).collect()),
        ..DeskPatch::default()
    };
    let mut record = record.clone();
    // Nobody is expected to be the assignee.
    let changed = record.set_desk(&patch).unwrap_or(false);
    changed.then_some(Change {
        record,
        effect: Effect::DeskChanged,
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use uuid::Uuid;

    use super::*;
    use crate::chat::AssigneeMoved;
    use crate::persistence::rules::open_room::new_room;
    use crate::persistence::rules::visitors::StoredVisitor;
    use crate::persistence::{Principal, SetBlock};

    const NOW: Timestamp = Timestamp(1_000);

    fn room(blocked: bool) -> RoomRecord {
        let visitor = StoredVisitor {
            id: Uuid::from_u128(1),
            user: None,
            blocked,
        };
        new_room(Uuid::from_u128(2), &visitor, None, Default::default(), NOW)
    }

    /// The room once an agent has set its status; `None` when it has it already.
    fn with_status(record: &RoomRecord, status: Status) -> Option<RoomRecord> {
        set_status::<Infallible>(record, status, &agent(), Uuid::from_u128(4), NOW)
            .expect("it may be set")
            .map(|change| change.record)
    }

    fn draft(sender: Sender, content: &str) -> Draft {
        Draft {
            id: Uuid::from_u128(3),
            sender,
            content: content.into(),
            via: None,
        }
    }

    fn agent() -> Sender {
        Sender::Agent {
            id: Uuid::nil(),
            display_name: "Mia".into(),
        }
    }

    fn posted(record: &RoomRecord, sender: Sender) -> RoomRecord {
        post(record, &draft(sender, "hello"), AssigneeState::Present, NOW)
            .expect("it may post")
            .record
    }

    #[test]
    fn a_block_refuses_the_visitor_and_nobody_else() {
        let blocked = room(true);
        let refused = post(
            &blocked,
            &draft(Sender::Visitor, "hello"),
            AssigneeState::Present,
            NOW,
        );
        assert_eq!(refused, Err(Refusal::Blocked));
        assert_eq!(posted(&blocked, agent()).room.last_seq, 1);
        assert_eq!(posted(&room(false), Sender::Visitor).room.last_seq, 1);
    }

    #[test]
    fn a_repeated_id_is_a_duplicate_only_with_the_same_side_and_text() {
        let change = post(
            &room(false),
            &draft(Sender::Visitor, "hello"),
            AssigneeState::Present,
            NOW,
        )
        .expect("posted");
        let Effect::Posted(stored) = change.effect else {
            panic!("a message was posted");
        };
        let again = repeated(stored.clone(), &draft(Sender::Visitor, "hello"));
        assert_eq!(again, Ok(Effect::Duplicate(stored.clone())));
        let mut redacted = stored.clone();
        redacted.content.clear();
        redacted.redacted = true;
        let retried = repeated(redacted.clone(), &draft(Sender::Visitor, "bye"));
        assert_eq!(retried, Ok(Effect::Duplicate(redacted)));
        for other in [draft(Sender::Visitor, "bye"), draft(agent(), "hello")] {
            assert_eq!(repeated(stored.clone(), &other), Err(Refusal::Conflict));
        }
    }

    #[test]
    fn a_visitors_message_reopens_a_closed_room_and_so_does_an_agent_who_sets_the_status() {
        let open = posted(&room(false), Sender::Visitor);
        let closed = with_status(&open, Status::Closed).expect("it was open");
        assert_eq!(closed.room.status, Status::Closed);
        assert_eq!(
            posted(&closed, Sender::Visitor).room.status,
            Status::Waiting
        );
        let reopened = with_status(&closed, Status::Active).expect("it was closed");
        assert_eq!(reopened.room.status, Status::Active);
        assert_eq!(with_status(&closed, Status::Closed), None);
    }

    #[test]
    fn setting_a_room_waiting_is_a_bug_in_a_patch_as_well() {
        let closed = with_status(&room(false), Status::Closed).expect("it was open");
        let (waiting, by, id) = (Status::Waiting, agent(), Uuid::from_u128(5));
        let patch = RoomPatch {
            status: Some((waiting, by.clone())),
            ..RoomPatch::default()
        };
        let bug = Err(TxError::Bug::<Infallible>(
            "nobody may set a room waiting".into(),
        ));
        assert_eq!(set_status(&closed, waiting, &by, id, NOW), bug);
        assert_eq!(change(&closed, &patch, id, NOW), bug);
    }

    #[test]
    fn a_patch_is_one_change_and_a_refused_assignee_refuses_all_of_it() {
        let open = posted(&room(false), Sender::Visitor);
        let mut patch = RoomPatch {
            desk: DeskPatch {
                assignee: Some(Some(Uuid::nil())),
                expect_assignee: Some(None),
                ..DeskPatch::default()
            },
            block: Some(SetBlock {
                blocked: true,
                until: None,
                by: Principal::CommandLine,
            }),
            status: Some((Status::Closed, agent())),
            ..RoomPatch::default()
        };
        let changed =
            |patch: &RoomPatch| change::<Infallible>(&open, patch, Uuid::from_u128(4), NOW);
        let Ok(Some(closed)) = changed(&patch) else {
            panic!("it changes the room");
        };
        assert!(matches!(closed.effect, Effect::StatusChanged(_)));
        assert_eq!(closed.record.version, open.version + 1);
        assert!(closed.record.blocked && closed.record.room.status == Status::Closed);
        patch.status = None;
        let effect =
            |patch: &RoomPatch| changed(patch).map(|change| change.map(|change| change.effect));
        assert_eq!(effect(&patch), Ok(Some(Effect::DetailsChanged)));
        patch.block = None;
        assert_eq!(effect(&patch), Ok(Some(Effect::DeskChanged)));
        assert_eq!(effect(&RoomPatch::default()), Ok(None));
        patch.status = Some((Status::Closed, agent()));
        patch.desk.expect_assignee = Some(Some(Uuid::from_u128(9)));
        let moved = Refusal::AssigneeMoved(AssigneeMoved);
        assert_eq!(effect(&patch), Err(moved.into()));
    }
}
