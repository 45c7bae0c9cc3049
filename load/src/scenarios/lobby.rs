use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Setup;
use crate::clients::{Console, Visitor, summary_of};
use crate::delivery_check::DeliveryCheck;
use crate::report::Goal;
use crate::server::Server;
use crate::wire::kind;

const TIME: Duration = Duration::from_secs(5);
/// The time between two posts in a room.
const PACE: Duration = Duration::from_millis(500);

/// How long a console waited for the newest state of each room.
#[derive(Default)]
struct StateDelays {
    /// The newest acked seq of a room that no summary has shown yet, and since when.
    owed: HashMap<String, (u64, Instant)>,
    longest: Duration,
    /// The newest seq of a room that a summary has shown.
    received: HashMap<String, u64>,
    /// When summaries of a room came.
    times: HashMap<String, Vec<Instant>>,
}

/// Rooms with two messages a second each, and consoles that watch them.
pub(crate) async fn lobby(setup: &mut Setup, rooms: usize, consoles: usize) -> Result<f64> {
    let dir = setup.directory()?;
    let server = Server::start(&setup.target, dir.path()).await?;
    let process = server.process()?;
    let check = Arc::new(DeliveryCheck::default());
    let mut customers = Visitor::many(server.addr, rooms, &check).await?;
    for customer in &mut customers {
        customer.post().await?;
    }
    let before = process.cpu_seconds()?;
    let customers = post_in_turns(customers, None).await?;
    let cpu_before = process.cpu_seconds()? - before;
    let token = server.sign_in().await?;
    let delays = Arc::new(Mutex::new(StateDelays::default()));
    let (stop, stopped) = watch::channel(false);
    let mut watching = JoinSet::new();
    for number in 0..consoles {
        let mut console = Console::connect(server.addr, &token).await?;
        let (delays, mut stopped) = (delays.clone(), stopped.clone());
        watching.spawn(async move {
            loop {
                let frame = tokio::select! {
                    frame = console.wire.next() => frame?,
                    _ = stopped.changed() => return Ok::<_, anyhow::Error>(()),
                };
                match kind(frame) {
                    b"ping" => console.wire.send(r#"{"type":"pong"}"#).await?,
                    // One console's view is timed; the others are there for their cost.
                    b"summary" if number == 0 => {
                        if let Some((room, seq)) = summary_of(frame) {
                            delays
                                .lock()
                                .unwrap_or_else(PoisonError::into_inner)
                                .summary(room, seq);
                        }
                    }
                    _ => {}
                }
            }
        });
    }
    let before = process.cpu_seconds()?;
    let customers = post_in_turns(customers, (consoles > 0).then(|| delays.clone())).await?;
    let cpu = process.cpu_seconds()? - before;
    // The summaries of the last acks may still be on their way.
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.send_replace(true);
    while let Some(ended) = watching.join_next().await {
        ended??;
    }
    // The machine's speed drifts, so posting without consoles is measured before and after.
    let before = process.cpu_seconds()?;
    let customers = post_in_turns(customers, None).await?;
    let cpu_after = process.cpu_seconds()? - before;
    let cpu_alone = f64::midpoint(cpu_before, cpu_after);
    let delays = std::mem::take(&mut *delays.lock().unwrap_or_else(PoisonError::into_inner));
    let most = delays
        .times
        .values()
        .map(|times| most_in_a_second(times))
        .max();
    let longest = delays.longest.as_secs_f64() * 1_000.0;
    let share = 100.0 * (cpu - cpu_alone) / cpu;
    let report = &mut setup.report;
    let name = |what: &str| format!("{rooms} rooms, {consoles} consoles: {what}");
    let goal = |bound| {
        if consoles == 1 {
            Goal::AtMost(bound)
        } else {
            Goal::None
        }
    };
    report.add(
        "lobby",
        name("longest time from an ack to the newest state"),
        longest,
        "ms",
        goal(250.0),
    );
    report.add(
        "lobby",
        name("rooms never reported"),
        delays.owed.len() as f64,
        "",
        Goal::AtMost(0.0),
    );
    let most = most.unwrap_or(0) as f64;
    report.add(
        "lobby",
        name("summaries of one room in any second"),
        most,
        "",
        goal(4.0),
    );
    report.add(
        "lobby",
        name("summaries' share of the server's CPU"),
        share,
        "%",
        goal(10.0),
    );
    report.check("lobby", &check);
    drop(customers);
    server.stop().await?;
    Ok(cpu / TIME.as_secs_f64() * 100.0)
}

impl StateDelays {
    fn acked(&mut self, room: &str, seq: u64) {
        // A summary may be faster than the ack.
        if self
            .received
            .get(room)
            .is_some_and(|received| *received >= seq)
        {
            return;
        }
        self.owed.insert(room.to_owned(), (seq, Instant::now()));
    }

    fn summary(&mut self, room: String, seq: u64) {
        if let Some((owed, since)) = self.owed.get(&room)
            && seq >= *owed
        {
            self.longest = self.longest.max(since.elapsed());
            self.owed.remove(&room);
        }
        self.received.insert(room.clone(), seq);
        self.times.entry(room).or_default().push(Instant::now());
    }
}

async fn post_in_turns(
    customers: Vec<Visitor>,
    delays: Option<Arc<Mutex<StateDelays>>>,
) -> Result<Vec<Visitor>> {
    let started = Instant::now();
    let count = customers.len() as u32;
    let mut tasks = JoinSet::new();
    for (at, mut customer) in customers.into_iter().enumerate() {
        let delays = delays.clone();
        tasks.spawn(async move {
            let mut next = started + PACE * at as u32 / count;
            while next < started + TIME {
                tokio::time::sleep_until(next.into()).await;
                next += PACE;
                customer.send_post().await?;
                let acked = customer.next_ack().await?;
                if let Some(delays) = &delays {
                    delays
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .acked(&customer.room.room_id, acked);
                }
                while customer.last_seq < acked {
                    customer.take_frame().await?;
                }
            }
            Ok::<_, anyhow::Error>(customer)
        });
    }
    let mut back = Vec::new();
    while let Some(finished) = tasks.join_next().await {
        back.push(finished??);
    }
    Ok(back)
}

fn most_in_a_second(times: &[Instant]) -> usize {
    let in_second = |(at, first): (usize, &Instant)| {
        let within = times[at..].iter();
        within
            .take_while(|time| time.duration_since(*first) < Duration::from_secs(1))
            .count()
    };
    times.iter().enumerate().map(in_second).max().unwrap_or(0)
}
