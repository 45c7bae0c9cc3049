//! Rooms in which a visitor and an agent at a console exchange messages, over either server. Every
//! socket has a task that reads it from beginning to end; `Phase` is what all of them do at a time.
//! An agent whose console is closed reconnects as a console does, and the close is counted.

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

use crate::clients::{OpenRoom, all};
use crate::delivery_check::DeliveryCheck;
use crate::server::Server;
use crate::texts;
use crate::wire::{Closed, Wire, text_after};
use crate::wire_format::{FrameKind, RoomKey, WireFormat, messages_of, room_of, states_of};
use shoptalk_client::chat::Side;

/// Consoles whose view of all rooms is timed; the others' states are only skipped.
const TIMED: usize = 50;
/// How long a console that was closed stays away.
const RECONNECT_AFTER: Duration = Duration::from_millis(250);
/// Between two looks at whether all is done.
const POLL_INTERVAL: Duration = Duration::from_millis(2);
/// How long what was posted may take to arrive.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the newest states may take to reach the consoles when all is quiet.
const STATES_TIMEOUT: Duration = Duration::from_secs(5);

/// The code of a socket that was closed because it read too slowly.
pub(crate) const SLOW: u16 = 4008;

/// What all participants do at a time.
#[derive(Clone, Copy)]
pub(crate) enum Phase {
    /// Reads.
    Quiet,
    /// Each customer waits for the agent's answer, and the agent for the customer's message.
    Alternating { until: Instant },
    /// The first console posts, so many without an answer at a time; everybody gets it.
    Broadcast { until: Instant, in_flight: usize },
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
        let seed = (room as u64) << 33 | (u64::from(n) << 1) | side as usize as u64;
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
struct RoomProgress {
    /// Since when each side's messages are on their way, by side.
    in_flight: [VecDeque<Instant>; 2],
    /// When each seq was known to be on disk, from 1 on.
    committed: Vec<Instant>,
}

/// What all tasks share.
struct Shared {
    addr: SocketAddr,
    wire_format: WireFormat,
    token: String,
    epoch: String,
    places: HashMap<RoomKey, usize>,
    lines: Vec<Mutex<RoomProgress>>,
    phase: watch::Sender<Phase>,
    /// Whether agents answer what they get.
    answering: AtomicBool,
    broadcasting: AtomicBool,
    /// Who has not finished posting.
    unfinished: AtomicUsize,
    /// Posts without an ack.
    unacked: AtomicUsize,
    /// Sockets that were closed and are not back.
    away: AtomicUsize,
    /// Everybody's places in rooms.
    memberships: usize,
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
    check: Arc<DeliveryCheck>,
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The conversations of one server, with everybody in them.
pub(crate) struct Conversations {
    shared: Arc<Shared>,
    tasks: JoinSet<Result<()>>,
}

/// Who sits where.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
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
        layout: Layout,
        check: &Arc<DeliveryCheck>,
    ) -> Result<Self> {
        let tickets = OpenRoom::many(server.addr, layout.rooms).await?;
        let keys = tickets.iter().map(|ticket| {
            let key = ticket.room_id.as_bytes().first_chunk().copied();
            key.context("a room's id has 36 characters")
        });
        let keys = keys.collect::<Result<Vec<RoomKey>>>()?;
        let timed = match server.wire_format() {
            WireFormat::Shoptalk if layout.joined == Joined::Own => layout.consoles.min(TIMED),
            _ => 0,
        };
        let shared = Arc::new(Shared {
            addr: server.addr,
            wire_format: server.wire_format(),
            token: server.sign_in().await?,
            epoch: tickets[0].epoch.clone(),
            places: keys.iter().copied().zip(0..).collect(),
            lines: keys.iter().map(|_| Mutex::default()).collect(),
            phase: watch::channel(Phase::Quiet).0,
            answering: AtomicBool::new(false),
            broadcasting: AtomicBool::new(false),
            unfinished: AtomicUsize::new(0),
            unacked: AtomicUsize::new(0),
            away: AtomicUsize::new(0),
            memberships: match layout.joined {
                Joined::Own => 2 * layout.rooms,
                Joined::Together => layout.consoles,
                Joined::Nothing => layout.rooms,
            },
            across: layout.joined == Joined::Own,
            console_reads: AtomicU64::new(0),
            console_bytes: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            shown: (0..timed)
                .map(|_| Mutex::new(vec![0; keys.len()]))
                .collect(),
            measured: Mutex::new(Measured::new()?),
            check: check.clone(),
        });
        let membership = |at: usize| Membership {
            place: at,
            key: keys[at],
            id: tickets[at].room_id.clone(),
            last_seq: 0,
            unacked: VecDeque::new(),
            posted: 0,
        };
        let mut participants = Vec::new();
        if layout.joined != Joined::Together {
            for (at, ticket) in tickets.iter().enumerate() {
                let token = ticket.token.clone();
                participants.push(Participant::new(
                    Side::Visitor,
                    token,
                    vec![membership(at)],
                    None,
                ));
            }
        }
        for console in 0..layout.consoles {
            let memberships = match layout.joined {
                Joined::Own => (console..layout.rooms)
                    .step_by(layout.consoles)
                    .map(membership)
                    .collect(),
                Joined::Together => vec![membership(0)],
                Joined::Nothing => Vec::new(),
            };
            // Those that are timed are spread over all.
            let watches = (0..timed).find(|at| at * layout.consoles / timed == console);
            let token = shared.token.clone();
            participants.push(Participant::new(Side::Agent, token, memberships, watches));
        }
        let participants = Mutex::new(participants.into_iter().map(Some).collect::<Vec<_>>());
        let count = lock(&participants).len();
        let arrived = all(count, |at| {
            let (shared, participant) = (shared.clone(), lock(&participants)[at].take());
            async move {
                let mut participant = participant.context("everybody arrives once")?;
                let wire = participant.connect(&shared).await?;
                Ok((participant, wire))
            }
        })
        .await?;
        let mut tasks = JoinSet::new();
        for (place, (participant, wire)) in arrived.into_iter().enumerate() {
            let first_console = layout.joined == Joined::Together && place == 0;
            // Subscribed here, before the first phase can come.
            let phases = shared.phase.subscribe();
            tasks.spawn(participant.run(shared.clone(), wire, phases, first_console));
        }
        Ok(Self { shared, tasks })
    }

    /// Customers and agents alternate for so long. Returns the messages a second that arrived at
    /// the other side.
    pub(crate) async fn alternate(&mut self, time: Duration) -> Result<f64> {
        let started = Instant::now();
        let shared = self.shared.clone();
        shared.answering.store(true, Ordering::SeqCst);
        shared
            .unfinished
            .store(shared.lines.len(), Ordering::SeqCst);
        let before = lock(&shared.measured).messages;
        let until = started + time;
        shared.phase.send_replace(Phase::Alternating { until });
        self.rest(time).await?;
        self.settle(until + DELIVERY_TIMEOUT).await?;
        let messages = lock(&shared.measured).messages - before;
        let rate = messages as f64 / started.elapsed().as_secs_f64();
        shared.answering.store(false, Ordering::SeqCst);
        Ok(rate)
    }

    /// The first console posts for so long. Returns deliveries a second to all consoles.
    pub(crate) async fn broadcast(&mut self, time: Duration, in_flight: usize) -> Result<f64> {
        let started = Instant::now();
        let shared = self.shared.clone();
        shared.broadcasting.store(true, Ordering::SeqCst);
        shared.unfinished.store(in_flight, Ordering::SeqCst);
        let before = shared.delivered.load(Ordering::SeqCst);
        let until = started + time;
        shared
            .phase
            .send_replace(Phase::Broadcast { until, in_flight });
        self.rest(time).await?;
        self.settle(until + DELIVERY_TIMEOUT).await?;
        // Each message reaches every console, so the last ones are waited for.
        let consoles = self.tasks.len() as u64;
        let posted = lock(&shared.lines[0]).committed.len() as u64;
        self.wait(until + DELIVERY_TIMEOUT, || {
            shared.delivered.load(Ordering::SeqCst) == posted * consoles
        })
        .await?;
        let delivered = shared.delivered.load(Ordering::SeqCst) - before;
        Ok(delivered as f64 / started.elapsed().as_secs_f64())
    }

    /// Everybody posts by the timetable.
    pub(crate) async fn fixed(&mut self, timetable: Timetable) -> Result<()> {
        let shared = self.shared.clone();
        shared
            .unfinished
            .store(shared.memberships, Ordering::SeqCst);
        shared.phase.send_replace(Phase::Fixed(timetable));
        let last = timetable.start + timetable.gap * timetable.each;
        self.rest(last.saturating_duration_since(Instant::now()))
            .await?;
        self.settle(last + timetable.gap + timetable.jitter + DELIVERY_TIMEOUT)
            .await
    }

    /// How often the consoles have read something, and how many bytes.
    pub(crate) fn console_reads(&self) -> (u64, u64) {
        let [reads, bytes] = [&self.shared.console_reads, &self.shared.console_bytes];
        (reads.load(Ordering::SeqCst), bytes.load(Ordering::SeqCst))
    }

    /// What was measured since the last time.
    pub(crate) fn take(&self) -> Result<Measured> {
        let fresh = Measured::new()?;
        Ok(std::mem::replace(&mut lock(&self.shared.measured), fresh))
    }

    /// Waits until the timed consoles show the newest state of each room. Returns how many of
    /// their states are old at the end.
    pub(crate) async fn states_arrive(&mut self) -> Result<usize> {
        let shared = self.shared.clone();
        let old = || {
            let newest: Vec<u64> = shared
                .lines
                .iter()
                .map(|line| lock(line).committed.len() as u64)
                .collect();
            let of_console = |shown: &Mutex<Vec<u64>>| {
                let shown = lock(shown);
                let pairs = shown.iter().zip(&newest);
                pairs.filter(|(shown, newest)| shown < newest).count()
            };
            shared.shown.iter().map(of_console).sum::<usize>()
        };
        let deadline = Instant::now() + STATES_TIMEOUT;
        while old() > 0 && Instant::now() < deadline {
            self.rest(POLL_INTERVAL).await?;
        }
        Ok(old())
    }

    /// Waits until everybody has finished, and everything posted was acked and has arrived.
    async fn settle(&mut self, deadline: Instant) -> Result<()> {
        let shared = self.shared.clone();
        self.wait(deadline, || {
            let settled =
                |line: &Mutex<RoomProgress>| lock(line).in_flight.iter().all(VecDeque::is_empty);
            [&shared.unfinished, &shared.unacked, &shared.away]
                .iter()
                .all(|count| count.load(Ordering::SeqCst) == 0)
                && shared.lines.iter().all(settled)
        })
        .await?;
        shared.phase.send_replace(Phase::Quiet);
        Ok(())
    }

    async fn wait(&mut self, deadline: Instant, done: impl Fn() -> bool) -> Result<()> {
        while !done() {
            ensure!(
                Instant::now() < deadline,
                "not everything posted has arrived: {} conversations wait, {} posts are without \
                 an ack",
                self.shared.unfinished.load(Ordering::SeqCst),
                self.shared.unacked.load(Ordering::SeqCst)
            );
            self.rest(POLL_INTERVAL).await?;
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
struct Membership {
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
struct Participant {
    side: Side,
    token: String,
    memberships: Vec<Membership>,
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

impl Participant {
    fn new(
        side: Side,
        token: String,
        memberships: Vec<Membership>,
        watches: Option<usize>,
    ) -> Self {
        Self {
            side,
            token,
            memberships,
            watches,
            cursor: String::new(),
            out: Vec::new(),
            calls: 0,
            joined: 0,
            posting_until: None,
        }
    }

    /// Connects, resumes in all rooms, and posts again what has no ack.
    async fn connect(&mut self, shared: &Shared) -> Result<Wire> {
        let wire_format = shared.wire_format;
        let mut wire = Wire::open(
            shared.addr,
            &wire_format.path(self.side, &self.first_room_id()),
        )
        .await?;
        let hello = match self.side {
            Side::Visitor => wire_format.customer_hello(
                &self.memberships[0].id,
                &self.token,
                self.memberships[0].last_seq,
            ),
            Side::Agent => {
                let resume = (!self.cursor.is_empty())
                    .then_some((shared.epoch.as_str(), self.cursor.as_str()));
                wire_format.agent_hello(&self.token, resume)
            }
        };
        wire.send(&hello).await?;
        if wire_format == WireFormat::SocketIo {
            // Nothing may follow before the connection to the namespace is answered.
            while !wire.next().await?.starts_with(b"40") {}
        }
        self.joined = 0;
        let mut awaited = match (wire_format, self.side) {
            // The peer greets its agents with the answer to the connection alone.
            (WireFormat::SocketIo, Side::Agent) => 0,
            _ => 1,
        };
        if self.side == Side::Agent {
            for membership in &self.memberships {
                wire.send(&wire_format.join(&membership.id, membership.last_seq))
                    .await?;
            }
            awaited += self.memberships.len();
        }
        while self.joined < awaited {
            let frame = wire.next().await?;
            self.receive(shared, frame)?;
        }
        // An answer to what stood in a page is without an ack as well.
        self.out.clear();
        for at in 0..self.memberships.len() {
            for n in 0..self.memberships[at].unacked.len() {
                let Unacked { id, content, .. } = self.memberships[at].unacked[n];
                self.queue_post(shared, at, id, content);
            }
        }
        self.flush(&mut wire).await?;
        Ok(wire)
    }

    fn first_room_id(&self) -> String {
        self.memberships
            .first()
            .map_or_else(String::new, |membership| membership.id.clone())
    }

    async fn run(
        mut self,
        shared: Arc<Shared>,
        mut wire: Wire,
        phases: watch::Receiver<Phase>,
        first: bool,
    ) -> Result<()> {
        // One future for all turns of the loop, which costs less than one for each.
        let mut phase = Box::pin(next_phase(phases));
        let mut timetable = None;
        let mut so_far = (0, 0);
        loop {
            let due = timetable.and_then(|timetable| self.next_due(&shared, timetable));
            let received = tokio::select! {
                biased;
                () = at(due) => {
                    if let (Some(timetable), Some(due)) = (timetable, due) {
                        self.post_due(&shared, timetable, due);
                    }
                    Ok(())
                }
                frame = wire.next() => match frame {
                    Ok(frame) => self.receive(&shared, frame),
                    Err(error) => Err(error),
                },
                changed = &mut phase => {
                    let (phases, now) = changed?;
                    phase.set(next_phase(phases));
                    timetable = self.begin(&shared, now, first);
                    Ok(())
                }
            };
            // What came together is received together, and answered in one write.
            let received = received.and_then(|()| {
                while let Some(frame) = wire.buffered()? {
                    self.receive(&shared, frame)?;
                }
                Ok(())
            });
            if self.side == Side::Agent {
                let now = (wire.reads(), wire.bytes_in());
                shared
                    .console_reads
                    .fetch_add(now.0 - so_far.0, Ordering::Relaxed);
                shared
                    .console_bytes
                    .fetch_add(now.1 - so_far.1, Ordering::Relaxed);
                so_far = now;
            }
            let received = match received {
                Ok(()) => self.flush(&mut wire).await,
                error => error,
            };
            if let Err(error) = received {
                shared.away.fetch_add(1, Ordering::SeqCst);
                wire = self.reconnect(&shared, error).await?;
                so_far = (0, 0);
                shared.away.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }

    /// Connects again after it was closed, as often as that happens, and counts it.
    async fn reconnect(&mut self, shared: &Shared, mut error: anyhow::Error) -> Result<Wire> {
        loop {
            let Some(Closed(code)) = error.downcast_ref() else {
                return Err(error);
            };
            *lock(&shared.measured).closed.entry(*code).or_default() += 1;
            sleep(RECONNECT_AFTER).await;
            error = match self.connect(shared).await {
                Ok(wire) => return Ok(wire),
                Err(error) => error,
            };
        }
    }

    /// Takes up what everybody does now.
    fn begin(&mut self, shared: &Shared, phase: Phase, first: bool) -> Option<Timetable> {
        self.posting_until = None;
        match phase {
            Phase::Quiet => {}
            Phase::Alternating { until } => {
                self.posting_until = Some(until);
                if self.side == Side::Visitor {
                    self.post(shared, 0, Instant::now());
                }
            }
            Phase::Broadcast { until, in_flight } => {
                self.posting_until = Some(until);
                if first {
                    for _ in 0..in_flight {
                        self.post(shared, 0, Instant::now());
                    }
                }
            }
            Phase::Fixed(timetable) => {
                for membership in &mut self.memberships {
                    membership.posted = 0;
                }
                return Some(timetable);
            }
        }
        None
    }

    /// When this one posts next by the timetable, if the window lets it.
    fn next_due(&self, shared: &Shared, timetable: Timetable) -> Option<Instant> {
        let open = self.memberships.iter().filter(|membership| {
            membership.posted < timetable.each && membership.unacked.len() < timetable.window
        });
        let rooms = shared.lines.len();
        open.map(|membership| timetable.due(membership.place, rooms, self.side, membership.posted))
            .min()
    }

    /// Posts what is due.
    fn post_due(&mut self, shared: &Shared, timetable: Timetable, due: Instant) {
        let rooms = shared.lines.len();
        for at in 0..self.memberships.len() {
            let membership = &self.memberships[at];
            if membership.posted < timetable.each
                && membership.unacked.len() < timetable.window
                && timetable.due(membership.place, rooms, self.side, membership.posted) <= due
            {
                self.memberships[at].posted += 1;
                let since = if timetable.from_due {
                    due
                } else {
                    Instant::now()
                };
                self.post(shared, at, since);
                if self.memberships[at].posted == timetable.each {
                    shared.unfinished.fetch_sub(1, Ordering::SeqCst);
                }
            }
        }
    }

    /// Posts a new message, which is timed from `since` on.
    fn post(&mut self, shared: &Shared, at: usize, since: Instant) {
        let (id, content) = (Uuid::now_v7(), texts::next());
        let membership = &mut self.memberships[at];
        membership.unacked.push_back(Unacked { since, id, content });
        shared.unacked.fetch_add(1, Ordering::SeqCst);
        if shared.across {
            lock(&shared.lines[membership.place]).in_flight[self.side as usize].push_back(since);
        }
        self.queue_post(shared, at, id, content);
    }

    fn queue_post(&mut self, shared: &Shared, at: usize, id: Uuid, content: &str) {
        self.calls = self.calls.wrapping_add(1).max(1);
        let room_id = &self.memberships[at].id;
        shared
            .wire_format
            .post_into(&mut self.out, room_id, id, content, self.calls);
    }

    async fn flush(&mut self, wire: &mut Wire) -> Result<()> {
        if !self.out.is_empty() {
            wire.write(&self.out).await?;
            self.out.clear();
        }
        Ok(())
    }

    /// The membership in the room that a frame is about.
    fn membership_of(&self, frame: &[u8]) -> Result<usize> {
        if self.memberships.len() == 1 {
            return Ok(0);
        }
        let key = room_of(frame).context("no room")?;
        let at = self
            .memberships
            .iter()
            .position(|membership| membership.key == key);
        at.context("a strange room")
    }

    fn receive(&mut self, shared: &Shared, frame: &[u8]) -> Result<()> {
        let received = shared.wire_format.kind_of(frame);
        match received {
            FrameKind::Message => {
                let at = self.membership_of(frame)?;
                let (seq, from) = messages_of(frame).next().context("no message")?;
                self.message(shared, at, seq, from)?;
            }
            FrameKind::Ack => self.ack(shared, frame)?,
            FrameKind::Summary if self.side == Side::Agent => {
                self.keep_cursor(frame);
                self.states(shared, frame)?;
            }
            FrameKind::Summaries => {
                self.keep_cursor(frame);
                self.states(shared, frame)?;
            }
            FrameKind::Welcome if self.side == Side::Agent => {
                self.joined += 1;
                self.keep_cursor(frame);
                self.states(shared, frame)?;
            }
            FrameKind::Joined | FrameKind::Page | FrameKind::Welcome => {
                self.joined += usize::from(received != FrameKind::Page);
                let at = if self.side == Side::Visitor {
                    0
                } else {
                    self.membership_of(frame)?
                };
                for (seq, from) in messages_of(frame) {
                    self.message(shared, at, seq, from)?;
                }
            }
            FrameKind::Ping => {
                let pong = shared.wire_format.pong();
                crate::wire::frame_into(&mut self.out, pong.as_bytes());
            }
            FrameKind::Refused => bail!("refused: {}", String::from_utf8_lossy(frame)),
            FrameKind::Summary | FrameKind::Other => {}
        }
        Ok(())
    }

    fn message(&mut self, shared: &Shared, at: usize, seq: u64, from: Side) -> Result<()> {
        let membership = &mut self.memberships[at];
        membership.last_seq = shared.check.received(membership.last_seq, seq);
        if shared.broadcasting.load(Ordering::Relaxed) {
            shared.delivered.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        if from == self.side {
            return Ok(());
        }
        let now = Instant::now();
        let mut line = lock(&shared.lines[membership.place]);
        line.commit(seq, now);
        let Some(since) = line.in_flight[from as usize].pop_front() else {
            return Ok(());
        };
        drop(line);
        let mut measured = lock(&shared.measured);
        measured.messages += 1;
        measured.across.record(micros(now, since))?;
        drop(measured);
        if !shared.answering.load(Ordering::Relaxed) {
            return Ok(());
        }
        match (self.side, self.posting_until) {
            (Side::Visitor, Some(until)) if now >= until => {
                shared.unfinished.fetch_sub(1, Ordering::SeqCst);
            }
            _ => self.post(shared, at, now),
        }
        Ok(())
    }

    fn ack(&mut self, shared: &Shared, frame: &[u8]) -> Result<()> {
        let at = self.membership_of(frame)?;
        let (membership, now) = (&mut self.memberships[at], Instant::now());
        let acked = membership
            .unacked
            .pop_front()
            .context("an ack of nothing")?;
        shared.unacked.fetch_sub(1, Ordering::SeqCst);
        lock(&shared.lines[membership.place]).commit(crate::wire::seq(frame)?, now);
        lock(&shared.measured).ack[self.side as usize].record(micros(now, acked.since))?;
        if shared.broadcasting.load(Ordering::Relaxed) {
            match self.posting_until {
                Some(until) if now < until => self.post(shared, at, now),
                _ => {
                    shared.unfinished.fetch_sub(1, Ordering::SeqCst);
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
    fn states(&self, shared: &Shared, frame: &[u8]) -> Result<()> {
        let Some(watches) = self.watches else {
            return Ok(());
        };
        let now = Instant::now();
        let mut shown = lock(&shared.shown[watches]);
        let mut measured = lock(&shared.measured);
        for (key, seq) in states_of(frame) {
            let Some(&place) = shared.places.get(&key) else {
                continue;
            };
            let line = lock(&shared.lines[place]);
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

impl RoomProgress {
    /// This seq is on disk; the first who learns of it records it.
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
