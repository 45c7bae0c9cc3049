//! Suggestions for an agent's next message. They are written as a
//! [`RoomOp`](crate::persistence::RoomOp).

use super::Store;
use crate::chat::{RoomId, Suggestion};
use crate::persistence::StoreError;

impl Store {
    /// A room's suggestion, a stale one included.
    pub async fn suggestion(&self, room: RoomId) -> Result<Option<Suggestion>, StoreError> {
        match self {
            Self::Sqlite(store) => store.suggestion(room).await,
            Self::Postgres(store) => store.suggestion(room).await,
        }
    }
}
