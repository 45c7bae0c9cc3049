use std::time::Duration;

use crate::chat::Timestamp;
use crate::persistence::rules::RuleSettings;

/// How long a session lives after its last use: 30 days. The cookie of a sign-in lives as long.
pub const SESSION_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// When a session ends that is used now.
pub(crate) fn expires_at(settings: &RuleSettings, now: Timestamp) -> Timestamp {
    Timestamp(now.0.saturating_add(millis(settings.session_lifetime)))
}

/// The last use of a session before which this one is to be stored.
pub(crate) fn touch_before(settings: &RuleSettings, now: Timestamp) -> Timestamp {
    Timestamp(
        now.0
            .saturating_sub(millis(settings.session_touch_interval)),
    )
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_stored_at_most_once_an_hour_and_moves_the_end() {
        let settings = RuleSettings::default();
        let now = Timestamp(100 * 24 * 60 * 60 * 1_000);
        let an_hour_ago = Timestamp(now.0 - 60 * 60 * 1_000);
        assert_eq!(touch_before(&settings, now), an_hour_ago);
        let in_30_days = Timestamp(130 * 24 * 60 * 60 * 1_000);
        assert_eq!(expires_at(&settings, now), in_30_days);
    }
}
