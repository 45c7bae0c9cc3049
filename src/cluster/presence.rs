//! Who is connected to which node.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::actors::Presence;
use crate::chat::RoomId;
use crate::persistence::{NodeView, OnlineRooms, Store, StoreError, StoredPresence, WriteError};

/// Changes of presence that come within this time are stored together.
const GATHER: Duration = Duration::from_millis(200);
/// The wait before something that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Stores who is connected to this node, whenever that changes.
pub(super) async fn store_own(store: Store, presence: Presence) {
    let mut own = Own {
        nodes: store.nodes(),
        store,
        presence,
        stored: None,
        has_agents: false,
        is_known: false,
    };
    loop {
        tokio::select! {
            () = own.presence.changed_here() => {}
            // What was stored may have been lost.
            changed = own.nodes.changed() => if changed.is_err() { return },
        }
        tokio::time::sleep(GATHER).await;
        if let Err(error) = own.store_changes().await {
            tracing::debug!(%error, "cannot store who is online, retrying");
            tokio::time::sleep(RETRY).await;
        }
    }
}

struct Own {
    store: Store,
    presence: Presence,
    nodes: watch::Receiver<Vec<NodeView>>,
    /// What is stored of the rooms; everything since is noted in `presence`. `None`: all of them
    /// have to be stored.
    stored: Option<StoredPresence>,
    /// Whether an agent is connected, as it is stored.
    has_agents: bool,
    /// Whether anything was ever stored. A node that nobody is connected to needs no slot.
    is_known: bool,
}

impl Own {
    async fn store_changes(&mut self) -> Result<(), WriteError> {
        let views = self.nodes.borrow_and_update().clone();
        self.stored = self.stored.filter(|stored| self.is_there(stored, &views));
        let has_agents = self.presence.has_agents_here();
        let rooms = match self.stored {
            Some(_) => self.presence.take_changed_here(),
            None => self.presence.take_here(),
        };
        let is_current = match self.stored {
            Some(_) => has_agents == self.has_agents,
            None => !self.is_known && !has_agents,
        };
        if rooms.is_empty() && is_current {
            return Ok(());
        }
        let changed: Vec<RoomId> = rooms.keys().copied().collect();
        let written = self.store.write_presence(self.stored, rooms, has_agents);
        match written.await {
            Ok(Some(stored)) => {
                self.stored = Some(stored);
                self.has_agents = has_agents;
                self.is_known = true;
                Ok(())
            }
            Ok(None) => {
                self.stored = None;
                self.presence.put_back_here([]);
                Ok(())
            }
            Err(error) => {
                self.presence.put_back_here(changed);
                Err(error)
            }
        }
    }

    /// Whether what was stored is still in the store, as far as this node knows: it has its slot,
    /// and nobody else has changed the presence there.
    fn is_there(&self, stored: &StoredPresence, views: &[NodeView]) -> bool {
        let mut views = views.iter().filter(|view| view.slot == stored.slot);
        self.store.own_slot() == Some(stored.slot)
            && views.all(|view| view.presence_no <= stored.no)
    }
}

/// Reads who is connected to the other nodes. A node whose lease has ended has lost its visitors;
/// they have `grace` to come back to another one.
pub(super) async fn follow(store: Store, presence: Presence, grace: Duration) {
    let mut nodes = store.nodes();
    let mut others = Others {
        store,
        presence,
        grace,
        seen: HashMap::new(),
        dead_since: HashMap::new(),
    };
    loop {
        let views = nodes.borrow_and_update().clone();
        let read = others.read(&views).await;
        if let Err(error) = &read {
            tracing::debug!(%error, "cannot read who is online on other nodes, retrying");
        }
        // Also while nothing changes: a grace ends.
        let wait = tokio::time::sleep(RETRY);
        tokio::select! {
            changed = nodes.changed() => if changed.is_err() { return },
            () = wait => {}
        }
    }
}

struct Others {
    store: Store,
    presence: Presence,
    grace: Duration,
    /// The number of the presence that was read of each slot.
    seen: HashMap<usize, u64>,
    dead_since: HashMap<usize, Instant>,
}

impl Others {
    async fn read(&mut self, views: &[NodeView]) -> Result<(), StoreError> {
        let own = self.store.own_slot();
        let others = || views.iter().filter(|view| Some(view.slot) != own);
        let agents = others().any(|view| view.alive && view.has_agents);
        self.presence.set_agents_elsewhere(agents);
        for view in others() {
            self.read_node(view).await?;
        }
        if let Some(slot) = own {
            // It may have belonged to another node before.
            self.forget(slot);
        }
        Ok(())
    }

    async fn read_node(&mut self, view: &NodeView) -> Result<(), StoreError> {
        if !view.alive {
            let since = *self
                .dead_since
                .entry(view.slot)
                .or_insert_with(Instant::now);
            if since.elapsed() >= self.grace {
                self.forget(view.slot);
            }
            return Ok(());
        }
        self.dead_since.remove(&view.slot);
        let (slot, seen) = (view.slot, self.seen.get(&view.slot).copied());
        if seen == Some(view.presence_no) {
            return Ok(());
        }
        let since = seen.filter(|seen| *seen >= view.presence_base);
        let rooms = self.store.online_on(slot, since).await?;
        match since {
            Some(_) => self.presence.change_elsewhere(slot, rooms),
            None => self.presence.set_elsewhere(slot, rooms),
        }
        self.seen.insert(slot, view.presence_no);
        Ok(())
    }

    fn forget(&mut self, slot: usize) {
        if self.seen.remove(&slot).is_some() {
            self.presence.set_elsewhere(slot, OnlineRooms::new());
        }
    }
}
