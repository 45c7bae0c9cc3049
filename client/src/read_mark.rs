//! How far a side has read, until the server knows it.

/// A read mark that was set and that the server has not confirmed. It only moves forward.
#[derive(Debug, Default)]
pub(crate) struct UnconfirmedRead(Option<u64>);

impl UnconfirmedRead {
    /// Moves the mark to `seq`, unless it is past it. Returns where it is.
    pub(crate) fn advance(&mut self, seq: u64) -> u64 {
        *self.0.insert(self.0.map_or(seq, |mark| mark.max(seq)))
    }

    /// The server's mark is here now.
    pub(crate) fn confirm(&mut self, seq: u64) {
        self.0 = self.past(seq);
    }

    /// The mark, if it is past the server's, so that it has to be sent again.
    pub(crate) fn past(&self, seq: u64) -> Option<u64> {
        self.0.filter(|mark| *mark > seq)
    }

    /// Forgets the mark: its seq belongs to another database.
    pub(crate) fn forget(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_only_moves_forward_and_is_unconfirmed_until_the_server_has_reached_it() {
        let mut mark = UnconfirmedRead::default();
        assert_eq!(mark.past(0), None);
        assert_eq!([5, 3, 7].map(|seq| mark.advance(seq)), [5, 5, 7]);
        mark.confirm(6);
        assert_eq!((mark.past(6), mark.past(7)), (Some(7), None));
        mark.confirm(7);
        assert_eq!(mark.past(0), None);
        mark.advance(8);
        mark.forget();
        assert_eq!(mark.past(0), None);
    }
}
