//! Checks that subscribers get each message once and in order, and counts what they do not.

use std::sync::atomic::{AtomicU64, Ordering};

/// The faults that all subscribers of a run have seen.
#[derive(Default)]
pub(crate) struct DeliveryCheck {
    lost: AtomicU64,
    duplicated: AtomicU64,
    reordered: AtomicU64,
}

impl DeliveryCheck {
    /// Compares the seq of a message with the last one of its room. Returns the newest.
    pub(crate) fn received(&self, last: u64, seq: u64) -> u64 {
        if seq == last + 1 {
            return seq;
        }
        if seq == last {
            self.duplicated.fetch_add(1, Ordering::Relaxed);
        } else if seq < last {
            self.reordered.fetch_add(1, Ordering::Relaxed);
        } else {
            self.lost.fetch_add(seq - last - 1, Ordering::Relaxed);
        }
        last.max(seq)
    }

    /// Lost, duplicated, reordered.
    pub(crate) fn counts(&self) -> [u64; 3] {
        [&self.lost, &self.duplicated, &self.reordered].map(|count| count.load(Ordering::Relaxed))
    }
}
