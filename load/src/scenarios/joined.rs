use std::time::Duration;

use anyhow::Result;

use super::Setup;
use super::contender::{Contender, ratio};
use crate::conversations::{Joined, Layout};
use crate::report::{Goal, median, millis};

const WARM_UP: Duration = Duration::from_secs(1);
const SLICE: Duration = Duration::from_millis(1_500);
const ROUNDS: usize = 5;
/// Posts of the posting console that are without an ack.
const IN_FLIGHT: usize = 4;

/// One room that all consoles have joined; one of them posts.
pub(crate) async fn joined(setup: &mut Setup, consoles: usize) -> Result<()> {
    let layout = Layout {
        rooms: 1,
        consoles,
        joined: Joined::Together,
    };
    let mut contenders = Contender::all(setup, layout).await?;
    for one in &mut contenders {
        one.participants.broadcast(WARM_UP, IN_FLIGHT).await?;
        one.warm()?;
    }
    let mut rates = vec![Vec::new(); contenders.len()];
    for _ in 0..ROUNDS {
        for (at, one) in contenders.iter_mut().enumerate() {
            let rate = one
                .turn(async |participants| participants.broadcast(SLICE, IN_FLIGHT).await)
                .await?;
            one.end_turn()?;
            rates[at].push(rate);
        }
    }
    let report = &mut setup.report;
    let where_ = format!("{consoles} consoles in one room");
    for (at, one) in contenders.into_iter().enumerate() {
        let whole = one.whole()?;
        let acks = &whole.ack[1];
        let goal = if one.ours && consoles == 100 {
            Goal::AtLeast(400_000.0)
        } else {
            Goal::None
        };
        let mut add = |what: &str, value: f64, unit: &'static str, goal: Goal| {
            let figure = one.figure(&format!("{where_}: {what}"));
            report.add("joined", figure, value, unit, goal);
        };
        add("deliveries", median(rates[at].clone()), "/s", goal);
        add("ack p50", millis(acks, 0.5), "ms", Goal::None);
        add("ack p99", millis(acks, 0.99), "ms", Goal::None);
        if !one.ours {
            let figure = format!("{where_}: deliveries, × peer");
            let ratio = ratio(&rates[0], &rates[at]);
            report.add("joined", figure, ratio, "", Goal::None);
        }
        let deliveries = acks.len() * consoles as u64;
        one.report_cpu(report, "joined", &where_, (deliveries, "delivery"));
        one.end(report, "joined", &where_).await?;
    }
    Ok(())
}
