//! Who is connected to which node.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::actors::Presence;
use crate::persistence::{NodeView, Store, StoreError, StoredPresence};

/// Changes of presence that come within this time are stored together.
const GATHER: Duration = Duration::from_millis(200);
/// The wait before something that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Stores who is connected to this node, whenever that changes.
pub(super) async fn store_own(store: Store, presence: Presence) {
    let mut stored = StoredPresence::default();
    // A slot that was lost takes its rows along.
    let mut nodes = store.nodes();
    loop {
        tokio::select! {
            () = presence.changed_here() => {}
            changed = nodes.changed() => if changed.is_err() { return },
        }
        tokio::time::sleep(GATHER).await;
        let (rooms, agents) = (presence.rooms_here(), presence.has_agents_here());
        match store.write_presence(stored.clone(), rooms, agents).await {
            Ok(now) => stored = now,
            Err(error) => {
                tracing::debug!(%error, "cannot store who is online, retrying");
                tokio::time::sleep(RETRY).await;
            }
        }
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
        if self.seen.get(&view.slot) != Some(&view.presence_no) {
            let rooms = self.store.online_on(view.slot).await?;
            self.presence.set_elsewhere(view.slot, rooms);
            self.seen.insert(view.slot, view.presence_no);
        }
        Ok(())
    }

    fn forget(&mut self, slot: usize) {
        if self.seen.remove(&slot).is_some() {
            self.presence.set_elsewhere(slot, HashMap::new());
        }
    }
}
