//! The time from a message's ack to its arrival at a socket on another node.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::clients::{OpenRoom, Visitor};
use crate::delivery_check::DeliveryCheck;

/// How long messages are posted.
const TIME: Duration = Duration::from_secs(8);
/// How long the last messages may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How fast all rooms together are posted to.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// At fixed times.
    PerSecond(f64),
    /// As fast as the posts are acked.
    Saturated,
}

/// Posts in as many rooms, each on one node, and reads on the next one. Returns the delays in
/// microseconds, and how many messages were acked per second.
pub(crate) async fn deliveries(
    nodes: Vec<SocketAddr>,
    rooms: usize,
    pace: Pace,
    check: &Arc<DeliveryCheck>,
) -> Result<(Histogram<u64>, f64)> {
    let mut customers = Vec::new();
    for (at, room) in OpenRoom::many(nodes[0], rooms)
        .await?
        .into_iter()
        .enumerate()
    {
        let node = |place: usize| nodes[place % nodes.len()];
        let poster = Visitor::connect(node(at), room.clone(), 0, check.clone()).await?;
        let reader = Visitor::connect(node(at + 1), room, 0, check.clone()).await?;
        customers.push((poster, reader));
    }
    let started = Instant::now() + Duration::from_millis(50);
    let mut tasks = JoinSet::new();
    for (at, (poster, reader)) in customers.into_iter().enumerate() {
        let gap = match pace {
            Pace::PerSecond(all) => Duration::from_secs_f64(rooms as f64 / all),
            Pace::Saturated => Duration::ZERO,
        };
        let first = started + gap.mul_f64(at as f64 / rooms as f64);
        let (posted, total) = watch::channel(None);
        tasks.spawn(async move {
            let reading = tokio::spawn(read(reader, total));
            let acked = post(poster, first, gap, started + TIME).await?;
            posted.send_replace(Some(acked.len()));
            anyhow::Ok((acked, reading.await??))
        });
    }
    let mut delays = Histogram::new(3)?;
    let mut messages = 0;
    while let Some(done) = tasks.join_next().await {
        let (acked, shown) = done??;
        messages += acked.len();
        for (shown, acked) in shown.iter().zip(&acked) {
            let delay = shown.saturating_duration_since(*acked);
            delays.record(delay.as_micros() as u64)?;
        }
    }
    Ok((delays, messages as f64 / TIME.as_secs_f64()))
}

/// Posts one message after the other, and returns when each was acked.
async fn post(
    mut poster: Visitor,
    first: Instant,
    gap: Duration,
    end: Instant,
) -> Result<Vec<Instant>> {
    let mut acked = Vec::new();
    let mut due = first;
    while Instant::now() < end {
        sleep_until(due).await;
        due += gap;
        poster.send_post().await?;
        poster.next_ack().await?;
        acked.push(Instant::now());
    }
    Ok(acked)
}

/// Reads until all that was posted has come, and returns when each message did.
async fn read(
    mut reader: Visitor,
    mut total: watch::Receiver<Option<usize>>,
) -> Result<Vec<Instant>> {
    let mut shown = Vec::new();
    let mut end = Instant::now() + 2 * TIME + PATIENCE;
    loop {
        let all = *total.borrow_and_update();
        if all.is_some_and(|all| shown.len() >= all) {
            return Ok(shown);
        }
        let before = reader.last_seq;
        tokio::select! {
            frame = reader.take_frame() => { frame?; }
            _ = total.changed(), if all.is_none() => end = Instant::now() + PATIENCE,
            () = sleep_until(end) => anyhow::bail!("a message never reached the other node"),
        }
        shown.extend((before..reader.last_seq).map(|_| Instant::now()));
    }
}
