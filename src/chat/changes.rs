//! The order of the changes that the lobby shows.
//!
//! Whoever writes numbers its changes without a gap: 1, 2, 3, … Such a sequence is a *slot*. Today
//! there is one writer, so there is one slot; several writers would have a slot each, and no order
//! between their numbers. So "everything up to here" is a number per slot: a [`ChangeVector`].

/// How many sequences of changes there are.
pub const SLOTS: usize = 1;

/// One change of a listed room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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

/// All changes up to a number in each slot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChangeVector([u64; SLOTS]);

impl ChangeVector {
    /// All changes of the only writer up to this number.
    pub fn of_single_writer(number: u64) -> Self {
        Self([number])
    }

    /// From one number for each slot; missing ones are 0. `None` when there are too many.
    pub fn from_numbers(numbers: &[u64]) -> Option<Self> {
        let mut vector = Self::default();
        vector.0.get_mut(..numbers.len())?.copy_from_slice(numbers);
        Some(vector)
    }

    /// The number of each slot.
    pub fn numbers(&self) -> &[u64] {
        &self.0
    }

    /// The number of the only writer.
    pub fn single_writer(&self) -> u64 {
        let [number] = self.0;
        number
    }

    /// Whether a change is among those up to here.
    pub fn includes(&self, change: ChangeId) -> bool {
        self.0[change.slot] >= change.number
    }

    /// Whether everything up to `other` is among what is up to here.
    pub fn includes_all(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).all(|(own, other)| *own >= other)
    }

    /// Moves forward to a change, never back.
    pub fn advance(&mut self, change: ChangeId) {
        let number = &mut self.0[change.slot];
        *number = change.number.max(*number);
    }

    /// Moves forward to `other` in every slot, never back.
    pub fn advance_all(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own = other.max(*own);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(ChangeVector::from_numbers(&[1; SLOTS + 1]), None);
    }
}
