use tokio::time::{Instant, sleep_until};

use crate::actors::{ElsewhereCommit, LobbyHandle, Rooms};
use crate::bus::Bus;
use crate::chat::{ChangeId, ChangeVector};
use crate::cluster::awaited::AwaitedHead;
use crate::cluster::metrics::ClusterMetrics;
use crate::cluster::notices::{self, Node, Notice};
use crate::persistence::{SlotCommit, Store, StoreError};

/// Rooms that are read at a time.
const PAGE_ROOMS: usize = 200;

/// Passes what other nodes have committed to the rooms and the lobby of this one.
///
/// It knows all changes up to `seen`. A notice on the bus that continues there is passed on as it
/// is. The rooms that have changed are read from the store after a gap, when the store's head has been
/// past `seen` for longer than a notice may take, and at every change of the head while the bus is
/// down. So notices may be lost, duplicated and late.
pub(crate) struct Follower {
    store: Store,
    rooms: Rooms,
    lobby: LobbyHandle,
    node: Node,
    seen: ChangeVector,
    awaited: AwaitedHead,
    /// A slot of which changes are missing: a notice continues after them, or came without them.
    gap: Option<usize>,
    /// The slot that this node had when it last looked.
    own: Option<usize>,
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
            awaited: AwaitedHead::default(),
            gap: None,
            own: None,
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
        let bus_up = bus.up();
        let mut failing = false;
        loop {
            let until = self.awaited.until();
            tokio::select! {
                // What notices tell needs not be read.
                biased;
                (_, payload) = bus.recv() => {
                    if let Some((node, notice)) = notices::decode(self.node, &payload, &self.metrics) {
                        self.take(node, notice);
                    }
                    if self.gap.is_none() {
                        // If it has moved the head, that is seen next.
                        continue;
                    }
                }
                changed = head.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {}
            }
            let head = head.borrow_and_update().changes.clone();
            let bus_up = *bus_up.borrow();
            let followed = self.follow(&head, bus_up).await;
            self.metrics.lag_changes.set(self.seen.behind(&head) as f64);
            match followed {
                Ok(()) => failing = false,
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%error, "cannot read what other nodes have changed, retrying");
                    }
                }
            }
        }
    }

    /// Reads what no notice is expected to tell any more.
    async fn follow(&mut self, head: &ChangeVector, bus_up: bool) -> Result<(), StoreError> {
        let own = self.store.own_slot();
        if own != self.own {
            // The slot may have been another node's, whose last changes are not known here yet.
            self.catch_up(head).await?;
            self.own = own;
        }
        if let Some(slot) = own {
            // The rooms of this node report their own changes.
            let number = head.of_slot(slot);
            self.seen.advance(ChangeId { slot, number });
        }
        let overdue = self.awaited.check(&self.seen, head, Instant::now());
        match self.gap.take() {
            _ if overdue || !bus_up => self.catch_up(head).await,
            Some(slot) => self.close_gap(slot, head).await,
            None => Ok(()),
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
        } else if commit.to > number {
            self.gap = Some(slot);
        }
        if commit.accounts_changed {
            self.store.poll(None);
        }
        // Wakes the loop, which compares the head with what was seen.
        self.store.saw(&commit);
    }

    /// Reads what other nodes have changed up to the head.
    async fn catch_up(&mut self, head: &ChangeVector) -> Result<(), StoreError> {
        let read = match self.seen.includes_all(head) {
            true => Ok(()),
            false => self.read(self.seen.clone(), None).await,
        };
        self.awaited = match read {
            Ok(()) => AwaitedHead::default(),
            Err(_) => AwaitedHead::starting(head.clone(), Instant::now()),
        };
        read
    }

    /// Reads what one slot has changed up to the head, and leaves the other slots to their notices.
    async fn close_gap(&mut self, slot: usize, head: &ChangeVector) -> Result<(), StoreError> {
        let number = self.seen.of_slot(slot);
        let since = head.with(ChangeId { slot, number });
        let read = self.read(since, Some(slot)).await;
        if read.is_err() {
            self.awaited = AwaitedHead::starting(head.clone(), Instant::now());
        }
        read
    }

    /// Reads what other nodes have changed, and passes it on. `only`: what is read of other slots does
    /// not count as seen.
    async fn read(
        &mut self,
        mut since: ChangeVector,
        only: Option<usize>,
    ) -> Result<(), StoreError> {
        let mut passed_on = false;
        let read = loop {
            let page = match self.store.changed_since(&since, PAGE_ROOMS).await {
                Ok(page) => page,
                Err(error) => break Err(error),
            };
            let removed = page.removed.iter().map(|removed| removed.room_id);
            let removed: Vec<_> = removed.collect();
            let (reached, more) = (page.changes.clone(), page.more);
            let changed = page.records.into_iter().chain(page.unlisted);
            let elsewhere = changed.filter(|record| Some(record.change.slot) != self.own);
            let elsewhere: Vec<_> = elsewhere.collect();
            let rooms = elsewhere.iter().map(|record| record.room.id);
            self.store.changed_elsewhere(rooms);
            let commits = elsewhere.into_iter().map(|record| ElsewhereCommit {
                record: record.into(),
                effect: None,
            });
            self.rooms.committed_elsewhere(commits);
            self.rooms.removed_elsewhere(removed);
            since.advance_all(&reached);
            match only {
                None => self.seen.advance_all(&reached),
                Some(slot) => {
                    let number = reached.of_slot(slot);
                    self.seen.advance(ChangeId { slot, number });
                }
            }
            passed_on = true;
            if !more {
                break Ok(());
            }
        };
        if passed_on {
            self.lobby.missed_elsewhere();
        }
        read
    }
}
