use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::Bench;
use crate::conversations::{Conversations, Joined, Measured, Seating};
use crate::report::{Goal, Report, median, millis};
use crate::server::{Process, Server};
use crate::tally::Tally;

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

/// One server with its pairs, and what they have measured.
struct Side {
    name: &'static str,
    server: Server,
    process: Process,
    pairs: Conversations,
    tally: Arc<Tally>,
    /// Of each round: messages a second, the median to the other side in microseconds.
    rounds: Vec<[f64; 2]>,
    cpu: f64,
    /// Of the load generator, meanwhile.
    own_cpu: f64,
    measured: Vec<Measured>,
    old: usize,
    _dir: tempfile::TempDir,
}

/// Pairs of a customer and an agent at a console of its own. Each waits for the other's message
/// and then posts.
pub(crate) async fn consoles(bench: &mut Bench, pairs: usize) -> Result<()> {
    let goals = goals(pairs);
    let mut sides = Vec::new();
    for (name, target) in bench.contestants() {
        let dir = bench.directory()?;
        let server = Server::start(&target, dir.path()).await?;
        let tally = Arc::new(Tally::default());
        let seating = Seating {
            rooms: pairs,
            consoles: pairs,
            joined: Joined::Own,
        };
        let mut pairs = Conversations::start(&server, seating, &tally).await?;
        pairs.alternate(WARM_UP).await?;
        pairs.states_arrive().await?;
        let warm = pairs.take()?;
        sides.push(Side {
            name,
            process: server.process()?,
            server,
            pairs,
            tally,
            rounds: Vec::new(),
            cpu: 0.0,
            own_cpu: 0.0,
            // Who is closed while it warms up is closed all the same.
            measured: vec![Measured::closed_only(warm)?],
            old: 0,
            _dir: dir,
        });
    }
    for _ in 0..ROUNDS {
        for side in &mut sides {
            let (before, own) = (side.process.cpu_seconds()?, Process::own().cpu_seconds()?);
            let rate = side.pairs.alternate(SLICE).await?;
            side.cpu += side.process.cpu_seconds()? - before;
            side.own_cpu += Process::own().cpu_seconds()? - own;
            side.old += side.pairs.states_arrive().await?;
            let measured = side.pairs.take()?;
            let p50 = measured.across.value_at_quantile(0.5) as f64;
            side.rounds.push([rate, p50]);
            side.measured.push(measured);
        }
    }
    let rounds: Vec<_> = sides.iter().map(|side| side.rounds.clone()).collect();
    for side in sides {
        let (name, served) = (side.name, &rounds[0]);
        tell(&mut bench.report, pairs, &side, &goals)?;
        if name != "Shoptalk" {
            let ratio = |of: usize| {
                let each = served.iter().zip(&side.rounds);
                median(each.map(|(ours, theirs)| ours[of] / theirs[of]).collect())
            };
            let figure = |what| format!("{pairs} pairs: {what}, in those of the peer");
            let report = &mut bench.report;
            report.add("consoles", figure("messages"), ratio(0), "", goals.rate);
            report.add(
                "consoles",
                figure("p50 to the other side"),
                ratio(1),
                "",
                goals.p50,
            );
        }
        drop(side.pairs);
        side.server.stop().await?;
    }
    Ok(())
}

fn tell(report: &mut Report, pairs: usize, side: &Side, goals: &Goals) -> Result<()> {
    let whole = Measured::sum(&side.measured)?;
    let shoptalk = side.name == "Shoptalk";
    let name = |what: &str| {
        let who = if shoptalk { "" } else { "the peer, " };
        format!("{who}{pairs} pairs: {what}")
    };
    let mut add = |what: &str, value: f64, unit: &'static str, goal: Goal| {
        report.add("consoles", name(what), value, unit, goal);
    };
    let rate = median(side.rounds.iter().map(|round| round[0]).collect());
    add("messages", rate, "/s", Goal::None);
    let across = |q| millis(&whole.across, q);
    add("to the other side p50", across(0.5), "ms", Goal::None);
    add("to the other side p99", across(0.99), "ms", Goal::None);
    let mut ack = whole.ack[0].clone();
    ack.add(&whole.ack[1])?;
    add("own ack p50", millis(&ack, 0.5), "ms", Goal::None);
    add("own ack p99", millis(&ack, 0.99), "ms", Goal::None);
    let each = side.cpu / whole.messages as f64 * 1e6;
    add("server CPU a message", each, "µs", Goal::None);
    let own = side.own_cpu / whole.messages as f64 * 1e6;
    add("the load generator's CPU a message", own, "µs", Goal::None);
    for (what, count) in whole.closings() {
        add(what, count as f64, "", Goal::AtMost(0.0));
    }
    if shoptalk {
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
        add(
            "a room's state at the consoles, age at most",
            state(1.0),
            "ms",
            goals.state_ms,
        );
        add(
            "newest message of a state on arrival, age p99",
            millis(&whole.arrival, 0.99),
            "ms",
            Goal::None,
        );
        add(
            "states that never came",
            side.old as f64,
            "",
            Goal::AtMost(0.0),
        );
    }
    report.tally("consoles", &side.tally);
    Ok(())
}
