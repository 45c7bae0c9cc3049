use crate::chat::limits::PAGE_ITEMS;
use crate::chat::{NewRating, Rating, RoomId};
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::room_rows;
use crate::persistence::postgres::tables::{messages, ratings};
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::rules::listing::PriorState;
use crate::persistence::rules::ratings as rules;
use crate::persistence::{Effect, Refusal, RoomCommit, StoreError};

impl PostgresStore {
    pub(crate) async fn ratings(&self, room_id: RoomId) -> Result<Vec<Rating>, StoreError> {
        self.read(async |db| match room_rows::by_id(db, room_id).await? {
            Some(row) => ratings::of_room(db, row.keys.pk, PAGE_ITEMS).await,
            None => Ok(Vec::new()),
        })
        .await
    }
}

/// Rates the room's newest closing.
pub(crate) async fn rate(tx: &mut Tx, id: RoomId, new: NewRating) -> Result<RoomCommit, TxError> {
    let mut row = room_rows::lock(tx, id).await?.ok_or(Refusal::NotFound)?;
    let last_event = messages::event(tx, row.keys.pk, row.record.room.last_seq).await?;
    let closing = rules::closing(&row.record, last_event)?;
    let newest = ratings::of_room(tx, row.keys.pk, 1).await?;
    let earlier = newest.first().filter(|rating| rating.closing == closing);
    let rating = rules::rate(closing, earlier, new, tx.now)?;
    let is_first = earlier.is_none();
    ratings::write(tx, row.keys.pk, &rating).await?;
    let before = PriorState::of(&row.record);
    row.record.changed_for_agents();
    room_rows::update(tx, before, &mut row).await?;
    Ok(RoomCommit {
        record: std::sync::Arc::new(row.record),
        effect: Effect::Rated { rating, is_first },
        also_changed: Vec::new(),
    })
}
