//! A server in memory that keeps the contract about the log and injects faults everywhere else.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use shoptalk::chat::{
    Agent, Counts, LastMessage, Message, MessageId, Note, Role, Room, RoomId, SenderType, Status,
    Summary, Timestamp,
};
use shoptalk::protocol::{
    AgentFrame, AgentWelcome, ErrorCode, ErrorFrame, Joined, Ping, Resume, ServerFrame,
    VisitorFrame, VisitorWelcome, decode_agent_frame, decode_agent_hello, decode_visitor_frame,
    decode_visitor_hello,
};
use tokio::io::DuplexStream;
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as WsMessage;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use uuid::Uuid;

use crate::connection::Dial;
use crate::socket::{ConnectError, Socket};

pub(super) const EPOCH: &str = "epoch";
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(25);
/// Messages per page: few, so that a resume has several pages.
const PAGE: usize = 3;

/// How likely each fault is, in percent.
#[derive(Clone, Copy)]
pub(super) struct Faults {
    /// The connection ends, at a frame in either direction.
    cut: u32,
    /// A push is lost, duplicated or delayed behind the next one: each with this likelihood.
    push: u32,
    /// A post is refused temporarily.
    busy: u32,
}

impl Faults {
    pub(super) const NONE: Self = Self {
        cut: 0,
        push: 0,
        busy: 0,
    };
    /// Every push is lost.
    pub(super) const PUSHES: Self = Self {
        cut: 0,
        push: 100,
        busy: 0,
    };
    pub(super) const ALL: Self = Self {
        cut: 8,
        push: 12,
        busy: 15,
    };
}

#[derive(Clone)]
pub(super) struct FakeServer(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

pub(super) struct State {
    random: fastrand::Rng,
    faults: Faults,
    rooms: BTreeMap<RoomId, Vec<Message>>,
    pub(super) notes: BTreeMap<RoomId, Vec<Note>>,
    refusal: Option<u16>,
    silent: bool,
}

impl FakeServer {
    pub(super) fn new(faults: Faults, seed: u64) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                random: fastrand::Rng::with_seed(seed),
                faults,
                rooms: BTreeMap::new(),
                notes: BTreeMap::new(),
                refusal: None,
                silent: false,
            }),
            changed: watch::Sender::new(0),
        }))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn log(&self, room_id: RoomId) -> Vec<Message> {
        self.state().rooms.entry(room_id).or_default().clone()
    }

    /// Another client posts a message.
    pub(super) fn post_from_elsewhere(&self, room_id: RoomId, n: usize) {
        self.store(room_id, Uuid::now_v7(), format!("from elsewhere {n}"));
    }

    pub(super) fn refuse_with(&self, code: u16) {
        self.state().refusal = Some(code);
    }

    /// Sets whether the server sends nothing after an upgrade.
    pub(super) fn set_silent(&self, silent: bool) {
        self.state().silent = silent;
    }

    fn store(&self, room_id: RoomId, id: MessageId, content: String) -> (u64, bool) {
        let mut state = self.state();
        let log = state.rooms.entry(room_id).or_default();
        if let Some(known) = log.iter().find(|message| message.id == id) {
            return (known.seq, true);
        }
        let seq = log.len() as u64 + 1;
        log.push(Message {
            id,
            room_id,
            seq,
            sender_type: SenderType::Customer,
            sender_name: "Ann".to_owned(),
            content,
            event: None,
            is_read: false,
            redacted: false,
            via: None,
            agent_id: None,
            created_at: Timestamp(0),
        });
        drop(state);
        self.notify();
        (seq, false)
    }

    pub(super) fn notify(&self) {
        self.0.changed.send_modify(|changes| *changes += 1);
    }

    /// Whether a fault happens now, by its likelihood in percent.
    fn happens(&self, likelihood: impl Fn(&Faults) -> u32) -> bool {
        let mut state = self.state();
        let chance = likelihood(&state.faults);
        state.random.u32(0..100) < chance
    }

    fn room(&self, room_id: RoomId) -> Room {
        let last_seq = self.log(room_id).len() as u64;
        Room {
            id: room_id,
            status: Status::Active,
            customer_name: None,
            customer_email: None,
            customer_phone: None,
            user: None,
            page_url: None,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            last_message_at: None,
            last_seq,
            customer_read_seq: 0,
            admin_read_seq: 0,
        }
    }

    fn summary(&self, room_id: RoomId) -> Summary {
        let room = self.room(room_id);
        Summary {
            version: room.last_seq,
            last_message: self.log(room_id).last().map(LastMessage::from),
            room,
            unread_count: 0,
            waiting_since: None,
            customer_online: false,
            blocked: false,
            assignee: None,
            tags: Vec::new(),
            spam: false,
            snoozed_until: None,
        }
    }
}

/// Connects to a [`FakeServer`], as one side or the other.
pub(super) struct FakeDial {
    server: FakeServer,
    is_agent: bool,
}

impl FakeDial {
    pub(super) fn visitor(server: FakeServer) -> Self {
        Self {
            server,
            is_agent: false,
        }
    }

    pub(super) fn agent(server: FakeServer) -> Self {
        Self {
            server,
            is_agent: true,
        }
    }
}

impl Dial for FakeDial {
    async fn dial(&mut self, path: String) -> Result<Socket, ConnectError> {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (server, is_agent) = (self.server.clone(), self.is_agent);
        let room_id = path.split('/').nth(3).and_then(|id| id.parse().ok());
        tokio::spawn(async move {
            let socket = tokio_tungstenite::accept_async(theirs).await;
            let peer = Peer {
                socket: socket.expect("an upgrade"),
                server,
                joined: BTreeMap::new(),
                noted: BTreeMap::new(),
                delayed: Vec::new(),
            };
            let _ = match (is_agent, room_id) {
                (true, _) => peer.serve_agent().await,
                (false, Some(room_id)) => peer.serve_visitor(room_id).await,
                (false, None) => panic!("no room in {path}"),
            };
        });
        Socket::upgrade(ours, "ws://fake/", Default::default()).await
    }
}

/// The connection is over.
pub(super) struct Cut;

/// The server's end of one connection.
pub(super) struct Peer {
    socket: WebSocketStream<DuplexStream>,
    pub(super) server: FakeServer,
    /// How far each joined room was pushed.
    joined: BTreeMap<RoomId, u64>,
    /// How far the notes of each joined room were pushed.
    pub(super) noted: BTreeMap<RoomId, u64>,
    /// Pushes that are sent after the next one.
    delayed: Vec<String>,
}

impl Peer {
    pub(super) async fn send(&mut self, frame: &impl Serialize) -> Result<(), Cut> {
        let text = serde_json::to_string(frame).expect("plain JSON");
        self.send_text(text).await
    }

    async fn send_text(&mut self, text: String) -> Result<(), Cut> {
        if self.server.happens(|faults| faults.cut) {
            return Err(Cut);
        }
        let sent = self.socket.send(WsMessage::text(text)).await;
        sent.map_err(|_| Cut)
    }

    /// Sends a frame that the contract allows to be lost, duplicated or late.
    pub(super) async fn push(&mut self, frame: &impl Serialize) -> Result<(), Cut> {
        let text = serde_json::to_string(frame).expect("plain JSON");
        if self.server.happens(|faults| faults.push) {
            return Ok(());
        }
        if self.server.happens(|faults| faults.push) {
            self.delayed.push(text);
            return Ok(());
        }
        if self.server.happens(|faults| faults.push) {
            self.send_text(text.clone()).await?;
        }
        self.send_text(text).await?;
        for late in std::mem::take(&mut self.delayed) {
            self.send_text(late).await?;
        }
        Ok(())
    }

    async fn receive(&mut self) -> Result<String, Cut> {
        loop {
            let message = self.socket.next().await.ok_or(Cut)?.map_err(|_| Cut)?;
            if self.server.happens(|faults| faults.cut) {
                return Err(Cut);
            }
            if let WsMessage::Text(text) = message {
                return Ok(text.to_string());
            }
        }
    }

    /// The hello, unless this server refuses or is silent.
    async fn hello(&mut self) -> Result<String, Cut> {
        let hello = self.receive().await?;
        let (refusal, silent) = {
            let state = self.server.state();
            (state.refusal, state.silent)
        };
        if let Some(code) = refusal {
            let frame = CloseFrame {
                code: code.into(),
                reason: "refused".into(),
            };
            let _ = self.socket.close(Some(frame)).await;
            return Err(Cut);
        }
        if silent {
            tokio::time::sleep(Duration::from_secs(3_600)).await;
        }
        Ok(hello)
    }

    /// The page after what a client has: its messages, whether they continue there, and whether
    /// more follow.
    fn page(&mut self, room_id: RoomId, resume: &Resume) -> (Vec<Message>, bool, bool) {
        let recovered = resume.after.is_some();
        let log = self.server.log(room_id);
        let after = resume.after.unwrap_or(0) as usize;
        let page: Vec<Message> = log.iter().skip(after).take(PAGE).cloned().collect();
        let more = after + page.len() < log.len();
        self.joined.insert(room_id, (after + page.len()) as u64);
        (page, recovered, more)
    }

    async fn rest_of_page(&mut self, room_id: RoomId, mut more: bool) -> Result<(), Cut> {
        while more {
            let resume = Resume {
                after: self.joined.get(&room_id).copied(),
                ..Resume::default()
            };
            let (messages, _, still_more) = self.page(room_id, &resume);
            more = still_more;
            self.send(&ServerFrame::Messages {
                room_id,
                messages: messages.into(),
                more,
            })
            .await?;
        }
        Ok(())
    }

    async fn serve_visitor(mut self, room_id: RoomId) -> Result<(), Cut> {
        let hello = self.hello().await?;
        let hello = decode_visitor_hello(&hello).expect("a hello");
        let (messages, recovered, more) = self.page(room_id, &hello.resume);
        self.send(&VisitorWelcome {
            redacted: None,
            protocol: 1,
            epoch: EPOCH.into(),
            room_id,
            room: Cow::Owned(self.server.room(room_id)),
            messages: messages.into(),
            recovered,
            more,
            agents_online: true,
            open: true,
            back_at: None,
            ping_interval_ms: PING_INTERVAL.as_millis() as u64,
            max_content: 8_000,
            reconnect_window_ms: 1_000,
        })
        .await?;
        self.rest_of_page(room_id, more).await?;
        self.serve(Some(room_id)).await
    }

    async fn serve_agent(mut self) -> Result<(), Cut> {
        let hello = self.hello().await?;
        let hello = decode_agent_hello(&hello).expect("a hello");
        let rooms: Vec<RoomId> = self.server.state().rooms.keys().copied().collect();
        let summaries = rooms.into_iter().map(|id| self.server.summary(id));
        let summaries: Vec<Summary> = summaries.collect();
        self.send(&AgentWelcome {
            protocol: 1,
            agent: Cow::Owned(Agent {
                id: Uuid::nil(),
                username: "mia".to_owned(),
                display_name: "Mia".to_owned(),
                role: Role::Agent,
                disabled: false,
                on_duty: true,
                created_at: Timestamp(0),
            }),
            epoch: EPOCH.into(),
            cursor: "cursor".into(),
            recovered: hello.cursor.is_some(),
            summaries: summaries.into(),
            more: false,
            counts: Counts::default(),
            online: Vec::new().into(),
            ping_interval_ms: PING_INTERVAL.as_millis() as u64,
            max_content: 8_000,
            reconnect_window_ms: 1_000,
        })
        .await?;
        self.serve(None).await
    }

    /// Handles frames, pushes new messages, and pings.
    async fn serve(mut self, own_room: Option<RoomId>) -> Result<(), Cut> {
        let mut changed = self.server.0.changed.subscribe();
        changed.mark_changed();
        let mut ping = tokio::time::interval(PING_INTERVAL);
        loop {
            tokio::select! {
                text = self.receive() => match own_room {
                    Some(room_id) => self.visitor_frame(room_id, &text?).await?,
                    None => self.agent_frame(&text?).await?,
                },
                _ = changed.changed() => self.push_new(own_room.is_none()).await?,
                _ = ping.tick() => self.ping(own_room).await?,
            }
        }
    }

    async fn push_new(&mut self, is_agent: bool) -> Result<(), Cut> {
        self.push_new_notes().await?;
        for (room_id, pushed) in self.joined.clone() {
            let log = self.server.log(room_id);
            self.joined.insert(room_id, log.len() as u64);
            for message in log.iter().skip(pushed as usize) {
                let message = Cow::Borrowed(message);
                self.push(&ServerFrame::Message { room_id, message })
                    .await?;
            }
            if is_agent && log.len() as u64 > pushed {
                let summary = self.server.summary(room_id);
                self.push(&ServerFrame::Summary {
                    cursor: "cursor".into(),
                    summary: Cow::Owned(summary),
                })
                .await?;
            }
        }
        Ok(())
    }

    /// A visitor's ping names the newest seq. Before an agent's, the server sends what is
    /// missing; this one sends the newest messages again, so that the client notices a gap.
    async fn ping(&mut self, own_room: Option<RoomId>) -> Result<(), Cut> {
        let last_seq = own_room.map(|room_id| self.server.log(room_id).len() as u64);
        if own_room.is_none() {
            for room_id in self.joined.keys().copied().collect::<BTreeSet<_>>() {
                if let Some(message) = self.server.log(room_id).last() {
                    let message = Cow::Borrowed(message);
                    self.send(&ServerFrame::Message { room_id, message })
                        .await?;
                }
                self.repeat_last_note(room_id).await?;
            }
        }
        self.send(&Ping { last_seq }).await
    }

    async fn visitor_frame(&mut self, room_id: RoomId, text: &str) -> Result<(), Cut> {
        match decode_visitor_frame(text).expect("a frame").frame {
            VisitorFrame::Post { id, content } => self.post(room_id, id, content).await,
            VisitorFrame::Pong => Ok(()),
            frame => panic!("{frame:?}"),
        }
    }

    async fn agent_frame(&mut self, text: &str) -> Result<(), Cut> {
        match decode_agent_frame(text).expect("a frame").frame {
            AgentFrame::Post {
                room_id,
                id,
                content,
            } => self.post(room_id, id, content).await,
            AgentFrame::Join { room_id, .. } if self.server.happens(|faults| faults.busy) => {
                let error = ErrorFrame::new(ErrorCode::Busy, "later").about_room(room_id);
                self.send(&error).await
            }
            AgentFrame::Note {
                room_id,
                id,
                content,
            } => self.note(room_id, id, content).await,
            AgentFrame::Join {
                room_id,
                resume,
                after_note,
            } => {
                let (messages, recovered, more) = self.page(room_id, &resume);
                let (notes, last_note, notes_more) = self.note_page(room_id, after_note);
                self.send(&Joined {
                    redacted: None,
                    room_id,
                    room: Cow::Owned(self.server.room(room_id)),
                    messages: messages.into(),
                    recovered,
                    more,
                    notes: notes.into(),
                    last_note,
                    notes_more,
                })
                .await?;
                self.push_new_notes().await?;
                self.rest_of_page(room_id, more).await
            }
            AgentFrame::Pong => Ok(()),
            frame => panic!("{frame:?}"),
        }
    }

    async fn post(&mut self, room_id: RoomId, id: MessageId, content: String) -> Result<(), Cut> {
        if self.server.happens(|faults| faults.busy) {
            let error = ErrorFrame::new(ErrorCode::Busy, "later").about_message(id);
            return self.send(&error.about_room(room_id)).await;
        }
        let (seq, duplicate) = self.server.store(room_id, id, content);
        self.send(&ServerFrame::Ack {
            room_id,
            id,
            seq,
            created_at: Timestamp(0),
            duplicate,
        })
        .await
    }
}
