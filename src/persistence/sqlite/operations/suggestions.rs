use std::sync::Arc;

use crate::chat::{RoomId, Suggestion};
use crate::persistence::rules::listing::PriorState;
use crate::persistence::rules::rooms::{self as rules, Change};
use crate::persistence::sqlite::operations::rooms::{Applied, find_row};
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::room_rows::{self, RoomRow};
use crate::persistence::sqlite::tables::suggestions;
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::TxError;
use crate::persistence::{Effect, NewSuggestion, StoreError};

impl SqliteStore {
    pub(crate) async fn suggestion(&self, room: RoomId) -> Result<Option<Suggestion>, StoreError> {
        self.readers()
            .read(move |conn| suggestions::of_room(conn, room))
            .await
    }
}

pub(super) fn suggest(
    tx: &mut Tx<'_>,
    id: RoomId,
    new: &NewSuggestion,
) -> Result<Applied, TxError> {
    let row = find_row(tx, id)?;
    let (change, suggestion) = rules::suggest(&row.record, new, tx.now)?;
    suggestions::write(tx, row.keys.pk, &suggestion)?;
    write(tx, row, change)
}

pub(super) fn unsuggest(tx: &mut Tx<'_>, id: RoomId) -> Result<Applied, TxError> {
    let row = find_row(tx, id)?;
    if !suggestions::delete(tx, row.keys.pk)? {
        return Ok((Arc::new(row.record), Effect::Unchanged));
    }
    let change = rules::suggested(&row.record, None);
    write(tx, row, change)
}

fn write(tx: &mut Tx<'_>, mut row: RoomRow, change: Change) -> Result<Applied, TxError> {
    let before = PriorState::of(&row.record);
    row.record = change.record;
    room_rows::update(tx, before, &mut row)?;
    Ok((Arc::new(row.record), change.effect))
}
