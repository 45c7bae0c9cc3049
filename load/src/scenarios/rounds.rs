use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;
use tokio::sync::watch;

use super::closed_loop::{Round, closed_loop};
use crate::clients::Visitor;

/// Customers post in slices of this length while something else is done.
const SLICE: Duration = Duration::from_millis(500);

/// What several rounds of posting brought.
#[derive(Default)]
pub(super) struct Rounds {
    acked: u64,
    seconds: f64,
    latency: Option<Histogram<u64>>,
}

impl Rounds {
    pub(super) fn add(&mut self, round: &Round) -> Result<()> {
        self.acked += round.acked;
        self.seconds += round.acked as f64 / round.per_second;
        match &mut self.latency {
            Some(latency) => latency.add(&round.latency)?,
            empty => *empty = Some(round.latency.clone()),
        }
        Ok(())
    }

    /// Customers post as fast as they are answered until something else is done, and what they
    /// measured is added.
    pub(super) async fn post_during<T>(
        &mut self,
        customers: Vec<Visitor>,
        work: impl Future<Output = Result<T>>,
    ) -> Result<(Vec<Visitor>, T)> {
        let (done, is_done) = watch::channel(false);
        let working = async {
            let outcome = work.await;
            done.send_replace(true);
            outcome
        };
        let posting = async {
            let mut customers = customers;
            while !*is_done.borrow() {
                let (back, round) = closed_loop(customers, SLICE).await?;
                self.add(&round)?;
                customers = back;
            }
            anyhow::Ok(customers)
        };
        let (customers, outcome) = tokio::join!(posting, working);
        Ok((customers?, outcome?))
    }

    pub(super) fn per_second(&self) -> f64 {
        self.acked as f64 / self.seconds
    }

    pub(super) fn p50_ms(&self) -> f64 {
        self.quantile_ms(0.5)
    }

    pub(super) fn p99_ms(&self) -> f64 {
        self.quantile_ms(0.99)
    }

    fn quantile_ms(&self, quantile: f64) -> f64 {
        self.latency.as_ref().map_or(f64::NAN, |latency| {
            latency.value_at_quantile(quantile) as f64 / 1_000.0
        })
    }
}
