use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;

use super::Setup;
use super::closed_loop::closed_loop;
use crate::clients::Visitor;
use crate::delivery_check::DeliveryCheck;
use crate::report::Goal;
use crate::server::Server;

const TIME: Duration = Duration::from_secs(5);
/// Messages of the room that is read.
const MESSAGES: usize = 1_000;

/// Reads first pages while others post.
pub(crate) async fn history(setup: &mut Setup, posting: usize) -> Result<()> {
    let dir = setup.directory()?;
    let server = Server::start(&setup.target, dir.path()).await?;
    let check = Arc::new(DeliveryCheck::default());
    let mut customers = Visitor::many(server.addr, posting + 1, &check).await?;
    let Some(mut reader) = customers.pop() else {
        return Ok(());
    };
    for _ in 0..MESSAGES {
        reader.post().await?;
    }
    let writing = tokio::spawn(closed_loop(customers, TIME));
    let pages = first_pages(
        &format!(
            "http://{}/api/chat/rooms/{}/messages/?limit=50",
            server.addr, reader.room.room_id
        ),
        &reader.room.token,
        TIME,
    )
    .await?;
    let (customers, round) = writing.await??;
    let report = &mut setup.report;
    let name = |what: &str| format!("{posting} posting: {what}");
    let quantile = |q| pages.value_at_quantile(q) as f64 / 1_000.0;
    report.add(
        "history",
        name("first page p50"),
        quantile(0.5),
        "ms",
        Goal::None,
    );
    report.add(
        "history",
        name("first page p99"),
        quantile(0.99),
        "ms",
        Goal::None,
    );
    report.add(
        "history",
        name("durable acked during that time"),
        round.per_second,
        "/s",
        Goal::None,
    );
    report.check("history", &check);
    drop(customers);
    server.stop().await
}

/// Gets the same address over one connection, one after the other; in microseconds.
pub(crate) async fn first_pages(url: &str, token: &str, time: Duration) -> Result<Histogram<u64>> {
    let http = reqwest::Client::new();
    let mut times = Histogram::new(3)?;
    let started = Instant::now();
    while started.elapsed() < time {
        let before = Instant::now();
        http.get(url)
            .bearer_auth(token)
            .send()
            .await?
            .error_for_status()?
            .bytes()
            .await?;
        times.record(before.elapsed().as_micros() as u64)?;
    }
    Ok(times)
}
