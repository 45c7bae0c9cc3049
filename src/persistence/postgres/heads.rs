use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::chat::{ChangeId, ChangeVector, Counts};
use crate::persistence::Head;

/// A row of `slots` as it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SlotView {
    /// The newest change.
    pub(crate) change: u64,
    /// Transactions so far. The view with more of them is the newer one.
    pub(crate) commits: u64,
    /// What the slot has added to the counts.
    pub(crate) waiting: i64,
    pub(crate) active: i64,
    pub(crate) closed: i64,
}

/// What is known of all slots, and the head that follows from it.
pub(crate) struct Heads {
    known: Mutex<Known>,
    head: watch::Sender<Head>,
}

#[derive(Default)]
struct Known {
    slots: Vec<SlotView>,
    versions: Versions,
}

/// Numbers that grow with what every node has to know.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Versions {
    pub(crate) auth: u64,
    pub(crate) tokens: u64,
}

impl Heads {
    pub(crate) fn new() -> Self {
        Self {
            known: Mutex::default(),
            head: watch::Sender::new(Head::default()),
        }
    }

    /// The head.
    pub(crate) fn head(&self) -> Head {
        self.head.borrow().clone()
    }

    /// Follows the head.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Head> {
        self.head.subscribe()
    }

    /// These slots were seen like that. Older views than those at hand are ignored.
    pub(crate) fn saw(
        &self,
        slots: impl IntoIterator<Item = (usize, SlotView)>,
        versions: Option<Versions>,
    ) {
        let mut known = self.lock();
        for (slot, view) in slots {
            if known.slots.len() <= slot {
                known.slots.resize(slot + 1, SlotView::default());
            }
            if view.commits > known.slots[slot].commits {
                known.slots[slot] = view;
            }
        }
        if let Some(Versions { auth, tokens }) = versions {
            known.versions.auth = known.versions.auth.max(auth);
            known.versions.tokens = known.versions.tokens.max(tokens);
        }
        let head = known.head();
        // Under the lock, so that heads follow each other in order.
        self.head.send_if_modified(|current| {
            let changed = *current != head;
            *current = head;
            changed
        });
    }

    /// How many transactions each slot has had, as far as is known.
    pub(crate) fn commits(&self) -> Vec<(usize, u64)> {
        let known = self.lock();
        let slots = known.slots.iter().enumerate();
        slots.map(|(slot, view)| (slot, view.commits)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Nothing in it can be left half-changed by a panic.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn head(&self) -> Head {
        let mut changes = ChangeVector::default();
        let mut counts = [0i64; 3];
        for (slot, view) in self.slots.iter().enumerate() {
            let number = view.change;
            changes.advance(ChangeId { slot, number });
            counts[0] += view.waiting;
            counts[1] += view.active;
            counts[2] += view.closed;
        }
        // Slots that were seen at different moments may add up to less than nothing for a while.
        let [waiting, active, closed] = counts.map(|count| count.max(0).cast_unsigned());
        Head {
            changes,
            counts: Counts {
                waiting,
                active,
                closed,
            },
            auth_version: self.versions.auth,
            token_version: self.versions.tokens,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(commits: u64, change: u64, waiting: i64) -> SlotView {
        SlotView {
            change,
            commits,
            waiting,
            ..SlotView::default()
        }
    }

    #[test]
    fn counts_are_the_sums_of_slots_and_an_old_view_changes_nothing() {
        let heads = Heads::new();
        let versions = |auth| Some(Versions { auth, tokens: 1 });
        heads.saw([(0, view(3, 2, 5)), (2, view(1, 1, -2))], versions(4));
        heads.saw([(0, view(2, 1, 9))], versions(3));
        let head = heads.head();
        assert_eq!(head.changes.numbers(), [2, 0, 1]);
        assert_eq!((head.counts.waiting, head.auth_version), (3, 4));
    }
}
