//! Pages of a room's notes, whichever store they are read from.

use crate::chat::{Message, Note};
use crate::persistence::{NotePage, NoteRange, json_size};

/// Bytes that are left for notes in a page with these messages.
pub fn note_bytes_beside(messages: &[Message]) -> usize {
    let taken: usize = messages.iter().map(json_size::message).sum();
    json_size::PAGE_BUDGET_BYTES.saturating_sub(taken)
}

/// Bytes of a page that has notes alone. Any note fits.
pub const NOTE_PAGE_BYTES: usize = json_size::PAGE_BUDGET_BYTES;

/// The bounds of a range: a number before its first note, and its first and last `after_seq`.
pub(crate) fn bounds(range: NoteRange) -> (u64, u64, u64) {
    match range {
        NoteRange::After(no) => (no, 0, u64::MAX),
        NoteRange::Among { from, until } => (0, from, until.unwrap_or(u64::MAX)),
    }
}

/// The first of these notes. There is one more than `items` of them if the range has more.
pub(crate) fn fill<E>(
    notes: impl Iterator<Item = Result<Note, E>>,
    items: usize,
    bytes: usize,
    last: u64,
) -> Result<NotePage, E> {
    let mut page = NotePage {
        last,
        reached: last,
        ..NotePage::default()
    };
    let mut left = bytes;
    for note in notes {
        let note = note?;
        if page.notes.is_empty() {
            page.reached = note.no.saturating_sub(1);
        }
        let Some(rest) = left.checked_sub(json_size::note(&note)) else {
            page.more = true;
            break;
        };
        if page.notes.len() == items {
            page.more = true;
            break;
        }
        left = rest;
        page.reached = note.no;
        page.notes.push(note);
    }
    Ok(page)
}
