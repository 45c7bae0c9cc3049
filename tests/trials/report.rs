//! The table of promises: what was measured, the goal, and whether it was met.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::common::DEADLINE;

/// The short or the long form of the trials.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    pub(crate) long: bool,
    pub(crate) seed: u64,
}

impl Form {
    pub(crate) fn from_environment() -> Self {
        let seed = std::env::var("SHOPTALK_TRIALS_SEED").ok();
        let seed = seed.map_or_else(rand::random, |seed| seed.parse().expect("a number"));
        Self {
            long: std::env::var("SHOPTALK_TRIALS").is_ok_and(|form| form == "long"),
            seed,
        }
    }

    /// How long a trial waits for what must come. In the long form this is the promise; the
    /// short form runs on any machine under any load, and judges nothing by the clock.
    pub(crate) fn deadline(self, promised: Duration) -> Duration {
        self.pick(DEADLINE, promised)
    }

    /// The first in the short form, the second in the long one.
    pub(crate) fn pick<T>(self, short: T, long: T) -> T {
        if self.long { long } else { short }
    }
}

struct Row {
    line: String,
    figure: String,
    measured: String,
    goal: String,
    met: bool,
}

/// Rows in the order of the lines.
#[derive(Clone, Default)]
pub(crate) struct Table(Arc<Mutex<Vec<Row>>>);

/// Receives the figures of a trial.
pub(crate) struct Line {
    table: Table,
    line: &'static str,
}

impl Table {
    pub(crate) fn line(&self, line: &'static str) -> Line {
        Line {
            table: self.clone(),
            line,
        }
    }

    /// A trial that failed has a row that says so.
    pub(crate) fn end(&self, line: &str, name: &str, result: &anyhow::Result<()>) {
        if let Err(error) = result {
            self.add(line, name, &format!("{error:#}"), "", false);
        }
    }

    fn add(&self, line: &str, figure: &str, measured: &str, goal: &str, met: bool) {
        let row = Row {
            line: line.to_owned(),
            figure: figure.to_owned(),
            measured: measured.lines().next().unwrap_or("").to_owned(),
            goal: goal.to_owned(),
            met,
        };
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(row);
    }

    /// Prints it, if anything was tried.
    pub(crate) fn print(&self, form: Form) {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rows.is_empty() {
            return;
        }
        rows.sort_by_key(|row| {
            let (kind, number) = row.line.split_at(1);
            (kind.to_owned(), number.parse::<u32>().unwrap_or(u32::MAX))
        });
        println!("| | figure | measured | goal | |");
        println!("| --- | --- | --- | --- | --- |");
        for row in rows.iter() {
            println!(
                "| {} | {} | {} | {} | {} |",
                row.line,
                row.figure,
                row.measured.replace('|', "\\|"),
                row.goal,
                if row.met { "met" } else { "**missed**" }
            );
        }
        println!("\nSHOPTALK_TRIALS_SEED={}", form.seed);
    }
}

impl Line {
    /// A row of another line, that this trial shows too.
    pub(crate) fn row(&self, line: &str, figure: &str, measured: &str, met: bool) {
        self.table.add(line, figure, measured, "", met);
    }

    /// A figure of the line. A goal that is missed is an error.
    pub(crate) fn figure(
        &self,
        figure: &str,
        measured: impl std::fmt::Display,
        goal: &str,
        met: bool,
    ) -> anyhow::Result<()> {
        let measured = measured.to_string();
        if !met {
            // The trial's failure is its row.
            anyhow::bail!("{figure}: {measured}, and the goal is {goal}");
        }
        self.table.add(self.line, figure, &measured, goal, met);
        Ok(())
    }
}
