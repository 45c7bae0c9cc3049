//! Which agents have which room open, on this node and on the others.
//!
//! It is in memory alone: each node names its own agents to the others again and again, and whose
//! node is silent has left.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ractor::ActorId;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::chat::{AgentId, RoomId, SLOTS_MAX};

/// Agents whom a node names, in all rooms together, at most.
const NAMED_MAX: usize = 1_000;
/// A node from which nothing came for this long has no viewers any more.
const SILENCE_MAX: Duration = Duration::from_secs(6);

/// An agent who has a room open.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Viewer {
    /// Which agent.
    pub id: AgentId,
    /// As others see the agent.
    pub name: String,
}

/// Who has which room open.
pub type ViewedRooms = BTreeMap<RoomId, Vec<Viewer>>;

/// Who has which room open, everywhere. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Viewers {
    state: Arc<Mutex<State>>,
    /// Notified when that changes on this node.
    changed_here: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    /// By the incarnation of the room that has said so.
    here: BTreeMap<RoomId, (ActorId, Vec<Viewer>)>,
    elsewhere: HashMap<u64, OtherNode>,
}

#[derive(Debug)]
struct OtherNode {
    rooms: ViewedRooms,
    last_seen: Instant,
}

impl Viewers {
    /// Sets who has a room open on this node.
    pub(super) fn set_here(&self, room_id: RoomId, incarnation: ActorId, viewers: Vec<Viewer>) {
        let mut state = self.lock();
        let before = state.here.get(&room_id).map(|(_, viewers)| &viewers[..]);
        if before.unwrap_or_default() != viewers {
            self.changed_here.notify_one();
        }
        if viewers.is_empty() {
            state.here.remove(&room_id);
        } else {
            state.here.insert(room_id, (incarnation, viewers));
        }
    }

    /// This incarnation of a room has ended.
    pub(super) fn remove_here(&self, room_id: RoomId, incarnation: ActorId) {
        let mut state = self.lock();
        let present = state.here.get(&room_id);
        if present.is_some_and(|(id, _)| *id == incarnation) {
            state.here.remove(&room_id);
            self.changed_here.notify_one();
        }
    }

    /// Who has a room open, each agent once, by id.
    pub(super) fn of_room(&self, room_id: RoomId) -> Vec<Viewer> {
        let state = self.lock();
        let here = state.here.get(&room_id).map(|(_, viewers)| viewers);
        let elsewhere = state.elsewhere.values();
        let elsewhere = elsewhere.filter_map(|node| node.rooms.get(&room_id));
        let mut viewers: Vec<Viewer> = here
            .into_iter()
            .chain(elsewhere)
            .flatten()
            .cloned()
            .collect();
        viewers.sort();
        viewers.dedup_by_key(|viewer| viewer.id);
        viewers
    }

    /// Who has which room open on this node, without those past a bound.
    pub(crate) fn here(&self) -> ViewedRooms {
        let mut left = NAMED_MAX;
        let mut rooms = ViewedRooms::new();
        for (room_id, (_, viewers)) in &self.lock().here {
            let named = viewers.len().min(left);
            left -= named;
            if named > 0 {
                rooms.insert(*room_id, viewers[..named].to_vec());
            }
        }
        rooms
    }

    /// Resolves after that has changed.
    pub(crate) async fn changed_here(&self) {
        self.changed_here.notified().await;
    }

    /// Sets who has which room open on another node. Returns the rooms where that has changed.
    pub(super) fn set_elsewhere(
        &self,
        node: u64,
        rooms: ViewedRooms,
        last_seen: Instant,
    ) -> Vec<RoomId> {
        let mut state = self.lock();
        if rooms.is_empty() {
            let gone = state.elsewhere.remove(&node);
            return gone
                .into_iter()
                .flat_map(|node| node.rooms.into_keys())
                .collect();
        }
        if state.elsewhere.len() >= SLOTS_MAX && !state.elsewhere.contains_key(&node) {
            return Vec::new();
        }
        let before = state.elsewhere.get(&node).map(|node| &node.rooms);
        let ids: HashSet<&RoomId> = before
            .into_iter()
            .chain([&rooms])
            .flat_map(|it| it.keys())
            .collect();
        let changed = ids
            .into_iter()
            .filter(|id| before.and_then(|before| before.get(id)) != rooms.get(id));
        let changed = changed.copied().collect();
        state.elsewhere.insert(node, OtherNode { rooms, last_seen });
        changed
    }

    /// Forgets nodes that are silent. Returns the rooms that their agents had open.
    pub(super) fn forget_silent(&self, now: Instant) -> Vec<RoomId> {
        let mut state = self.lock();
        let is_silent =
            |_: &u64, node: &mut OtherNode| now.duration_since(node.last_seen) > SILENCE_MAX;
        let silent = state.elsewhere.extract_if(is_silent);
        silent
            .flat_map(|(_, node)| node.rooms.into_keys())
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The maps are consistent after every statement, so a poisoned lock does no harm.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const ACTOR: ActorId = ActorId::Local(1);

    fn viewer(n: u128) -> Viewer {
        Viewer {
            id: Uuid::from_u128(n),
            name: format!("agent {n}"),
        }
    }

    fn room(n: u128, agents: &[u128]) -> ViewedRooms {
        let viewers = agents.iter().copied().map(viewer).collect();
        ViewedRooms::from([(Uuid::from_u128(n), viewers)])
    }

    #[test]
    fn an_agent_on_two_nodes_is_shown_once_and_until_both_have_lost_them() {
        let viewers = Viewers::default();
        let (id, now) = (Uuid::from_u128(7), Instant::now());
        let shown = || viewers.of_room(id);
        viewers.set_here(id, ACTOR, vec![viewer(2)]);
        assert_eq!(viewers.set_elsewhere(1, room(7, &[1, 2]), now), [id]);
        assert_eq!(shown(), [viewer(1), viewer(2)]);
        assert!(viewers.set_elsewhere(1, room(7, &[1, 2]), now).is_empty());
        viewers.set_here(id, ACTOR, Vec::new());
        assert_eq!(shown(), [viewer(1), viewer(2)]);
        assert_eq!(viewers.set_elsewhere(1, room(7, &[1]), now), [id]);
        assert_eq!(shown(), [viewer(1)]);
        assert_eq!(viewers.set_elsewhere(1, ViewedRooms::new(), now), [id]);
        assert!(shown().is_empty());
    }

    #[test]
    fn the_agents_of_a_silent_node_have_left() {
        let viewers = Viewers::default();
        let (id, start) = (Uuid::from_u128(7), Instant::now());
        viewers.set_elsewhere(1, room(7, &[1]), start);
        viewers.set_elsewhere(2, room(7, &[2]), start + SILENCE_MAX / 2);
        assert!(viewers.forget_silent(start + SILENCE_MAX).is_empty());
        let later = start + SILENCE_MAX + SILENCE_MAX / 4;
        assert_eq!(viewers.forget_silent(later), [id]);
        assert_eq!(viewers.of_room(id), [viewer(2)]);
    }

    #[test]
    fn a_former_incarnation_takes_nobody_away() {
        let viewers = Viewers::default();
        let id = Uuid::from_u128(7);
        viewers.set_here(id, ACTOR, vec![viewer(1)]);
        viewers.set_here(id, ActorId::Local(2), vec![viewer(1)]);
        viewers.remove_here(id, ACTOR);
        assert_eq!(viewers.of_room(id), [viewer(1)]);
        viewers.remove_here(id, ActorId::Local(2));
        assert!(viewers.of_room(id).is_empty());
    }

    #[test]
    fn a_node_names_a_bounded_number_of_agents() {
        let viewers = Viewers::default();
        for n in 0..NAMED_MAX as u128 {
            viewers.set_here(Uuid::from_u128(n), ACTOR, vec![viewer(1), viewer(2)]);
        }
        let named: usize = viewers.here().values().map(Vec::len).sum();
        assert_eq!(named, NAMED_MAX);
    }
}
