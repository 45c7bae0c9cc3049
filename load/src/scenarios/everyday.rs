use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use super::Setup;
use super::contender::Contender;
use crate::conversations::{Joined, Layout, Timetable};
use crate::report::{Goal, millis};

const CONSOLES: usize = 10;
const ROOMS: usize = 50;
/// Messages of all rooms, half of them agents' answers.
const PER_SECOND: f64 = 20.0;
/// How long one turn is.
const TURN: Duration = Duration::from_secs(10);

/// A shop's everyday: ten agents, fifty conversations, twenty messages a second.
pub(crate) async fn everyday(setup: &mut Setup, rounds: usize) -> Result<()> {
    let layout = Layout {
        rooms: ROOMS,
        consoles: CONSOLES,
        joined: Joined::Own,
    };
    let mut contenders = Contender::all(setup, layout).await?;
    for one in &mut contenders {
        // The first message of a room finds cold caches, once.
        one.participants.fixed(timetable(1)).await?;
        one.participants.states_arrive().await?;
        one.warm()?;
    }
    let each = PER_SECOND * TURN.as_secs_f64() / (2 * ROOMS) as f64;
    for _ in 0..rounds {
        for one in &mut contenders {
            one.turn(async |participants| participants.fixed(timetable(each.round() as u32)).await)
                .await?;
            one.participants.states_arrive().await?;
            one.end_turn()?;
        }
    }
    let report = &mut setup.report;
    let where_ = format!("{CONSOLES} consoles, {ROOMS} rooms, {PER_SECOND} /s");
    for one in contenders {
        let whole = one.whole()?;
        let mut add = |what: &str, value: f64, goal: Goal| {
            let figure = one.figure(&format!("{where_}: {what}"));
            report.add("everyday", figure, value, "ms", goal);
        };
        let [customers, agents] = &whole.ack;
        let goal = if one.ours {
            Goal::AtMost(3.0)
        } else {
            Goal::None
        };
        add("agent's ack p50", millis(agents, 0.5), Goal::None);
        add("agent's ack p99", millis(agents, 0.99), goal);
        add("customer's ack p50", millis(customers, 0.5), Goal::None);
        add("customer's ack p99", millis(customers, 0.99), Goal::None);
        add(
            "to the other side p50",
            millis(&whole.across, 0.5),
            Goal::None,
        );
        add(
            "to the other side p99",
            millis(&whole.across, 0.99),
            Goal::None,
        );
        if one.ours {
            let what = "a room's state at the consoles, age";
            add(
                &format!("{what} p50"),
                millis(&whole.state, 0.5),
                Goal::None,
            );
            add(
                &format!("{what} p99"),
                millis(&whole.state, 0.99),
                Goal::None,
            );
        }
        one.report_cpu(report, "everyday", &where_, (whole.messages, "message"));
        one.end(report, "everyday", &where_).await?;
    }
    Ok(())
}

fn timetable(each: u32) -> Timetable {
    Timetable {
        start: Instant::now() + Duration::from_millis(20),
        gap: Duration::from_secs_f64((2 * ROOMS) as f64 / PER_SECOND),
        each,
        // As long as between four messages: some come together, as in a shop.
        jitter: Duration::from_secs_f64(4.0 / PER_SECOND),
        window: 16,
        from_due: false,
    }
}
