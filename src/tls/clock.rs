//! Wall-clock time in seconds since 1970, as certificates count it.

use std::time::{SystemTime, UNIX_EPOCH};

/// The present time.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// For people: `2026-11-29 06:08 UTC`.
pub(super) fn show(seconds: i64) -> String {
    chrono::DateTime::from_timestamp(seconds, 0).map_or_else(
        || format!("{seconds} s after 1970"),
        |time| time.format("%Y-%m-%d %H:%M UTC").to_string(),
    )
}
