//! Notes among agents.

use super::Store;
use crate::chat::{Note, RoomId};
use crate::persistence::{NotePage, NoteRange, StoreError, WriteError};

impl Store {
    /// The first notes of a range, at most `items` of them and as many as fit into `bytes`. Empty
    /// when there is no such room.
    pub async fn notes(
        &self,
        room_id: RoomId,
        range: NoteRange,
        items: usize,
        bytes: usize,
    ) -> Result<NotePage, StoreError> {
        match self {
            Self::Sqlite(store) => store.notes(room_id, range, items, bytes).await,
            Self::Postgres(store) => store.notes(room_id, range, items, bytes).await,
        }
    }

    /// Notes that may mention agents who are still to be rung, at most `items`.
    pub async fn notes_to_ring(&self, items: usize) -> Result<Vec<Note>, StoreError> {
        match self {
            Self::Sqlite(store) => store.notes_to_ring(items).await,
            Self::Postgres(store) => store.notes_to_ring(items).await,
        }
    }

    /// The agents whom a note mentions were rung.
    pub async fn note_was_rung(&self, room_id: RoomId, no: u64) -> Result<(), WriteError> {
        match self {
            Self::Sqlite(store) => store.note_was_rung(room_id, no).await,
            Self::Postgres(store) => store.note_was_rung(room_id, no).await,
        }
    }

    /// The number of a room's newest note; 0 without any.
    pub async fn last_note(&self, room_id: RoomId) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(store) => store.last_note(room_id).await,
            Self::Postgres(store) => store.last_note(room_id).await,
        }
    }
}
