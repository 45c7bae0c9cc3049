//! How long the shop was open between two moments.

use jiff::civil;

use super::Shop;
use super::hours::Date;
use crate::chat::Timestamp;

/// When the shop is open within a span of time, by the hours and exceptions of its settings.
/// `closed_until` is left out: nothing says since when it holds.
#[derive(Debug, Clone, Default)]
pub struct OpenHours {
    /// Beginnings and ends in milliseconds, in order and without overlap.
    intervals: Vec<(i64, i64)>,
    /// How long the intervals before each one are together.
    before: Vec<i64>,
}

impl OpenHours {
    fn new(mut openings: Vec<(i64, i64)>) -> Self {
        openings.sort_unstable();
        let mut hours = Self::default();
        for (start, end) in openings {
            match hours.intervals.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => hours.intervals.push((start, end)),
            }
        }
        let mut sum = 0;
        for (start, end) in &hours.intervals {
            hours.before.push(sum);
            sum += end - start;
        }
        hours
    }

    /// Milliseconds in which the shop was open between two moments; 0 if they are in the wrong order.
    pub fn between(&self, from: Timestamp, to: Timestamp) -> i64 {
        (self.until(to.0) - self.until(from.0)).max(0)
    }

    /// Milliseconds in which the shop was open from the beginning to a moment.
    fn until(&self, at: i64) -> i64 {
        let begun = self.intervals.partition_point(|(start, _)| *start <= at);
        let Some(last) = begun.checked_sub(1) else {
            return 0;
        };
        let (start, end) = self.intervals[last];
        self.before[last] + at.min(end) - start
    }
}

impl Shop {
    /// When the shop is open between two moments.
    pub fn open_hours(&self, from: Timestamp, to: Timestamp) -> OpenHours {
        let zone = self.zone();
        let (Some(first), Some(last)) = (self.day_of(from), self.day_of(to)) else {
            return OpenHours::default();
        };
        let mut openings = Vec::new();
        // An interval may begin on the day before, or where clocks change at midnight on the next one.
        let mut day = first.plus_days(-1);
        while let Some(at) = day.filter(|day| Some(*day) <= last.plus_days(1)) {
            let on_day = self.openings(&zone, at.civil());
            openings
                .extend(on_day.map(|(start, end)| (start.as_millisecond(), end.as_millisecond())));
            day = at.plus_days(1);
        }
        OpenHours::new(openings)
    }

    /// The day that it is at a moment.
    pub fn day_of(&self, at: Timestamp) -> Option<Date> {
        let at = jiff::Timestamp::from_millisecond(at.0).ok()?;
        Some(self.zone().to_datetime(at).date().into())
    }

    /// When a day begins.
    pub fn day_start(&self, day: Date) -> Option<Timestamp> {
        let start = day
            .civil()
            .to_zoned(self.zone())
            .ok()?
            .start_of_day()
            .ok()?;
        Some(Timestamp(start.timestamp().as_millisecond()))
    }
}

impl Date {
    /// The day that comes so many days later.
    pub fn plus_days(self, days: i64) -> Option<Self> {
        let span = jiff::Span::new().try_days(days).ok()?;
        self.civil().checked_add(span).ok().map(Self::from)
    }

    /// The year.
    pub fn year(self) -> i16 {
        civil::Date::year(self.civil())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop(hours: &str, exceptions: &str) -> Shop {
        let text = format!(
            r#"{{"time_zone": "Europe/Berlin", "hours": {hours}, "exceptions": {exceptions}}}"#
        );
        serde_json::from_str(&text).expect("a shop")
    }

    fn at(text: &str) -> Timestamp {
        let at: jiff::Timestamp = text.parse().expect("a time");
        Timestamp(at.as_millisecond())
    }

    const HOUR: i64 = 60 * 60 * 1_000;

    #[test]
    fn only_open_time_counts() {
        let nights = r#"[{"day": "mon", "from": "09:00", "to": "12:00"},
            {"day": "mon", "from": "11:00", "to": "13:00"},
            {"day": "fri", "from": "22:00", "to": "02:00"}]"#;
        let shop = shop(
            nights,
            r#"[{"from": "2026-01-12", "to": "2026-01-12", "hours": []}]"#,
        );
        let (from, to) = (at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00Z"));
        let hours = shop.open_hours(from, to);
        for (from, to, open) in [
            // Overlapping hours count once. Berlin is an hour ahead of UTC.
            ("2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z", 4 * HOUR),
            ("2026-01-05T08:30:00Z", "2026-01-05T09:00:00Z", HOUR / 2),
            (
                "2026-01-09T20:00:00Z",
                "2026-01-10T00:30:00Z",
                3 * HOUR + HOUR / 2,
            ),
            ("2026-01-12T00:00:00Z", "2026-01-13T00:00:00Z", 0),
            ("2026-01-06T00:00:00Z", "2026-01-09T00:00:00Z", 0),
            ("2026-01-05T12:00:00Z", "2026-01-05T08:00:00Z", 0),
        ] {
            assert_eq!(hours.between(at(from), at(to)), open, "{from} to {to}");
        }
    }

    #[test]
    fn without_hours_all_time_counts_also_where_clocks_change() {
        let shop = shop("[]", "[]");
        let (from, to) = (at("2026-03-28T12:00:00Z"), at("2026-03-30T12:00:00Z"));
        assert_eq!(shop.open_hours(from, to).between(from, to), to.0 - from.0);
    }

    #[test]
    fn a_day_begins_at_midnight_of_the_shop() {
        let shop = shop("[]", "[]");
        let day = shop.day_of(at("2026-03-28T23:30:00Z")).expect("a day");
        assert_eq!(day.to_string(), "2026-03-29");
        assert_eq!(shop.day_start(day), Some(at("2026-03-28T23:00:00Z")));
        let next = day.plus_days(1).expect("a day");
        assert_eq!(shop.day_start(next), Some(at("2026-03-29T22:00:00Z")));
    }
}
