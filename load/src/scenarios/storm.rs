use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;

use super::Setup;
use crate::clients::{OpenRoom, Visitor};
use crate::delivery_check::DeliveryCheck;
use crate::report::Goal;
use crate::server::Server;

/// All visitors connect, the server is killed, and all reconnect at once, without any jitter.
pub(crate) async fn storm(setup: &mut Setup, visitors: usize) -> Result<()> {
    let dir = setup.directory()?;
    let server = Server::start(&setup.target, dir.path()).await?;
    let addr = server.addr;
    let check = Arc::new(DeliveryCheck::default());
    let rooms = OpenRoom::many(addr, visitors).await?;
    let everybody = |seqs: Vec<u64>| {
        let (rooms, check) = (rooms.clone(), check.clone());
        async move {
            let started = Instant::now();
            let mut arrivals = JoinSet::new();
            for (room, seq) in rooms.into_iter().zip(seqs) {
                arrivals.spawn(Visitor::connect(addr, room, seq, check.clone()));
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
    report(setup, "first connect", visitors, errors, took);
    drop(live);
    let server = server.restart().await?;
    let (live, errors, took) = everybody(vec![0; visitors]).await?;
    report(
        setup,
        "back after a kill, from the ready line",
        visitors,
        errors,
        took,
    );
    setup.report.check("storm", &check);
    drop(live);
    server.stop().await
}

fn report(setup: &mut Setup, what: &str, visitors: usize, errors: usize, took: Duration) {
    let report = &mut setup.report;
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
