use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use super::Setup;
use crate::conversations::{Conversations, Joined, Layout, Measured, Timetable};
use crate::delivery_check::DeliveryCheck;
use crate::report::{Goal, median, millis};
use crate::server::{Server, Target};

/// What p99 may be, from the moment a message was due to the other side.
const P99_MS: f64 = 100.0;
const STEP: Duration = Duration::from_secs(2);
/// Posts that may be without an answer, of all sockets together: half of the queue that a server
/// has when it cannot keep up, and past which it refuses.
const IN_FLIGHT: usize = 2_048;

/// Rooms of a customer and an agent at a console, who post at fixed times: the highest rate that
/// arrives in time. Shoptalk and the peer take turns, and the median counts.
pub(crate) async fn rates(setup: &mut Setup, rooms: usize, rounds: usize) -> Result<()> {
    let contenders = setup.targets();
    let mut found: Vec<Vec<[f64; 3]>> = vec![Vec::new(); contenders.len()];
    let check = Arc::new(DeliveryCheck::default());
    let mut closed = vec![Measured::sum(&[])?; contenders.len()];
    for _ in 0..rounds {
        for (place, (_, target)) in contenders.iter().enumerate() {
            let highest = highest(setup, target, rooms, &check, &mut closed[place]).await?;
            found[place].push(highest);
        }
    }
    for (place, (ours, _)) in contenders.iter().enumerate() {
        let of = |what: usize| median(found[place].iter().map(|round| round[what]).collect());
        let figure = |what: &str| {
            let who = if *ours { "" } else { "the peer, " };
            format!("{who}{rooms} rooms of two: {what}")
        };
        let report = &mut setup.report;
        let goal = if *ours && rooms == 200 {
            Goal::AtLeast(30_000.0)
        } else {
            Goal::None
        };
        report.add(
            "rates",
            figure("highest rate with p99 below 100 ms"),
            of(0),
            "/s",
            goal,
        );
        report.add("rates", figure("p99 at that rate"), of(1), "ms", Goal::None);
        report.add(
            "rates",
            figure("server CPU per message at that rate"),
            of(2),
            "µs",
            Goal::None,
        );
        for (what, count) in closed[place].closings() {
            report.add("rates", figure(what), count as f64, "", Goal::AtMost(0.0));
        }
    }
    setup.report.check("rates", &check);
    Ok(())
}

/// The highest rate to a tenth, its p99 in milliseconds and the processor time of a message in
/// microseconds.
async fn highest(
    setup: &Setup,
    target: &Target,
    rooms: usize,
    check: &Arc<DeliveryCheck>,
    closed: &mut Measured,
) -> Result<[f64; 3]> {
    let dir = setup.directory()?;
    let server = Server::start(target, dir.path()).await?;
    let process = server.process()?;
    let layout = Layout {
        rooms,
        consoles: rooms,
        joined: Joined::Own,
    };
    let mut pairs = Conversations::start(&server, layout, check).await?;
    let (mut good, mut bad) = ([0.0; 3], f64::INFINITY);
    let mut rate = 1_000.0;
    // A step is at least one post more of each side of each room.
    let finest = 2.0 * rooms as f64 / STEP.as_secs_f64();
    while bad / good[0] > 1.1 && bad - good[0] > finest && rate < 1e6 {
        let senders = 2.0 * rooms as f64;
        let each = (rate * STEP.as_secs_f64() / senders).round().max(1.0) as u32;
        rate = f64::from(each) * senders / STEP.as_secs_f64();
        let before = process.cpu_seconds()?;
        let timetable = Timetable {
            start: Instant::now() + Duration::from_millis(20),
            gap: STEP / each,
            each,
            jitter: Duration::ZERO,
            window: (IN_FLIGHT / (2 * rooms)).max(1),
            from_due: true,
        };
        pairs.fixed(timetable).await?;
        let cpu = process.cpu_seconds()? - before;
        let measured = pairs.take()?;
        let p99 = millis(&measured.across, 0.99);
        if p99 < P99_MS {
            good = [rate, p99, cpu / measured.messages as f64 * 1e6];
        } else {
            bad = rate;
        }
        closed.add(&Measured::closed_only(measured)?)?;
        rate = if bad.is_finite() {
            (good[0] + bad) / 2.0
        } else {
            rate * 2.0
        };
    }
    drop(pairs);
    server.stop().await?;
    Ok(good)
}
