use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::Setup;
use super::closed_loop::closed_loop;
use crate::clients::Visitor;
use crate::delivery_check::DeliveryCheck;
use crate::report::Goal;
use crate::server::Server;

/// Talk without a pause; what matters is that nothing is lost and memory stands still.
pub(crate) async fn soak(setup: &mut Setup, rooms: usize, time: Duration) -> Result<()> {
    let dir = setup.directory()?;
    let server = Server::start(&setup.target, dir.path()).await?;
    let process = server.process()?;
    let check = Arc::new(DeliveryCheck::default());
    let mut customers = Visitor::many(server.addr, rooms, &check).await?;
    let started = Instant::now();
    let (mut acked, mut memory) = (0, Vec::new());
    while started.elapsed() < time {
        let (back, round) = closed_loop(customers, time / 20).await?;
        customers = back;
        acked += round.acked;
        memory.push(process.resident_bytes()? as f64 / 1e6);
    }
    let report = &mut setup.report;
    report.add(
        "soak",
        "durable acked",
        acked as f64,
        "messages",
        Goal::None,
    );
    let early = memory[memory.len() / 4];
    report.add("soak", "resident after a quarter", early, "MB", Goal::None);
    report.add(
        "soak",
        "resident at the end",
        memory[memory.len() - 1],
        "MB",
        Goal::AtMost(early * 1.2),
    );
    report.check("soak", &check);
    server.stop().await
}
