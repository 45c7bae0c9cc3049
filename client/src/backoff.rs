//! How long to wait before the next connection.

use std::time::Duration;

use tokio::time::Instant;

/// The wait after the nth failure in a row is at most this, doubled n times.
const UNIT: Duration = Duration::from_millis(500);
/// No wait is longer.
const CEILING: Duration = Duration::from_secs(20);
/// A connection that lasted this long resets the count of failures.
const STEADY: Duration = Duration::from_secs(30);
/// After a close for flooding the short waits are skipped.
const FLOOD_ATTEMPTS: u32 = 4;

/// Every wait is random, from zero up to a bound, so that a thousand clients that lost the same
/// server do not reconnect at the same moment.
#[derive(Debug)]
pub(crate) struct Backoff {
    random: fastrand::Rng,
    attempts: u32,
    welcomed_at: Option<Instant>,
    reconnect_window: Option<Duration>,
}

impl Backoff {
    pub(crate) fn new(random: fastrand::Rng) -> Self {
        Self {
            random,
            attempts: 0,
            welcomed_at: None,
            reconnect_window: None,
        }
    }

    /// A welcome was received, with this `reconnect_window_ms`.
    pub(crate) fn welcomed(&mut self, reconnect_window: Duration) {
        self.welcomed_at = Some(Instant::now());
        self.reconnect_window = Some(reconnect_window);
    }

    /// How long to wait after a connection was lost or could not be made. `going_away` is the time
    /// over which the server asked its clients to spread their reconnects.
    pub(crate) fn next_wait(&mut self, going_away: Option<Duration>, flooded: bool) -> Duration {
        let at_most = self.longest_wait(going_away, flooded);
        self.attempts = self.attempts.saturating_add(1);
        at_most.mul_f64(self.random.f64())
    }

    fn longest_wait(&mut self, going_away: Option<Duration>, flooded: bool) -> Duration {
        let welcomed_at = self.welcomed_at.take();
        if welcomed_at.is_some_and(|at| at.elapsed() >= STEADY) {
            self.attempts = 0;
        }
        if flooded {
            self.attempts = self.attempts.max(FLOOD_ATTEMPTS);
        }
        match (going_away, self.reconnect_window) {
            (Some(asked), _) => asked,
            (None, Some(window)) if welcomed_at.is_some() && self.attempts == 0 => window,
            _ => CEILING.min(UNIT * 2u32.pow(self.attempts.min(6))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_follow_the_contract() {
        let mut backoff = Backoff::new(fastrand::Rng::with_seed(1));
        let window = Duration::from_secs(5);
        backoff.welcomed(window);
        assert_eq!(backoff.longest_wait(None, false), window, "the first loss");
        for longest_ms in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000] {
            let longest = Duration::from_millis(longest_ms);
            assert_eq!(backoff.longest_wait(None, false), longest);
            assert!(backoff.next_wait(None, false) <= longest);
        }
        backoff.welcomed(window);
        tokio::time::advance(STEADY).await;
        assert_eq!(
            backoff.longest_wait(None, false),
            window,
            "the count is reset"
        );
        let asked = Duration::from_secs(3);
        assert_eq!(backoff.longest_wait(Some(asked), false), asked);
        assert_eq!(backoff.longest_wait(None, true), Duration::from_secs(8));
    }
}
