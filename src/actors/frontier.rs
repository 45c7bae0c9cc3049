use std::collections::BTreeSet;

use crate::chat::{ChangeId, ChangeVector};

/// How far the lobby has come without a gap: in each slot, the largest change such that it and
/// all before it have reached the lobby.
///
/// Rooms report out of order, since each is an actor of its own. A console's cursor must not pass
/// a change that has not reached the lobby yet.
#[derive(Debug)]
pub(super) struct Frontier {
    reached: ChangeVector,
    /// Changes beyond a gap, by slot, as far as slots were seen.
    ahead: Vec<BTreeSet<u64>>,
}

impl Frontier {
    pub(super) fn new(reached: ChangeVector) -> Self {
        Self {
            reached,
            ahead: Vec::new(),
        }
    }

    /// The frontier itself.
    pub(super) fn reached(&self) -> &ChangeVector {
        &self.reached
    }

    /// These changes have reached the lobby.
    pub(super) fn add(&mut self, changes: impl IntoIterator<Item = ChangeId>) {
        for change in changes {
            if !self.reached.includes(change) {
                if self.ahead.len() <= change.slot {
                    self.ahead.resize_with(change.slot + 1, BTreeSet::new);
                }
                self.ahead[change.slot].insert(change.number);
            }
        }
        self.close_gaps();
    }

    /// Everything up to `changes` has reached the lobby: it was read from the store.
    pub(super) fn advance_to(&mut self, changes: &ChangeVector) {
        self.reached.advance_all(changes);
        for (slot, ahead) in self.ahead.iter_mut().enumerate() {
            let reached = self.reached.of_slot(slot);
            if ahead.first().is_some_and(|first| *first <= reached) {
                *ahead = ahead.split_off(&(reached + 1));
            }
        }
        self.close_gaps();
    }

    fn close_gaps(&mut self) {
        for (slot, ahead) in self.ahead.iter_mut().enumerate() {
            loop {
                let number = self.reached.of_slot(slot) + 1;
                if ahead.first() != Some(&number) {
                    break;
                }
                ahead.pop_first();
                self.reached.advance(ChangeId { slot, number });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frontier(reached: u64) -> Frontier {
        Frontier::new(ChangeVector::of_single_writer(reached))
    }

    fn add(frontier: &mut Frontier, numbers: &[u64]) -> u64 {
        frontier.add(numbers.iter().copied().map(ChangeId::of_single_writer));
        frontier.reached().single_writer()
    }

    fn advance_to(frontier: &mut Frontier, number: u64) -> u64 {
        frontier.advance_to(&ChangeVector::of_single_writer(number));
        frontier.reached().single_writer()
    }

    #[test]
    fn it_waits_for_missing_changes() {
        let mut frontier = frontier(10);
        assert_eq!(add(&mut frontier, &[12, 13]), 10);
        assert_eq!(add(&mut frontier, &[11]), 13);
        let again = add(&mut frontier, &[11, 9]);
        assert_eq!(again, 13, "what was reported before changes nothing");
    }

    #[test]
    fn reading_the_store_closes_a_gap() {
        let mut frontier = frontier(0);
        assert_eq!(add(&mut frontier, &[3, 5, 6]), 0);
        assert_eq!(advance_to(&mut frontier, 4), 6);
        assert_eq!(advance_to(&mut frontier, 2), 6);
        assert_eq!(add(&mut frontier, &[7]), 7);
    }
}
