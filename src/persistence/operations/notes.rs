//! Pages of a room's notes.

use crate::chat::Note;

/// Which notes of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteRange {
    /// Those after this number.
    After(u64),
    /// Those that stand among messages: their `after_seq` is in this range.
    Among {
        /// The first `after_seq`.
        from: u64,
        /// The last one; all further ones without.
        until: Option<u64>,
    },
}

impl NoteRange {
    /// The notes of a page of messages: those behind any of them, and with the first message of all
    /// also those before it. So pages that follow each other have each note once. `until`: the
    /// page's last seq, unless newer messages belong to it, too.
    pub fn of_page(first: Option<u64>, head: u64, until: Option<u64>) -> Self {
        let from = match first.unwrap_or(head + 1) {
            0 | 1 => 0,
            first => first,
        };
        Self::Among { from, until }
    }
}

/// Some notes of a room, in the order of their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotePage {
    /// At most as many as asked for, and as fit into the bytes.
    pub notes: Vec<Note>,
    /// The number of the last of these notes; without any, the one before the range.
    pub reached: u64,
    /// Whether there are more in the range.
    pub more: bool,
    /// The number of the room's newest note; 0 without any.
    pub last: u64,
}
