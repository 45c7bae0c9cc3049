//! A reader's place in the log of one room.

/// How far a room's log was delivered to the program. It moves by one at a time, so messages are
/// delivered without a gap and none twice.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// The last seq that was delivered; `None` before the first page.
    last_seq: Option<u64>,
    /// Pages that were requested are not complete yet.
    pub(crate) catching_up: bool,
}

/// What to do with a received message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The next one: deliver it.
    Next,
    /// It was delivered before: ignore it.
    Known,
    /// At least one before it is missing: resume after the last one.
    Gap,
}

impl Place {
    pub(crate) fn after(last_seq: Option<u64>) -> Self {
        Self {
            last_seq,
            catching_up: false,
        }
    }

    pub(crate) fn last_seq(&self) -> Option<u64> {
        self.last_seq
    }

    /// Forgets the seqs: they belong to another database.
    pub(crate) fn forget(&mut self) {
        self.last_seq = None;
    }

    /// The first page was received. With `resumed` it continues after the last seq; otherwise it
    /// replaces everything that was delivered before.
    pub(crate) fn begin(&mut self, resumed: bool, first_seq: Option<u64>) {
        if !resumed {
            self.last_seq = Some(first_seq.map_or(0, |first| first.saturating_sub(1)));
        }
    }

    /// Compares the seq of a received message with the place, and moves on if it is the next one.
    pub(crate) fn arrive(&mut self, seq: u64) -> Arrival {
        let last = self.last_seq.unwrap_or(0);
        if seq <= last {
            Arrival::Known
        } else if seq == last + 1 {
            self.last_seq = Some(seq);
            Arrival::Next
        } else {
            Arrival::Gap
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_next_message_is_delivered() {
        let mut place = Place::default();
        place.begin(false, Some(41));
        let arrivals = [41, 41, 43, 42, 43, 40].map(|seq| place.arrive(seq));
        use Arrival::{Gap, Known, Next};
        assert_eq!(arrivals, [Next, Known, Gap, Next, Next, Known]);
        place.begin(true, Some(44));
        assert_eq!(place.last_seq(), Some(43), "a resume continues");
        place.begin(false, None);
        assert_eq!(place.last_seq(), Some(0), "another page replaces all");
    }
}
