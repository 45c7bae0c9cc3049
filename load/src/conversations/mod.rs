//! Rooms in which a visitor and an agent at a console exchange messages, over either server. Every
//! socket has a task that reads it from beginning to end; `Phase` is what all of them do at a time.
//! An agent whose console is closed reconnects as a console does, and the close is counted.

mod measured;
mod participant;
mod phase;
mod shared;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

pub(crate) use measured::Measured;
pub(crate) use phase::{Phase, Timetable};

use participant::{Membership, Participant};
use shared::{RoomProgress, Shared, lock};

use crate::clients::{OpenRoom, all};
use crate::delivery_check::DeliveryCheck;
use crate::server::Server;
use crate::wire_format::{RoomKey, WireFormat};
use shoptalk_client::chat::Side;

/// Consoles at which the age of states is measured, at most.
const TIMED: usize = 50;
/// The time between two checks of whether everything has arrived.
const POLL_INTERVAL: Duration = Duration::from_millis(2);
/// How long posts may take to be acked and received.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the newest states may take to reach the consoles after the last post.
const STATES_TIMEOUT: Duration = Duration::from_secs(5);

/// The code of a socket that was closed because it read too slowly.
pub(crate) const SLOW: u16 = 4008;

/// The rooms of one server with all of their participants.
pub(crate) struct Conversations {
    shared: Arc<Shared>,
    tasks: JoinSet<Result<()>>,
}

/// How many rooms and consoles there are, and which consoles have joined which rooms.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) rooms: usize,
    pub(crate) consoles: usize,
    pub(crate) joined: Joined,
}

/// Which rooms the consoles have joined.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Joined {
    /// Each room is joined by one console; the rooms are dealt out in turn.
    Own,
    /// All consoles join the same room, which has no visitor.
    Together,
    /// No console joins any; they only receive the lobby.
    NoRoom,
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
            rooms: keys.iter().map(|_| Mutex::default()).collect(),
            phase: watch::channel(Phase::Quiet).0,
            answering: AtomicBool::new(false),
            broadcasting: AtomicBool::new(false),
            unfinished: AtomicUsize::new(0),
            unacked: AtomicUsize::new(0),
            away: AtomicUsize::new(0),
            memberships: match layout.joined {
                Joined::Own => 2 * layout.rooms,
                Joined::Together => layout.consoles,
                Joined::NoRoom => layout.rooms,
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
                Joined::NoRoom => Vec::new(),
            };
            // Those that are timed are spread over all.
            let timed_as = (0..timed).find(|at| at * layout.consoles / timed == console);
            let token = shared.token.clone();
            participants.push(Participant::new(Side::Agent, token, memberships, timed_as));
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

    /// Visitors and agents reply to each other for this long. Returns the messages per second that
    /// the other side received.
    pub(crate) async fn alternate(&mut self, time: Duration) -> Result<f64> {
        let started = Instant::now();
        let shared = self.shared.clone();
        shared.answering.store(true, Ordering::SeqCst);
        shared
            .unfinished
            .store(shared.rooms.len(), Ordering::SeqCst);
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

    /// The first console posts for this long. Returns the deliveries per second to all consoles.
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
        let posted = lock(&shared.rooms[0]).committed.len() as u64;
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

    /// How often all consoles have read from their sockets, and how many bytes that were.
    pub(crate) fn console_reads(&self) -> (u64, u64) {
        let [reads, bytes] = [&self.shared.console_reads, &self.shared.console_bytes];
        (reads.load(Ordering::SeqCst), bytes.load(Ordering::SeqCst))
    }

    /// What was measured since the last call.
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
                .rooms
                .iter()
                .map(|room| lock(room).committed.len() as u64)
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
                |room: &Mutex<RoomProgress>| lock(room).in_flight.iter().all(VecDeque::is_empty);
            [&shared.unfinished, &shared.unacked, &shared.away]
                .iter()
                .all(|count| count.load(Ordering::SeqCst) == 0)
                && shared.rooms.iter().all(settled)
        })
        .await?;
        shared.phase.send_replace(Phase::Quiet);
        Ok(())
    }

    async fn wait(&mut self, deadline: Instant, done: impl Fn() -> bool) -> Result<()> {
        while !done() {
            ensure!(
                Instant::now() < deadline,
                "not everything posted has arrived: {} participants have not finished, {} posts \
                 have no ack",
                self.shared.unfinished.load(Ordering::SeqCst),
                self.shared.unacked.load(Ordering::SeqCst)
            );
            self.rest(POLL_INTERVAL).await?;
        }
        Ok(())
    }

    /// Waits this long, or until a task fails.
    pub(crate) async fn rest(&mut self, time: Duration) -> Result<()> {
        tokio::select! {
            Some(ended) = self.tasks.join_next() => {
                ended??;
                bail!("a participant's task has ended");
            }
            () = sleep(time) => Ok(()),
        }
    }
}
