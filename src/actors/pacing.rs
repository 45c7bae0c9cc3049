//! How often consoles are sent what changes in the lobby.
//!
//! Every console gets the newest state of every room, so the work grows with rooms times consoles.
//! The first change is sent at once. Then a console pauses, in proportion to what all consoles
//! together have just been sent, and takes everything that has changed meanwhile, each room once. In
//! normal operation the pause is less than a millisecond; under load it grows up to a bound. What
//! an agent does or has joined never waits for any of this.

use std::time::Duration;

/// The pause for one frame to one console. It allows 25,000 frames per second to all consoles
/// together, a small part of what one core can send; `delay_max` bounds the pause.
const FRAME_PAUSE: Duration = Duration::from_micros(40);
/// How long a room's newest state may wait before it is sent, with a single console.
const DELAY_MIN: Duration = Duration::from_millis(100);
/// The upper bound of that, however many consoles there are.
const DELAY_MAX: Duration = Duration::from_millis(800);
/// How much each further console adds.
const DELAY_BY_CONSOLE: Duration = Duration::from_millis(2);

/// How long a room's newest state may wait before it is sent to a console that reads.
fn delay_max(consoles: usize) -> Duration {
    let consoles = u32::try_from(consoles).unwrap_or(u32::MAX);
    DELAY_BY_CONSOLE
        .saturating_mul(consoles)
        .saturating_add(DELAY_MIN)
        .min(DELAY_MAX)
}

/// A room reports to the lobby at once, and again after this time at the earliest.
pub(super) fn report_interval(consoles: usize) -> Duration {
    delay_max(consoles) / 8
}

/// How long a console that has just been sent `frames` frames waits before it takes more.
pub(super) fn pause_after(frames: usize, consoles: usize) -> Duration {
    let frames = u32::try_from(frames.saturating_mul(consoles)).unwrap_or(u32::MAX);
    FRAME_PAUSE
        .saturating_mul(frames)
        .min(delay_max(consoles) - report_interval(consoles))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_consoles_hardly_wait() {
        assert!(pause_after(1, 10) < Duration::from_millis(1));
        assert!(pause_after(20, 10) < Duration::from_millis(10));
    }

    #[test]
    fn the_newest_state_is_sent_in_time() {
        for (consoles, bound_ms) in [(1, 250), (50, 250), (500, 1_000), (10_000, 1_000)] {
            // A state may just miss a report, and that report the end of a pause.
            let oldest = report_interval(consoles) + pause_after(usize::MAX, consoles);
            assert!(
                oldest < Duration::from_millis(bound_ms),
                "{consoles}: {oldest:?}"
            );
        }
    }
}
