//! A reader's place among the notes of one room.

use shoptalk::protocol::Joined;

use crate::place::Arrival;

/// How far a room's notes were delivered to the program. It moves by one at a time.
#[derive(Debug, Default)]
pub(crate) struct NotePlace {
    /// The last number that was delivered; `None` before the first page, and while it is not known
    /// where that begins.
    last: Option<u64>,
}

impl NotePlace {
    pub(crate) fn last(&self) -> Option<u64> {
        self.last
    }

    /// Forgets the numbers: they belong to another database.
    pub(crate) fn forget(&mut self) {
        self.last = None;
    }

    /// A room was joined. Unless its log continues, its notes replace those that were delivered.
    pub(crate) fn begin(&mut self, joined: &Joined<'_>) {
        if joined.recovered && self.last.is_some() {
            return;
        }
        self.last = match joined.notes.first() {
            Some(first) => Some(first.no.saturating_sub(1)),
            None if joined.notes_more => None,
            None => Some(joined.last_note),
        };
    }

    /// Compares the number of a received note with the place, and moves on if it is the next one.
    pub(crate) fn arrive(&mut self, no: u64) -> Arrival {
        match self.last {
            Some(last) if no <= last => Arrival::Known,
            Some(last) if no > last + 1 => Arrival::Gap,
            _ => {
                self.last = Some(no);
                Arrival::Next
            }
        }
    }
}
