//! Older pages of a room's log.

use std::borrow::Cow;

use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::chat::RoomId;
use crate::chat::limits::PAGE_ITEMS;
use crate::persistence::{NoteRange, Store, StoreError, note_bytes_beside};
use crate::protocol::{FrameForAgents, ServerFrame, encode};

/// The page before a seq, as a visitor's frame.
pub(super) async fn for_visitor(
    store: &Store,
    room_id: RoomId,
    before: u64,
    limit: usize,
) -> Result<Utf8Bytes, StoreError> {
    let page = store.messages_before(room_id, Some(before), limit).await?;
    Ok(encode(&ServerFrame::History {
        room_id,
        messages: Cow::Borrowed(&page.messages),
        more: page.more,
    }))
}

/// The page before a seq with its notes, as an agent's frame.
pub(super) async fn for_agent(
    store: &Store,
    room_id: RoomId,
    before: u64,
    limit: usize,
) -> Result<Utf8Bytes, StoreError> {
    let page = store.messages_before(room_id, Some(before), limit).await?;
    let first = page.messages.first().map(|message| message.seq);
    let last = page.messages.last().map_or(0, |message| message.seq);
    let range = NoteRange::of_page(first, page.head, Some(last));
    let bytes = note_bytes_beside(&page.messages);
    let notes = store.notes(room_id, range, PAGE_ITEMS, bytes).await?;
    Ok(encode(&FrameForAgents::History {
        room_id,
        messages: Cow::Borrowed(&page.messages),
        more: page.more,
        notes: Cow::Borrowed(&notes.notes),
        notes_more: notes.more,
    }))
}
