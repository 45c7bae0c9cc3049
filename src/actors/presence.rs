use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use crate::chat::RoomId;

/// Who is there, readable at any time and by anybody.
///
/// Rooms write down their visitors, the lobby writes down whether any agent is
/// there. It outlives both, so neither's death makes anybody seem to leave.
#[derive(Clone, Debug)]
pub struct Presence {
    /// Online visitors' rooms, and whether consoles list the room yet.
    customers: Arc<RwLock<HashMap<RoomId, bool>>>,
    agents_online: Arc<watch::Sender<bool>>,
}

impl Default for Presence {
    fn default() -> Self {
        Self {
            customers: Arc::default(),
            agents_online: Arc::new(watch::channel(false).0),
        }
    }
}

impl Presence {
    /// Whether the room's visitor has the chat open, or had it a moment ago.
    pub fn is_online(&self, room_id: RoomId) -> bool {
        self.read().contains_key(&room_id)
    }

    /// The listed rooms whose visitor is there.
    pub fn online_rooms(&self) -> Vec<RoomId> {
        self.read()
            .iter()
            .filter(|(_, listed)| **listed)
            .map(|(room_id, _)| *room_id)
            .collect()
    }

    /// Whether any agent is there; the receiver hears of every change.
    pub fn agents_online(&self) -> watch::Receiver<bool> {
        self.agents_online.subscribe()
    }

    pub(super) fn set_agents_online(&self, agents_online: bool) {
        self.agents_online
            .send_if_modified(|present| std::mem::replace(present, agents_online) != agents_online);
    }

    pub(super) fn set_customer(&self, room_id: RoomId, online: bool, listed: bool) {
        let mut customers = self
            .customers
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if online {
            customers.insert(room_id, listed);
        } else {
            customers.remove(&room_id);
        }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<RoomId, bool>> {
        self.customers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
