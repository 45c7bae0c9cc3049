//! Compares two builds of the server in one run. They take turns with the same scenario, so
//! that whatever else the machine does affects both.

use crate::report::{Report, median, rounded};

/// The turns so far.
#[derive(Default)]
pub(crate) struct Compared {
    turns: Vec<(Report, Report)>,
}

impl Compared {
    /// Adds a turn of each.
    pub(crate) fn add(&mut self, one: Report, other: Report) {
        self.turns.push((one, other));
    }

    /// The table: the median of each side's turns, and that of the turns' ratios.
    pub(crate) fn print(&self) {
        let Some((first, _)) = self.turns.first() else {
            return;
        };
        println!("\n| scenario | figure | --binary | --against | ratio | goal | |");
        println!("| --- | --- | ---: | ---: | ---: | ---: | --- |");
        for row in &first.rows {
            let of = |report: &Report| {
                let mut rows = report.rows.iter();
                let found =
                    rows.find(|other| other.scenario == row.scenario && other.figure == row.figure);
                found.map(|found| found.value)
            };
            // A turn in which something was lost has a figure of another name.
            let pairs: Vec<(f64, f64)> = self
                .turns
                .iter()
                .filter_map(|(one, other)| Some((of(one)?, of(other)?)))
                .collect();
            if pairs.is_empty() {
                println!(
                    "| {} | {} | {} {} | | | | differs |",
                    row.scenario,
                    row.figure,
                    rounded(row.value),
                    row.unit
                );
                continue;
            }
            let of = |what: fn(&(f64, f64)) -> f64| median(pairs.iter().map(what).collect());
            let (one, other) = (of(|pair| pair.0), of(|pair| pair.1));
            let ratio = if other == 0.0 {
                String::new()
            } else {
                rounded(of(|pair| pair.0 / pair.1))
            };
            let (bound, met) = row.with(one).verdict();
            let met = match met {
                Some(true) => "met",
                Some(false) => "**missed**",
                None => "",
            };
            println!(
                "| {} | {} | {} {unit} | {} {unit} | {ratio} | {} | {met} |",
                row.scenario,
                row.figure,
                rounded(one),
                rounded(other),
                bound.unwrap_or_default(),
                unit = row.unit,
            );
        }
    }
}
