//! Reports: how many conversations there were, how long customers waited, what they thought of it.
//!
//! Pure: [`Collector`] takes what the store reads of each room, in any order of the rooms, and
//! [`Collector::finish`] makes the tables. Nothing here reads a database or a clock, so both kinds
//! of store have the same rules:
//!
//! - A conversation belongs to the range in which its first message was written. It counts on that
//!   day, for the agent who gave its first answer, and for each of its tags.
//! - The first answer is the agents' first message after the customer's first one. A conversation
//!   without one is unanswered.
//! - The whole time is from the first message to the closing, for conversations that are closed.
//! - Messages belong to the range in which they were written, and to the agent who wrote them.
//! - A rating belongs to the range in which its conversation was closed, and to the agent who wrote
//!   last before.
//! - Medians and 90th percentiles are exact, by nearest rank: the smallest duration that at least
//!   half, or 90 %, of all are not longer than.
//! - Open hours are those that the shop's settings have now.
//!
//! Spam is left out. Read next: `collect.rs`.

mod collect;
mod csv;
mod figures;
mod range;

use std::str::FromStr;

use serde::Serialize;
use utoipa::ToSchema;

pub use self::collect::{Collector, Names};
pub use self::csv::csv;
pub use self::figures::{Durations, MessageFigures, RatingFigures, ReportRow};
pub use self::range::{BadRange, DAYS_MAX, ReportRange};

/// What the rows of a report are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum ReportBy {
    /// Days of the shop's time zone.
    #[default]
    Day,
    /// Agents.
    Agent,
    /// Tags.
    Tag,
}

impl FromStr for ReportBy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "day" => Ok(Self::Day),
            "agent" => Ok(Self::Agent),
            "tag" => Ok(Self::Tag),
            _ => Err("must be day, agent or tag".into()),
        }
    }
}

/// A report.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Report {
    /// The first day, `YYYY-MM-DD`.
    pub from: String,
    /// The last day.
    pub to: String,
    /// The shop's time zone, in which days begin.
    pub time_zone: String,
    /// What the rows are.
    pub by: ReportBy,
    /// Every day of the range; or agents or tags with something in it, by name. What belongs to
    /// nobody is in a row without a key.
    pub rows: Vec<ReportRow>,
    /// Everything once, also what has several tags.
    pub total: ReportRow,
}

#[cfg(test)]
mod tests;
