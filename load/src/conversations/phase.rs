use std::time::Duration;

use shoptalk_client::chat::Side;
use tokio::time::Instant;

/// What all participants do at a time.
#[derive(Clone, Copy)]
pub(crate) enum Phase {
    /// They only read.
    Quiet,
    /// Visitor and agent reply to each other until then.
    Alternating { until: Instant },
    /// The first console posts until then, with this many posts without an ack at a time.
    Broadcast { until: Instant, in_flight: usize },
    /// All post at fixed times, whether the server keeps up or not.
    Fixed(Timetable),
}

/// When all post: each side of each room once per `gap`, `each` times.
#[derive(Clone, Copy)]
pub(crate) struct Timetable {
    pub(crate) start: Instant,
    pub(crate) gap: Duration,
    pub(crate) each: u32,
    /// Each post is late by a random time up to this, as people are.
    pub(crate) jitter: Duration,
    /// Posts of one side of a room that may be without an ack.
    pub(crate) window: usize,
    /// Whether latency counts from when a post was due, so that a stall counts for all posts that
    /// it delays. At low rates it does not: a post is late only because this program's timers are
    /// coarse, by a millisecond or two.
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
