use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::Value;

use super::Setup;
use super::closed_loop::closed_loop;
use super::rounds::Rounds;
use crate::clients::Visitor;
use crate::delivery_check::DeliveryCheck;
use crate::raw::Inserter;
use crate::report::Goal;
use crate::server::Server;

/// Rooms of the stored messages.
const ROOMS: usize = 10_000;
/// How long customers post without a report, before each.
const ROUND: Duration = Duration::from_secs(3);
/// The day on which the stored messages were written.
const DAY: &str = "2023-11-14";

/// Reports over all stored messages, one after the other, beside customers who post as fast as they
/// are answered; against the same without reports, in turns.
pub(crate) async fn reports(
    setup: &mut Setup,
    senders: usize,
    messages: usize,
    wanted: usize,
) -> Result<()> {
    let dir = setup.directory()?;
    let data = dir.path().join("data");
    let rooms = ROOMS.min(messages);
    let inserter = Inserter::new(&data, rooms).await?;
    tokio::task::block_in_place(|| inserter.fill(messages))?;
    let server = Server::start(&setup.target, &data).await?;
    let token = server.sign_in().await?;
    let check = Arc::new(DeliveryCheck::default());
    let mut customers = Visitor::many(server.addr, senders, &check).await?;
    customers = closed_loop(customers, ROUND).await?.0;
    let mut alone = Rounds::default();
    let mut beside = Rounds::default();
    let mut longest = Duration::ZERO;
    for _ in 0..wanted {
        let (back, round) = closed_loop(customers, ROUND).await?;
        alone.add(&round)?;
        let making = make_report(&server, &token, rooms, messages);
        let (back, time) = beside.post_during(back, making).await?;
        customers = back;
        longest = longest.max(time);
    }
    drop(customers);
    server.stop().await?;
    let report = &mut setup.report;
    let mut add = |what: &str, value: f64, unit: &'static str, goal: Goal| {
        let name = format!("{senders} senders, {messages} messages: {what}");
        report.add("reports", name, value, unit, goal);
    };
    add("reports, all of them right", wanted as f64, "", Goal::None);
    add("the longest", longest.as_secs_f64(), "s", Goal::None);
    add(
        "durable acked without a report",
        alone.per_second(),
        "/s",
        Goal::None,
    );
    add(
        "durable acked beside reports",
        beside.per_second(),
        "/s",
        Goal::None,
    );
    add("ack p99 without a report", alone.p99_ms(), "ms", Goal::None);
    add("ack p99 beside reports", beside.p99_ms(), "ms", Goal::None);
    let ratio = beside.p99_ms() / alone.p99_ms();
    add("ack p99, ratio", ratio, "", Goal::AtMost(2.0));
    report.check("reports", &check);
    Ok(())
}

/// Makes a report of everything that was stored, and counts again. Returns how long it took.
async fn make_report(
    server: &Server,
    token: &str,
    rooms: usize,
    messages: usize,
) -> Result<Duration> {
    let url = format!(
        "http://{}/api/admin/reports/?by=agent&from={DAY}&to={DAY}",
        server.addr
    );
    let began = Instant::now();
    let call = reqwest::Client::new().get(url).bearer_auth(token);
    let report: Value = call.send().await?.error_for_status()?.json().await?;
    let time = began.elapsed();
    let total = &report["total"];
    for (figure, expected) in [
        (&total["conversations"], rooms),
        (&total["unanswered"], rooms),
        (&total["messages"]["customer"], messages),
    ] {
        ensure!(
            *figure == expected,
            "the report says {figure} instead of {expected}"
        );
    }
    Ok(time)
}
