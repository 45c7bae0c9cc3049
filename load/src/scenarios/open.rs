use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::Setup;
use crate::clients::Visitor;
use crate::delivery_check::DeliveryCheck;
use crate::report::Goal;
use crate::server::Server;

/// The p99 has to stay below this; counted from when a message was due to its ack.
const P99_MS: f64 = 100.0;
const STEP: Duration = Duration::from_secs(2);
/// Posts of all sockets that may be without an ack: half of the writer's queue, since the server
/// refuses posts when that is full.
const IN_FLIGHT: usize = 2_048;

/// Posts come at fixed times, whether the server keeps up or not, and each is timed from when
/// it was due: a server that stalls is charged for all that waited meanwhile.
async fn fixed_rate(
    customers: Vec<Visitor>,
    per_second: f64,
) -> Result<(Vec<Visitor>, Histogram<u64>)> {
    let started = Instant::now() + Duration::from_millis(20);
    let window = (IN_FLIGHT / customers.len()).max(1);
    let count = customers.len() as f64;
    let each = (per_second * STEP.as_secs_f64() / count).round() as u32;
    let gap = STEP / each.max(1);
    let mut tasks = JoinSet::new();
    for (at, mut customer) in customers.into_iter().enumerate() {
        let first = started + gap.mul_f64(at as f64 / count);
        tasks.spawn(async move {
            let mut latency = Histogram::<u64>::new(3)?;
            let mut due = (0..each).map(|n| first + gap * n).peekable();
            let mut in_flight = VecDeque::new();
            while due.peek().is_some() || !in_flight.is_empty() {
                let next = due.peek().copied().filter(|_| in_flight.len() < window);
                let wake = next.unwrap_or_else(|| Instant::now() + Duration::from_secs(3_600));
                tokio::select! {
                    biased;
                    () = sleep_until(wake), if next.is_some() => {
                        in_flight.extend(due.next());
                        customer.send_post().await?;
                    }
                    acked = customer.take_frame(), if !in_flight.is_empty() => {
                        if acked?.is_some() && let Some(due) = in_flight.pop_front() {
                            latency.record(due.elapsed().as_micros() as u64)?;
                        }
                    }
                }
            }
            Ok::<_, anyhow::Error>((customer, latency))
        });
    }
    let mut back = Vec::new();
    let mut latency = Histogram::<u64>::new(3)?;
    while let Some(finished) = tasks.join_next().await {
        let (customer, own) = finished??;
        back.push(customer);
        latency.add(own)?;
    }
    Ok((back, latency))
}

/// Searches the highest rate at which the p99 stays below 100 ms, to within a tenth.
pub(crate) async fn open(setup: &mut Setup, rooms: usize) -> Result<()> {
    let dir = setup.directory()?;
    let server = Server::start(&setup.target, dir.path()).await?;
    let check = Arc::new(DeliveryCheck::default());
    let mut customers = Visitor::many(server.addr, rooms, &check).await?;
    let (mut good, mut bad) = ((0.0, 0.0), f64::INFINITY);
    let mut rate = 1_000.0;
    while bad / good.0 > 1.1 && rate < 1e6 {
        let (back, latency) = fixed_rate(customers, rate).await?;
        customers = back;
        let p99 = latency.value_at_quantile(0.99) as f64 / 1_000.0;
        if p99 < P99_MS {
            good = (rate, p99);
        } else {
            bad = rate;
        }
        rate = if bad.is_finite() {
            (good.0 + bad) / 2.0
        } else {
            rate * 2.0
        };
    }
    setup.report.add(
        "open",
        format!("{rooms} rooms: highest rate with p99 below {P99_MS} ms"),
        good.0,
        "/s",
        Goal::None,
    );
    setup
        .report
        .add("open", "p99 at that rate", good.1, "ms", Goal::None);
    setup.report.check("open", &check);
    server.stop().await
}
