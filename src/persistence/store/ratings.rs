//! What customers think of conversations. A rating is given by [`RoomOp::Rate`](crate::persistence::RoomOp).

use super::Store;
use crate::chat::{Rating, RoomId};
use crate::persistence::StoreError;

impl Store {
    /// The ratings of a room, by closing; the newest 200.
    pub async fn ratings(&self, room_id: RoomId) -> Result<Vec<Rating>, StoreError> {
        match self {
            Self::Sqlite(store) => store.ratings(room_id).await,
            Self::Postgres(store) => store.ratings(room_id).await,
        }
    }
}
