use crate::chat::Timestamp;
use crate::settings::{Date, OpenHours, Shop};

/// Days of a report, at most.
pub const DAYS_MAX: usize = 366;
/// Days of a report whose beginning is left out.
const DAYS_DEFAULT: i64 = 30;

/// Why there is no report of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRange {
    /// The end is before the beginning.
    #[error("must not be before `from`")]
    Backwards,
    /// It is too long.
    #[error("must be at most {DAYS_MAX} days after `from`")]
    TooLong,
    /// No message is that old or that new.
    #[error("must be a date from 1970 to 9998")]
    OutOfCalendar,
}

/// Days of the shop's time zone, and when it is open.
#[derive(Debug, Clone)]
pub struct ReportRange {
    /// Each day, and when it begins.
    pub(super) days: Vec<(Date, Timestamp)>,
    /// When the first day begins.
    pub from: Timestamp,
    /// When the last day ends.
    pub to: Timestamp,
    pub(super) time_zone: String,
    pub(super) hours: OpenHours,
}

impl ReportRange {
    /// The days from `from` to `to`, both included. Without `to` it ends today, without `from` it has
    /// 30 days.
    ///
    /// # Errors
    ///
    /// When there is no such range.
    pub fn new(
        shop: &Shop,
        from: Option<Date>,
        to: Option<Date>,
        now: Timestamp,
    ) -> Result<Self, BadRange> {
        let to = to
            .or_else(|| shop.day_of(now))
            .ok_or(BadRange::OutOfCalendar)?;
        let from = match from {
            Some(from) => from,
            None => to
                .plus_days(1 - DAYS_DEFAULT)
                .ok_or(BadRange::OutOfCalendar)?,
        };
        if !(1970..=9998).contains(&from.year()) || !(1970..=9998).contains(&to.year()) {
            return Err(BadRange::OutOfCalendar);
        }
        if to < from {
            return Err(BadRange::Backwards);
        }
        let mut days = Vec::new();
        let mut day = from;
        while day <= to {
            if days.len() == DAYS_MAX {
                return Err(BadRange::TooLong);
            }
            let start = shop.day_start(day).ok_or(BadRange::OutOfCalendar)?;
            days.push((day, start));
            day = day.plus_days(1).ok_or(BadRange::OutOfCalendar)?;
        }
        let (begins, ends) = (
            days[0].1,
            shop.day_start(day).ok_or(BadRange::OutOfCalendar)?,
        );
        // What began in the range may be answered later, until now.
        let until = Timestamp(now.0.max(begins.0));
        Ok(Self {
            hours: shop.open_hours(begins, until),
            time_zone: shop.time_zone.clone(),
            from: begins,
            to: ends,
            days,
        })
    }

    /// Whether a moment is in the range.
    pub(super) fn has(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    /// Which day a moment of the range is on.
    pub(super) fn day(&self, at: Timestamp) -> usize {
        self.days.partition_point(|(_, start)| *start <= at) - 1
    }

    /// The last day.
    pub(super) fn last(&self) -> Date {
        self.days[self.days.len() - 1].0
    }
}
