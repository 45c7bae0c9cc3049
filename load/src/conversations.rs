//! Rooms in which a customer and an agent at a console talk, over either server. Every socket has
//! a task that reads it from the first moment to the last; what they do is told by `Phase`. An
//! agent whose console is closed comes back as a console does, and the closing is counted.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::pending;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use crate::dialect::{Dialect, Heard, RoomKey, Side, messages_of, room_of, states_of};
use crate::people::{Ticket, all};
use crate::server::Server;
use crate::tally::Tally;
use crate::wire::{Closed, Wire, text_after};
use crate::words;

/// Consoles whose view of all rooms is timed; the others' states are only skipped.
const TIMED: usize = 50;
/// How long a console that was closed stays away.
const AWAY: Duration = Duration::from_millis(250);
/// Between two looks at whether all is done.
const MOMENT: Duration = Duration::from_millis(2);
/// How long what was posted may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the newest states may take to reach the consoles when all is quiet.
const STATES_PATIENCE: Duration = Duration::from_secs(5);

/// The code of a socket that was closed because it read too slowly.
pub(crate) const SLOW: u16 = 4008;

/// What everybody does now.
#[derive(Clone, Copy)]
pub(crate) enum Phase {
    /// Reads.
    Quiet,
    /// Each customer waits for the agent's answer, and the agent for the customer's message.
    Alternating { until: Instant },
    /// The first console posts, so many without an answer at a time; everybody gets it.
    Broadcast { until: Instant, flying: usize },
    /// Everybody posts at fixed times, whether the server keeps up or not.
    Fixed(Timetable),
}

/// When everybody posts: each side of each room after every `gap`, so many times.
#[derive(Clone, Copy)]
pub(crate) struct Timetable {
    pub(crate) start: Instant,
    pub(crate) gap: Duration,
    pub(crate) each: u32,
    /// Each post comes up to so much later, as people are not clocks.
    pub(crate) jitter: Duration,
    /// Posts of one side of a room that may be without an answer.
    pub(crate) window: usize,
    /// Whether a post is timed from when it was due. At low rates nothing waits for its turn, and
    /// what a post is late then is the grain of the timers here, a millisecond or two.
    pub(crate) from_due: bool,
}

impl Timetable {
    fn due(&self, room: usize, rooms: usize, side: Side, n: u32) -> Instant {
        // The agents' posts fall between the customers', and half a gap after those of their room.
        let place = match side {
            Side::Visitor => room as f64 / rooms as f64,
            Side::Agent => ((room as f64 + 0.5) / rooms as f64 + 0.5).fract(),
        };
        let seed = (room as u64) << 33 | (u64::from(n) << 1) | side.index() as u64;
        let late = fastrand::Rng::with_seed(seed).f64();
        self.start + self.gap * n + self.gap.mul_f64(place) + self.jitter.mul_f64(late)
    }
}

/// What has been measured since the last `take`.
#[derive(Clone)]
pub(crate) struct Measured {
    /// Messages that have arrived at the other side.
    pub(crate) messages: u64,
    /// From a post (or from when it was due) to the other side; in microseconds, as all of these.
    pub(crate) across: Histogram<u64>,
    /// From a post (or from when it was due) to the sender's ack, by side.
    pub(crate) ack: [Histogram<u64>; 2],
    /// From a message's ack to the first state at a console that shows it or a later one.
    pub(crate) state: Histogram<u64>,
    /// How old the newest message of a state was when the state arrived at a console.
    pub(crate) arrival: Histogram<u64>,
    /// Sockets closed, by code; 0 stands for a closing without a code.
    pub(crate) closed: BTreeMap<u16, u64>,
}

impl Measured {
    fn new() -> Result<Self> {
        Ok(Self {
            messages: 0,
            across: Histogram::new(3)?,
            ack: [Histogram::new(3)?, Histogram::new(3)?],
            state: Histogram::new(3)?,
            arrival: Histogram::new(3)?,
            closed: BTreeMap::new(),
        })
    }

    /// All rounds together.
    pub(crate) fn sum(rounds: &[Self]) -> Result<Self> {
        let mut whole = Self::new()?;
        for round in rounds {
            whole.add(round)?;
        }
        Ok(whole)
    }

    /// Of a warm-up only the closed sockets count.
    pub(crate) fn closed_only(self) -> Result<Self> {
        Ok(Self {
            closed: self.closed,
            ..Self::new()?
        })
    }

    /// Closed sockets as figures: those that were too slow, and all others.
    pub(crate) fn closings(&self) -> [(&'static str, u64); 2] {
        let slow = self.closed.get(&SLOW).copied().unwrap_or(0);
        let all: u64 = self.closed.values().sum();
        [
            ("sockets closed with 4008", slow),
            ("sockets closed otherwise", all - slow),
        ]
    }

    /// Adds what another round has measured.
    pub(crate) fn add(&mut self, other: &Self) -> Result<()> {
        self.messages += other.messages;
        self.across.add(&other.across)?;
        self.state.add(&other.state)?;
        self.arrival.add(&other.arrival)?;
        for (own, other) in self.ack.iter_mut().zip(&other.ack) {
            own.add(other)?;
        }
        for (code, count) in &other.closed {
            *self.closed.entry(*code).or_default() += count;
        }
        Ok(())
    }
}

/// One room, as its two sides share it.
#[derive(Default)]
struct Line {
    /// Since when each side's messages are on their way, by side.
    flying: [VecDeque<Instant>; 2],
    /// When each seq was known to be on disk, from 1 on.
    committed: Vec<Instant>,
}

/// What all tasks share.
struct Stage {
    addr: SocketAddr,
    dialect: Dialect,
    token: String,
    epoch: String,
    places: HashMap<RoomKey, usize>,
    lines: Vec<Mutex<Line>>,
    phase: watch::Sender<Phase>,
    /// Whether agents answer what they get.
    answering: AtomicBool,
    broadcasting: AtomicBool,
    /// Who has not finished posting.
    talking: AtomicUsize,
    /// Posts without an ack.
    unacked: AtomicUsize,
    /// Sockets that were closed and are not back.
    away: AtomicUsize,
    /// Everybody's places in rooms.
    seats: usize,
    /// Whether a message is on its way until the other side has it.
    across: bool,
    /// Reads and bytes of all consoles.
    console_reads: AtomicU64,
    console_bytes: AtomicU64,
    /// What a broadcast has brought to its consoles.
    delivered: AtomicU64,
    /// The newest states that each timed console has shown, by room.
    shown: Vec<Mutex<Vec<u64>>>,
    measured: Mutex<Measured>,
    tally: Arc<Tally>,
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The conversations of one server, with everybody in them.
pub(crate) struct Conversations {
    stage: Arc<Stage>,
    tasks: JoinSet<Result<()>>,
}

/// Who sits where.
#[derive(Clone, Copy)]
pub(crate) struct Seating {
    pub(crate) rooms: usize,
    pub(crate) consoles: usize,
    pub(crate) joined: Joined,
}

/// Which rooms the consoles have joined.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Joined {
    /// Each room one console, in turn.
    Own,
    /// All consoles the one room, in which there is no customer.
    Together,
    /// None: they watch the lobby.
    Nothing,
}

impl Conversations {
    /// Opens the rooms, connects everybody, and lets the consoles join.
    pub(crate) async fn start(
        server: &Server,
        seating: Seating,
        tally: &Arc<Tally>,
    ) -> Result<Self> {
        let tickets = Ticket::many(server.addr, seating.rooms).await?;
        let keys = tickets.iter().map(|ticket| {
            let key = ticket.room_id.as_bytes().first_chunk().copied();
            key.context("a room's id has 36 characters")
        });
        let keys = keys.collect::<Result<Vec<RoomKey>>>()?;
        let timed = match server.dialect() {
            Dialect::Shoptalk if seating.joined == Joined::Own => seating.consoles.min(TIMED),
            _ => 0,
        };
        let stage = Arc::new(Stage {
            addr: server.addr,
            dialect: server.dialect(),
            token: server.sign_in().await?,
            epoch: tickets[0].epoch.clone(),
            places: keys.iter().copied().zip(0..).collect(),
            lines: keys.iter().map(|_| Mutex::default()).collect(),
            phase: watch::channel(Phase::Quiet).0,
            answering: AtomicBool::new(false),
            broadcasting: AtomicBool::new(false),
            talking: AtomicUsize::new(0),
            unacked: AtomicUsize::new(0),
            away: AtomicUsize::new(0),
            seats: match seating.joined {
                Joined::Own => 2 * seating.rooms,
                Joined::Together => seating.consoles,
                Joined::Nothing => seating.rooms,
            },
            across: seating.joined == Joined::Own,
            console_reads: AtomicU64::new(0),
            console_bytes: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            shown: (0..timed)
                .map(|_| Mutex::new(vec![0; keys.len()]))
                .collect(),
            measured: Mutex::new(Measured::new()?),
            tally: tally.clone(),
        });
        let seat = |at: usize| Seat {
            place: at,
            key: keys[at],
            id: tickets[at].room_id.clone(),
            last_seq: 0,
            unacked: VecDeque::new(),
            posted: 0,
        };
        let mut people = Vec::new();
        if seating.joined != Joined::Together {
            for (at, ticket) in tickets.iter().enumerate() {
                let token = ticket.token.clone();
                people.push(Person::new(Side::Visitor, token, vec![seat(at)], None));
            }
        }
        for console in 0..seating.consoles {
            let seats = match seating.joined {
                Joined::Own => (console..seating.rooms)
                    .step_by(seating.consoles)
                    .map(seat)
                    .collect(),
                Joined::Together => vec![seat(0)],
                Joined::Nothing => Vec::new(),
            };
            // Those that are timed are spread over all.
            let watches = (0..timed).find(|at| at * seating.consoles / timed == console);
            let token = stage.token.clone();
            people.push(Person::new(Side::Agent, token, seats, watches));
        }
        let people = Mutex::new(people.into_iter().map(Some).collect::<Vec<_>>());
        let count = lock(&people).len();
        let arrived = all(count, |at| {
            let (stage, person) = (stage.clone(), lock(&people)[at].take());
            async move {
                let mut person = person.context("everybody arrives once")?;
                let wire = person.connect(&stage).await?;
                Ok((person, wire))
            }
        })
        .await?;
        let mut tasks = JoinSet::new();
        for (place, (person, wire)) in arrived.into_iter().enumerate() {
            let first_console = seating.joined == Joined::Together && place == 0;
            // Subscribed here, before the first phase can come.
            let phases = stage.phase.subscribe();
            tasks.spawn(person.take_part(stage.clone(), wire, phases, first_console));
        }
        Ok(Self { stage, tasks })
    }

    /// Customers and agents alternate for so long. Returns the messages a second that arrived at
    /// the other side.
    pub(crate) async fn alternate(&mut self, time: Duration) -> Result<f64> {
        let started = Instant::now();
        let stage = self.stage.clone();
        stage.answering.store(true, Ordering::SeqCst);
        stage.talking.store(stage.lines.len(), Ordering::SeqCst);
        let before = lock(&stage.measured).messages;
        let until = started + time;
        stage.phase.send_replace(Phase::Alternating { until });
        self.rest(time).await?;
        self.settle(until + PATIENCE).await?;
        let messages = lock(&stage.measured).messages - before;
        let rate = messages as f64 / started.elapsed().as_secs_f64();
        stage.answering.store(false, Ordering::SeqCst);
        Ok(rate)
    }

    /// The first console posts for so long. Returns deliveries a second to all consoles.
    pub(crate) async fn broadcast(&mut self, time: Duration, flying: usize) -> Result<f64> {
        let started = Instant::now();
        let stage = self.stage.clone();
        stage.broadcasting.store(true, Ordering::SeqCst);
        stage.talking.store(flying, Ordering::SeqCst);
        let before = stage.delivered.load(Ordering::SeqCst);
        let until = started + time;
        stage.phase.send_replace(Phase::Broadcast { until, flying });
        self.rest(time).await?;
        self.settle(until + PATIENCE).await?;
        // Each message reaches every console, so the last ones are waited for.
        let consoles = self.tasks.len() as u64;
        let posted = lock(&stage.lines[0]).committed.len() as u64;
        self.wait(until + PATIENCE, || {
            stage.delivered.load(Ordering::SeqCst) == posted * consoles
        })
        .await?;
        let delivered = stage.delivered.load(Ordering::SeqCst) - before;
        Ok(delivered as f64 / started.elapsed().as_secs_f64())
    }

    /// Everybody posts by the timetable.
    pub(crate) async fn fixed(&mut self, timetable: Timetable) -> Result<()> {
        let stage = self.stage.clone();
        stage.talking.store(stage.seats, Ordering::SeqCst);
        stage.phase.send_replace(Phase::Fixed(timetable));
        let last = timetable.start + timetable.gap * timetable.each;
        self.rest(last.saturating_duration_since(Instant::now()))
            .await?;
        self.settle(last + timetable.gap + timetable.jitter + PATIENCE)
            .await
    }

    /// How often the consoles have read something, and how many bytes.
    pub(crate) fn console_reads(&self) -> (u64, u64) {
        let [reads, bytes] = [&self.stage.console_reads, &self.stage.console_bytes];
        (reads.load(Ordering::SeqCst), bytes.load(Ordering::SeqCst))
    }

    /// What was measured since the last time.
    pub(crate) fn take(&self) -> Result<Measured> {
        let fresh = Measured::new()?;
        Ok(std::mem::replace(&mut lock(&self.stage.measured), fresh))
    }

    /// Waits until the timed consoles show the newest state of each room. Returns how many of
    /// their states are old at the end.
    pub(crate) async fn states_arrive(&mut self) -> Result<usize> {
        let stage = self.stage.clone();
        let old = || {
            let newest: Vec<u64> = stage
                .lines
                .iter()
                .map(|line| lock(line).committed.len() as u64)
                .collect();
            let of_console = |shown: &Mutex<Vec<u64>>| {
                let shown = lock(shown);
                let pairs = shown.iter().zip(&newest);
                pairs.filter(|(shown, newest)| shown < newest).count()
            };
            stage.shown.iter().map(of_console).sum::<usize>()
        };
        let deadline = Instant::now() + STATES_PATIENCE;
        while old() > 0 && Instant::now() < deadline {
            self.rest(MOMENT).await?;
        }
        Ok(old())
    }

    /// Waits until everybody has finished, and everything posted was acked and has arrived.
    async fn settle(&mut self, deadline: Instant) -> Result<()> {
        let stage = self.stage.clone();
        self.wait(deadline, || {
            let settled = |line: &Mutex<Line>| lock(line).flying.iter().all(VecDeque::is_empty);
            [&stage.talking, &stage.unacked, &stage.away]
                .iter()
                .all(|count| count.load(Ordering::SeqCst) == 0)
                && stage.lines.iter().all(settled)
        })
        .await?;
        stage.phase.send_replace(Phase::Quiet);
        Ok(())
    }

    async fn wait(&mut self, deadline: Instant, done: impl Fn() -> bool) -> Result<()> {
        while !done() {
            ensure!(
                Instant::now() < deadline,
                "not everything posted has arrived: {} conversations wait, {} posts are without \
                 an ack",
                self.stage.talking.load(Ordering::SeqCst),
                self.stage.unacked.load(Ordering::SeqCst)
            );
            self.rest(MOMENT).await?;
        }
        Ok(())
    }

    /// Lets everybody go on for so long; a task that fails is noticed.
    pub(crate) async fn rest(&mut self, time: Duration) -> Result<()> {
        tokio::select! {
            Some(ended) = self.tasks.join_next() => {
                ended??;
                bail!("somebody has left");
            }
            () = sleep(time) => Ok(()),
        }
    }
}

/// A post without an ack.
struct Unacked {
    since: Instant,
    id: Uuid,
    content: &'static str,
}

/// Somebody's place in one room.
struct Seat {
    /// The room's place among all.
    place: usize,
    key: RoomKey,
    id: String,
    last_seq: u64,
    unacked: VecDeque<Unacked>,
    /// Posts of the present timetable.
    posted: u32,
}

/// A customer, or an agent at a console.
struct Person {
    side: Side,
    token: String,
    seats: Vec<Seat>,
    /// The place of this console's states, when they are timed.
    watches: Option<usize>,
    cursor: String,
    /// Frames to send.
    out: Vec<u8>,
    calls: u32,
    joined: usize,
    /// Until when the present phase lets this one post again.
    posting_until: Option<Instant>,
}

impl Person {
    fn new(side: Side, token: String, seats: Vec<Seat>, watches: Option<usize>) -> Self {
        Self {
            side,
            token,
            seats,
            watches,
            cursor: String::new(),
            out: Vec::new(),
            calls: 0,
            joined: 0,
            posting_until: None,
        }
    }

    /// Connects, resumes in all rooms, and posts again what has no ack.
    async fn connect(&mut self, stage: &Stage) -> Result<Wire> {
        let dialect = stage.dialect;
        let mut wire = Wire::open(stage.addr, &dialect.path(self.side, &self.seats_id())).await?;
        let hello = match self.side {
            Side::Visitor => {
                dialect.customer_hello(&self.seats[0].id, &self.token, self.seats[0].last_seq)
            }
            Side::Agent => {
                let resume = (!self.cursor.is_empty())
                    .then_some((stage.epoch.as_str(), self.cursor.as_str()));
                dialect.agent_hello(&self.token, resume)
            }
        };
        wire.send(&hello).await?;
        if dialect == Dialect::SocketIo {
            // Nothing may follow before the connection to the namespace is answered.
            while !wire.next().await?.starts_with(b"40") {}
        }
        self.joined = 0;
        let mut awaited = match (dialect, self.side) {
            // The peer greets its agents with the answer to the connection alone.
            (Dialect::SocketIo, Side::Agent) => 0,
            _ => 1,
        };
        if self.side == Side::Agent {
            for seat in &self.seats {
                wire.send(&dialect.join(&seat.id, seat.last_seq)).await?;
            }
            awaited += self.seats.len();
        }
        while self.joined < awaited {
            let frame = wire.next().await?;
            self.hear(stage, frame)?;
        }
        // An answer to what stood in a page is without an ack as well.
        self.out.clear();
        for at in 0..self.seats.len() {
            for n in 0..self.seats[at].unacked.len() {
                let Unacked { id, content, .. } = self.seats[at].unacked[n];
                self.say(stage, at, id, content);
            }
        }
        self.flush(&mut wire).await?;
        Ok(wire)
    }

    fn seats_id(&self) -> String {
        self.seats
            .first()
            .map_or_else(String::new, |seat| seat.id.clone())
    }

    async fn take_part(
        mut self,
        stage: Arc<Stage>,
        mut wire: Wire,
        phases: watch::Receiver<Phase>,
        first: bool,
    ) -> Result<()> {
        // One future for all turns of the loop, which costs less than one for each.
        let mut phase = Box::pin(next_phase(phases));
        let mut timetable = None;
        let mut so_far = (0, 0);
        loop {
            let due = timetable.and_then(|timetable| self.next_due(&stage, timetable));
            let heard = tokio::select! {
                biased;
                () = at(due) => {
                    if let (Some(timetable), Some(due)) = (timetable, due) {
                        self.keep(&stage, timetable, due);
                    }
                    Ok(())
                }
                frame = wire.next() => match frame {
                    Ok(frame) => self.hear(&stage, frame),
                    Err(error) => Err(error),
                },
                changed = &mut phase => {
                    let (phases, now) = changed?;
                    phase.set(next_phase(phases));
                    timetable = self.begin(&stage, now, first);
                    Ok(())
                }
            };
            // What came together is heard together, and answered in one write.
            let heard = heard.and_then(|()| {
                while let Some(frame) = wire.buffered()? {
                    self.hear(&stage, frame)?;
                }
                Ok(())
            });
            if self.side == Side::Agent {
                let now = (wire.reads(), wire.bytes_in());
                stage
                    .console_reads
                    .fetch_add(now.0 - so_far.0, Ordering::Relaxed);
                stage
                    .console_bytes
                    .fetch_add(now.1 - so_far.1, Ordering::Relaxed);
                so_far = now;
            }
            let heard = match heard {
                Ok(()) => self.flush(&mut wire).await,
                error => error,
            };
            if let Err(error) = heard {
                stage.away.fetch_add(1, Ordering::SeqCst);
                wire = self.come_back(&stage, error).await?;
                so_far = (0, 0);
                stage.away.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }

    /// Connects again after it was closed, as often as that happens, and counts it.
    async fn come_back(&mut self, stage: &Stage, mut error: anyhow::Error) -> Result<Wire> {
        loop {
            let Some(Closed(code)) = error.downcast_ref() else {
                return Err(error);
            };
            *lock(&stage.measured).closed.entry(*code).or_default() += 1;
            sleep(AWAY).await;
            error = match self.connect(stage).await {
                Ok(wire) => return Ok(wire),
                Err(error) => error,
            };
        }
    }

    /// Takes up what everybody does now.
    fn begin(&mut self, stage: &Stage, phase: Phase, first: bool) -> Option<Timetable> {
        self.posting_until = None;
        match phase {
            Phase::Quiet => {}
            Phase::Alternating { until } => {
                self.posting_until = Some(until);
                if self.side == Side::Visitor {
                    self.post(stage, 0, Instant::now());
                }
            }
            Phase::Broadcast { until, flying } => {
                self.posting_until = Some(until);
                if first {
                    for _ in 0..flying {
                        self.post(stage, 0, Instant::now());
                    }
                }
            }
            Phase::Fixed(timetable) => {
                for seat in &mut self.seats {
                    seat.posted = 0;
                }
                return Some(timetable);
            }
        }
        None
    }

    /// When this one posts next by the timetable, if the window lets it.
    fn next_due(&self, stage: &Stage, timetable: Timetable) -> Option<Instant> {
        let open = self
            .seats
            .iter()
            .filter(|seat| seat.posted < timetable.each && seat.unacked.len() < timetable.window);
        let rooms = stage.lines.len();
        open.map(|seat| timetable.due(seat.place, rooms, self.side, seat.posted))
            .min()
    }

    /// Posts what is due.
    fn keep(&mut self, stage: &Stage, timetable: Timetable, due: Instant) {
        let rooms = stage.lines.len();
        for at in 0..self.seats.len() {
            let seat = &self.seats[at];
            if seat.posted < timetable.each
                && seat.unacked.len() < timetable.window
                && timetable.due(seat.place, rooms, self.side, seat.posted) <= due
            {
                self.seats[at].posted += 1;
                let since = if timetable.from_due {
                    due
                } else {
                    Instant::now()
                };
                self.post(stage, at, since);
                if self.seats[at].posted == timetable.each {
                    stage.talking.fetch_sub(1, Ordering::SeqCst);
                }
            }
        }
    }

    /// Posts a new message, which is timed from `since` on.
    fn post(&mut self, stage: &Stage, at: usize, since: Instant) {
        let (id, content) = (Uuid::now_v7(), words::next());
        let seat = &mut self.seats[at];
        seat.unacked.push_back(Unacked { since, id, content });
        stage.unacked.fetch_add(1, Ordering::SeqCst);
        if stage.across {
            lock(&stage.lines[seat.place]).flying[self.side.index()].push_back(since);
        }
        self.say(stage, at, id, content);
    }

    fn say(&mut self, stage: &Stage, at: usize, id: Uuid, content: &str) {
        self.calls = self.calls.wrapping_add(1).max(1);
        let room_id = &self.seats[at].id;
        stage
            .dialect
            .post_into(&mut self.out, room_id, id, content, self.calls);
    }

    async fn flush(&mut self, wire: &mut Wire) -> Result<()> {
        if !self.out.is_empty() {
            wire.write(&self.out).await?;
            self.out.clear();
        }
        Ok(())
    }

    /// The seat in the room that a frame is about.
    fn seat_of(&self, frame: &[u8]) -> Result<usize> {
        if self.seats.len() == 1 {
            return Ok(0);
        }
        let key = room_of(frame).context("no room")?;
        let at = self.seats.iter().position(|seat| seat.key == key);
        at.context("a strange room")
    }

    fn hear(&mut self, stage: &Stage, frame: &[u8]) -> Result<()> {
        let heard = stage.dialect.heard(frame);
        match heard {
            Heard::Message => {
                let at = self.seat_of(frame)?;
                let (seq, from) = messages_of(frame).next().context("no message")?;
                self.message(stage, at, seq, from)?;
            }
            Heard::Ack => self.ack(stage, frame)?,
            Heard::Summary if self.side == Side::Agent => {
                self.keep_cursor(frame);
                self.states(stage, frame)?;
            }
            Heard::Summaries => {
                self.keep_cursor(frame);
                self.states(stage, frame)?;
            }
            Heard::Welcome if self.side == Side::Agent => {
                self.joined += 1;
                self.keep_cursor(frame);
                self.states(stage, frame)?;
            }
            Heard::Joined | Heard::Page | Heard::Welcome => {
                self.joined += usize::from(heard != Heard::Page);
                let at = if self.side == Side::Visitor {
                    0
                } else {
                    self.seat_of(frame)?
                };
                for (seq, from) in messages_of(frame) {
                    self.message(stage, at, seq, from)?;
                }
            }
            Heard::Ping => {
                let pong = stage.dialect.pong();
                crate::wire::frame_into(&mut self.out, pong.as_bytes());
            }
            Heard::Refused => bail!("refused: {}", String::from_utf8_lossy(frame)),
            Heard::Summary | Heard::Other => {}
        }
        Ok(())
    }

    fn message(&mut self, stage: &Stage, at: usize, seq: u64, from: Side) -> Result<()> {
        let seat = &mut self.seats[at];
        seat.last_seq = stage.tally.saw(seat.last_seq, seq);
        if stage.broadcasting.load(Ordering::Relaxed) {
            stage.delivered.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        if from == self.side {
            return Ok(());
        }
        let now = Instant::now();
        let mut line = lock(&stage.lines[seat.place]);
        line.commit(seq, now);
        let Some(since) = line.flying[from.index()].pop_front() else {
            return Ok(());
        };
        drop(line);
        let mut measured = lock(&stage.measured);
        measured.messages += 1;
        measured.across.record(micros(now, since))?;
        drop(measured);
        if !stage.answering.load(Ordering::Relaxed) {
            return Ok(());
        }
        match (self.side, self.posting_until) {
            (Side::Visitor, Some(until)) if now >= until => {
                stage.talking.fetch_sub(1, Ordering::SeqCst);
            }
            _ => self.post(stage, at, now),
        }
        Ok(())
    }

    fn ack(&mut self, stage: &Stage, frame: &[u8]) -> Result<()> {
        let at = self.seat_of(frame)?;
        let (seat, now) = (&mut self.seats[at], Instant::now());
        let acked = seat.unacked.pop_front().context("an ack of nothing")?;
        stage.unacked.fetch_sub(1, Ordering::SeqCst);
        lock(&stage.lines[seat.place]).commit(crate::wire::seq(frame)?, now);
        lock(&stage.measured).ack[self.side.index()].record(micros(now, acked.since))?;
        if stage.broadcasting.load(Ordering::Relaxed) {
            match self.posting_until {
                Some(until) if now < until => self.post(stage, at, now),
                _ => {
                    stage.talking.fetch_sub(1, Ordering::SeqCst);
                }
            }
        }
        Ok(())
    }

    fn keep_cursor(&mut self, frame: &[u8]) {
        // Most frames begin with it.
        let first = &frame[..frame.len().min(64)];
        if let Some(cursor) =
            text_after(first, b"\"cursor\":\"").or_else(|| text_after(frame, b"\"cursor\":\""))
        {
            self.cursor.clear();
            self.cursor.push_str(&String::from_utf8_lossy(cursor));
        }
    }

    /// Times the states of rooms that this console is shown.
    fn states(&self, stage: &Stage, frame: &[u8]) -> Result<()> {
        let Some(watches) = self.watches else {
            return Ok(());
        };
        let now = Instant::now();
        let mut shown = lock(&stage.shown[watches]);
        let mut measured = lock(&stage.measured);
        for (key, seq) in states_of(frame) {
            let Some(&place) = stage.places.get(&key) else {
                continue;
            };
            let line = lock(&stage.lines[place]);
            let newest = seq as usize;
            // A state may be faster than the ack.
            let since = line.committed.get(newest.wrapping_sub(1));
            let age = since.map_or(0, |since| micros(now, *since));
            if seq > shown[place] {
                measured.arrival.record(age)?;
                for at in shown[place] as usize..newest {
                    let age = line.committed.get(at);
                    let age = age.map_or(0, |since| micros(now, *since));
                    measured.state.record(age)?;
                }
                shown[place] = seq;
            }
        }
        Ok(())
    }
}

impl Line {
    /// This seq is on disk; whoever hears first says so.
    fn commit(&mut self, seq: u64, now: Instant) {
        while (self.committed.len() as u64) < seq {
            self.committed.push(now);
        }
    }
}

fn micros(now: Instant, since: Instant) -> u64 {
    now.saturating_duration_since(since).as_micros() as u64
}

async fn next_phase(mut phases: watch::Receiver<Phase>) -> Result<(watch::Receiver<Phase>, Phase)> {
    phases.changed().await?;
    let phase = *phases.borrow_and_update();
    Ok((phases, phase))
}

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}
