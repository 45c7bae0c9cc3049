use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::state_log::{Gap, Slice, StateLog};
use crate::chat::RoomId;
use crate::protocol::{ServerFrame, encode};

/// Rooms whose changes of presence are kept. A console that is further behind has to start again.
const CHANGES_MAX: usize = 65_536;

/// Who is online. Anybody can read it at any time.
///
/// Rooms set whether their visitor is online, the lobby sets whether any agent is. It outlives
/// both, so that nobody seems to leave because an actor dies.
#[derive(Clone, Debug)]
pub struct Presence {
    visitors: Arc<RwLock<Visitors>>,
    /// Notified when a listed room's visitor has come online or gone offline.
    changed: Arc<watch::Sender<()>>,
    agents_online: Arc<watch::Sender<bool>>,
}

#[derive(Debug)]
struct Visitors {
    /// The rooms of online visitors, and whether consoles list the room.
    online: HashMap<RoomId, bool>,
    /// The `online` frames of listed rooms. Consoles read them at their own pace.
    changes: StateLog<Utf8Bytes>,
}

impl Default for Presence {
    fn default() -> Self {
        let visitors = Visitors {
            online: HashMap::new(),
            changes: StateLog::new(CHANGES_MAX),
        };
        Self {
            visitors: Arc::new(RwLock::new(visitors)),
            changed: Arc::new(watch::Sender::new(())),
            agents_online: Arc::new(watch::Sender::new(false)),
        }
    }
}

impl Presence {
    /// Whether the room's visitor has the chat open, or closed it within the grace.
    pub fn is_online(&self, room_id: RoomId) -> bool {
        self.read().online.contains_key(&room_id)
    }

    /// Whether any visitor has the chat open, or closed it within the grace.
    pub fn has_visitors(&self) -> bool {
        !self.read().online.is_empty()
    }

    /// The listed rooms whose visitor is online.
    pub fn online_rooms(&self) -> Vec<RoomId> {
        self.read()
            .online
            .iter()
            .filter(|(_, listed)| **listed)
            .map(|(room_id, _)| *room_id)
            .collect()
    }

    /// Whether any agent is online. The receiver is notified of every change.
    pub fn agents_online(&self) -> watch::Receiver<bool> {
        self.agents_online.subscribe()
    }

    pub(super) fn set_agents_online(&self, agents_online: bool) {
        self.agents_online
            .send_if_modified(|present| std::mem::replace(present, agents_online) != agents_online);
    }

    /// Sets whether a room's visitor is online. Consoles are notified if the room is listed.
    pub(super) fn set_visitor_online(&self, room_id: RoomId, customer_online: bool, listed: bool) {
        let mut visitors = self
            .visitors
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let before = if customer_online {
            visitors.online.insert(room_id, listed)
        } else {
            visitors.online.remove(&room_id)
        };
        // To consoles, an unlisted room's visitor is not online.
        let shown = before == Some(true);
        if listed && shown != customer_online {
            let frame = encode(&ServerFrame::Online {
                room_id,
                customer_online,
            });
            visitors.changes.put(room_id, frame, Instant::now());
            drop(visitors);
            self.changed.send_replace(());
        }
    }

    /// A receiver that is notified when a frame is added.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// The position of a console that has read everything.
    pub(super) fn end(&self) -> u64 {
        self.read().changes.end()
    }

    /// At most `max` `online` frames after a position.
    pub(super) fn after(&self, position: u64, max: usize) -> Result<Slice<Utf8Bytes>, Gap> {
        self.read().changes.after(position, max)
    }

    /// Forgets changes from before a moment.
    pub(super) fn forget_before(&self, moment: Instant) {
        self.visitors
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .changes
            .forget_before(moment);
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Visitors> {
        self.visitors.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn consoles_get_each_change_of_a_listed_room_once() {
        let presence = Presence::default();
        let room = Uuid::now_v7();
        let frames = |from: u64| presence.after(from, 9).expect("no gap").states.len();
        presence.set_visitor_online(room, true, false);
        assert_eq!(frames(0), 0, "the room is not listed yet");
        assert!(presence.online_rooms().is_empty());
        presence.set_visitor_online(room, true, true);
        assert_eq!((frames(0), presence.online_rooms()), (1, vec![room]));
        let here = presence.end();
        presence.set_visitor_online(room, true, true);
        assert_eq!(frames(here), 0, "nothing has changed");
        presence.set_visitor_online(room, false, true);
        assert_eq!(frames(here), 1);
        assert!(!presence.is_online(room));
    }
}
