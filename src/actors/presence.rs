mod visitors;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use self::visitors::Visitors;
use super::state_log::{Gap, Slice};
use crate::chat::{Availability, RoomId, Timestamp};
use crate::persistence::OnlineRooms;

/// Who is online, and whether the shop is open. Anybody can read it at any time.
///
/// Rooms set whether their visitor is online, the lobby sets whether any agent is, and the server
/// whether the shop is open. It outlives them, so that nobody seems to leave because an actor dies. Where nodes share a store, visitors
/// and agents who are connected to another one are in it as well.
#[derive(Clone, Debug)]
pub struct Presence {
    visitors: Arc<RwLock<Visitors>>,
    /// Notified when a listed room's visitor has come online or gone offline.
    changed: Arc<watch::Sender<()>>,
    /// Notified when anybody has come online or gone offline on this node.
    changed_here: Arc<Notify>,
    agents: Arc<Mutex<Agents>>,
    availability: Arc<watch::Sender<Availability>>,
}

/// Where agents are online.
#[derive(Debug, Default)]
struct Agents {
    here: bool,
    elsewhere: bool,
}

impl Default for Presence {
    fn default() -> Self {
        Self {
            visitors: Arc::default(),
            changed: Arc::new(watch::Sender::new(())),
            changed_here: Arc::default(),
            agents: Arc::default(),
            availability: Arc::new(watch::Sender::new(Availability {
                agents_online: false,
                open: true,
                back_at: None,
            })),
        }
    }
}

impl Presence {
    /// Whether the room's visitor has the chat open, or closed it within the grace.
    pub fn is_online(&self, room_id: RoomId) -> bool {
        self.read().online.contains_key(&room_id)
    }

    /// As [`is_online`](Self::is_online), on this node.
    pub(super) fn is_online_here(&self, room_id: RoomId) -> bool {
        let visitors = self.read();
        visitors.online.get(&room_id).is_some_and(|room| room.here)
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
            .filter(|(_, room)| room.listed)
            .map(|(room_id, _)| *room_id)
            .collect()
    }

    /// The rooms whose visitor is online on this node. From now on those that change are noted.
    pub(crate) fn take_here(&self) -> OnlineRooms {
        let mut visitors = self.write();
        visitors.unstored = Some(HashSet::new());
        let here = visitors.online.iter().filter(|(_, room)| room.here);
        here.map(|(room_id, room)| (*room_id, Some(room.listed)))
            .collect()
    }

    /// The rooms whose visitors have come or gone on this node since that was taken.
    pub(crate) fn take_changed_here(&self) -> OnlineRooms {
        let mut visitors = self.write();
        let changed = visitors.unstored.as_mut().map(std::mem::take);
        let changed = changed.unwrap_or_default().into_iter();
        changed
            .map(|room_id| (room_id, visitors.listed_here(room_id)))
            .collect()
    }

    /// These rooms could not be stored.
    pub(crate) fn put_back_here(&self, rooms: impl IntoIterator<Item = RoomId>) {
        if let Some(unstored) = &mut self.write().unstored {
            unstored.extend(rooms);
        }
        self.changed_here.notify_one();
    }

    /// Resolves after anybody has come online or gone offline on this node.
    pub(crate) async fn changed_here(&self) {
        self.changed_here.notified().await;
    }

    /// What visitors are shown of the shop. The receiver is notified of every change.
    pub fn availability(&self) -> watch::Receiver<Availability> {
        self.availability.subscribe()
    }

    /// Sets whether the shop is open, and when it opens again if it is closed.
    pub(crate) fn set_open(&self, open: bool, back_at: Option<Timestamp>) {
        self.change_availability(|now| Availability {
            open,
            back_at,
            ..now
        });
    }

    fn change_availability(&self, change: impl FnOnce(Availability) -> Availability) {
        self.availability.send_if_modified(|now| {
            let before = std::mem::replace(now, change(*now));
            *now != before
        });
    }

    /// Whether any agent is online on this node.
    pub(crate) fn has_agents_here(&self) -> bool {
        self.lock_agents().here
    }

    pub(super) fn set_agents_online(&self, agents_online: bool) {
        let changed = self.set_agents(|agents| {
            std::mem::replace(&mut agents.here, agents_online) != agents_online
        });
        if changed {
            self.changed_here.notify_one();
        }
    }

    /// Sets whether any agent is online on another node.
    pub(crate) fn set_agents_elsewhere(&self, agents_online: bool) {
        self.set_agents(|agents| {
            std::mem::replace(&mut agents.elsewhere, agents_online) != agents_online
        });
    }

    fn set_agents(&self, set: impl FnOnce(&mut Agents) -> bool) -> bool {
        let mut agents = self.lock_agents();
        let changed = set(&mut agents);
        let online = agents.here || agents.elsewhere;
        self.change_availability(|now| Availability {
            agents_online: online,
            ..now
        });
        changed
    }

    /// Sets whether a room's visitor is online on this node. Consoles are notified if the room is
    /// listed.
    pub(super) fn set_visitor_online(&self, room_id: RoomId, customer_online: bool, listed: bool) {
        let is_new = self.write().change_here(room_id, customer_online, listed);
        self.changed_here.notify_one();
        if is_new {
            self.changed.send_replace(());
        }
    }

    /// Sets the rooms whose visitors are online on the node that has this slot.
    pub(crate) fn set_elsewhere(&self, slot: usize, mut rooms: OnlineRooms) {
        for room_id in self.read().elsewhere.get(&slot).into_iter().flatten() {
            rooms.entry(*room_id).or_insert(None);
        }
        self.change_elsewhere(slot, rooms);
    }

    /// As [`set_elsewhere`](Self::set_elsewhere), for rooms that have changed; the others stay.
    pub(crate) fn change_elsewhere(&self, slot: usize, rooms: OnlineRooms) {
        let mut visitors = self.write();
        let mut is_new = false;
        for (room_id, listed) in rooms {
            is_new |= visitors.change_elsewhere(slot, room_id, listed);
        }
        drop(visitors);
        if is_new {
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
        self.write().changes.forget_before(moment);
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Visitors> {
        self.visitors
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_agents(&self) -> MutexGuard<'_, Agents> {
        // Two flags cannot be left half-changed.
        self.agents.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[test]
    fn a_visitor_is_online_as_long_as_any_node_says_so() {
        let presence = Presence::default();
        let room = Uuid::now_v7();
        let here = |online| presence.set_visitor_online(room, online, true);
        let elsewhere = |slot, online: bool| {
            let rooms = online.then_some((room, Some(true))).into_iter().collect();
            presence.set_elsewhere(slot, rooms);
        };
        let frames = || presence.after(0, 9).expect("no gap").states.len();
        elsewhere(1, true);
        elsewhere(1, true);
        here(true);
        elsewhere(2, true);
        elsewhere(1, false);
        here(false);
        assert!(presence.is_online(room) && !presence.is_online_here(room));
        let before = presence.end();
        elsewhere(2, false);
        assert!(!presence.is_online(room));
        assert!(presence.end() > before && frames() == 1);

        presence.set_agents_online(true);
        presence.set_agents_elsewhere(true);
        presence.set_agents_online(false);
        let agents_online = || presence.availability().borrow().agents_online;
        assert!(agents_online() && !presence.has_agents_here());
        presence.set_agents_elsewhere(false);
        assert!(!agents_online());
    }

    #[test]
    fn only_what_has_changed_here_is_taken_again() {
        let presence = Presence::default();
        let [first, second, third] = [(); 3].map(|()| Uuid::now_v7());
        presence.set_visitor_online(first, true, true);
        presence.set_visitor_online(second, true, false);
        let all = OnlineRooms::from([(first, Some(true)), (second, Some(false))]);
        assert_eq!(presence.take_here(), all);
        assert!(presence.take_changed_here().is_empty(), "nothing has");
        presence.set_visitor_online(first, false, true);
        presence.set_visitor_online(third, true, true);
        let changed = OnlineRooms::from([(first, None), (third, Some(true))]);
        assert_eq!(presence.take_changed_here(), changed);
        assert!(presence.take_changed_here().is_empty(), "it is taken");
        presence.put_back_here(changed.keys().copied());
        assert_eq!(presence.take_changed_here(), changed);
    }

    #[test]
    fn changes_elsewhere_leave_the_other_rooms_as_they_are() {
        let presence = Presence::default();
        let [first, second] = [(); 2].map(|()| Uuid::now_v7());
        let online = || [first, second].map(|room| presence.is_online(room));
        presence.set_elsewhere(1, [(first, Some(true))].into());
        presence.change_elsewhere(1, [(second, Some(true))].into());
        assert_eq!(online(), [true, true]);
        for _ in 0..2 {
            presence.change_elsewhere(1, [(first, None)].into());
            assert_eq!(online(), [false, true]);
        }
        presence.set_elsewhere(1, OnlineRooms::new());
        assert_eq!(online(), [false, false]);
    }
}
