//! How long a node waits for the notices of others before it reads the store.

use tokio::time::Instant;

use crate::actors::NOTICE_WAIT;
use crate::chat::ChangeVector;

/// A head that notices have not reached yet. They may be on their way: a look at the store often sees
/// a change before its notice is here.
#[derive(Debug, Default)]
pub(super) struct AwaitedHead(Option<(ChangeVector, Instant)>);

impl AwaitedHead {
    /// Compares what was passed on with the newest head that is known. Returns whether a notice is
    /// overdue, so that the store has to be read.
    pub(super) fn check(&mut self, seen: &ChangeVector, head: &ChangeVector, now: Instant) -> bool {
        if let Some((awaited, until)) = &self.0
            && !seen.includes_all(awaited)
        {
            return now >= *until;
        }
        *self = match seen.includes_all(head) {
            true => Self::default(),
            false => Self::starting(head.clone(), now),
        };
        false
    }

    /// This head is awaited from now on.
    pub(super) fn starting(head: ChangeVector, now: Instant) -> Self {
        Self(Some((head, now + NOTICE_WAIT)))
    }

    /// When to look again, unless something comes before.
    pub(super) fn until(&self) -> Option<Instant> {
        self.0.as_ref().map(|(_, until)| *until)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn vector(numbers: [u64; 2]) -> ChangeVector {
        ChangeVector::from_numbers(&numbers).expect("two slots")
    }

    #[test]
    fn the_store_is_read_for_what_no_notice_reaches_in_time() {
        let (mut awaited, start) = (AwaitedHead::default(), Instant::now());
        let just_before = start + NOTICE_WAIT - Duration::from_millis(1);
        assert!(!awaited.check(&vector([5, 7]), &vector([5, 8]), start));
        assert_eq!(awaited.until(), Some(start + NOTICE_WAIT));
        let head = vector([6, 9]);
        assert!(!awaited.check(&vector([6, 7]), &head, just_before));
        assert!(awaited.check(&vector([6, 7]), &head, start + NOTICE_WAIT));
    }

    #[test]
    fn a_head_that_keeps_moving_is_not_overdue_while_notices_follow_it() {
        let (mut awaited, mut now) = (AwaitedHead::default(), Instant::now());
        for number in 1..10 {
            let (seen, head) = (vector([0, number]), vector([0, number + 1]));
            assert!(!awaited.check(&seen, &head, now));
            now += NOTICE_WAIT;
        }
        let end = vector([0, 10]);
        assert!(!awaited.check(&end, &end, now));
        assert_eq!(awaited.until(), None, "nothing is awaited");
    }
}
