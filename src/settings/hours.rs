//! When the shop is open.
//!
//! An interval belongs to the day on which it begins, and may end on the next one: 22:00 to 02:00.
//! So an exception for a day changes what begins on that day; what began the evening before goes on.
//!
//! Where clocks change, an interval begins when the wall clock first shows its beginning or more,
//! and ends when it no longer shows less than its end. So a time that is skipped counts as the
//! moment of the jump, and in a repeated hour the shop is rather open than closed.

use std::fmt;
use std::str::FromStr;

use jiff::civil;
use jiff::tz::{AmbiguousOffset, TimeZone};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

use super::Shop;
use crate::chat::Timestamp;

/// How far ahead the hours are searched for the next opening.
const DAYS_AHEAD: i64 = 366;
/// Minutes of a day.
const DAY_MINUTES: u16 = 24 * 60;

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl From<civil::Weekday> for Day {
    fn from(day: civil::Weekday) -> Self {
        match day {
            civil::Weekday::Monday => Self::Mon,
            civil::Weekday::Tuesday => Self::Tue,
            civil::Weekday::Wednesday => Self::Wed,
            civil::Weekday::Thursday => Self::Thu,
            civil::Weekday::Friday => Self::Fri,
            civil::Weekday::Saturday => Self::Sat,
            civil::Weekday::Sunday => Self::Sun,
        }
    }
}

/// Hours of a day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Interval {
    /// The day on which it begins.
    pub day: Day,
    /// `HH:MM`.
    #[schema(value_type = String)]
    #[cfg_attr(test, ts(type = "string"))]
    pub from: TimeOfDay,
    /// `HH:MM`, up to `24:00`. Before `from`: on the next day.
    #[schema(value_type = String)]
    #[cfg_attr(test, ts(type = "string"))]
    pub to: TimeOfDay,
}

/// Days with other hours than those of the week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Exception {
    /// The first day, `YYYY-MM-DD`.
    #[schema(value_type = String)]
    #[cfg_attr(test, ts(type = "string"))]
    pub from: Date,
    /// The last day.
    #[schema(value_type = String)]
    #[cfg_attr(test, ts(type = "string"))]
    pub to: Date,
    /// The hours of each of these days. Empty: closed.
    #[serde(default)]
    pub hours: Vec<TimeSpan>,
}

/// Hours of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TimeSpan {
    /// `HH:MM`.
    #[schema(value_type = String)]
    #[cfg_attr(test, ts(type = "string"))]
    pub from: TimeOfDay,
    /// `HH:MM`, up to `24:00`. Before `from`: on the next day.
    #[schema(value_type = String)]
    #[cfg_attr(test, ts(type = "string"))]
    pub to: TimeOfDay,
}

impl TimeSpan {
    const WHOLE_DAY: Self = Self {
        from: TimeOfDay { minutes: 0 },
        to: TimeOfDay {
            minutes: DAY_MINUTES,
        },
    };
}

/// A time on the wall clock, in minutes since midnight, from 00:00 to 24:00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay {
    minutes: u16,
}

impl TimeOfDay {
    /// Whether it is 24:00.
    pub(super) fn is_end_of_day(self) -> bool {
        self.minutes == DAY_MINUTES
    }
}

impl FromStr for TimeOfDay {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |digits: &str| -> Option<u16> {
            let is_pair = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|_| is_pair)
        };
        text.split_once(':')
            .and_then(|(hour, minute)| Some((number(hour)?, number(minute)?)))
            .filter(|(_, minute)| *minute < 60)
            .map(|(hour, minute)| Self {
                minutes: hour * 60 + minute,
            })
            .filter(|time| time.minutes <= DAY_MINUTES)
            .ok_or("must be a time such as 09:30")
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:02}:{:02}", self.minutes / 60, self.minutes % 60)
    }
}

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(civil::Date);

impl Date {
    pub(super) fn civil(self) -> civil::Date {
        self.0
    }
}

impl From<civil::Date> for Date {
    fn from(date: civil::Date) -> Self {
        Self(date)
    }
}

impl FromStr for Date {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The library also reads other forms, such as dates with a time.
        let is_plain = text.len() == "2026-12-24".len() && !text.starts_with(['+', '-']);
        text.parse()
            .ok()
            .filter(|_| is_plain)
            .map(Self)
            .ok_or("must be a date such as 2026-12-24")
    }
}

impl fmt::Display for Date {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

macro_rules! as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}
as_text!(TimeOfDay);
as_text!(Date);

/// Whether the shop is open, and when it opens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenState {
    /// Whether it is open.
    pub open: bool,
    /// When it opens again: absent while it is open, and if its hours have no opening within a year,
    /// counted from the end of a closing by hand.
    pub back_at: Option<Timestamp>,
}

/// Which end of an interval a time is.
#[derive(Clone, Copy)]
enum Edge {
    Start,
    End,
}

impl Shop {
    /// Whether the shop is open at this moment, and when it opens next.
    pub fn open_at(&self, at: Timestamp) -> OpenState {
        let closed = OpenState {
            open: false,
            back_at: None,
        };
        let Ok(now) = jiff::Timestamp::from_millisecond(at.0) else {
            return closed;
        };
        let until = self.closed_until.filter(|until| *until > at);
        let from = match until.map(|until| jiff::Timestamp::from_millisecond(until.0)) {
            None => now,
            Some(Ok(until)) => until,
            // In the last hours of the year 9999 no hours are known.
            Some(Err(_)) => {
                return OpenState {
                    back_at: until,
                    ..closed
                };
            }
        };
        let zone = self.zone();
        if self.is_open(&zone, from) {
            return OpenState {
                open: until.is_none(),
                back_at: until,
            };
        }
        let next = self.next_opening(&zone, from);
        OpenState {
            back_at: next.and_then(|next| within_a_year(from, next)),
            ..closed
        }
    }

    /// The zone of the hours. They were checked with these zones, so there is one.
    pub(super) fn zone(&self) -> TimeZone {
        TimeZone::get(&self.time_zone).unwrap_or(TimeZone::UTC)
    }

    fn is_open(&self, zone: &TimeZone, at: jiff::Timestamp) -> bool {
        let today = zone.to_datetime(at).date();
        let days = [today.yesterday(), Ok(today), today.tomorrow()];
        days.into_iter().flatten().any(|day| {
            self.openings(zone, day)
                .any(|(start, end)| start <= at && at < end)
        })
    }

    /// When the shop, which is closed then, opens.
    fn next_opening(&self, zone: &TimeZone, after: jiff::Timestamp) -> Option<jiff::Timestamp> {
        let today = zone.to_datetime(after).date();
        let first_on = |day: i64| {
            let day = today.checked_add(jiff::Span::new().days(day)).ok()?;
            let starts = self.openings(zone, day).map(|(start, _)| start);
            starts.filter(|start| *start > after).min()
        };
        let day = (-1..=DAYS_AHEAD + 1).find(|day| first_on(*day).is_some())?;
        // Where clocks change at midnight, something of the next day may begin earlier.
        [first_on(day), first_on(day + 1)]
            .into_iter()
            .flatten()
            .min()
    }

    /// What begins on a day, as moments.
    pub(super) fn openings(
        &self,
        zone: &TimeZone,
        day: civil::Date,
    ) -> impl Iterator<Item = (jiff::Timestamp, jiff::Timestamp)> {
        self.hours_of(day).into_iter().filter_map(move |span| {
            let end_day = if span.to <= span.from {
                day.tomorrow().ok()?
            } else {
                day
            };
            let start = moment(zone, day, span.from, Edge::Start)?;
            let end = moment(zone, end_day, span.to, Edge::End)?;
            (start < end).then_some((start, end))
        })
    }

    fn hours_of(&self, day: civil::Date) -> Vec<TimeSpan> {
        let exceptional: Vec<&Exception> = self
            .exceptions
            .iter()
            .filter(|exception| exception.from.0 <= day && day <= exception.to.0)
            .collect();
        if !exceptional.is_empty() {
            let hours = exceptional.iter().flat_map(|exception| &exception.hours);
            return hours.copied().collect();
        }
        if self.hours.is_empty() {
            return vec![TimeSpan::WHOLE_DAY];
        }
        let weekday = Day::from(day.weekday());
        let hours = self.hours.iter().filter(|interval| interval.day == weekday);
        hours
            .map(|&Interval { from, to, .. }| TimeSpan { from, to })
            .collect()
    }
}

fn within_a_year(from: jiff::Timestamp, moment: jiff::Timestamp) -> Option<Timestamp> {
    let day = 24 * 60 * 60;
    let is_near = moment.as_second() - from.as_second() <= DAYS_AHEAD * day;
    is_near.then(|| Timestamp(moment.as_millisecond()))
}

/// The moment at which the wall clock shows this.
fn moment(
    zone: &TimeZone,
    day: civil::Date,
    time: TimeOfDay,
    edge: Edge,
) -> Option<jiff::Timestamp> {
    let (day, minutes) = match time.minutes {
        DAY_MINUTES => (day.tomorrow().ok()?, 0),
        minutes => (day, minutes),
    };
    let hour = i8::try_from(minutes / 60).ok()?;
    let minute = i8::try_from(minutes % 60).ok()?;
    let wall = day.at(hour, minute, 0, 0);
    match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(wall).ok(),
        // The clock never shows it: the moment at which it jumps.
        AmbiguousOffset::Gap { after, .. } => {
            let before_the_jump = after.to_timestamp(wall).ok()?;
            let mut jumps = zone.following(before_the_jump);
            jumps.next().map(|jump| jump.timestamp())
        }
        // The clock shows it twice.
        AmbiguousOffset::Fold { before, after } => match edge {
            Edge::Start => before.to_timestamp(wall).ok(),
            Edge::End => {
                let again = after.to_timestamp(wall).ok()?;
                let before_that = again.checked_sub(jiff::Span::new().seconds(1)).ok()?;
                // Where the clock goes back to just this time, it has not shown less since.
                if zone.to_datetime(before_that) < wall {
                    Some(again)
                } else {
                    before.to_timestamp(wall).ok()
                }
            }
        },
    }
}

#[cfg(test)]
mod tests;
