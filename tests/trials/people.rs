//! Customers who write and readers who follow, over real sockets that break. They keep what they
//! did and saw for the history checker.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use crate::common::{Rest, Value, json};
use crate::history::{Outcome, RoomHistory, Send, View};

/// Nobody waits longer than this for a frame; pings come every 25 s.
const SILENCE: Duration = Duration::from_secs(60);
/// How long a client waits after a refusal or a failed connect before it tries again.
const BACK_OFF: Duration = Duration::from_millis(20);
/// Posts of one customer that may be unanswered.
const WINDOW: usize = 4;

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
    address: watch::Sender<SocketAddr>,
    habits: Habits,
    /// Customers begin nothing new.
    quiet: AtomicBool,
    acks: watch::Sender<u64>,
    errors: AtomicU64,
    cuts: AtomicU64,
    resumes: AtomicU64,
    heads: Mutex<HashMap<Uuid, u64>>,
    /// How far the disk's journal is, where it matters.
    noted: Box<dyn Fn() -> u64 + std::marker::Send + Sync>,
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

/// Reads what is past the view.
pub(crate) async fn catch_up(
    addr: SocketAddr,
    room_id: Uuid,
    token: &str,
    view: &mut View,
) -> Result<()> {
    let mut line = Line::open(addr, room_id, token, view)
        .await?
        .context("the server has gone")?;
    while line.more {
        line.next(view).await?.context("the server has gone")?;
    }
    Ok(())
}

/// A live socket after its welcome.
pub(crate) struct Line {
    socket: WebSocketStream<TcpStream>,
    /// The rest of the resume is still on its way.
    pub(crate) more: bool,
}

impl Line {
    /// Connects and resumes after what was seen; nothing when there is no server.
    pub(crate) async fn open(
        addr: SocketAddr,
        room_id: Uuid,
        token: &str,
        view: &mut View,
    ) -> Result<Option<Self>> {
        let Ok(tcp) = TcpStream::connect(addr).await else {
            return Ok(None);
        };
        let url = format!("ws://{addr}/ws/chat/{room_id}/");
        let Ok(Ok((socket, _))) = timeout(SILENCE, tokio_tungstenite::client_async(url, tcp)).await
        else {
            return Ok(None);
        };
        let mut line = Self { socket, more: true };
        let hello = json!({"type": "hello", "token": token, "after": view.last()});
        if line.send(&hello).await.is_none() {
            return Ok(None);
        }
        let Some(welcome) = line.next(view).await? else {
            return Ok(None);
        };
        ensure!(
            welcome["type"] == "welcome" || welcome["type"] == "going_away",
            "no welcome: {welcome}"
        );
        ensure!(welcome["recovered"] != false, "no resume: {welcome}");
        Ok(Some(line))
    }

    async fn send(&mut self, frame: &Value) -> Option<()> {
        self.socket
            .send(Message::text(frame.to_string()))
            .await
            .ok()
    }

    /// The next frame; what it shows goes into the view as it comes. Nothing when the
    /// connection has ended.
    pub(crate) async fn next(&mut self, view: &mut View) -> Result<Option<Value>> {
        loop {
            let next = timeout(SILENCE, self.socket.next())
                .await
                .context("a socket without any frame, not even a ping")?;
            let text = match next {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(Some(close)))) if u16::from(close.code) >= 4500 => {
                    bail!("sent away: {close}")
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(None),
                Some(Ok(_)) => continue,
            };
            let frame: Value = serde_json::from_str(&text)?;
            match frame["type"].as_str() {
                Some("ping") => {
                    if self.send(&json!({"type": "pong"})).await.is_none() {
                        return Ok(None);
                    }
                    continue;
                }
                Some("message") => see(view, &frame["message"])?,
                Some("welcome" | "messages") => {
                    for message in frame["messages"].as_array().context("a page")? {
                        see(view, message)?;
                    }
                    self.more = frame["more"] == true;
                }
                _ => {}
            }
            return Ok(Some(frame));
        }
    }
}

fn see(view: &mut View, message: &Value) -> Result<()> {
    let seq = message["seq"].as_u64().context("no seq")?;
    let id = message["id"].as_str().context("no id")?.parse()?;
    view.seen.push((seq, id));
    Ok(())
}

/// Somebody in a room.
struct Person {
    room_id: Uuid,
    token: String,
    crowd: Arc<Crowd>,
    random: StdRng,
    view: View,
}

impl Person {
    /// Connects, however long that takes, unless told to leave it.
    async fn connect(&mut self, leave: impl Fn() -> bool) -> Result<Option<Line>> {
        loop {
            let addr = *self.crowd.address.borrow();
            if !self.view.seen.is_empty() {
                self.crowd.resumes.fetch_add(1, Ordering::Relaxed);
            }
            if let Some(line) = Line::open(addr, self.room_id, &self.token, &mut self.view).await? {
                return Ok(Some(line));
            }
            if leave() {
                return Ok(None);
            }
            tokio::time::sleep(BACK_OFF).await;
        }
    }

    fn cuts(&mut self) -> bool {
        let cuts = self.crowd.habits.cut > 0.0 && self.random.random_bool(self.crowd.habits.cut);
        self.crowd
            .cuts
            .fetch_add(u64::from(cuts), Ordering::Relaxed);
        cuts
    }

    /// Reads until there is nothing more to come.
    async fn read(mut self, mut done: watch::Receiver<bool>) -> Result<(Uuid, View)> {
        while !*done.borrow() {
            let Some(mut line) = self.connect(|| *done.borrow()).await? else {
                break;
            };
            loop {
                tokio::select! {
                    frame = line.next(&mut self.view) => {
                        if frame?.is_none() || self.cuts() {
                            break;
                        }
                    }
                    _ = done.wait_for(|done| *done) => break,
                }
            }
        }
        Ok((self.room_id, self.view))
    }
}

/// Somebody who writes, with an outbox.
struct Customer {
    person: Person,
    sends: Vec<Send>,
    places: HashMap<Uuid, usize>,
    /// What has not been settled, oldest first; the first ones are on their way.
    waiting: VecDeque<Uuid>,
    in_flight: usize,
}

impl Customer {
    async fn write(mut self) -> Result<(Uuid, Vec<Send>, View)> {
        while !self.is_finished() {
            let Some(mut line) = self.person.connect(|| false).await? else {
                break;
            };
            self.in_flight = 0;
            while !self.is_finished() {
                if self.fill(&mut line).await.is_none() {
                    break;
                }
                let Some(frame) = line.next(&mut self.person.view).await? else {
                    break;
                };
                self.take(&frame).await?;
                if self.person.cuts() {
                    break;
                }
            }
        }
        Ok((self.person.room_id, self.sends, self.person.view))
    }

    fn is_finished(&self) -> bool {
        self.waiting.is_empty() && self.person.crowd.quiet.load(Ordering::Relaxed)
    }

    /// Posts until the window is full.
    async fn fill(&mut self, line: &mut Line) -> Option<()> {
        while self.in_flight < WINDOW {
            if self.in_flight == self.waiting.len() {
                if self.person.crowd.quiet.load(Ordering::Relaxed) {
                    break;
                }
                let id = self.begin();
                self.waiting.push_back(id);
            }
            let send = &self.sends[self.places[&self.waiting[self.in_flight]]];
            let post = json!({"type": "post", "id": send.id, "content": send.content});
            line.send(&post).await?;
            self.in_flight += 1;
        }
        Some(())
    }

    /// A new message, or one that was acked long ago.
    fn begin(&mut self) -> Uuid {
        let again = self.person.crowd.habits.again;
        if !self.sends.is_empty() && again > 0.0 && self.person.random.random_bool(again) {
            let place = self.person.random.random_range(0..self.sends.len());
            let id = self.sends[place].id;
            if !self.waiting.contains(&id) {
                return id;
            }
        }
        let id = Uuid::now_v7();
        self.places.insert(id, self.sends.len());
        let content = format!(
            "Message {} of mine: has it been sent?",
            self.sends.len() + 1
        );
        self.sends.push(Send {
            id,
            content,
            outcome: Outcome::Unknown,
        });
        id
    }

    async fn take(&mut self, frame: &Value) -> Result<()> {
        let kind = frame["type"].as_str().unwrap_or("");
        if kind != "ack" && kind != "error" {
            return Ok(());
        }
        let Some(id) = frame["id"].as_str() else {
            bail!("an answer to nothing: {frame}");
        };
        let id: Uuid = id.parse()?;
        let place = self.waiting.iter().position(|waiting| *waiting == id);
        // An answer to a post of an earlier connection cannot come, so it is one of these.
        let place = place.with_context(|| format!("an answer that nobody waits for: {frame}"))?;
        if kind == "error" {
            self.person.crowd.errors.fetch_add(1, Ordering::Relaxed);
            ensure!(
                frame["message"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "a refusal that says nothing: {frame}"
            );
            self.in_flight -= 1;
            let id = self.waiting.remove(place).context("it is there")?;
            if frame["retryable"] == true {
                // Behind those that are on their way.
                self.waiting.insert(self.in_flight, id);
                tokio::time::sleep(BACK_OFF).await;
            } else {
                self.sends[self.places[&id]].outcome = Outcome::Refused;
            }
            return Ok(());
        }
        let seq = frame["seq"].as_u64().context("no seq")?;
        let send = &mut self.sends[self.places[&id]];
        match send.outcome {
            Outcome::Acked { seq: first, .. } => {
                ensure!(
                    seq == first && frame["duplicate"] == true,
                    "acked first with {first}: {frame}"
                );
            }
            _ => {
                send.outcome = Outcome::Acked {
                    seq,
                    noted: (self.person.crowd.noted)(),
                };
            }
        }
        self.waiting.remove(place);
        self.in_flight -= 1;
        {
            let heads = self.person.crowd.heads.lock();
            let mut heads = heads.unwrap_or_else(PoisonError::into_inner);
            let head = heads.entry(self.person.room_id).or_default();
            *head = seq.max(*head);
        }
        self.person.crowd.acks.send_modify(|acks| *acks += 1);
        Ok(())
    }
}
