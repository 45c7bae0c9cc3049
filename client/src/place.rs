//! A reader's place in the log of one room.

/// How far a room's log was handed on. It moves by one at a time, so what is handed on has no
/// gap and nothing twice.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// The last seq that was handed on; none before the first page.
    last_seq: Option<u64>,
    /// A page was asked for and has not come to its end.
    pub(crate) catching_up: bool,
}

/// What a message is to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The next one: hand it on.
    Next,
    /// It was handed on before: ignore it.
    Known,
    /// At least one before it is missing: read the log from the last one on.
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

    /// Another database: the seqs that were known mean nothing in it.
    pub(crate) fn forget(&mut self) {
        self.last_seq = None;
    }

    /// The first page came. `resumed` says that it goes on after the last seq; if it does not,
    /// it stands for all that was handed on before.
    pub(crate) fn begin(&mut self, resumed: bool, first_seq: Option<u64>) {
        if !resumed {
            self.last_seq = Some(first_seq.map_or(0, |first| first.saturating_sub(1)));
        }
    }

    /// Judges the seq of a message that came, and moves on with the next one.
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
    fn only_the_next_message_is_handed_on() {
        let mut place = Place::default();
        place.begin(false, Some(41));
        let arrivals = [41, 41, 43, 42, 43, 40].map(|seq| place.arrive(seq));
        use Arrival::{Gap, Known, Next};
        assert_eq!(arrivals, [Next, Known, Gap, Next, Next, Known]);
        place.begin(true, Some(44));
        assert_eq!(place.last_seq(), Some(43), "a resume goes on");
        place.begin(false, None);
        assert_eq!(place.last_seq(), Some(0), "another page replaces all");
    }
}
