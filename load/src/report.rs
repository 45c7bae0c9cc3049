//! The output of a run: a table, and a line of JSON for each figure.

use hdrhistogram::Histogram;
use serde_json::json;

use crate::delivery_check::DeliveryCheck;

/// A bound that a figure should keep.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// Reported without a bound.
    None,
}

/// One figure.
pub(crate) struct Row {
    pub(crate) scenario: &'static str,
    pub(crate) figure: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    goal: Goal,
}

/// The figures of a setup, in the order they were measured.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
}

impl Report {
    /// Adds a figure, and prints it at once.
    pub(crate) fn add(
        &mut self,
        scenario: &'static str,
        figure: impl Into<String>,
        value: f64,
        unit: &'static str,
        goal: Goal,
    ) {
        let row = Row {
            scenario,
            figure: figure.into(),
            value,
            unit,
            goal,
        };
        let (bound, met) = row.verdict();
        println!(
            "{}",
            json!({"scenario": scenario, "figure": row.figure, "value": row.value, "unit": unit, "goal": bound, "met": met})
        );
        self.rows.push(row);
    }

    /// Adds a figure for what the subscribers lost, or got twice or out of order.
    pub(crate) fn check(&mut self, scenario: &'static str, check: &DeliveryCheck) {
        let [lost, duplicated, reordered] = check.counts();
        let wrong = lost + duplicated + reordered;
        if wrong > 0 {
            eprintln!("{scenario}: lost {lost}, duplicated {duplicated}, reordered {reordered}");
        }
        self.add(
            scenario,
            "lost, duplicated or reordered",
            wrong as f64,
            "messages",
            Goal::AtMost(0.0),
        );
    }

    /// Prints all figures as a table.
    pub(crate) fn print(&self) {
        println!("\n| scenario | figure | measured | goal | |");
        println!("| --- | --- | ---: | ---: | --- |");
        for row in &self.rows {
            let (bound, met) = row.verdict();
            let met = match met {
                Some(true) => "met",
                Some(false) => "**missed**",
                None => "",
            };
            println!(
                "| {} | {} | {} {} | {} | {met} |",
                row.scenario,
                row.figure,
                rounded(row.value),
                row.unit,
                bound.unwrap_or_default(),
            );
        }
    }
}

impl Row {
    /// The same figure with another value.
    pub(crate) fn with(&self, value: f64) -> Self {
        Self {
            figure: self.figure.clone(),
            value,
            ..*self
        }
    }

    /// The bound, and whether this value keeps it.
    pub(crate) fn verdict(&self) -> (Option<String>, Option<bool>) {
        match self.goal {
            // Unknown for a server that was not started here.
            _ if self.value.is_nan() => (None, None),
            Goal::AtLeast(bound) => (
                Some(format!("≥ {}", rounded(bound))),
                Some(self.value >= bound),
            ),
            Goal::AtMost(bound) => (
                Some(format!("≤ {}", rounded(bound))),
                Some(self.value <= bound),
            ),
            Goal::None => (None, None),
        }
    }
}

/// The value with thousands separators and about three significant digits.
pub(crate) fn rounded(value: f64) -> String {
    if value.is_nan() {
        return "unknown".to_owned();
    }
    let digits = match value.abs() {
        large if large >= 100.0 || large.fract() == 0.0 => 0,
        middle if middle >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if fraction.is_empty() {
        grouped
    } else {
        format!("{grouped}.{fraction}")
    }
}

/// The median. Of an even number of figures, the upper of the two in the middle.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// A quantile of microseconds, in milliseconds.
pub(crate) fn millis(times: &Histogram<u64>, quantile: f64) -> f64 {
    times.value_at_quantile(quantile) as f64 / 1_000.0
}
