//! What other nodes have done in a room and nobody has told yet.
//!
//! A record counts its changes, so a record that is more than one change newer than the last one shows
//! that there were others in between. The store lists a room under its newest change only, so nothing
//! else would find them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use tokio::time::Instant;

use crate::actors::elsewhere::NOTICE_WAIT;

/// When the store is read again after that has failed.
const READ_RETRY: Duration = Duration::from_secs(1);
/// Versions that are kept, at most.
const VERSIONS_MAX: usize = 256;

/// Versions of a room that other nodes have made and that no notice has explained yet.
#[derive(Debug, Default)]
pub(super) struct Unexplained {
    /// Since when each is expected.
    versions: BTreeMap<u64, Instant>,
    /// Since when something was left out, because there was too much or it could not be read. Only a
    /// read makes up for it.
    left_out_since: Option<Instant>,
    timer_set: bool,
}

/// What to do when the timer has fired.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Everything was explained.
    Nothing,
    /// Set the timer again.
    Later(Duration),
    /// A notice is overdue: read the store.
    Read,
}

impl Unexplained {
    /// Expects notices of these versions. Returns the delay of a timer that has to be set.
    pub(super) fn expect(&mut self, versions: Range<u64>, now: Instant) -> Option<Duration> {
        for version in versions {
            if self.versions.len() >= VERSIONS_MAX {
                self.left_out_since.get_or_insert(now);
                break;
            }
            self.versions.insert(version, now);
        }
        if self.versions.is_empty() {
            return None;
        }
        self.set_timer(NOTICE_WAIT)
    }

    /// The store could not be read. Returns the delay of a timer that has to be set.
    pub(super) fn read_failed(&mut self, now: Instant) -> Option<Duration> {
        self.left_out_since.get_or_insert(now);
        self.set_timer(READ_RETRY)
    }

    /// A notice says what was done in this version.
    pub(super) fn explain(&mut self, version: u64) {
        self.versions.remove(&version);
    }

    /// A read of the store tells what was done up to this version.
    pub(super) fn explain_up_to(&mut self, version: u64) {
        self.versions = self.versions.split_off(&(version + 1));
        self.left_out_since = None;
    }

    /// The timer has fired.
    pub(super) fn timer_fired(&mut self, now: Instant) -> Due {
        self.timer_set = false;
        let Some(oldest) = self.versions.values().chain(&self.left_out_since).min() else {
            return Due::Nothing;
        };
        let left = NOTICE_WAIT.saturating_sub(now.duration_since(*oldest));
        if left.is_zero() {
            return Due::Read;
        }
        self.timer_set = true;
        Due::Later(left)
    }

    fn set_timer(&mut self, delay: Duration) -> Option<Duration> {
        (!std::mem::replace(&mut self.timer_set, true)).then_some(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A_BIT: Duration = Duration::from_millis(10);

    #[test]
    fn what_notices_explain_in_time_is_not_read() {
        let (mut unexplained, start) = (Unexplained::default(), Instant::now());
        assert_eq!(unexplained.expect(5..5, start), None, "nobody else wrote");
        assert_eq!(unexplained.expect(5..7, start), Some(NOTICE_WAIT));
        assert_eq!(unexplained.expect(8..9, start + A_BIT), None, "it is set");
        unexplained.explain(6);
        unexplained.explain(5);
        let due = unexplained.timer_fired(start + NOTICE_WAIT);
        assert_eq!(due, Due::Later(A_BIT), "the younger one is expected still");
        unexplained.explain(8);
        let due = unexplained.timer_fired(start + NOTICE_WAIT + A_BIT);
        assert_eq!(due, Due::Nothing);
        assert_eq!(
            unexplained.expect(9..10, start),
            Some(NOTICE_WAIT),
            "the timer is free again"
        );
    }

    #[test]
    fn one_overdue_notice_is_enough_to_read() {
        let (mut unexplained, start) = (Unexplained::default(), Instant::now());
        let _ = unexplained.expect(5..8, start);
        unexplained.explain(5);
        unexplained.explain(7);
        assert_eq!(unexplained.timer_fired(start + NOTICE_WAIT), Due::Read);
        unexplained.explain_up_to(7);
        let _ = unexplained.expect(9..10, start + NOTICE_WAIT);
        unexplained.explain_up_to(8);
        let due = unexplained.timer_fired(start + NOTICE_WAIT * 2);
        assert_eq!(due, Due::Read, "what came after is not explained by that");
    }

    #[test]
    fn what_could_not_be_read_is_read_again() {
        let (mut unexplained, start) = (Unexplained::default(), Instant::now());
        assert_eq!(unexplained.read_failed(start), Some(READ_RETRY));
        assert_eq!(unexplained.read_failed(start), None, "it is set");
        assert_eq!(unexplained.timer_fired(start + READ_RETRY), Due::Read);
        unexplained.explain_up_to(1);
        assert_eq!(unexplained.timer_fired(start + READ_RETRY), Due::Nothing);
    }

    #[test]
    fn of_too_many_no_notice_explains_the_last_ones() {
        let (mut unexplained, start) = (Unexplained::default(), Instant::now());
        let _ = unexplained.expect(1..1_000_000, start);
        assert_eq!(unexplained.versions.len(), VERSIONS_MAX);
        (1..1_000_000).for_each(|version| unexplained.explain(version));
        assert_eq!(unexplained.timer_fired(start + NOTICE_WAIT), Due::Read);
        unexplained.explain_up_to(1_000_000);
        let _ = unexplained.expect(1_000_001..1_000_002, start);
        unexplained.explain(1_000_001);
        assert_eq!(unexplained.timer_fired(start + NOTICE_WAIT), Due::Nothing);
    }
}
