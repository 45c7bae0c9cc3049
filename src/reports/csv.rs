use super::{Durations, Report, ReportRow};
use crate::csv::write_row;

/// The columns of a table. Durations are in milliseconds.
const COLUMNS: [&str; 23] = [
    "key",
    "name",
    "conversations",
    "unanswered",
    "customer_messages",
    "agent_messages",
    "first_answer_count",
    "first_answer_median_ms",
    "first_answer_p90_ms",
    "first_answer_open_median_ms",
    "first_answer_open_p90_ms",
    "whole_count",
    "whole_median_ms",
    "whole_p90_ms",
    "whole_open_median_ms",
    "whole_open_p90_ms",
    "ratings",
    "average_rating",
    "score_1",
    "score_2",
    "score_3",
    "score_4",
    "score_5",
];

/// A report as a table for spreadsheets: a line for each row, and one for the total.
pub fn csv(report: &Report) -> String {
    let mut text = String::new();
    write_row(&mut text, COLUMNS);
    for row in &report.rows {
        let key = row.key.clone().unwrap_or_default();
        write_row(&mut text, cells(key, row));
    }
    write_row(&mut text, cells("total".into(), &report.total));
    text
}

fn cells(key: String, row: &ReportRow) -> Vec<String> {
    let mut cells = vec![
        key,
        row.name.clone().unwrap_or_default(),
        row.conversations.to_string(),
        row.unanswered.to_string(),
        row.messages.customer.to_string(),
        row.messages.agent.to_string(),
    ];
    cells.extend(durations(row.first_answer));
    cells.extend(durations(row.whole));
    cells.push(row.ratings.count.to_string());
    cells.push(optional(row.ratings.average));
    cells.extend(row.ratings.scores.map(|count| count.to_string()));
    cells
}

fn durations(durations: Durations) -> [String; 5] {
    [
        durations.count.to_string(),
        optional(durations.median_ms),
        optional(durations.p90_ms),
        optional(durations.open_median_ms),
        optional(durations.open_p90_ms),
    ]
}

fn optional(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
