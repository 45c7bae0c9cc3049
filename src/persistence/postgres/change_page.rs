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
    /// Slots that have more changes than were read.
    unread: HashSet<usize>,
}

/// How many changes of each slot are read for a page, at most: so many that all slots together fill
/// it. `gaps` says of each slot how many changes there may be.
pub(crate) fn share(gaps: impl IntoIterator<Item = u64>, items: usize) -> u64 {
    let mut gaps: Vec<u64> = gaps.into_iter().collect();
    gaps.sort_unstable();
    let (mut left, count) = (items as u64, gaps.len());
    for (place, gap) in gaps.iter().enumerate() {
        // What slots with few changes leave free is for the others.
        let share = left.div_ceil((count - place) as u64);
        if share <= *gap {
            return share.max(1);
        }
        left -= gap;
    }
    gaps.last().copied().unwrap_or(0).max(1)
}

impl ChangePage {
    /// `found` has of each slot the first changes past `since`, one more than `share` if there are so
    /// many; `head` is from the same snapshot.
    pub(crate) fn new(
        since: &ChangeVector,
        head: ChangeVector,
        mut found: Vec<(ChangeId, Changed)>,
        share: u64,
    ) -> Self {
        found.sort_unstable_by_key(|(change, _)| change.number);
        let mut taken: HashMap<usize, u64> = HashMap::new();
        let mut unread = HashSet::new();
        found.retain(|(change, _)| {
            let taken = taken.entry(change.slot).or_default();
            *taken += 1;
            if *taken > share {
                unread.insert(change.slot);
            }
            *taken <= share
        });
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
            unread,
        }
    }

    /// The first changes.
    pub(crate) fn first(&self, items: usize) -> &[(ChangeId, Changed)] {
        &self.items[..items.min(self.items.len())]
    }

    /// Whether there are more than the first ones.
    pub(crate) fn has_more(&self, items: usize) -> bool {
        items < self.items.len() || !self.unread.is_empty()
    }

    /// What is covered by a page with the first changes: everything in slots of which nothing is
    /// left, and in the others what the page has taken.
    pub(crate) fn covered(&self, items: usize) -> ChangeVector {
        let (taken, left) = self.items.split_at(items.min(self.items.len()));
        let mut left: HashSet<usize> = left.iter().map(|(change, _)| change.slot).collect();
        left.extend(&self.unread);
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
        ChangePage::new(&vector(since), vector(head), found.collect(), 3)
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
    fn a_slot_with_more_than_its_share_is_covered_up_to_there() {
        let found = [(0, 4), (0, 5), (0, 6), (0, 8), (1, 1), (1, 2)];
        let page = page(&[3, 0], &[9, 2], &found);
        assert_eq!(page.first(9).len(), 5);
        assert!(
            page.has_more(9),
            "the fourth of the first slot was not read"
        );
        assert_eq!(page.covered(9), vector(&[6, 2]));
        assert_eq!(page.covered(2), vector(&[4, 1]));
    }

    #[test]
    fn what_slots_with_few_changes_leave_free_is_for_the_others() {
        for (gaps, items, expected) in [
            (&[900, 900, 900][..], 200, 67),
            (&[900][..], 200, 200),
            (&[1, 1, 900], 200, 198),
            (&[1, 90, 900], 200, 109),
            (&[5, 4], 200, 5),
            (&[900, 900], 0, 1),
            (&[], 200, 1),
        ] {
            assert_eq!(share(gaps.iter().copied(), items), expected, "{gaps:?}");
        }
    }

    #[test]
    fn a_vector_past_the_head_is_not_covered() {
        let page = page(&[5, 9], &[5, 8], &[]);
        assert!(!page.covered(10).includes_all(&vector(&[5, 9])));
    }
}
