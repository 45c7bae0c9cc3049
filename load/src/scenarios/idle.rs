use std::sync::Arc;

use anyhow::Result;

use super::Setup;
use crate::clients::Visitor;
use crate::delivery_check::DeliveryCheck;
use crate::report::{Goal, median};
use crate::server::Server;

/// Starts; the median of their times is reported.
const STARTS: usize = 5;

/// The memory of the process alone, and what each idle visitor with a loaded room adds.
pub(crate) async fn idle(setup: &mut Setup, visitors: usize) -> Result<f64> {
    let dir = setup.directory()?;
    let mut ready = Vec::new();
    for _ in 0..STARTS {
        let server = Server::start(&setup.target, dir.path()).await?;
        ready.push(server.ready_in.as_secs_f64() * 1_000.0);
        server.stop().await?;
    }
    let server = Server::start(&setup.target, dir.path()).await?;
    let process = server.process()?;
    let alone = process.resident_bytes()?;
    let check = Arc::new(DeliveryCheck::default());
    let customers = Visitor::many(server.addr, visitors, &check).await?;
    let crowded = process.resident_bytes()?;
    let report = &mut setup.report;
    report.add(
        "idle",
        "ready on an existing database",
        median(ready),
        "ms",
        Goal::None,
    );
    report.add(
        "idle",
        "the process alone, resident",
        alone as f64 / 1e6,
        "MB",
        Goal::AtMost(12.0),
    );
    report.add(
        "idle",
        format!("each of {visitors} idle visitors"),
        (crowded - alone) as f64 / visitors as f64,
        "bytes",
        if visitors == 10_000 {
            Goal::AtMost(16_384.0)
        } else {
            Goal::None
        },
    );
    report.add(
        "idle",
        format!("the process with {visitors} of them"),
        crowded as f64 / 1e6,
        "MB",
        if visitors == 10_000 {
            Goal::AtMost(170.0)
        } else {
            Goal::None
        },
    );
    drop(customers);
    server.stop().await?;
    Ok(crowded as f64 / 1e6)
}
