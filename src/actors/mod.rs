//! The live half: rooms, the lobby and those who watch over them.

use std::collections::HashSet;
use std::sync::{Arc, RwLock};

use crate::chat::RoomId;
use crate::persistence::{RoomCommit, RoomOp, WriteError};

/// The way to all rooms. Clones share it.
#[derive(Clone)]
pub struct Rooms {}

#[allow(unused_variables, clippy::todo, missing_docs)]
impl Rooms {
    /// Has a room do something and waits for its commit, 10 seconds at most.
    pub async fn write(&self, room_id: RoomId, op: RoomOp) -> Result<RoomCommit, WriteError> {
        todo!()
    }
    /// Tells live rooms that their record changed behind them, and the lobby to look.
    pub fn refresh(&self, room_ids: Vec<RoomId>) {
        todo!()
    }
    /// Rooms with a live actor.
    pub async fn live(&self) -> HashSet<RoomId> {
        todo!()
    }
}

/// Who is there, readable at any time.
#[derive(Clone, Default)]
pub struct Presence {
    customers: Arc<RwLock<HashSet<RoomId>>>,
}

impl Presence {
    /// Whether the room's visitor has the chat open.
    pub fn is_online(&self, room_id: RoomId) -> bool {
        self.customers
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .contains(&room_id)
    }
}
