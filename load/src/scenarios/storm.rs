use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;

use super::Bench;
use crate::people::{Customer, Ticket};
use crate::report::Goal;
use crate::server::Server;
use crate::tally::Tally;

/// Everybody connects, the server is killed, and everybody is back at once, without any jitter.
pub(crate) async fn storm(bench: &mut Bench, visitors: usize) -> Result<()> {
    let dir = bench.directory()?;
    let server = Server::start(&bench.target, dir.path()).await?;
    let addr = server.addr;
    let tally = Arc::new(Tally::default());
    let tickets = Ticket::many(addr, visitors).await?;
    let everybody = |seqs: Vec<u64>| {
        let (tickets, tally) = (tickets.clone(), tally.clone());
        async move {
            let started = Instant::now();
            let mut arrivals = JoinSet::new();
            for (ticket, seq) in tickets.into_iter().zip(seqs) {
                arrivals.spawn(Customer::arrive(addr, ticket, seq, tally.clone()));
            }
            let (mut live, mut errors) = (Vec::new(), 0);
            while let Some(arrived) = arrivals.join_next().await {
                match arrived? {
                    Ok(customer) => live.push(customer),
                    Err(_) => errors += 1,
                }
            }
            Ok::<_, anyhow::Error>((live, errors, started.elapsed()))
        }
    };
    let (live, errors, took) = everybody(vec![0; visitors]).await?;
    report(bench, "first connect", visitors, errors, took);
    drop(live);
    let server = server.restart().await?;
    let (live, errors, took) = everybody(vec![0; visitors]).await?;
    report(
        bench,
        "back after a kill, from the ready line",
        visitors,
        errors,
        took,
    );
    bench.report.tally("storm", &tally);
    drop(live);
    server.stop().await
}

fn report(bench: &mut Bench, what: &str, visitors: usize, errors: usize, took: Duration) {
    let report = &mut bench.report;
    report.add(
        "storm",
        format!("{visitors} visitors, {what}: all live"),
        took.as_secs_f64(),
        "s",
        Goal::AtMost(5.0),
    );
    report.add(
        "storm",
        format!("{what}: errors"),
        errors as f64,
        "",
        Goal::AtMost(0.0),
    );
}
