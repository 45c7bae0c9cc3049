//! Every message that a subscriber sees is held against what it should have seen.

use std::sync::atomic::{AtomicU64, Ordering};

/// What went wrong, over all subscribers of a run.
#[derive(Default)]
pub(crate) struct Tally {
    lost: AtomicU64,
    doubled: AtomicU64,
    reordered: AtomicU64,
}

impl Tally {
    /// Holds the next seq of a room against the last one, and returns it.
    pub(crate) fn saw(&self, last: u64, seq: u64) -> u64 {
        if seq == last + 1 {
            return seq;
        }
        if seq == last {
            self.doubled.fetch_add(1, Ordering::Relaxed);
        } else if seq < last {
            self.reordered.fetch_add(1, Ordering::Relaxed);
        } else {
            self.lost.fetch_add(seq - last - 1, Ordering::Relaxed);
        }
        last.max(seq)
    }

    /// Lost, doubled, reordered.
    pub(crate) fn counts(&self) -> [u64; 3] {
        [&self.lost, &self.doubled, &self.reordered].map(|count| count.load(Ordering::Relaxed))
    }
}
