use std::collections::BTreeSet;

/// How far the lobby has told everything: the largest change such that it and all
/// before it have reached the lobby.
///
/// Rooms report out of turn, since each is its own actor; a cursor given to a
/// console must not pass a change that is still on its way.
#[derive(Debug)]
pub(super) struct Frontier {
    reached: u64,
    ahead: BTreeSet<u64>,
}

impl Frontier {
    pub(super) fn new(reached: u64) -> Self {
        Self {
            reached,
            ahead: BTreeSet::new(),
        }
    }

    /// The frontier itself.
    pub(super) fn reached(&self) -> u64 {
        self.reached
    }

    /// Takes changes that have been told.
    pub(super) fn add(&mut self, changes: impl IntoIterator<Item = u64>) {
        self.ahead
            .extend(changes.into_iter().filter(|change| *change > self.reached));
        while self.ahead.first() == Some(&(self.reached + 1)) {
            self.ahead.pop_first();
            self.reached += 1;
        }
    }

    /// Everything up to `change` has been told, read from the store.
    pub(super) fn advance_to(&mut self, change: u64) {
        if change > self.reached {
            self.reached = change;
            self.ahead = self.ahead.split_off(&(change + 1));
        }
        self.add([]);
    }
}

#[cfg(test)]
mod tests {
    use super::Frontier;

    #[test]
    fn it_waits_for_what_is_missing() {
        let mut frontier = Frontier::new(10);
        frontier.add([12, 13]);
        assert_eq!(frontier.reached(), 10);
        frontier.add([11]);
        assert_eq!(frontier.reached(), 13);
        frontier.add([11, 9]);
        assert_eq!(
            frontier.reached(),
            13,
            "what was told before changes nothing"
        );
    }

    #[test]
    fn the_store_closes_a_gap_for_good() {
        let mut frontier = Frontier::new(0);
        frontier.add([3, 5, 6]);
        frontier.advance_to(4);
        assert_eq!(frontier.reached(), 6);
        frontier.advance_to(2);
        assert_eq!(frontier.reached(), 6);
    }
}
