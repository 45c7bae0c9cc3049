//! Times as Django writes them: with a zone, or without one when the shop has `USE_TZ = False`.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::chat::Timestamp;

/// A time, to the millisecond: `dumpdata` cuts what is finer, so a database is read the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parsed {
    pub(super) at: Timestamp,
    /// It had no zone, so the given one was taken.
    pub(super) is_naive: bool,
    /// It does not exist in that zone, whose clocks skipped it.
    pub(super) is_in_gap: bool,
}

/// Parses a time. One without a zone is of `zone`: of two such moments, the earlier is taken, and one
/// that the clocks skipped is computed with the offset before the gap, both as Django does.
pub(super) fn parse(text: &str, zone: &TimeZone) -> Option<Parsed> {
    let text = text.trim();
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Some(Parsed {
            at: to_millis(moment),
            is_naive: false,
            is_in_gap: false,
        });
    }
    if !text.contains(':') {
        // A date alone is midnight to the library, and a mistake here.
        return None;
    }
    let local: DateTime = text.parse().ok()?;
    let moment = zone.to_ambiguous_timestamp(local);
    let is_in_gap = matches!(moment.offset(), AmbiguousOffset::Gap { .. });
    Some(Parsed {
        at: to_millis(moment.compatible().ok()?),
        is_naive: true,
        is_in_gap,
    })
}

fn to_millis(moment: jiff::Timestamp) -> Timestamp {
    Timestamp(moment.as_microsecond().div_euclid(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).expect("a zone")
    }

    fn at(text: &str, zone: &TimeZone) -> (String, bool, bool) {
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
            assert_eq!(
                at(text, &TimeZone::UTC).0,
                "2024-05-04T10:20:30.007Z",
                "{text}"
            );
        }
        assert_eq!(
            at("2024-05-04 10:20:30", &TimeZone::UTC).0,
            "2024-05-04T10:20:30.000Z"
        );
        assert_eq!(
            at("1969-12-31 23:59:59.999900", &TimeZone::UTC).0,
            "1969-12-31T23:59:59.999Z"
        );
        for wrong in ["", "yesterday", "2024-02-30 10:00:00", "2024-05-04"] {
            assert_eq!(parse(wrong, &TimeZone::UTC), None, "{wrong}");
        }
    }

    #[test]
    fn a_time_without_a_zone_is_of_the_given_one() {
        let zone = &zone("Europe/Berlin");
        let summer = at("2024-07-01 12:00:00", zone);
        assert_eq!(summer, ("2024-07-01T10:00:00.000Z".into(), true, false));
        let twice = at("2024-10-27 02:30:00", zone);
        assert_eq!(twice, ("2024-10-27T00:30:00.000Z".into(), true, false));
        let never = at("2024-03-31 02:30:00", zone);
        assert_eq!(never, ("2024-03-31T01:30:00.000Z".into(), true, true));
        let skipped_day = at("2011-12-30 12:00:00", &self::zone("Pacific/Apia"));
        assert_eq!(skipped_day, ("2011-12-30T22:00:00.000Z".into(), true, true));
        let aware = at("2024-07-01 12:00:00+00:00", zone);
        assert_eq!(aware, ("2024-07-01T12:00:00.000Z".into(), false, false));
    }
}
