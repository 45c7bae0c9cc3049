use serde::Serialize;
use utoipa::ToSchema;

use crate::chat::SCORE_MAX;

/// The figures of a day, an agent, a tag, or of everything.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ReportRow {
    /// The day, or the id of the agent or tag. Null: of nobody, of nobody known, without a tag.
    pub key: Option<String>,
    /// The name of the agent or tag.
    pub name: Option<String>,
    /// Conversations that began.
    pub conversations: u64,
    /// Those among them that no agent has answered.
    pub unanswered: u64,
    /// Messages that were written.
    pub messages: MessageFigures,
    /// From the customer's first message to the first answer.
    pub first_answer: Durations,
    /// From the first message to the closing.
    pub whole: Durations,
    /// What customers thought when conversations were closed.
    pub ratings: RatingFigures,
}

/// How many messages each side wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct MessageFigures {
    /// Customers.
    pub customer: u64,
    /// Agents.
    pub agent: u64,
}

/// Durations, in milliseconds. Null without any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Durations {
    /// How many there are.
    pub count: u64,
    /// At least half are not longer.
    pub median_ms: Option<i64>,
    /// At least 90 % are not longer.
    pub p90_ms: Option<i64>,
    /// The same, counting only the time in which the shop is open.
    pub open_median_ms: Option<i64>,
    /// The same for 90 %.
    pub open_p90_ms: Option<i64>,
}

/// Ratings.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RatingFigures {
    /// How many there are.
    pub count: u64,
    /// Their mean, rounded to hundredths. Null without any.
    pub average: Option<f64>,
    /// How many there are of each score, from 1 to 5.
    #[cfg_attr(test, ts(type = "number[]"))]
    pub scores: [u64; SCORE_MAX as usize],
}

/// What a row is made of.
#[derive(Debug, Clone, Default)]
pub(super) struct Gathered {
    pub(super) conversations: u64,
    pub(super) unanswered: u64,
    pub(super) messages: MessageFigures,
    pub(super) first_answer: Spans,
    pub(super) whole: Spans,
    pub(super) scores: [u64; SCORE_MAX as usize],
}

/// Durations in milliseconds: all hours, and open hours alone.
#[derive(Debug, Clone, Default)]
pub(super) struct Spans {
    all: Vec<i64>,
    open: Vec<i64>,
}

impl Spans {
    pub(super) fn push(&mut self, (all, open): (i64, i64)) {
        self.all.push(all);
        self.open.push(open);
    }

    fn durations(mut self) -> Durations {
        self.all.sort_unstable();
        self.open.sort_unstable();
        Durations {
            count: self.all.len() as u64,
            median_ms: nearest_rank(&self.all, 50),
            p90_ms: nearest_rank(&self.all, 90),
            open_median_ms: nearest_rank(&self.open, 50),
            open_p90_ms: nearest_rank(&self.open, 90),
        }
    }
}

/// The smallest of the sorted values that at least `percent` of all are not above.
fn nearest_rank(sorted: &[i64], percent: usize) -> Option<i64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

impl Gathered {
    pub(super) fn row(self, key: Option<String>, name: Option<String>) -> ReportRow {
        ReportRow {
            key,
            name,
            conversations: self.conversations,
            unanswered: self.unanswered,
            messages: self.messages,
            first_answer: self.first_answer.durations(),
            whole: self.whole.durations(),
            ratings: ratings(self.scores),
        }
    }
}

fn ratings(scores: [u64; SCORE_MAX as usize]) -> RatingFigures {
    let count: u64 = scores.iter().sum();
    let sum: u64 = (1..).zip(scores).map(|(score, count)| score * count).sum();
    let hundredths = (count > 0).then(|| (sum * 200 + count) / (2 * count));
    RatingFigures {
        count,
        average: hundredths.map(|hundredths| hundredths as f64 / 100.0),
        scores,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_rank_is_one_of_the_values() {
        for (values, median, p90) in [
            (vec![], None, None),
            (vec![7], Some(7), Some(7)),
            (vec![1, 2], Some(1), Some(2)),
            (vec![1, 2, 3], Some(2), Some(3)),
            ((1..=10).collect(), Some(5), Some(9)),
            ((1..=11).collect(), Some(6), Some(10)),
        ] {
            assert_eq!(nearest_rank(&values, 50), median, "{values:?}");
            assert_eq!(nearest_rank(&values, 90), p90, "{values:?}");
        }
    }

    #[test]
    fn the_average_of_ratings_is_rounded_to_hundredths() {
        assert_eq!(ratings([0; 5]).average, None);
        assert_eq!(ratings([1, 0, 0, 0, 2]).average, Some(3.67));
        assert_eq!(ratings([0, 0, 0, 1, 1]).average, Some(4.5));
    }
}
