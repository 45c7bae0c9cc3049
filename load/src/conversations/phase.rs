use std::time::Duration;

use shoptalk_client::chat::Side;
use tokio::time::Instant;

/// What all participants do at a time.
#[derive(Clone, Copy)]
pub(crate) enum Phase {
    /// Reads.
    Quiet,
    /// Each customer waits for the agent's answer, and the agent for the customer's message.
    Alternating { until: Instant },
    /// The first console posts, so many without an answer at a time; everybody gets it.
    Broadcast { until: Instant, in_flight: usize },
    /// Everybody posts at fixed times, whether the server keeps up or not.
    Fixed(Timetable),
}

/// When everybody posts: each side of each room after every `gap`, so many times.
#[derive(Clone, Copy)]
pub(crate) struct Timetable {
    pub(crate) start: Instant,
    pub(crate) gap: Duration,
    pub(crate) each: u32,
    /// Each post comes up to so much later, as people are not clocks.
    pub(crate) jitter: Duration,
    /// Posts of one side of a room that may be without an answer.
    pub(crate) window: usize,
    /// Whether a post is timed from when it was due. At low rates nothing waits for its turn, and
    /// what a post is late then is the grain of the timers here, a millisecond or two.
    pub(crate) from_due: bool,
}

impl Timetable {
    pub(super) fn due(&self, room: usize, rooms: usize, side: Side, n: u32) -> Instant {
        // The agents' posts fall between the customers', and half a gap after those of their room.
        let place = match side {
            Side::Visitor => room as f64 / rooms as f64,
            Side::Agent => ((room as f64 + 0.5) / rooms as f64 + 0.5).fract(),
        };
        let seed = (room as u64) << 33 | (u64::from(n) << 1) | side as usize as u64;
        let late = fastrand::Rng::with_seed(seed).f64();
        self.start + self.gap * n + self.gap.mul_f64(place) + self.jitter.mul_f64(late)
    }
}
