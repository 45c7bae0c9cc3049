//! Times as Django writes them: with a zone, or without one when the shop has `USE_TZ = False`.

use chrono::{DateTime, Duration, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;

use crate::chat::Timestamp;

/// The longest gap of any time zone: a day that was skipped at the date line.
const GAP_HOURS_MAX: i64 = 25;

/// A time, to the millisecond: `dumpdata` cuts what is finer, so a database is read the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parsed {
    pub(super) at: Timestamp,
    /// It had no zone, so the given one was taken.
    pub(super) is_naive: bool,
    /// It does not exist in that zone, whose clocks skipped it.
    pub(super) is_in_gap: bool,
}

/// Parses a time. One without a zone is of `zone`; of two such moments, the earlier is taken, as
/// Django does.
pub(super) fn parse(text: &str, zone: Tz) -> Option<Parsed> {
    let text = text.trim().replacen(' ', "T", 1);
    if let Ok(moment) = DateTime::parse_from_rfc3339(&text) {
        return Some(Parsed {
            at: Timestamp(moment.timestamp_millis()),
            is_naive: false,
            is_in_gap: false,
        });
    }
    let local = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(&text, format).ok())?;
    let (at, is_in_gap) = match zone.from_local_datetime(&local).earliest() {
        Some(moment) => (moment.timestamp_millis(), false),
        None => (in_gap(local, zone)?, true),
    };
    Some(Parsed {
        at: Timestamp(at),
        is_naive: true,
        is_in_gap,
    })
}

/// A time that the clocks skipped, computed with the offset before the gap.
fn in_gap(local: NaiveDateTime, zone: Tz) -> Option<i64> {
    (1..=GAP_HOURS_MAX).find_map(|hours| {
        let before = zone
            .from_local_datetime(&(local - Duration::hours(hours)))
            .latest()?;
        let offset = before.offset().fix();
        Some(
            offset
                .from_local_datetime(&local)
                .single()?
                .timestamp_millis(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, zone: Tz) -> (String, bool, bool) {
        let parsed = parse(text, zone).expect("a time");
        (parsed.at.to_string(), parsed.is_naive, parsed.is_in_gap)
    }

    #[test]
    fn databases_and_dumps_give_the_same_moment() {
        for text in [
            "2024-05-04 10:20:30.007999",
            "2024-05-04T10:20:30.007",
            "2024-05-04T10:20:30.007Z",
            "2024-05-04T10:20:30.007+00:00",
            "2024-05-04T12:20:30.007+02:00",
            "2024-05-04 12:20:30.007123+02:00",
        ] {
            assert_eq!(at(text, Tz::UTC).0, "2024-05-04T10:20:30.007Z", "{text}");
        }
        assert_eq!(
            at("2024-05-04 10:20:30", Tz::UTC).0,
            "2024-05-04T10:20:30.000Z"
        );
        assert_eq!(
            at("1969-12-31 23:59:59.999900", Tz::UTC).0,
            "1969-12-31T23:59:59.999Z"
        );
        for wrong in ["", "yesterday", "2024-02-30 10:00:00", "2024-05-04"] {
            assert_eq!(parse(wrong, Tz::UTC), None, "{wrong}");
        }
    }

    #[test]
    fn a_time_without_a_zone_is_of_the_given_one() {
        let zone = Tz::Europe__Berlin;
        let summer = at("2024-07-01 12:00:00", zone);
        assert_eq!(summer, ("2024-07-01T10:00:00.000Z".into(), true, false));
        let twice = at("2024-10-27 02:30:00", zone);
        assert_eq!(twice, ("2024-10-27T00:30:00.000Z".into(), true, false));
        let never = at("2024-03-31 02:30:00", zone);
        assert_eq!(never, ("2024-03-31T01:30:00.000Z".into(), true, true));
        let skipped_day = at("2011-12-30 12:00:00", Tz::Pacific__Apia);
        assert_eq!(skipped_day, ("2011-12-30T22:00:00.000Z".into(), true, true));
        let aware = at("2024-07-01 12:00:00+00:00", zone);
        assert_eq!(aware, ("2024-07-01T12:00:00.000Z".into(), false, false));
    }
}
