use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::Bench;
use crate::conversations::{Conversations, Joined, Measured, Seating};
use crate::report::{Goal, median, millis};
use crate::server::Server;
use crate::tally::Tally;

const WARM_UP: Duration = Duration::from_secs(1);
const SLICE: Duration = Duration::from_millis(1_500);
const ROUNDS: usize = 5;
/// Posts of one console that are without an answer.
const FLYING: usize = 4;

/// One room that so many consoles have joined; one of them posts.
pub(crate) async fn joined(bench: &mut Bench, consoles: usize) -> Result<()> {
    let mut sides = Vec::new();
    for (name, target) in bench.contestants() {
        let dir = bench.directory()?;
        let server = Server::start(&target, dir.path()).await?;
        let tally = Arc::new(Tally::default());
        let seating = Seating {
            rooms: 1,
            consoles,
            joined: Joined::Together,
        };
        let mut room = Conversations::start(&server, seating, &tally).await?;
        room.broadcast(WARM_UP, FLYING).await?;
        let warm = Measured::closed_only(room.take()?)?;
        sides.push((name, server, room, tally, vec![warm], Vec::new(), 0.0, dir));
    }
    for _ in 0..ROUNDS {
        for (_, server, room, _, measured, rates, cpu, _) in &mut sides {
            let before = server.process()?.cpu_seconds()?;
            let rate = room.broadcast(SLICE, FLYING).await?;
            *cpu += server.process()?.cpu_seconds()? - before;
            rates.push(rate);
            measured.push(room.take()?);
        }
    }
    let served: Vec<f64> = sides[0].5.clone();
    for (name, server, room, tally, measured, rates, cpu, _dir) in sides {
        let report = &mut bench.report;
        let whole = Measured::sum(&measured)?;
        let ours = name == "Shoptalk";
        let figure = |what: &str| {
            let who = if ours { "" } else { "the peer, " };
            format!("{who}{consoles} consoles in one room: {what}")
        };
        let goal = if ours && consoles == 100 {
            Goal::AtLeast(400_000.0)
        } else {
            Goal::None
        };
        let rate = median(rates.clone());
        report.add("joined", figure("deliveries"), rate, "/s", goal);
        if !ours {
            let each = served
                .iter()
                .zip(&rates)
                .map(|(ours, theirs)| ours / theirs);
            let ratio = median(each.collect());
            report.add(
                "joined",
                format!("{consoles} consoles in one room: deliveries, in those of the peer"),
                ratio,
                "",
                Goal::None,
            );
        }
        let acks = &whole.ack[1];
        report.add(
            "joined",
            figure("ack p50"),
            millis(acks, 0.5),
            "ms",
            Goal::None,
        );
        report.add(
            "joined",
            figure("ack p99"),
            millis(acks, 0.99),
            "ms",
            Goal::None,
        );
        let each = cpu / (acks.len() * consoles as u64) as f64 * 1e6;
        report.add(
            "joined",
            figure("server CPU a delivery"),
            each,
            "µs",
            Goal::None,
        );
        for (what, count) in whole.closings() {
            report.add("joined", figure(what), count as f64, "", Goal::AtMost(0.0));
        }
        report.tally("joined", &tally);
        drop(room);
        server.stop().await?;
    }
    Ok(())
}
