use crate::chat::{Note, NoteDraft, RoomRecord, Timestamp};
use crate::persistence::rules::rooms::Change;
use crate::persistence::{Effect, Refusal};

/// Adds a note behind the room's `last` one, which takes its id for a new one: when the room has a
/// note with it already, the store asks [`repeated`] instead.
///
/// It moves the room's version. What a visitor can see stays: seqs, status, read marks, times.
pub(crate) fn add(record: &RoomRecord, draft: &NoteDraft, last: u64, now: Timestamp) -> Change {
    let note = draft.clone().at(record, last + 1, now);
    let mut record = record.clone();
    record.note();
    Change {
        record,
        effect: Effect::Noted(note),
    }
}

/// Whether a note may mention an agent, as `@name`.
pub(crate) fn may_mention(note: &Note) -> bool {
    note.content.contains('@')
}

/// What a draft is whose id one of the room's notes has: the same words again, or a conflict.
pub(crate) fn repeated(stored: Note, draft: &NoteDraft) -> Result<Effect, Refusal> {
    match stored.content == draft.content {
        true => Ok(Effect::DuplicateNote(stored)),
        false => Err(Refusal::Conflict),
    }
}
