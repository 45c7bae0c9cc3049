use crate::actors::{ElsewhereCommit, LobbyHandle, Rooms};
use crate::bus::Bus;
use crate::chat::{ChangeId, ChangeVector};
use crate::cluster::metrics::ClusterMetrics;
use crate::cluster::notices::{self, Node, Notice};
use crate::persistence::{SlotCommit, Store, StoreError};

/// Rooms that are read at a time.
const PAGE_ROOMS: usize = 200;

/// Passes what other nodes have committed to the rooms and the lobby of this one.
///
/// It knows all changes up to `seen`. A notice on the bus that continues there is passed on as it
/// is; after a gap, and whenever the store's head has moved past `seen`, the rooms that have changed
/// are read from the store. So notices may be lost, duplicated and late.
pub(crate) struct Follower {
    store: Store,
    rooms: Rooms,
    lobby: LobbyHandle,
    node: Node,
    seen: ChangeVector,
    metrics: ClusterMetrics,
}

impl Follower {
    /// Follows from the store's head on.
    pub(crate) fn new(
        store: Store,
        rooms: Rooms,
        lobby: LobbyHandle,
        node: Node,
        metrics: ClusterMetrics,
    ) -> Self {
        Self {
            seen: store.head().changes,
            store,
            rooms,
            lobby,
            node,
            metrics,
        }
    }

    /// Follows until it is dropped.
    pub(crate) async fn run(mut self, mut bus: Bus) {
        let mut head = self.store.watch_head();
        let mut failing = false;
        loop {
            tokio::select! {
                (_, payload) = bus.recv() => {
                    if let Some((node, notice)) = notices::decode(self.node, &payload, &self.metrics) {
                        self.take(node, notice);
                    }
                }
                changed = head.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let head = head.borrow_and_update().changes.clone();
                    let caught_up = self.catch_up(&head).await;
                    self.metrics.lag_changes.set(self.seen.behind(&head) as f64);
                    match caught_up {
                        Ok(()) => failing = false,
                        // The next change of the head tries again.
                        Err(error) => if !std::mem::replace(&mut failing, true) {
                            tracing::warn!(%error, "cannot read what other nodes have changed, retrying");
                        }
                    }
                }
            }
        }
    }

    fn take(&mut self, node: Node, notice: Notice) {
        match notice {
            Notice::Committed(commit) => self.take_commit(commit),
            Notice::Typing(typing) => self.rooms.typing_elsewhere(typing),
            Notice::Viewers(rooms) => self.rooms.viewers_elsewhere(node.0, rooms),
        }
    }

    fn take_commit(&mut self, mut commit: SlotCommit) {
        let (slot, number) = (commit.slot, self.seen.of_slot(commit.slot));
        if Some(slot) == self.store.own_slot() || slot >= crate::chat::SLOTS_MAX {
            return;
        }
        let continues = commit.from <= number && number < commit.to;
        if let Some(changes) = commit.changes.take().filter(|_| continues) {
            let new = changes
                .into_iter()
                .filter(|change| change.record.change.number > number);
            let new: Vec<_> = new.collect();
            let rooms = new.iter().map(|change| change.record.room.id);
            self.store.changed_elsewhere(rooms);
            let records = new.iter().map(|change| change.record.clone()).collect();
            let commits = new.into_iter().map(|change| ElsewhereCommit {
                record: change.record,
                effect: Some(change.effect),
            });
            self.rooms.committed_elsewhere(commits);
            self.lobby.committed_elsewhere(records);
            let number = commit.to;
            self.seen.advance(ChangeId { slot, number });
        }
        if commit.accounts_changed {
            self.store.poll(None);
        }
        // The head moves; if it is past what was seen, the rest is read from the store.
        self.store.saw(&commit);
    }

    /// Reads what other nodes have changed up to the head.
    async fn catch_up(&mut self, head: &ChangeVector) -> Result<(), StoreError> {
        let own = self.store.own_slot();
        if let Some(slot) = own {
            // The rooms of this node report their own changes.
            let number = head.of_slot(slot);
            self.seen.advance(ChangeId { slot, number });
        }
        if self.seen.includes_all(head) {
            return Ok(());
        }
        loop {
            let page = self.store.changed_since(&self.seen, PAGE_ROOMS).await?;
            let removed = page.removed.iter().map(|removed| removed.room_id);
            let removed: Vec<_> = removed.collect();
            let (reached, more) = (page.changes.clone(), page.more);
            let changed = page.records.into_iter().chain(page.unlisted);
            let elsewhere = changed.filter(|record| Some(record.change.slot) != own);
            let elsewhere: Vec<_> = elsewhere.collect();
            let rooms = elsewhere.iter().map(|record| record.room.id);
            self.store.changed_elsewhere(rooms);
            let commits = elsewhere.into_iter().map(|record| ElsewhereCommit {
                record: record.into(),
                effect: None,
            });
            self.rooms.committed_elsewhere(commits);
            self.rooms.removed_elsewhere(removed);
            self.seen.advance_all(&reached);
            if !more {
                break;
            }
        }
        self.lobby.missed_elsewhere();
        Ok(())
    }
}
