//! Messages that come before an older one.
//!
//! Several nodes write to a room, and each tells the others by itself what it has committed. So a
//! message may come a moment before the one that precedes it in the log, whose notice is still on its
//! way. It waits here for that, since subscribers are sent messages in the order of the log: without
//! the wait each socket would read the older one from the store.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::actors::subscriber::{Broadcast, FrameBySide};

/// How long messages wait for the one that is missing before them. Then they are pushed, and the
/// sockets read the store.
const EARLY_WAIT: Duration = Duration::from_millis(10);
/// Messages that wait in one room, at most.
const EARLY_MAX: usize = 32;

/// How far the log has been pushed, and the messages that came too early for that.
#[derive(Debug, Default)]
pub(super) struct EarlyMessages {
    /// The seq up to which the subscribers were pushed everything.
    pushed: u64,
    /// Most rooms never have any.
    waiting: Option<Box<Waiting>>,
    timer_set: bool,
}

#[derive(Debug)]
struct Waiting {
    by_seq: BTreeMap<u64, FrameBySide>,
    /// Since when the message after `pushed` is missing.
    since: Instant,
}

impl EarlyMessages {
    /// The first subscriber reads the log up to here.
    pub(super) fn start(&mut self, last_seq: u64) {
        self.pushed = last_seq;
        self.waiting = None;
    }

    /// Takes the message out of a broadcast if it has to wait for an older one. Returns the delay of a
    /// timer that has to be set.
    pub(super) fn hold_back(
        &mut self,
        broadcast: &mut Broadcast,
        now: Instant,
    ) -> Option<Duration> {
        let (seq, frame) = broadcast
            .message
            .take_if(|(seq, _)| *seq > self.pushed + 1)?;
        let waiting = self.waiting.get_or_insert_with(|| {
            Box::new(Waiting {
                by_seq: BTreeMap::new(),
                since: now,
            })
        });
        waiting.by_seq.insert(seq, frame);
        (!std::mem::replace(&mut self.timer_set, true)).then_some(EARLY_WAIT)
    }

    /// These messages have been pushed, or are left to be read from the store.
    pub(super) fn pushed(&mut self, seq: u64, now: Instant) {
        if seq <= self.pushed {
            return;
        }
        self.pushed = seq;
        if let Some(waiting) = &mut self.waiting {
            waiting.since = now;
            waiting.by_seq = waiting.by_seq.split_off(&(seq + 1));
        }
    }

    /// The next message, if it waits and nothing is missing before it any more, or if too many wait.
    pub(super) fn next(&mut self) -> Option<(u64, FrameBySide)> {
        let waiting = self.waiting.as_mut()?;
        let is_full = waiting.by_seq.len() > EARLY_MAX;
        let first = waiting.by_seq.first_entry();
        let next = first.filter(|first| is_full || *first.key() == self.pushed + 1);
        let next = next.map(|first| first.remove_entry());
        if waiting.by_seq.is_empty() {
            self.waiting = None;
        }
        next
    }

    /// The oldest message that waits, whatever is missing before it.
    pub(super) fn release(&mut self) -> Option<(u64, FrameBySide)> {
        let first = self.waiting.as_mut()?.by_seq.pop_first();
        if first.is_none() {
            self.waiting = None;
        }
        first
    }

    /// The timer has fired. Returns the delay after which it has to be set again, if none has waited
    /// too long.
    pub(super) fn timer_fired(&mut self, now: Instant) -> Option<Duration> {
        self.timer_set = false;
        let waiting = self.waiting.as_ref()?;
        let left = EARLY_WAIT.saturating_sub(now.duration_since(waiting.since));
        self.timer_set = !left.is_zero();
        self.timer_set.then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A_BIT: Duration = Duration::from_millis(4);

    fn message(seq: u64) -> Broadcast {
        Broadcast {
            message: Some((seq, FrameBySide::default())),
            ..Broadcast::default()
        }
    }

    /// Returns what is pushed when this message comes, and the delay of the timer.
    fn come(early: &mut EarlyMessages, seq: u64, now: Instant) -> (Vec<u64>, Option<Duration>) {
        let mut broadcast = message(seq);
        let timer = early.hold_back(&mut broadcast, now);
        let mut pushed = Vec::new();
        if let Some((seq, _)) = broadcast.message {
            pushed.push(seq);
            early.pushed(seq, now);
        }
        while let Some((seq, _)) = early.next() {
            pushed.push(seq);
            early.pushed(seq, now);
        }
        (pushed, timer)
    }

    fn rest(early: &mut EarlyMessages) -> Vec<u64> {
        std::iter::from_fn(|| early.release())
            .map(|(seq, _)| seq)
            .collect()
    }

    #[test]
    fn messages_are_pushed_in_the_order_of_the_log() {
        let (mut early, now) = (EarlyMessages::default(), Instant::now());
        early.start(7);
        assert_eq!(come(&mut early, 8, now), (vec![8], None));
        assert_eq!(come(&mut early, 11, now), (vec![], Some(EARLY_WAIT)));
        assert_eq!(come(&mut early, 10, now), (vec![], None), "it is set");
        assert_eq!(come(&mut early, 9, now), (vec![9, 10, 11], None));
        assert_eq!(come(&mut early, 12, now), (vec![12], None));
        assert_eq!(come(&mut early, 10, now), (vec![10], None), "again");
        assert_eq!(come(&mut early, 13, now), (vec![13], None));
    }

    #[test]
    fn the_timer_fires_when_the_one_message_has_been_missing_for_long() {
        let (mut early, start) = (EarlyMessages::default(), Instant::now());
        come(&mut early, 3, start);
        come(&mut early, 5, start);
        come(&mut early, 1, start);
        let later = start + A_BIT;
        assert_eq!(come(&mut early, 2, later), (vec![2, 3], None));
        let left = early.timer_fired(start + EARLY_WAIT);
        assert_eq!(left, Some(A_BIT), "4 has been missing since 3 was pushed");
        assert_eq!(early.timer_fired(later + EARLY_WAIT), None);
        assert_eq!(rest(&mut early), [5]);
        early.pushed(5, later);
        assert_eq!(come(&mut early, 7, later), (vec![], Some(EARLY_WAIT)));
        assert_eq!(come(&mut early, 6, later), (vec![6, 7], None));
        assert_eq!(early.timer_fired(later), None, "nothing waits");
        assert!(rest(&mut early).is_empty());
        assert_eq!(
            come(&mut early, 9, later),
            (vec![], Some(EARLY_WAIT)),
            "free"
        );
    }

    #[test]
    fn what_the_sockets_read_from_the_store_waits_no_longer() {
        let (mut early, now) = (EarlyMessages::default(), Instant::now());
        come(&mut early, 3, now);
        come(&mut early, 6, now);
        early.pushed(4, now);
        assert_eq!(early.next().map(|(seq, _)| seq), None);
        assert_eq!(come(&mut early, 5, now), (vec![5, 6], None));
        come(&mut early, 9, now);
        early.start(20);
        assert!(rest(&mut early).is_empty());
        assert_eq!(come(&mut early, 21, now), (vec![21], None));
    }

    #[test]
    fn only_so_many_wait() {
        let (mut early, now) = (EarlyMessages::default(), Instant::now());
        let last = 1 + EARLY_MAX as u64;
        for seq in 2..=last {
            assert!(come(&mut early, seq, now).0.is_empty(), "{seq}");
        }
        let (pushed, _) = come(&mut early, last + 1, now);
        assert_eq!(pushed, Vec::from_iter(2..=last + 1));
        assert!(early.waiting.is_none());
    }
}
