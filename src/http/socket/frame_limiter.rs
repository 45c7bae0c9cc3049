use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::time::Instant;

use crate::config::LimitsConfig;

/// So many frames that are not understood within a minute end the socket.
const BAD_FRAMES_MAX: usize = 10;
const BAD_FRAMES_WINDOW: Duration = Duration::from_secs(60);
/// Warnings are forgotten after this time without one.
const WARNINGS_KEPT: Duration = Duration::from_secs(10);

/// How one socket behaves: frames that nobody understands, and too many of them.
pub(super) struct Manners {
    bad_frames: VecDeque<Instant>,
    /// How many frames, and of how many bytes; `None` when limits are switched off.
    budgets: Option<Box<Budgets>>,
    warnings: u32,
    warnings_max: u32,
    warned_at: Option<Instant>,
}

struct Budgets {
    frames: DefaultDirectRateLimiter,
    bytes: DefaultDirectRateLimiter,
}

impl Budgets {
    fn new(limits: &LimitsConfig) -> Option<Self> {
        let budget = |per_second, burst| {
            let quota = Quota::per_second(NonZeroU32::new(per_second)?);
            Some(RateLimiter::direct(
                quota.allow_burst(NonZeroU32::new(burst)?),
            ))
        };
        Some(Self {
            frames: budget(limits.frames_per_second, limits.frames_burst)?,
            bytes: budget(limits.frame_bytes_per_second, limits.frame_bytes_burst)?,
        })
    }

    /// How long to wait before a frame like this is welcome; none when it is.
    fn wait(&self, bytes: usize) -> Option<Duration> {
        let now = DefaultClock::default().now();
        if let Err(refused) = self.frames.check() {
            return Some(refused.wait_time_from(now));
        }
        let bytes = NonZeroU32::new(u32::try_from(bytes).unwrap_or(u32::MAX))?;
        match self.bytes.check_n(bytes) {
            Ok(Ok(())) => None,
            Ok(Err(refused)) => Some(refused.wait_time_from(now)),
            // Larger than the whole budget; the settings do not allow that.
            Err(_) => Some(Duration::from_secs(1)),
        }
    }
}

/// What to do about a frame over the limit.
pub(super) enum TooMany {
    /// Refuse it, with this wait.
    Warn { retry_after_ms: u64 },
    /// Warnings did not help.
    Flood,
}

impl Manners {
    pub(super) fn new(limits: &LimitsConfig) -> Self {
        Self {
            bad_frames: VecDeque::new(),
            budgets: limits
                .enabled
                .then(|| Budgets::new(limits))
                .flatten()
                .map(Box::new),
            warnings: 0,
            warnings_max: limits.flood_warnings,
            warned_at: None,
        }
    }

    /// Notes a frame that nobody understands. Returns whether it was one too many.
    pub(super) fn bad_frame(&mut self, now: Instant) -> bool {
        while self
            .bad_frames
            .pop_front_if(|at| now.duration_since(*at) > BAD_FRAMES_WINDOW)
            .is_some()
        {}
        self.bad_frames.push_back(now);
        self.bad_frames.len() >= BAD_FRAMES_MAX
    }

    /// Counts a frame of so many bytes against the limits.
    pub(super) fn frame(&mut self, now: Instant, bytes: usize) -> Result<(), TooMany> {
        let Some(wait) = self
            .budgets
            .as_ref()
            .and_then(|budgets| budgets.wait(bytes))
        else {
            return Ok(());
        };
        if self
            .warned_at
            .is_some_and(|at| now.duration_since(at) > WARNINGS_KEPT)
        {
            self.warnings = 0;
        }
        self.warned_at = Some(now);
        self.warnings += 1;
        if self.warnings > self.warnings_max {
            return Err(TooMany::Flood);
        }
        Err(TooMany::Warn {
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
        let mut manners = Manners::new(&Config::default().limits);
        let start = Instant::now();
        for _ in 0..9 {
            assert!(!manners.bad_frame(start));
        }
        assert!(
            !manners.bad_frame(start + Duration::from_secs(61)),
            "the first nine are forgotten"
        );
        let mut manners = Manners::new(&Config::default().limits);
        assert_eq!((0..10).filter(|_| manners.bad_frame(start)).count(), 1);
    }

    #[tokio::test]
    async fn a_flood_is_warned_and_then_cut() {
        let limits = LimitsConfig {
            frames_burst: 5,
            frames_per_second: 1,
            flood_warnings: 3,
            ..Config::default().limits
        };
        let mut manners = Manners::new(&limits);
        let now = Instant::now();
        let verdicts: Vec<_> = (0..9).map(|_| manners.frame(now, 100)).collect();
        assert!(verdicts[..5].iter().all(Result::is_ok));
        assert!(
            verdicts[5..8]
                .iter()
                .all(|verdict| matches!(verdict, Err(TooMany::Warn { .. })))
        );
        assert!(matches!(verdicts[8], Err(TooMany::Flood)));
        let mut large = Manners::new(&LimitsConfig {
            frame_bytes_per_second: 1,
            frame_bytes_burst: 300_000,
            ..limits.clone()
        });
        let verdicts: Vec<_> = (0..4).map(|_| large.frame(now, 100_000).is_ok()).collect();
        assert_eq!(verdicts, [true, true, true, false], "bytes count as well");
        let mut lifted = Manners::new(&LimitsConfig {
            enabled: false,
            ..limits
        });
        assert!((0..100).all(|_| lifted.frame(now, 100_000).is_ok()));
    }
}
