use std::sync::Arc;

use crate::chat::{Note, NoteDraft, RoomId};
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::notes;
use crate::persistence::postgres::tables::room_rows::{self, RoomRow};
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::rules::listing::PriorState;
use crate::persistence::rules::notes as rules;
use crate::persistence::{Effect, NotePage, NoteRange, RoomCommit, StoreError, WriteError};

impl PostgresStore {
    pub(crate) async fn notes(
        &self,
        room_id: RoomId,
        range: NoteRange,
        items: usize,
        bytes: usize,
    ) -> Result<NotePage, StoreError> {
        // One snapshot, so that the newest note is that of the page.
        self.read_snapshot(async |db| match notes::room(db, room_id).await? {
            Some(pk) => notes::page(db, pk, room_id, range, items, bytes).await,
            None => Ok(NotePage::default()),
        })
        .await
    }

    pub(crate) async fn last_note(&self, room_id: RoomId) -> Result<u64, StoreError> {
        self.read(async |db| match notes::room(db, room_id).await? {
            Some(pk) => notes::last(db, pk).await,
            None => Ok(0),
        })
        .await
    }

    pub(crate) async fn notes_to_ring(&self, items: usize) -> Result<Vec<Note>, StoreError> {
        self.read(async |db| notes::to_ring(db, items).await).await
    }

    pub(crate) async fn note_was_rung(&self, room: RoomId, no: u64) -> Result<(), WriteError> {
        self.write(move |tx| Box::pin(notes::was_rung(tx, room, no)))
            .await
    }
}

/// Adds a note to a locked room: nobody else numbers one meanwhile.
pub(super) async fn add(
    tx: &mut Tx,
    mut row: RoomRow,
    draft: NoteDraft,
) -> Result<RoomCommit, TxError> {
    let (pk, room_id) = (row.keys.pk, row.record.room.id);
    let effect = match notes::by_id(tx, pk, room_id, draft.id).await? {
        Some(stored) => rules::repeated(stored, &draft)?,
        None => {
            let last = notes::last(tx, pk).await?;
            let change = rules::add(&row.record, &draft, last, tx.now);
            let Effect::Noted(note) = &change.effect else {
                return Err(TxError::Bug("a note was not added".into()));
            };
            notes::insert(tx, pk, note, rules::may_mention(note)).await?;
            let before = PriorState::of(&row.record);
            row.record = change.record;
            room_rows::update(tx, before, &mut row).await?;
            change.effect
        }
    };
    Ok(RoomCommit {
        record: Arc::new(row.record),
        effect,
        also_changed: Vec::new(),
    })
}
