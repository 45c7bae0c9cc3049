//! A load of writers and readers over real sockets that break. They record what they sent and
//! saw for the history checker.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use uuid::Uuid;

use crate::common::{Rest, Value, json};
use crate::history::{RoomHistory, Send, View};
use crate::participants::{Participant, Writer};
use crate::visitor_socket::{SILENCE, catch_up};

/// How writers and readers behave.
#[derive(Clone, Copy)]
pub(crate) struct Behavior {
    /// The chance that an acked message is posted again.
    pub(crate) repost: f64,
    /// The chance, at each frame, that the connection is cut.
    pub(crate) cut: f64,
    /// Readers beside each writer.
    pub(crate) readers: usize,
}

impl Behavior {
    /// No reposts, no cuts, one reader.
    pub(crate) const PLAIN: Self = Self {
        repost: 0.0,
        cut: 0.0,
        readers: 1,
    };
}

/// What all writers and readers of a trial share.
pub(crate) struct WorkloadState {
    /// The nodes. Each connection goes to a random one.
    pub(crate) addresses: watch::Sender<Vec<SocketAddr>>,
    pub(crate) behavior: Behavior,
    /// Set when writers are to post nothing new.
    pub(crate) stopping: AtomicBool,
    pub(crate) acks: watch::Sender<u64>,
    pub(crate) errors: AtomicU64,
    pub(crate) cuts: AtomicU64,
    pub(crate) resumes: AtomicU64,
    pub(crate) heads: Mutex<HashMap<Uuid, u64>>,
    /// How far the disk's journal is, where it matters.
    pub(crate) journaled: Box<dyn Fn() -> u64 + std::marker::Send + Sync>,
}

/// Running writers and readers.
pub(crate) struct Workload {
    pub(crate) state: Arc<WorkloadState>,
    rooms: Vec<(Uuid, String)>,
    writers: JoinSet<Result<(Uuid, Vec<Send>, View)>>,
    readers: JoinSet<Result<(Uuid, View)>>,
    done: watch::Sender<bool>,
}

impl Workload {
    /// Starts `rooms` writers, each in a room of its own, and their readers.
    pub(crate) async fn start(
        addr: SocketAddr,
        rooms: usize,
        behavior: Behavior,
        seed: u64,
    ) -> Result<Self> {
        Self::start_with_journal(addr, rooms, behavior, seed, Box::new(|| 0)).await
    }

    /// The same, where each ack records how far the disk's journal was.
    pub(crate) async fn start_with_journal(
        addr: SocketAddr,
        rooms: usize,
        behavior: Behavior,
        seed: u64,
        journaled: Box<dyn Fn() -> u64 + std::marker::Send + Sync>,
    ) -> Result<Self> {
        Self::start_with(vec![addr], rooms, behavior, seed, journaled).await
    }

    /// The same on several nodes.
    pub(crate) async fn start_on_nodes(
        addresses: Vec<SocketAddr>,
        rooms: usize,
        behavior: Behavior,
        seed: u64,
    ) -> Result<Self> {
        Self::start_with(addresses, rooms, behavior, seed, Box::new(|| 0)).await
    }

    async fn start_with(
        addresses: Vec<SocketAddr>,
        rooms: usize,
        behavior: Behavior,
        seed: u64,
        journaled: Box<dyn Fn() -> u64 + std::marker::Send + Sync>,
    ) -> Result<Self> {
        let rest = Rest::new(*addresses.first().context("a node")?);
        let state = Arc::new(WorkloadState {
            addresses: watch::Sender::new(addresses),
            behavior,
            stopping: AtomicBool::new(false),
            acks: watch::Sender::new(0),
            errors: AtomicU64::new(0),
            cuts: AtomicU64::new(0),
            resumes: AtomicU64::new(0),
            heads: Mutex::default(),
            journaled,
        });
        let mut random = StdRng::seed_from_u64(seed);
        let done = watch::Sender::new(false);
        let mut workload = Self {
            state: state.clone(),
            rooms: Vec::new(),
            writers: JoinSet::new(),
            readers: JoinSet::new(),
            done,
        };
        for _ in 0..rooms {
            let (room_id, token) = open_room(&rest).await?;
            let participant = |random: &mut StdRng| Participant {
                room_id,
                token: token.clone(),
                state: state.clone(),
                random: StdRng::seed_from_u64(random.random()),
                view: View::default(),
            };
            for _ in 0..behavior.readers {
                let reader = participant(&mut random);
                workload
                    .readers
                    .spawn(reader.read(workload.done.subscribe()));
            }
            let writer = Writer {
                participant: participant(&mut random),
                sends: Vec::new(),
                places: HashMap::new(),
                waiting: VecDeque::new(),
                in_flight: 0,
            };
            workload.writers.spawn(writer.write());
            workload.rooms.push((room_id, token));
        }
        Ok(workload)
    }

    /// Acks so far, repeated ones included.
    pub(crate) fn acks(&self) -> u64 {
        *self.state.acks.borrow()
    }

    /// The rooms: ids and tokens.
    pub(crate) fn rooms(&self) -> Vec<(Uuid, String)> {
        self.rooms.clone()
    }

    /// The highest seq that was acked in a room so far.
    pub(crate) fn head(&self, room_id: Uuid) -> u64 {
        let heads = self.state.heads.lock();
        let heads = heads.unwrap_or_else(PoisonError::into_inner);
        heads.get(&room_id).copied().unwrap_or(0)
    }

    /// Refusals so far.
    pub(crate) fn errors(&self) -> u64 {
        self.state.errors.load(Ordering::Relaxed)
    }

    /// Connections that the workload has cut so far.
    pub(crate) fn cuts(&self) -> u64 {
        self.state.cuts.load(Ordering::Relaxed)
    }

    /// Connections after the first so far.
    pub(crate) fn resumes(&self) -> u64 {
        self.state.resumes.load(Ordering::Relaxed)
    }

    /// Waits until this many acks have come. Fails when a writer or reader has given up, or when none
    /// comes for long.
    pub(crate) async fn wait_for_acks(&mut self, target: u64) -> Result<()> {
        let mut acks = self.state.acks.subscribe();
        loop {
            let known = *acks.borrow_and_update();
            if known >= target {
                return Ok(());
            }
            tokio::select! {
                changed = timeout(SILENCE, acks.changed()) => {
                    changed.with_context(|| format!("no ack for {SILENCE:?}, after {known}"))??;
                }
                Some(ended) = self.writers.join_next() => {
                    ended??;
                    bail!("a writer has stopped");
                }
            }
        }
    }

    /// Sets the address of the server for later connections.
    pub(crate) fn reconnect_to(&self, addr: SocketAddr) {
        self.state.addresses.send_replace(vec![addr]);
    }

    /// Lets writers settle their posts and readers read to the end. Returns their histories.
    pub(crate) async fn finish(mut self) -> Result<Vec<RoomHistory>> {
        self.state.stopping.store(true, Ordering::Relaxed);
        let mut histories: HashMap<Uuid, RoomHistory> = HashMap::new();
        while let Some(writer) = self.writers.join_next().await {
            let (room_id, sends, view) = writer??;
            histories.insert(
                room_id,
                RoomHistory {
                    room_id,
                    sends,
                    views: vec![view],
                },
            );
        }
        self.done.send_replace(true);
        while let Some(reader) = self.readers.join_next().await {
            let (room_id, view) = reader??;
            let history = histories.get_mut(&room_id).context("a room")?;
            history.views.push(view);
        }
        // A last look with a connection of its own, as what was on its way when somebody left
        // was not seen.
        let addr = self.state.addresses.borrow()[0];
        for (room_id, token) in &self.rooms {
            let history = histories.get_mut(room_id).context("a room")?;
            for view in &mut history.views {
                catch_up(addr, *room_id, token, view).await?;
            }
        }
        Ok(histories.into_values().collect())
    }
}

/// A fresh anonymous visitor's room and token.
pub(crate) async fn open_room(rest: &Rest) -> Result<(Uuid, String)> {
    let opened = rest.post("/api/chat/rooms/", json!({})).await;
    ensure!(opened.status == 201, "{}", opened.text);
    let opened = opened.json();
    let text = |value: &Value| value.as_str().map(str::to_owned).context("no text");
    Ok((
        text(&opened["room"]["id"])?.parse()?,
        text(&opened["token"])?,
    ))
}
