//! How often consoles are told of what changes in the lobby.
//!
//! Every console gets the newest state of every room, so the work grows with rooms times
//! consoles. The first change leaves at once. After it a console waits for a window in
//! proportion to what all consoles together have just been sent, and takes what has changed
//! meanwhile in one go, each room once. In a shop's everyday that is less than a millisecond;
//! on a sale day it grows up to a bound. What an agent does or has joined never waits for any of
//! this.

use std::time::Duration;

/// The pause that one frame to one console is worth: 25,000 frames a second to all consoles
/// together, which is a small part of what a core can send, until the bound says otherwise.
const FRAME_PAUSE: Duration = Duration::from_micros(40);
/// The oldest that a room's newest state may become before it is sent, beside a single console.
const DELAY_MIN: Duration = Duration::from_millis(100);
/// The same, beside as many consoles as there may be.
const DELAY_MAX: Duration = Duration::from_millis(800);
/// What each console adds.
const DELAY_BY_CONSOLE: Duration = Duration::from_millis(2);

/// The oldest that a room's newest state may become before it is sent to a console that reads.
fn delay_max(consoles: usize) -> Duration {
    let consoles = u32::try_from(consoles).unwrap_or(u32::MAX);
    DELAY_BY_CONSOLE
        .saturating_mul(consoles)
        .saturating_add(DELAY_MIN)
        .min(DELAY_MAX)
}

/// A room reports to the lobby at once, and then again after this time at the earliest.
pub(super) fn report_interval(consoles: usize) -> Duration {
    delay_max(consoles) / 8
}

/// How long a console that has just been sent `frames` waits before it takes what is new.
pub(super) fn window(frames: usize, consoles: usize) -> Duration {
    let frames = u32::try_from(frames.saturating_mul(consoles)).unwrap_or(u32::MAX);
    FRAME_PAUSE
        .saturating_mul(frames)
        .min(delay_max(consoles) - report_interval(consoles))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shop_s_everyday_waits_for_nothing() {
        assert!(window(1, 10) < Duration::from_millis(1));
        assert!(window(20, 10) < Duration::from_millis(10));
    }

    #[test]
    fn the_newest_state_is_told_in_time() {
        for (consoles, bound_ms) in [(1, 250), (50, 250), (500, 1_000), (10_000, 1_000)] {
            // A state may just miss a report, and that report a window.
            let oldest = report_interval(consoles) + window(usize::MAX, consoles);
            assert!(
                oldest < Duration::from_millis(bound_ms),
                "{consoles}: {oldest:?}"
            );
        }
    }
}
