use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use super::Bench;
use crate::conversations::{Conversations, Joined, Measured, Seating, Timetable};
use crate::report::{Goal, millis};
use crate::server::Server;
use crate::tally::Tally;

const CONSOLES: usize = 10;
const ROOMS: usize = 50;
/// Messages of all rooms, half of them agents' answers.
const PER_SECOND: f64 = 20.0;
/// How long one turn is.
const TURN: Duration = Duration::from_secs(10);

/// A shop's everyday: ten agents, fifty conversations, twenty messages a second.
pub(crate) async fn everyday(bench: &mut Bench, turns: usize) -> Result<()> {
    let mut sides = Vec::new();
    for (name, target) in bench.contestants() {
        let dir = bench.directory()?;
        let server = Server::start(&target, dir.path()).await?;
        let tally = Arc::new(Tally::default());
        let seating = Seating {
            rooms: ROOMS,
            consoles: CONSOLES,
            joined: Joined::Own,
        };
        let mut shop = Conversations::start(&server, seating, &tally).await?;
        // The first message of a room finds cold caches, once.
        shop.fixed(timetable(1)).await?;
        shop.take()?;
        sides.push((name, server, shop, tally, Vec::new(), 0.0, dir));
    }
    let each = PER_SECOND * TURN.as_secs_f64() / (2 * ROOMS) as f64;
    for _ in 0..turns {
        for (_, server, shop, _, measured, cpu, _) in &mut sides {
            let before = server.process()?.cpu_seconds()?;
            shop.fixed(timetable(each.round() as u32)).await?;
            *cpu += server.process()?.cpu_seconds()? - before;
            shop.states_arrive().await?;
            measured.push(shop.take()?);
        }
    }
    for (name, server, shop, tally, measured, cpu, _dir) in sides {
        let whole = Measured::sum(&measured)?;
        let ours = name == "Shoptalk";
        let report = &mut bench.report;
        let mut add = |what: &str, value: f64, unit: &'static str, goal: Goal| {
            let who = if ours { "" } else { "the peer, " };
            let figure = format!("{who}{CONSOLES} consoles, {ROOMS} rooms, 20 /s: {what}");
            report.add("everyday", figure, value, unit, goal);
        };
        let [customers, agents] = &whole.ack;
        let goal = if ours { Goal::AtMost(3.0) } else { Goal::None };
        add("agent's ack p50", millis(agents, 0.5), "ms", Goal::None);
        add("agent's ack p99", millis(agents, 0.99), "ms", goal);
        add(
            "customer's ack p50",
            millis(customers, 0.5),
            "ms",
            Goal::None,
        );
        add(
            "customer's ack p99",
            millis(customers, 0.99),
            "ms",
            Goal::None,
        );
        add(
            "to the other side p50",
            millis(&whole.across, 0.5),
            "ms",
            Goal::None,
        );
        add(
            "to the other side p99",
            millis(&whole.across, 0.99),
            "ms",
            Goal::None,
        );
        let each = cpu / whole.messages as f64 * 1e6;
        add("server CPU a message", each, "µs", Goal::None);
        if ours {
            let state = |q| millis(&whole.state, q);
            add(
                "a room's state at the consoles, age p50",
                state(0.5),
                "ms",
                Goal::None,
            );
            add(
                "a room's state at the consoles, age p99",
                state(0.99),
                "ms",
                Goal::None,
            );
        }
        for (what, count) in whole.closings() {
            add(what, count as f64, "", Goal::AtMost(0.0));
        }
        report.tally("everyday", &tally);
        drop(shop);
        server.stop().await?;
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
    }
}
