//! Whose visitors are online, on this node and on others, and what consoles are shown of it.

use std::collections::{HashMap, HashSet};

use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::actors::state_log::StateLog;
use crate::chat::RoomId;
use crate::protocol::{ServerFrame, encode};

/// Rooms whose changes of presence are kept. A console that is further behind has to start again.
const CHANGES_MAX: usize = 65_536;

/// Where a room's visitor is online.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Online {
    pub(super) here: bool,
    /// On how many other nodes.
    elsewhere: usize,
    /// Whether consoles list the room.
    pub(super) listed: bool,
}

#[derive(Debug)]
pub(super) struct Visitors {
    /// The rooms of online visitors.
    pub(super) online: HashMap<RoomId, Online>,
    /// The rooms whose visitors are online on other nodes, by slot.
    pub(super) elsewhere: HashMap<usize, HashSet<RoomId>>,
    /// The rooms whose visitors have come or gone on this node since that was stored. `None` while
    /// nobody stores it.
    pub(super) unstored: Option<HashSet<RoomId>>,
    /// The `online` frames of listed rooms. Consoles read them at their own pace.
    pub(super) changes: StateLog<Utf8Bytes>,
}

impl Default for Visitors {
    fn default() -> Self {
        Self {
            online: HashMap::new(),
            elsewhere: HashMap::new(),
            unstored: None,
            changes: StateLog::new(CHANGES_MAX),
        }
    }
}

impl Visitors {
    /// Changes where a room's visitor is online. Returns whether consoles are shown something new.
    fn change(&mut self, room_id: RoomId, change: impl FnOnce(&mut Online)) -> bool {
        let before = self.online.get(&room_id).copied().unwrap_or_default();
        let mut after = before;
        change(&mut after);
        let is_online = |online: &Online| online.here || online.elsewhere > 0;
        if is_online(&after) {
            self.online.insert(room_id, after);
        } else {
            self.online.remove(&room_id);
        }
        // To consoles, an unlisted room's visitor is not online.
        let shown = is_online(&before) && before.listed;
        let customer_online = is_online(&after);
        let is_new = after.listed && shown != customer_online;
        if is_new {
            let frame = encode(&ServerFrame::Online {
                room_id,
                customer_online,
            });
            self.changes.put(room_id, frame, Instant::now());
        }
        is_new
    }

    /// Sets whether a room's visitor is online on this node.
    pub(super) fn change_here(
        &mut self,
        room_id: RoomId,
        customer_online: bool,
        listed: bool,
    ) -> bool {
        if let Some(unstored) = &mut self.unstored {
            unstored.insert(room_id);
        }
        self.change(room_id, |room| {
            room.here = customer_online;
            room.listed = listed;
        })
    }

    /// Sets whether a room's visitor is online on the node that has this slot.
    pub(super) fn change_elsewhere(
        &mut self,
        slot: usize,
        room_id: RoomId,
        listed: Option<bool>,
    ) -> bool {
        let rooms = self.elsewhere.entry(slot).or_default();
        let is_other = match listed {
            Some(_) => rooms.insert(room_id),
            None => rooms.remove(&room_id),
        };
        if rooms.is_empty() {
            self.elsewhere.remove(&slot);
        }
        self.change(room_id, |room| match listed {
            Some(listed) => {
                room.elsewhere += usize::from(is_other);
                room.listed |= listed;
            }
            None => room.elsewhere = room.elsewhere.saturating_sub(usize::from(is_other)),
        })
    }

    /// Whether consoles list a room whose visitor is online on this node; `None` for any other.
    pub(super) fn listed_here(&self, room_id: RoomId) -> Option<bool> {
        let room = self.online.get(&room_id).filter(|room| room.here)?;
        Some(room.listed)
    }
}
