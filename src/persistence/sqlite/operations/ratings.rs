use std::sync::Arc;

use crate::chat::limits::PAGE_ITEMS;
use crate::chat::{NewRating, Rating, RoomId, RoomRecord};
use crate::persistence::rules::listing::PriorState;
use crate::persistence::rules::ratings as rules;
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::room_rows;
use crate::persistence::sqlite::tables::{messages, ratings};
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::TxError;
use crate::persistence::{Effect, Refusal, StoreError};

impl SqliteStore {
    pub(crate) async fn ratings(&self, room_id: RoomId) -> Result<Vec<Rating>, StoreError> {
        self.readers()
            .read(move |conn| match room_rows::by_id(conn, room_id)? {
                Some(row) => ratings::of_room(conn, row.keys.pk, PAGE_ITEMS),
                None => Ok(Vec::new()),
            })
            .await
    }
}

/// Rates the room's newest closing.
pub(crate) fn rate(
    tx: &mut Tx<'_>,
    id: RoomId,
    new: NewRating,
) -> Result<(Arc<RoomRecord>, Effect), TxError> {
    let mut row = room_rows::by_id(tx.conn, id)?.ok_or(Refusal::NotFound)?;
    let last_event = match row.keys.last_n {
        Some(n) => messages::event(tx.conn, n)?,
        None => None,
    };
    let closing = rules::closing(&row.record, last_event)?;
    let newest = ratings::of_room(tx.conn, row.keys.pk, 1)?;
    let earlier = newest.first().filter(|rating| rating.closing == closing);
    let rating = rules::rate(closing, earlier, new, tx.now)?;
    let is_first = earlier.is_none();
    ratings::write(tx, row.keys.pk, &rating)?;
    let before = PriorState::of(&row.record);
    row.record.changed_for_agents();
    room_rows::update(tx, before, &mut row)?;
    Ok((Arc::new(row.record), Effect::Rated { rating, is_first }))
}
