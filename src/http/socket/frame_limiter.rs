//! Limits on what one socket receives.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use crate::config::LimitsConfig;

/// Bad frames within [`BAD_FRAMES_WINDOW`] that end the socket.
const BAD_FRAMES_MAX: usize = 10;
const BAD_FRAMES_WINDOW: Duration = Duration::from_secs(60);
/// Warnings are forgotten after this time without another one.
const WARNINGS_EXPIRE_AFTER: Duration = Duration::from_secs(10);

/// Limits on the frames of one socket: how many, how large, and how many bad ones.
///
/// Every idle socket has one, so what only few sockets need is allocated when it is needed.
pub(super) struct FrameLimiter {
    /// `None` when limits are disabled.
    rates: Option<Box<Rates>>,
    offences: Option<Box<Offences>>,
}

/// The default clock takes 40 bytes per limiter; this one takes none.
type Limiter = RateLimiter<
    NotKeyed,
    InMemoryState,
    MonotonicClock,
    NoOpMiddleware<<MonotonicClock as Clock>::Instant>,
>;

struct Rates {
    frames: Limiter,
    bytes: Limiter,
    warnings_max: u32,
}

/// What a peer did that it should not have done.
#[derive(Default)]
struct Offences {
    bad_frames: VecDeque<Instant>,
    /// Frames over the limit since warnings last expired.
    warnings: u32,
    warned_at: Option<Instant>,
}

impl Rates {
    fn new(limits: &LimitsConfig) -> Option<Self> {
        let limiter = |per_second, burst| {
            let quota = Quota::per_second(NonZeroU32::new(per_second)?);
            Some(RateLimiter::direct_with_clock(
                quota.allow_burst(NonZeroU32::new(burst)?),
                MonotonicClock,
            ))
        };
        Some(Self {
            frames: limiter(limits.frames_per_second, limits.frames_burst)?,
            bytes: limiter(limits.frame_bytes_per_second, limits.frame_bytes_burst)?,
            warnings_max: limits.flood_warnings,
        })
    }

    /// How long to wait before a frame of this size is within the limits; `None` if it is now.
    fn wait(&self, bytes: usize) -> Option<Duration> {
        let now = MonotonicClock.now();
        if let Err(refused) = self.frames.check() {
            return Some(refused.wait_time_from(now));
        }
        let bytes = NonZeroU32::new(u32::try_from(bytes).unwrap_or(u32::MAX))?;
        match self.bytes.check_n(bytes) {
            Ok(Ok(())) => None,
            Ok(Err(refused)) => Some(refused.wait_time_from(now)),
            // Larger than the whole burst, which the configuration's checks rule out.
            Err(_) => Some(Duration::from_secs(1)),
        }
    }
}

/// What to do about a frame over the limit.
pub(super) enum LimitExceeded {
    /// Refuse it and suggest this wait.
    Warn { retry_after_ms: u64 },
    /// Close the socket: the warnings did not help.
    Flood,
}

impl FrameLimiter {
    pub(super) fn new(limits: &LimitsConfig) -> Self {
        let rates = limits.enabled.then(|| Rates::new(limits)).flatten();
        Self {
            rates: rates.map(Box::new),
            offences: None,
        }
    }

    /// Counts a frame that is not JSON or has an unknown type. Returns whether it is one too many.
    pub(super) fn count_bad_frame(&mut self, now: Instant) -> bool {
        let bad_frames = &mut self.offences.get_or_insert_default().bad_frames;
        while bad_frames
            .pop_front_if(|at| now.duration_since(*at) > BAD_FRAMES_WINDOW)
            .is_some()
        {}
        bad_frames.push_back(now);
        bad_frames.len() >= BAD_FRAMES_MAX
    }

    /// Counts a frame of this size.
    pub(super) fn check_frame(&mut self, now: Instant, bytes: usize) -> Result<(), LimitExceeded> {
        let Some(rates) = &self.rates else {
            return Ok(());
        };
        let Some(wait) = rates.wait(bytes) else {
            return Ok(());
        };
        let offences = self.offences.get_or_insert_default();
        if offences
            .warned_at
            .is_some_and(|at| now.duration_since(at) > WARNINGS_EXPIRE_AFTER)
        {
            offences.warnings = 0;
        }
        offences.warned_at = Some(now);
        offences.warnings += 1;
        if offences.warnings > rates.warnings_max {
            return Err(LimitExceeded::Flood);
        }
        Err(LimitExceeded::Warn {
            retry_after_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[tokio::test]
    async fn the_tenth_bad_frame_in_a_minute_is_one_too_many() {
        let mut limiter = FrameLimiter::new(&Config::default().limits);
        let start = Instant::now();
        for _ in 0..9 {
            assert!(!limiter.count_bad_frame(start));
        }
        assert!(
            !limiter.count_bad_frame(start + Duration::from_secs(61)),
            "the first nine are forgotten"
        );
        let mut limiter = FrameLimiter::new(&Config::default().limits);
        assert_eq!(
            (0..10).filter(|_| limiter.count_bad_frame(start)).count(),
            1
        );
    }

    #[tokio::test]
    async fn a_flood_is_warned_and_then_closed() {
        let limits = LimitsConfig {
            frames_burst: 5,
            frames_per_second: 1,
            flood_warnings: 3,
            ..Config::default().limits
        };
        let mut limiter = FrameLimiter::new(&limits);
        let now = Instant::now();
        let results: Vec<_> = (0..9).map(|_| limiter.check_frame(now, 100)).collect();
        assert!(results[..5].iter().all(Result::is_ok));
        assert!(
            results[5..8]
                .iter()
                .all(|result| matches!(result, Err(LimitExceeded::Warn { .. })))
        );
        assert!(matches!(results[8], Err(LimitExceeded::Flood)));
        let mut large = FrameLimiter::new(&LimitsConfig {
            frame_bytes_per_second: 1,
            frame_bytes_burst: 300_000,
            ..limits.clone()
        });
        let results: Vec<_> = (0..4)
            .map(|_| large.check_frame(now, 100_000).is_ok())
            .collect();
        assert_eq!(results, [true, true, true, false], "bytes count as well");
        let mut disabled = FrameLimiter::new(&LimitsConfig {
            enabled: false,
            ..limits
        });
        assert!((0..100).all(|_| disabled.check_frame(now, 100_000).is_ok()));
    }
}
