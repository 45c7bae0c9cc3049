use std::sync::Arc;

use crate::chat::{Note, NoteDraft, RoomId, RoomRecord};
use crate::persistence::rules::listing::PriorState;
use crate::persistence::rules::notes as rules;
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::notes;
use crate::persistence::sqlite::tables::room_rows::{self, RoomRow};
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::TxError;
use crate::persistence::{Effect, NotePage, NoteRange, StoreError, WriteError};

impl SqliteStore {
    pub(crate) async fn notes(
        &self,
        room_id: RoomId,
        range: NoteRange,
        items: usize,
        bytes: usize,
    ) -> Result<NotePage, StoreError> {
        self.readers()
            .read(move |conn| match notes::room(conn, room_id)? {
                Some(pk) => notes::page(conn, pk, room_id, range, items, bytes),
                None => Ok(NotePage::default()),
            })
            .await
    }

    pub(crate) async fn last_note(&self, room_id: RoomId) -> Result<u64, StoreError> {
        self.readers()
            .read(move |conn| match notes::room(conn, room_id)? {
                Some(pk) => notes::last(conn, pk),
                None => Ok(0),
            })
            .await
    }

    pub(crate) async fn notes_to_ring(&self, items: usize) -> Result<Vec<Note>, StoreError> {
        self.readers()
            .read(move |conn| notes::to_ring(conn, items))
            .await
    }

    pub(crate) async fn note_was_rung(&self, room: RoomId, no: u64) -> Result<(), WriteError> {
        self.write(move |tx| Ok(notes::was_rung(tx, room, no)?))
            .await
    }
}

/// Adds a note to a room, whose row has all that was written before.
pub(super) fn add(
    tx: &mut Tx<'_>,
    mut row: RoomRow,
    draft: &NoteDraft,
) -> Result<(Arc<RoomRecord>, Effect), TxError> {
    let (pk, room_id) = (row.keys.pk, row.record.room.id);
    if let Some(stored) = notes::by_id(tx.conn, pk, room_id, draft.id)? {
        return Ok((Arc::new(row.record), rules::repeated(stored, draft)?));
    }
    let change = rules::add(&row.record, draft, notes::last(tx.conn, pk)?, tx.now);
    let Effect::Noted(note) = &change.effect else {
        return Err(TxError::Bug("a note was not added".into()));
    };
    notes::insert(tx, pk, note, rules::may_mention(note))?;
    let before = PriorState::of(&row.record);
    row.record = change.record;
    room_rows::update(tx, before, &mut row)?;
    Ok((Arc::new(row.record), change.effect))
}
