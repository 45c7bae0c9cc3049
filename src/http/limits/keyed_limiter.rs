//! One rate limit per key. A key is forgotten once its limit is fully replenished.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::http::problem::Problem;
use crate::protocol::ErrorCode;

/// A map with fewer keys than this is swept periodically only.
const SWEEP_KEYS: usize = 50_000;

/// How long to wait before the next attempt, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RetryAfterMs(pub(crate) u64);

impl From<RetryAfterMs> for Problem {
    fn from(RetryAfterMs(wait_ms): RetryAfterMs) -> Self {
        Self {
            retry_after_ms: Some(wait_ms),
            ..Self::new(
                ErrorCode::RateLimited,
                "too many requests; wait for the time in Retry-After",
            )
        }
    }
}

/// `count` per `window` on average, `burst` at once. Zero would allow nothing at all, so it counts
/// as one.
pub(super) fn quota(count: u32, window: Duration, burst: u32) -> Quota {
    let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    Quota::with_period(window / at_least_one(count).get())
        .expect("the window is longer than its count of nanoseconds")
        .allow_burst(at_least_one(burst))
}

/// A rate limit per key, or none at all when limits are disabled.
pub(super) struct KeyedLimiter<K: Hash + Eq + Clone> {
    limiter: Option<DefaultKeyedRateLimiter<K>>,
    clock: DefaultClock,
    /// The number of keys above which the next check sweeps.
    sweep_above: AtomicUsize,
}

impl<K: Hash + Eq + Clone> KeyedLimiter<K> {
    pub(super) fn new(quota: Option<Quota>) -> Self {
        Self {
            limiter: quota.map(RateLimiter::keyed),
            clock: DefaultClock::default(),
            sweep_above: AtomicUsize::new(SWEEP_KEYS),
        }
    }

    /// Takes one from the key's limit.
    pub(super) fn check(&self, key: &K) -> Result<(), RetryAfterMs> {
        let Some(limiter) = &self.limiter else {
            return Ok(());
        };
        if self.is_time_to_sweep(limiter.len()) {
            self.sweep();
        }
        limiter.check_key(key).map_err(|refused| {
            let wait = refused.wait_time_from(self.clock.now());
            RetryAfterMs(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1))
        })
    }

    /// True for one of all concurrent callers. A sweep visits every key, so the next one waits
    /// until the number of keys has doubled: its cost per new key is constant.
    fn is_time_to_sweep(&self, keys: usize) -> bool {
        let bound = self.sweep_above.load(Ordering::Relaxed);
        let next = keys.saturating_mul(2);
        keys > bound
            && self
                .sweep_above
                .compare_exchange(bound, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Forgets every key whose limit is fully replenished.
    pub(super) fn sweep(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
            limiter.shrink_to_fit();
            let next = limiter.len().saturating_mul(2).max(SWEEP_KEYS);
            self.sweep_above.store(next, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_swept_each_time_its_number_of_keys_has_doubled() {
        let quota = quota(1, Duration::from_secs(15 * 60), 1);
        let limiter = KeyedLimiter::new(Some(quota));
        let bound = || limiter.sweep_above.load(Ordering::Relaxed);
        let mut sweeps = 0;
        for key in 0..210_000_u32 {
            let before = bound();
            assert_eq!(limiter.check(&key), Ok(()));
            sweeps += usize::from(bound() != before);
        }
        assert_eq!(sweeps, 3, "at 50, 100 and 200 thousand");
        // No key is forgotten, as none of them is replenished yet.
        assert!(limiter.limiter.as_ref().expect("enabled").len() > 200_000);
    }
}
