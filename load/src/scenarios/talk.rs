use std::time::Duration;

use anyhow::Result;

use super::Setup;
use super::contender::{Contender, ratio};
use crate::conversations::{Joined, Layout};
use crate::report::{Goal, median, millis};

const WARM_UP: Duration = Duration::from_secs(2);
/// How long each server is measured in one round.
const SLICE: Duration = Duration::from_millis(1_500);
/// Shoptalk and the peer take turns, and the median counts.
const ROUNDS: usize = 5;

/// What is asked of a number of pairs.
struct Goals {
    /// Messages a second, in those of the peer.
    rate: Goal,
    /// The median to the other side, in that of the peer.
    p50: Goal,
    /// How old a room's state at a console may be, in milliseconds.
    state_ms: Goal,
}

fn goals(pairs: usize) -> Goals {
    let (rate, p50) = match pairs {
        1 => (Goal::None, Goal::AtMost(1.2)),
        50 => (Goal::AtLeast(4.0), Goal::None),
        500 => (Goal::AtLeast(3.5), Goal::None),
        _ => (Goal::None, Goal::None),
    };
    let state_ms = if pairs <= 50 { 250.0 } else { 1_000.0 };
    Goals {
        rate,
        p50,
        state_ms: Goal::AtMost(state_ms),
    }
}

/// Pairs of a customer and an agent at a console of its own. Each waits for the other's message
/// and then posts.
pub(crate) async fn talk(setup: &mut Setup, pairs: usize) -> Result<()> {
    let layout = Layout {
        rooms: pairs,
        consoles: pairs,
        joined: Joined::Own,
    };
    let mut contenders = Contender::all(setup, layout).await?;
    for one in &mut contenders {
        one.participants.alternate(WARM_UP).await?;
        one.participants.states_arrive().await?;
        one.warm()?;
    }
    // Of each round: messages a second, and the median to the other side in microseconds.
    let mut rates = vec![Vec::new(); contenders.len()];
    let mut p50s = vec![Vec::new(); contenders.len()];
    let mut old = 0;
    for _ in 0..ROUNDS {
        for (at, one) in contenders.iter_mut().enumerate() {
            let rate = one
                .turn(async |participants| participants.alternate(SLICE).await)
                .await?;
            old += one.participants.states_arrive().await?;
            let measured = one.end_turn()?;
            rates[at].push(rate);
            p50s[at].push(measured.across.value_at_quantile(0.5) as f64);
        }
    }
    let (goals, report) = (goals(pairs), &mut setup.report);
    let where_ = format!("{pairs} pairs");
    for (at, one) in contenders.into_iter().enumerate() {
        let whole = one.whole()?;
        let mut add = |what: &str, value: f64, unit: &'static str, goal: Goal| {
            let figure = one.figure(&format!("{where_}: {what}"));
            report.add("talk", figure, value, unit, goal);
        };
        add("messages", median(rates[at].clone()), "/s", Goal::None);
        let across = |q| millis(&whole.across, q);
        add("to the other side p50", across(0.5), "ms", Goal::None);
        add("to the other side p99", across(0.99), "ms", Goal::None);
        let mut ack = whole.ack[0].clone();
        ack.add(&whole.ack[1])?;
        add("own ack p50", millis(&ack, 0.5), "ms", Goal::None);
        add("own ack p99", millis(&ack, 0.99), "ms", Goal::None);
        if one.ours {
            let state = |q| millis(&whole.state, q);
            let what = "a room's state at the consoles, age";
            add(&format!("{what} p50"), state(0.5), "ms", Goal::None);
            add(&format!("{what} p99"), state(0.99), "ms", Goal::None);
            add(
                &format!("{what}, maximum"),
                state(1.0),
                "ms",
                goals.state_ms,
            );
            let arrival = millis(&whole.arrival, 0.99);
            let what = "newest message of a state on arrival, age p99";
            add(what, arrival, "ms", Goal::None);
            add("states that never came", old as f64, "", Goal::AtMost(0.0));
        } else {
            let ratios = [
                ("messages", ratio(&rates[0], &rates[at]), goals.rate),
                (
                    "p50 to the other side",
                    ratio(&p50s[0], &p50s[at]),
                    goals.p50,
                ),
            ];
            for (what, ratio, goal) in ratios {
                let figure = format!("{where_}: {what}, × peer");
                report.add("talk", figure, ratio, "", goal);
            }
        }
        one.report_cpu(report, "talk", &where_, (whole.messages, "message"));
        one.end(report, "talk", &where_).await?;
    }
    Ok(())
}
