//! Customers who write and readers who follow, over real sockets that break. They keep what they
//! did and saw for the history checker.

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
use crate::customer::{Customer, Person};
use crate::history::{RoomHistory, Send, View};
use crate::live_line::{SILENCE, catch_up};

/// How customers and readers behave.
#[derive(Clone, Copy)]
pub(crate) struct Habits {
    /// The chance that an acked message is posted once more.
    pub(crate) again: f64,
    /// The chance, at each frame, that the connection is cut.
    pub(crate) cut: f64,
    /// Readers beside each customer.
    pub(crate) readers: usize,
}

impl Habits {
    /// Nobody does anything strange.
    pub(crate) const PLAIN: Self = Self {
        again: 0.0,
        cut: 0.0,
        readers: 1,
    };
}

/// What all people of a trial share.
pub(crate) struct Crowd {
    pub(crate) address: watch::Sender<SocketAddr>,
    pub(crate) habits: Habits,
    /// Customers begin nothing new.
    pub(crate) quiet: AtomicBool,
    pub(crate) acks: watch::Sender<u64>,
    pub(crate) errors: AtomicU64,
    pub(crate) cuts: AtomicU64,
    pub(crate) resumes: AtomicU64,
    pub(crate) heads: Mutex<HashMap<Uuid, u64>>,
    /// How far the disk's journal is, where it matters.
    pub(crate) noted: Box<dyn Fn() -> u64 + std::marker::Send + Sync>,
}

/// People at work.
pub(crate) struct AtWork {
    pub(crate) crowd: Arc<Crowd>,
    rooms: Vec<(Uuid, String)>,
    customers: JoinSet<Result<(Uuid, Vec<Send>, View)>>,
    readers: JoinSet<Result<(Uuid, View)>>,
    done: watch::Sender<bool>,
}

impl AtWork {
    /// So many customers begin to write, each in a room of its own.
    pub(crate) async fn begin(
        addr: SocketAddr,
        rooms: usize,
        habits: Habits,
        seed: u64,
    ) -> Result<Self> {
        Self::begin_noting(addr, rooms, habits, seed, Box::new(|| 0)).await
    }

    /// The same, where each ack is to carry how far the disk's journal was.
    pub(crate) async fn begin_noting(
        addr: SocketAddr,
        rooms: usize,
        habits: Habits,
        seed: u64,
        noted: Box<dyn Fn() -> u64 + std::marker::Send + Sync>,
    ) -> Result<Self> {
        let crowd = Arc::new(Crowd {
            address: watch::Sender::new(addr),
            habits,
            quiet: AtomicBool::new(false),
            acks: watch::Sender::new(0),
            errors: AtomicU64::new(0),
            cuts: AtomicU64::new(0),
            resumes: AtomicU64::new(0),
            heads: Mutex::default(),
            noted,
        });
        let mut random = StdRng::seed_from_u64(seed);
        let done = watch::Sender::new(false);
        let mut work = Self {
            crowd: crowd.clone(),
            rooms: Vec::new(),
            customers: JoinSet::new(),
            readers: JoinSet::new(),
            done,
        };
        let rest = Rest::new(addr);
        for _ in 0..rooms {
            let (room_id, token) = open_room(&rest).await?;
            let person = |random: &mut StdRng| Person {
                room_id,
                token: token.clone(),
                crowd: crowd.clone(),
                random: StdRng::seed_from_u64(random.random()),
                view: View::default(),
            };
            for _ in 0..habits.readers {
                let reader = person(&mut random);
                work.readers.spawn(reader.read(work.done.subscribe()));
            }
            let customer = Customer {
                person: person(&mut random),
                sends: Vec::new(),
                places: HashMap::new(),
                waiting: VecDeque::new(),
                in_flight: 0,
            };
            work.customers.spawn(customer.write());
            work.rooms.push((room_id, token));
        }
        Ok(work)
    }

    /// Acks so far, repeated ones included.
    pub(crate) fn acks(&self) -> u64 {
        *self.crowd.acks.borrow()
    }

    /// Whose rooms these are: ids and tokens.
    pub(crate) fn rooms(&self) -> Vec<(Uuid, String)> {
        self.rooms.clone()
    }

    /// The highest seq that was acked in a room so far.
    pub(crate) fn head(&self, room_id: Uuid) -> u64 {
        let heads = self.crowd.heads.lock();
        let heads = heads.unwrap_or_else(PoisonError::into_inner);
        heads.get(&room_id).copied().unwrap_or(0)
    }

    /// Refusals so far.
    pub(crate) fn errors(&self) -> u64 {
        self.crowd.errors.load(Ordering::Relaxed)
    }

    /// Connections that were cut so far, by these people.
    pub(crate) fn cuts(&self) -> u64 {
        self.crowd.cuts.load(Ordering::Relaxed)
    }

    /// Connections after the first so far.
    pub(crate) fn resumes(&self) -> u64 {
        self.crowd.resumes.load(Ordering::Relaxed)
    }

    /// Waits until so many acks have come. Fails when somebody has given up, or when none
    /// comes for long.
    pub(crate) async fn acked(&mut self, target: u64) -> Result<()> {
        let mut acks = self.crowd.acks.subscribe();
        loop {
            let known = *acks.borrow_and_update();
            if known >= target {
                return Ok(());
            }
            tokio::select! {
                changed = timeout(SILENCE, acks.changed()) => {
                    changed.with_context(|| format!("no ack for {SILENCE:?}, after {known}"))??;
                }
                Some(ended) = self.customers.join_next() => {
                    ended??;
                    bail!("a customer has stopped");
                }
            }
        }
    }

    /// From now on the server is there.
    pub(crate) fn moved(&self, addr: SocketAddr) {
        self.crowd.address.send_replace(addr);
    }

    /// Customers finish what they began, readers read to the end; then all say what happened.
    pub(crate) async fn finish(mut self) -> Result<Vec<RoomHistory>> {
        self.crowd.quiet.store(true, Ordering::Relaxed);
        let mut histories: HashMap<Uuid, RoomHistory> = HashMap::new();
        while let Some(customer) = self.customers.join_next().await {
            let (room_id, sends, view) = customer??;
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
        let addr = *self.crowd.address.borrow();
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
