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
    /// `None` when limits are switched off.
    frames: Option<DefaultDirectRateLimiter>,
    warnings: u32,
    warnings_max: u32,
    warned_at: Option<Instant>,
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
        let quota = NonZeroU32::new(limits.frames_per_second)
            .zip(NonZeroU32::new(limits.frames_burst))
            .filter(|_| limits.enabled)
            .map(|(per_second, burst)| Quota::per_second(per_second).allow_burst(burst));
        Self {
            bad_frames: VecDeque::new(),
            frames: quota.map(RateLimiter::direct),
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

    /// Counts a frame against the limit.
    pub(super) fn frame(&mut self, now: Instant) -> Result<(), TooMany> {
        let Some(Err(refused)) = self.frames.as_ref().map(RateLimiter::check) else {
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
        let wait = refused.wait_time_from(DefaultClock::default().now());
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
        let verdicts: Vec<_> = (0..9).map(|_| manners.frame(now)).collect();
        assert!(verdicts[..5].iter().all(Result::is_ok));
        assert!(
            verdicts[5..8]
                .iter()
                .all(|verdict| matches!(verdict, Err(TooMany::Warn { .. })))
        );
        assert!(matches!(verdicts[8], Err(TooMany::Flood)));
        let mut lifted = Manners::new(&LimitsConfig {
            enabled: false,
            ..limits
        });
        assert!((0..100).all(|_| lifted.frame(now).is_ok()));
    }
}
