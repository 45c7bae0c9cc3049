use std::time::{Duration, Instant};

/// How long to wait before the next try.
///
/// Every wait is random from zero on, so that a thousand clients that lost the same server
/// do not come back in the same moment.
pub(crate) struct Backoff {
    tries: u32,
    welcomed_at: Option<Instant>,
    window: Option<Duration>,
}

impl Backoff {
    const CEILING: Duration = Duration::from_secs(20);
    const UNIT: Duration = Duration::from_millis(500);
    /// A connection that lasted this long was a good one: count anew.
    const SETTLED: Duration = Duration::from_secs(30);

    pub(crate) fn new() -> Self {
        Self {
            tries: 0,
            welcomed_at: None,
            window: None,
        }
    }

    /// Call at each `welcome`, with its `reconnect_window_ms`.
    pub(crate) fn welcomed(&mut self, reconnect_window_ms: u64) {
        self.welcomed_at = Some(Instant::now());
        self.window = Some(Duration::from_millis(reconnect_window_ms));
    }

    /// Call at each loss; `going_away` is what the server asked for before it closed.
    pub(crate) fn next_wait(&mut self, going_away: Option<Duration>, flooded: bool) -> Duration {
        let welcomed_at = self.welcomed_at.take();
        if welcomed_at.is_some_and(|at| at.elapsed() >= Self::SETTLED) {
            self.tries = 0;
        }
        if flooded {
            // We were told off for being too busy: skip the short waits.
            self.tries = self.tries.max(4);
        }
        let at_most = match (going_away, self.window) {
            (Some(asked), _) => asked,
            (None, Some(window)) if welcomed_at.is_some() && self.tries == 0 => window,
            _ => Self::CEILING.min(Self::UNIT * 2u32.pow(self.tries.min(6))),
        };
        self.tries = self.tries.saturating_add(1);
        let at_most = u64::try_from(at_most.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(rand::random_range(0..=at_most))
    }
}
