//! A page of the changes of several slots. There is no order between the slots, so a page takes
//! from all of them in turn, each in its own order, and ends at another place in each.

use std::collections::{HashMap, HashSet};

use crate::chat::{ChangeId, ChangeVector, RoomId};

/// What a change has left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changed {
    /// A room whose newest change it is, by its primary key.
    Room(i64),
    /// A room that was erased.
    Removed(RoomId),
}

/// The changes past a reader's vector, as far as a page may reach.
#[derive(Debug)]
pub(crate) struct ChangePage {
    since: ChangeVector,
    head: ChangeVector,
    /// In the order in which a page takes them.
    items: Vec<(ChangeId, Changed)>,
}

impl ChangePage {
    /// `found` has of each slot the first changes past `since`, one more than a page holds if there
    /// are so many; `head` is from the same snapshot.
    pub(crate) fn new(
        since: &ChangeVector,
        head: ChangeVector,
        mut found: Vec<(ChangeId, Changed)>,
    ) -> Self {
        found.sort_unstable_by_key(|(change, _)| change.number);
        let mut places: HashMap<usize, usize> = HashMap::new();
        // A stable sort by the place in the slot: the first of all slots, then the second, …
        found.sort_by_cached_key(|(change, _)| {
            let place = places.entry(change.slot).or_default();
            *place += 1;
            (*place, change.slot)
        });
        Self {
            since: since.clone(),
            head,
            items: found,
        }
    }

    /// The first changes.
    pub(crate) fn first(&self, items: usize) -> &[(ChangeId, Changed)] {
        &self.items[..items.min(self.items.len())]
    }

    /// Whether there are more than the first ones.
    pub(crate) fn has_more(&self, items: usize) -> bool {
        items < self.items.len()
    }

    /// What is covered by a page with the first changes: everything in slots of which nothing is
    /// left, and in the others what the page has taken.
    pub(crate) fn covered(&self, items: usize) -> ChangeVector {
        let (taken, left) = self.items.split_at(items.min(self.items.len()));
        let left: HashSet<usize> = left.iter().map(|(change, _)| change.slot).collect();
        let mut covered = ChangeVector::default();
        for (slot, newest) in self.head.numbers().iter().enumerate() {
            let number = match left.contains(&slot) {
                true => self.since.of_slot(slot),
                false => *newest,
            };
            covered.advance(ChangeId { slot, number });
        }
        for (change, _) in taken {
            covered.advance(*change);
        }
        covered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(numbers: &[u64]) -> ChangeVector {
        ChangeVector::from_numbers(numbers).expect("few slots")
    }

    fn page(since: &[u64], head: &[u64], found: &[(usize, u64)]) -> ChangePage {
        let found = found.iter().map(|&(slot, number)| {
            let change = ChangeId { slot, number };
            (change, Changed::Room(0))
        });
        ChangePage::new(&vector(since), vector(head), found.collect())
    }

    #[test]
    fn a_page_takes_from_all_slots_in_turn_and_covers_no_more_of_each() {
        let found = [(0, 4), (0, 5), (0, 9), (1, 3), (2, 8), (2, 2)];
        let page = page(&[3, 0, 1], &[9, 7, 8], &found);
        let order: Vec<_> = page.first(9).iter().map(|(change, _)| *change).collect();
        let numbers: Vec<_> = order.iter().map(|at| (at.slot, at.number)).collect();
        assert_eq!(numbers, [(0, 4), (1, 3), (2, 2), (0, 5), (2, 8), (0, 9)]);
        assert_eq!(page.covered(0), vector(&[3, 0, 1]));
        assert_eq!(page.covered(2), vector(&[4, 7, 1]));
        assert_eq!(page.covered(5), vector(&[5, 7, 8]));
        assert_eq!(page.covered(6), vector(&[9, 7, 8]));
        assert!(page.has_more(5) && !page.has_more(6));
    }

    #[test]
    fn a_vector_past_the_head_is_not_covered() {
        let page = page(&[5, 9], &[5, 8], &[]);
        assert!(!page.covered(10).includes_all(&vector(&[5, 9])));
    }
}
