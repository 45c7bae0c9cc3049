//! When the chat is quiet, so that work which stops it for a moment disturbs nobody.

use chrono::{Local, Timelike};

use crate::chat::Timestamp;

/// The hours of the machine's local time that always count as quiet: from 02:00 until 05:00.
const NIGHT: std::ops::Range<u32> = 2..5;
/// At any other time, this long without a message counts as quiet.
const SILENCE_MS: i64 = 30 * 60 * 1_000;

/// What decides whether the chat is quiet.
#[derive(Debug, Clone, Copy)]
pub struct Quiet {
    /// The hour of the machine's local time.
    pub hour: u32,
    /// The time.
    pub now: Timestamp,
    /// Whether any visitor has the chat open.
    pub has_visitors: bool,
}

impl Quiet {
    /// The present circumstances.
    pub fn now(has_visitors: bool) -> Self {
        Self {
            hour: Local::now().hour(),
            now: Timestamp::now(),
            has_visitors,
        }
    }

    /// Whether it is night, or no visitor has the chat open and nobody has written for half an hour.
    /// `newest_at` is the time of the newest message.
    pub fn is_quiet(&self, newest_at: Option<Timestamp>) -> bool {
        let is_silent = newest_at.is_none_or(|newest| self.now.0 - newest.0 >= SILENCE_MS);
        NIGHT.contains(&self.hour) || (!self.has_visitors && is_silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn is_quiet(hour: u32, has_visitors: bool, newest_before_ms: i64) -> bool {
        let quiet = Quiet {
            hour,
            now: NOW,
            has_visitors,
        };
        quiet.is_quiet(Some(Timestamp(NOW.0 - newest_before_ms)))
    }

    #[test]
    fn nights_are_always_quiet() {
        let hours: Vec<u32> = (0..24).filter(|hour| is_quiet(*hour, true, 0)).collect();
        assert_eq!(hours, [2, 3, 4]);
    }

    #[test]
    fn a_day_is_quiet_without_visitors_and_without_messages_for_half_an_hour() {
        assert!(is_quiet(12, false, SILENCE_MS));
        assert!(!is_quiet(12, false, SILENCE_MS - 1));
        assert!(!is_quiet(12, true, SILENCE_MS));
        let empty = Quiet {
            hour: 12,
            now: NOW,
            has_visitors: false,
        };
        assert!(empty.is_quiet(None));
    }
}
