use crate::chat::{RoomId, Suggestion};
use crate::persistence::postgres::operations::rooms::{commit, find};
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::room_rows::{self, RoomRow};
use crate::persistence::postgres::tables::suggestions;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::rules::listing::PriorState;
use crate::persistence::rules::rooms::{self as rules, Change};
use crate::persistence::{Effect, NewSuggestion, RoomCommit, StoreError};

impl PostgresStore {
    pub(crate) async fn suggestion(&self, room: RoomId) -> Result<Option<Suggestion>, StoreError> {
        self.read(async |db| suggestions::of_room(db, room).await)
            .await
    }
}

pub(super) async fn suggest(
    tx: &mut Tx,
    id: RoomId,
    new: NewSuggestion,
) -> Result<RoomCommit, TxError> {
    let row = find(tx, id).await?;
    let (change, suggestion) = rules::suggest(&row.record, &new, tx.now)?;
    suggestions::write(tx, row.keys.pk, &suggestion).await?;
    write(tx, row, change).await
}

pub(super) async fn unsuggest(tx: &mut Tx, id: RoomId) -> Result<RoomCommit, TxError> {
    let row = find(tx, id).await?;
    if !suggestions::delete(tx, row.keys.pk).await? {
        return Ok(commit(row, Effect::Unchanged));
    }
    let change = rules::suggested(&row.record, None);
    write(tx, row, change).await
}

async fn write(tx: &mut Tx, mut row: RoomRow, change: Change) -> Result<RoomCommit, TxError> {
    let before = PriorState::of(&row.record);
    row.record = change.record;
    room_rows::update(tx, before, &mut row).await?;
    Ok(commit(row, change.effect))
}
