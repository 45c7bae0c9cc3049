//! The notes of one room, as the socket of one agent is sent them.

use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::chat::limits::PAGE_ITEMS;
use crate::chat::{Message, RoomId};
use crate::persistence::{
    NOTE_PAGE_BYTES, NotePage, NoteRange, Store, StoreError, note_bytes_beside,
};
use crate::protocol::encode_note;

/// One agent's socket's position among the notes of one room.
///
/// As with messages, a note is sent only as the next one, and what a push has left out is read from
/// the store. Notes stand apart from the log: they neither wait for its pages nor delay them.
#[derive(Debug, Default)]
pub(super) struct NoteFeed {
    /// The number up to which the client has been sent every note that it asked for.
    delivered: u64,
    /// There may be more in the store.
    behind: bool,
}

impl NoteFeed {
    /// Starts with the notes of a range, beside the messages of a frame. `range` reaches to the
    /// newest note.
    pub(super) async fn start(
        store: &Store,
        room_id: RoomId,
        range: NoteRange,
        messages: &[Message],
    ) -> Result<(Self, NotePage), StoreError> {
        let bytes = note_bytes_beside(messages);
        let page = store.notes(room_id, range, PAGE_ITEMS, bytes).await?;
        let feed = Self {
            delivered: page.reached,
            behind: page.more,
        };
        Ok((feed, page))
    }

    /// Whether [`catch_up`](Self::catch_up) has to be called.
    pub(super) fn is_behind(&self) -> bool {
        self.behind
    }

    /// The room has notes up to this number.
    pub(super) fn goes_to(&mut self, no: u64) {
        self.behind |= no > self.delivered;
    }

    /// A push may have been lost.
    pub(super) fn check(&mut self) {
        self.behind = true;
    }

    /// Adds a pushed note to `frames` if it is the next one.
    pub(super) fn accept(&mut self, no: u64, frame: Utf8Bytes, frames: &mut Vec<Utf8Bytes>) {
        if !self.behind && no == self.delivered + 1 {
            self.delivered = no;
            frames.push(frame);
        } else {
            self.goes_to(no);
        }
    }

    /// Reads one page of notes that the client misses, each as a frame.
    pub(super) async fn catch_up(
        &mut self,
        store: &Store,
        room_id: RoomId,
        frames: &mut Vec<Utf8Bytes>,
    ) -> Result<(), StoreError> {
        let range = NoteRange::After(self.delivered);
        let page = store
            .notes(room_id, range, PAGE_ITEMS, NOTE_PAGE_BYTES)
            .await?;
        frames.extend(page.notes.iter().map(encode_note));
        self.delivered = page.reached;
        self.behind = page.more;
        Ok(())
    }
}
