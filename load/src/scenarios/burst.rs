use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Setup;
use crate::clients::{Console, Visitor, all};
use crate::conversations::SLOW;
use crate::delivery_check::DeliveryCheck;
use crate::report::{Goal, median, millis};
use crate::server::Server;
use crate::wire::Closed;
use crate::wire_format::{RoomKey, states_of};

/// Each burst changes every room once.
const BURSTS: u64 = 3;
/// Posts that may be without an ack: half of the writer's queue.
const IN_FLIGHT: usize = 2_048;
/// How long the consoles may take to show all changes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What one console shows.
struct View {
    /// The newest seq of each room.
    shown: Vec<u64>,
    /// Rooms whose change in the present burst it does not show yet.
    missing: usize,
    /// When it showed all of them.
    complete: Instant,
}

struct Watch {
    places: HashMap<RoomKey, usize>,
    views: Vec<Mutex<View>>,
    /// The seq that each room has at the end of the present burst.
    target: AtomicU64,
    /// When each room's change was acked.
    acked: Vec<Mutex<Option<Instant>>>,
    /// From a change's ack to its state at a console, in microseconds.
    age: Mutex<Histogram<u64>>,
    /// Consoles closed for their slowness, and otherwise.
    closed: [AtomicU64; 2],
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Many rooms change at once, and consoles show them.
pub(crate) async fn burst(setup: &mut Setup, rooms: usize, consoles: usize) -> Result<()> {
    let dir = setup.directory()?;
    let server = Server::start(&setup.target, dir.path()).await?;
    let process = server.process()?;
    let check = Arc::new(DeliveryCheck::default());
    let mut customers = Visitor::many(server.addr, rooms, &check).await?;
    let keys = customers.iter().map(|customer| {
        let key = customer.room.room_id.as_bytes().first_chunk().copied();
        key.context("a room's id has 36 characters")
    });
    let watch = Arc::new(Watch {
        places: keys
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .zip(0..)
            .collect(),
        views: (0..consoles)
            .map(|_| Mutex::new(View::new(rooms)))
            .collect(),
        target: AtomicU64::new(0),
        acked: (0..rooms).map(|_| Mutex::default()).collect(),
        age: Mutex::new(Histogram::new(3)?),
        closed: Default::default(),
    });
    let (addr, token) = (server.addr, server.sign_in().await?);
    let arrived = all(consoles, move |_| {
        let token = token.clone();
        async move { Console::connect(addr, &token).await }
    })
    .await?;
    let mut watching = JoinSet::new();
    for (at, console) in arrived.into_iter().enumerate() {
        watching.spawn(watch.clone().follow(at, console));
    }
    let (mut whole, mut behind, mut cpu, mut posting) = (vec![], vec![], 0.0, vec![]);
    let resident = process.resident_bytes()?;
    process.high_water_bytes()?;
    for burst in 1..=BURSTS {
        for view in &watch.views {
            lock(view).missing = rooms;
        }
        watch.target.store(burst, Ordering::SeqCst);
        let (started, before) = (Instant::now(), process.cpu_seconds()?);
        customers = change(customers, &watch).await?;
        let posted = Instant::now();
        let missing = || {
            watch
                .views
                .iter()
                .map(|view| lock(view).missing)
                .sum::<usize>()
        };
        while missing() > 0 && posted.elapsed() < PATIENCE {
            tokio::select! {
                Some(ended) = watching.join_next() => { ended??; }
                () = tokio::time::sleep(Duration::from_millis(2)) => {}
            }
        }
        cpu += process.cpu_seconds()? - before;
        if missing() > 0 {
            break;
        }
        let complete = watch.views.iter().map(|view| lock(view).complete).max();
        let complete = complete.context("no consoles")?;
        posting.push((posted - started).as_secs_f64() * 1_000.0);
        whole.push((complete - started).as_secs_f64() * 1_000.0);
        behind.push(complete.saturating_duration_since(posted).as_secs_f64() * 1_000.0);
    }
    let most = process.high_water_bytes()?;
    let missing: usize = watch.views.iter().map(|view| lock(view).missing).sum();
    let report = &mut setup.report;
    let mut add = |what: &str, value: f64, unit: &'static str, goal: Goal| {
        let figure = format!("{rooms} rooms change, {consoles} consoles: {what}");
        report.add("burst", figure, value, unit, goal);
    };
    add(
        "newest states that never came",
        missing as f64,
        "",
        Goal::AtMost(0.0),
    );
    let [slow, otherwise] = [0, 1].map(|at: usize| watch.closed[at].load(Ordering::SeqCst));
    add(
        "consoles closed with 4008",
        slow as f64,
        "",
        Goal::AtMost(0.0),
    );
    add(
        "consoles closed otherwise",
        otherwise as f64,
        "",
        Goal::AtMost(0.0),
    );
    if missing == 0 {
        add("all changes acked after", median(posting), "ms", Goal::None);
        add(
            "all consoles up to date, after the first post",
            median(whole),
            "ms",
            Goal::None,
        );
        add(
            "all consoles up to date, after the last ack",
            median(behind),
            "ms",
            Goal::None,
        );
    }
    let age = lock(&watch.age).clone();
    add(
        "a state at a console after its ack, p50",
        millis(&age, 0.5),
        "ms",
        Goal::None,
    );
    add(
        "a state at a console after its ack, p99",
        millis(&age, 0.99),
        "ms",
        Goal::None,
    );
    let each = cpu / (rooms as u64 * BURSTS) as f64 * 1e6;
    add("server CPU per change", each, "µs", Goal::None);
    add("resident before", resident as f64 / 1e6, "MB", Goal::None);
    add("resident maximum", most as f64 / 1e6, "MB", Goal::None);
    report.check("burst", &check);
    watching.abort_all();
    drop(customers);
    server.stop().await
}

/// Every customer posts once.
async fn change(customers: Vec<Visitor>, watch: &Arc<Watch>) -> Result<Vec<Visitor>> {
    let gate = Arc::new(Semaphore::new(IN_FLIGHT));
    let mut tasks = JoinSet::new();
    for (at, mut customer) in customers.into_iter().enumerate() {
        let (gate, watch) = (gate.clone(), watch.clone());
        *lock(&watch.acked[at]) = None;
        tasks.spawn(async move {
            let permit = gate.acquire_owned().await?;
            customer.send_post().await?;
            let acked = customer.next_ack().await?;
            *lock(&watch.acked[at]) = Some(Instant::now());
            drop(permit);
            while customer.last_seq < acked {
                customer.take_frame().await?;
            }
            Ok::<_, anyhow::Error>((at, customer))
        });
    }
    let mut back = Vec::new();
    while let Some(posted) = tasks.join_next().await {
        back.push(posted??);
    }
    back.sort_by_key(|(at, _)| *at);
    Ok(back.into_iter().map(|(_, customer)| customer).collect())
}

impl View {
    fn new(rooms: usize) -> Self {
        Self {
            shown: vec![0; rooms],
            missing: 0,
            complete: Instant::now(),
        }
    }
}

impl Watch {
    /// Reads a console's stream forever, and comes back when it is closed, as a console does.
    async fn follow(self: Arc<Self>, at: usize, mut console: Console) -> Result<()> {
        loop {
            match console.next_states().await {
                Ok(frame) => self.shows(at, frame)?,
                Err(error) => {
                    let Some(Closed(code)) = error.downcast_ref() else {
                        bail!(error);
                    };
                    self.closed[usize::from(*code != SLOW)].fetch_add(1, Ordering::SeqCst);
                    console.reconnect().await?;
                    self.shows(at, console.wire.last())?;
                }
            }
        }
    }

    fn shows(&self, at: usize, frame: &[u8]) -> Result<()> {
        let target = self.target.load(Ordering::SeqCst);
        let mut view = lock(&self.views[at]);
        for (key, seq) in states_of(frame) {
            let Some(&room) = self.places.get(&key) else {
                continue;
            };
            let shown = view.shown[room];
            view.shown[room] = shown.max(seq);
            if shown >= target || seq < target {
                continue;
            }
            let now = Instant::now();
            // A state may be faster than the ack.
            let age = lock(&self.acked[room]).map_or(Duration::ZERO, |acked| now - acked);
            lock(&self.age).record(age.as_micros() as u64)?;
            view.missing -= 1;
            if view.missing == 0 {
                view.complete = now;
            }
        }
        Ok(())
    }
}
