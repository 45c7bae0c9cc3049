use crate::chat::Timestamp;
use crate::persistence::rules::RuleSettings;

/// When a session ends that is used now.
pub(crate) fn expires_at(settings: &RuleSettings, now: Timestamp) -> Timestamp {
    Timestamp(now.0.saturating_add(settings.session_lifetime_ms))
}

/// Whether this use of a session is to be stored.
pub(crate) fn is_touch_due(
    settings: &RuleSettings,
    last_used_at: Timestamp,
    now: Timestamp,
) -> bool {
    now.0.saturating_sub(last_used_at.0) > settings.session_touch_interval_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_stored_at_most_once_an_hour() {
        let settings = RuleSettings::default();
        let due = |minutes: i64| is_touch_due(&settings, Timestamp(0), Timestamp(minutes * 60_000));
        assert!(!due(60));
        assert!(due(61));
    }
}
