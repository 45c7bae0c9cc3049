//! The order of the changes that the lobby shows.
//!
//! Whoever writes numbers its changes without a gap: 1, 2, 3, … Such a sequence is a *slot*. SQLite
//! has one writer, so one slot. Several nodes on PostgreSQL have a slot each, and there is no order
//! between their numbers. So "everything up to here" is a number per slot: a [`ChangeVector`].

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// How many sequences of changes there may be.
pub const SLOTS_MAX: usize = 64;

/// One change of a listed room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ChangeId {
    /// The sequence that numbered it.
    pub slot: usize,
    /// Its number there.
    pub number: u64,
}

impl ChangeId {
    /// A change of the only writer that there is.
    pub fn of_single_writer(number: u64) -> Self {
        Self { slot: 0, number }
    }
}

/// All changes up to a number in each slot. A slot that is not named is at 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChangeVector(
    /// It does not end with a 0, so that equal vectors look alike.
    SmallVec<[u64; 2]>,
);

impl ChangeVector {
    /// All changes of the only writer up to this number.
    pub fn of_single_writer(number: u64) -> Self {
        let mut vector = Self::default();
        vector.advance(ChangeId::of_single_writer(number));
        vector
    }

    /// From one number for each slot; missing ones are 0. `None` when there are too many.
    pub fn from_numbers(numbers: &[u64]) -> Option<Self> {
        if numbers.len() > SLOTS_MAX {
            return None;
        }
        let used = numbers.iter().rposition(|number| *number > 0);
        Some(Self(numbers[..used.map_or(0, |last| last + 1)].into()))
    }

    /// The number of each slot, at least that of the first.
    pub fn numbers(&self) -> &[u64] {
        if self.0.is_empty() { &[0] } else { &self.0 }
    }

    /// The number of a slot.
    pub fn of_slot(&self, slot: usize) -> u64 {
        self.0.get(slot).copied().unwrap_or(0)
    }

    /// The number of the only writer.
    pub fn single_writer(&self) -> u64 {
        self.of_slot(0)
    }

    /// Whether a change is among those up to here.
    pub fn includes(&self, change: ChangeId) -> bool {
        self.of_slot(change.slot) >= change.number
    }

    /// Whether everything up to `other` is among what is up to here.
    pub fn includes_all(&self, other: &Self) -> bool {
        let mut others = other.0.iter().enumerate();
        others.all(|(slot, number)| self.of_slot(slot) >= *number)
    }

    /// How many changes up to `head` are not among those up to here.
    pub fn behind(&self, head: &Self) -> u64 {
        let numbers = head.0.iter().enumerate();
        numbers
            .map(|(slot, number)| number.saturating_sub(self.of_slot(slot)))
            .sum()
    }

    /// The same with another number in one slot, which may be a smaller one.
    pub fn with(&self, change: ChangeId) -> Self {
        let mut numbers = self.0.clone();
        if numbers.len() <= change.slot {
            numbers.resize(change.slot + 1, 0);
        }
        numbers[change.slot] = change.number;
        while numbers.last() == Some(&0) {
            numbers.pop();
        }
        Self(numbers)
    }

    /// Moves forward to a change, never back.
    pub fn advance(&mut self, change: ChangeId) {
        if change.number > self.of_slot(change.slot) {
            if self.0.len() <= change.slot {
                self.0.resize(change.slot + 1, 0);
            }
            self.0[change.slot] = change.number;
        }
    }

    /// Moves forward to `other` in every slot, never back.
    pub fn advance_all(&mut self, other: &Self) {
        for (slot, number) in other.0.iter().enumerate() {
            let number = *number;
            self.advance(ChangeId { slot, number });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slot_can_be_set_back_and_the_others_stay() {
        let vector = |numbers: &[u64]| ChangeVector::from_numbers(numbers).expect("few slots");
        let with = |slot, number| vector(&[3, 0, 9]).with(ChangeId { slot, number });
        assert_eq!(with(0, 1), vector(&[1, 0, 9]));
        assert_eq!(with(2, 0), vector(&[3]), "it does not end with a 0");
        assert_eq!(with(4, 2), vector(&[3, 0, 9, 0, 2]));
        assert_eq!(with(4, 0), vector(&[3, 0, 9]));
    }

    #[test]
    fn a_vector_only_moves_forward() {
        let mut vector = ChangeVector::of_single_writer(5);
        vector.advance(ChangeId::of_single_writer(7));
        vector.advance(ChangeId::of_single_writer(6));
        assert_eq!(vector.numbers(), [7]);
        vector.advance_all(&ChangeVector::of_single_writer(9));
        vector.advance_all(&ChangeVector::of_single_writer(8));
        assert_eq!(vector.single_writer(), 9);
        assert!(vector.includes(ChangeId::of_single_writer(9)));
        assert!(!vector.includes(ChangeId::of_single_writer(10)));
        assert!(vector.includes_all(&ChangeVector::of_single_writer(9)));
        assert!(!vector.includes_all(&ChangeVector::of_single_writer(10)));
    }

    #[test]
    fn missing_slots_are_zero_and_unknown_ones_refused() {
        assert_eq!(
            ChangeVector::from_numbers(&[]),
            Some(ChangeVector::default())
        );
        assert_eq!(ChangeVector::from_numbers(&[1; SLOTS_MAX + 1]), None);
    }

    #[test]
    fn slots_move_apart() {
        let of = |numbers: &[u64]| ChangeVector::from_numbers(numbers).expect("few slots");
        let mut vector = of(&[5, 0, 2]);
        assert!(!vector.includes(ChangeId { slot: 1, number: 1 }));
        vector.advance(ChangeId { slot: 1, number: 4 });
        assert_eq!(vector.numbers(), [5, 4, 2]);
        assert!(vector.includes_all(&of(&[5, 4])));
        assert!(!vector.includes_all(&of(&[5, 4, 2, 1])));
        vector.advance_all(&of(&[1, 9]));
        assert_eq!(vector.numbers(), [5, 9, 2]);
        assert_eq!(of(&[7, 0, 0]), ChangeVector::of_single_writer(7));
        assert_eq!(of(&[0]), ChangeVector::default());
        assert_eq!(of(&[5, 0, 2]).behind(&of(&[6, 3, 1])), 4);
    }
}
