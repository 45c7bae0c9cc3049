use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::feed::RoomFeed;
use super::liveness::{Due, Liveness};
use super::lobby_feed::LobbyFeed;
use super::manners::{Manners, TooMany};
use super::pending::{PendingWrite, PendingWrites};
use super::wire::{Incoming, SendError, Wire};
use crate::actors::{
    Event, Incarnation, JoinError, Joiner, Outbox, Reply, RequestId, SubscriptionId,
};
use crate::chat::{Draft, MessageId, RoomId, Sender, Side, Status};
use crate::http::AppState;
use crate::http::problem::Problem;
use crate::persistence::{Effect, RoomCommit, RoomOp, StoreError, TokenHash, WriteError};
use crate::protocol::{
    AgentFrame, CloseCode, ErrorCode, ErrorFrame, FrameError, Joined, Ping, Resume, ServerFrame,
    VisitorFrame, decode_agent_frame, decode_visitor_frame, encode,
};

/// Rooms that one agent's socket follows at most.
const JOINS_MAX: usize = 128;
/// How long a draining socket waits for the answers to its writes.
const DRAIN_WRITES: Duration = Duration::from_secs(3);
/// Frames that one turn collects before it sends them.
const TURN_FRAMES: usize = 256;

/// Who speaks on a socket.
pub(super) enum Who {
    /// A visitor, about the one room of the address.
    Visitor { room_id: RoomId },
    /// An agent, about any room.
    Agent {
        session: TokenHash,
        lobby: Box<LobbyFeed>,
    },
}

/// Why a socket ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The server closes it.
    Close(CloseCode),
    /// The peer has gone.
    Gone,
}

impl From<CloseCode> for End {
    fn from(code: CloseCode) -> Self {
        Self::Close(code)
    }
}

/// One open socket after its hello: turns frames into writes and events into frames.
pub(super) struct Session {
    pub(super) state: AppState,
    pub(super) who: Who,
    pub(super) joiner: Joiner,
    pub(super) feeds: HashMap<RoomId, RoomFeed>,
    pub(super) agents_online: watch::Receiver<bool>,
    pub(super) auth_version: watch::Receiver<u64>,
    pending: PendingWrites,
    liveness: Liveness,
    manners: Manners,
    /// Frames to be sent at the end of the turn.
    frames: Vec<Utf8Bytes>,
}

/// A frame of either side, once it is known which room it is about.
enum Verb {
    Join { resume: Resume },
    Leave,
    Post { id: MessageId, content: String },
    Read { seq: u64 },
    Typing,
    History { before: u64, limit: usize },
    Status { status: Status },
}

impl Session {
    pub(super) fn new(state: AppState, who: Who, joiner: Joiner) -> Self {
        let socket = &state.config.socket;
        let millis = Duration::from_millis;
        Self {
            agents_online: state.presence.agents_online(),
            auth_version: state.auth_version.clone(),
            pending: PendingWrites::new(millis(socket.post_timeout_ms)),
            liveness: Liveness::new(
                millis(socket.ping_interval_ms),
                millis(socket.pong_timeout_ms),
            ),
            manners: Manners::new(&state.config.limits),
            feeds: HashMap::new(),
            frames: Vec::new(),
            state,
            who,
            joiner,
        }
    }

    /// Runs until the socket ends, and closes it.
    pub(super) async fn run(mut self, mut wire: Wire) {
        let end = self.turns(&mut wire).await;
        let outbox = self.joiner.outbox.clone();
        if end == End::Close(CloseCode::OutboxFull) {
            self.state.metrics.outbox_overflowed();
        }
        // Leave every room before the close frame waits for its answer.
        drop(self);
        outbox.close(CloseCode::ResyncWanted);
        tracing::debug!(?end, "socket ends");
        match end {
            End::Close(code) => wire.close(code).await,
            End::Gone => wire.finish().await,
        }
    }

    async fn turns(&mut self, wire: &mut Wire) -> End {
        let mut events = VecDeque::new();
        let outbox = self.joiner.outbox.clone();
        let drain = self.state.drain.clone();
        loop {
            let now = Instant::now();
            let reads = self.pending.has_credit();
            self.liveness.set_reading(reads, now);
            let wake = self
                .pending
                .next_deadline()
                .map_or(self.liveness.next(), |at| at.min(self.liveness.next()));
            let catching_up = self.is_catching_up();
            let turn = tokio::select! {
                incoming = wire.recv(), if reads => self.incoming(incoming).await,
                received = outbox.recv(&mut events) => match received {
                    Ok(()) => self.events(&mut events, wire).await,
                    Err(code) => Err(code.into()),
                },
                () = std::future::ready(()), if catching_up => self.catch_up().await,
                () = sleep_until(wake) => self.time(wire).await,
                Ok(()) = self.agents_online.changed(), if self.is_visitor() => {
                    let agents_online = *self.agents_online.borrow_and_update();
                    self.frames.push(encode(&ServerFrame::Presence { agents_online }));
                    Ok(())
                }
                Ok(()) = self.auth_version.changed(), if !self.is_visitor() => self.check_session().await,
                () = drain.cancelled() => return self.drain(wire, &mut events).await,
            };
            let sent = self.send(wire).await;
            if let Err(end) = turn.and(sent) {
                return end;
            }
        }
    }

    fn is_visitor(&self) -> bool {
        matches!(self.who, Who::Visitor { .. })
    }

    fn side(&self) -> Side {
        self.joiner.side
    }

    fn sender(&self) -> Sender {
        match &self.joiner.display_name {
            Some(display_name) => Sender::Admin {
                display_name: display_name.clone(),
            },
            None => Sender::Customer,
        }
    }

    /// Sends what the turn has collected. A reader too slow for that is left when
    /// its outbox overflows meanwhile.
    async fn send(&mut self, wire: &mut Wire) -> Result<(), End> {
        if self.frames.is_empty() {
            return Ok(());
        }
        self.liveness.set_reading(false, Instant::now());
        tokio::select! {
            biased;
            sent = wire.send(&mut self.frames) => match sent {
                Ok(()) => Ok(()),
                Err(SendError::Gone) => Err(End::Gone),
                Err(SendError::Stalled) => Err(CloseCode::OutboxFull.into()),
            },
            code = self.joiner.outbox.closed() => Err(code.into()),
        }
    }

    // ---- frames of the client -------------------------------------------------

    async fn incoming(&mut self, incoming: Incoming) -> Result<(), End> {
        self.liveness.alive();
        match incoming {
            Incoming::Text(text) => self.text(&text).await,
            Incoming::Alive => match self.manners.frame(Instant::now()) {
                Err(TooMany::Flood) => Err(CloseCode::Flood.into()),
                _ => Ok(()),
            },
            Incoming::Fatal(code) => Err(code.into()),
            Incoming::Gone => Err(End::Gone),
        }
    }

    async fn text(&mut self, text: &str) -> Result<(), End> {
        let decoded = match self.who {
            Who::Visitor { room_id } => {
                decode_visitor_frame(text).map(|frame| visitor_verb(frame, room_id))
            }
            Who::Agent { .. } => decode_agent_frame(text).map(agent_verb),
        };
        if let Err(too_many) = self.manners.frame(Instant::now()) {
            let about = decoded.as_ref().ok().and_then(Option::as_ref);
            return self.too_many(
                too_many,
                about.map(|(room_id, verb)| (*room_id, post_id(verb))),
            );
        }
        match decoded {
            Ok(Some((room_id, verb))) => self.act(room_id, verb).await,
            Ok(None) => Ok(()),
            Err(error) => self.bad_frame(error),
        }
    }

    fn too_many(
        &mut self,
        too_many: TooMany,
        about: Option<(RoomId, Option<MessageId>)>,
    ) -> Result<(), End> {
        let TooMany::Warn { retry_after_ms } = too_many else {
            return Err(CloseCode::Flood.into());
        };
        let error = ErrorFrame::new(ErrorCode::RateLimited, "too many frames; slow down")
            .retry_after(Some(retry_after_ms));
        match about {
            Some((room_id, id)) => self.refuse(error, room_id, id),
            None => self.frames.push(encode(&error)),
        }
        Ok(())
    }

    fn bad_frame(&mut self, error: FrameError) -> Result<(), End> {
        let counts = error.code == ErrorCode::BadFrame;
        if error.id.is_some() {
            self.state.metrics.post_refused(error.code);
        }
        self.frames.push(encode(&ErrorFrame::from(error)));
        if counts && self.manners.bad_frame(Instant::now()) {
            return Err(CloseCode::NotThisProtocol.into());
        }
        Ok(())
    }

    async fn act(&mut self, room_id: RoomId, verb: Verb) -> Result<(), End> {
        match verb {
            Verb::Join { resume } => return self.join(room_id, &resume).await,
            Verb::Leave => {
                self.feeds.remove(&room_id);
            }
            Verb::Post { id, content } => {
                if let Err(retry_after_ms) = self.state.limits.check_post(self.joiner.person) {
                    let error =
                        ErrorFrame::new(ErrorCode::RateLimited, "too many messages; wait a moment");
                    self.refuse(error.retry_after(Some(retry_after_ms.0)), room_id, Some(id));
                    return Ok(());
                }
                let draft = Draft {
                    id,
                    sender: self.sender(),
                    content,
                };
                self.write(room_id, RoomOp::Post(draft)).await;
            }
            Verb::Read { seq } => {
                self.write(
                    room_id,
                    RoomOp::MarkRead {
                        side: self.side(),
                        seq,
                    },
                )
                .await
            }
            Verb::Status { status } => {
                let by = self.sender();
                self.write(room_id, RoomOp::SetStatus { status, by }).await;
            }
            Verb::Typing => match self.feeds.get(&room_id) {
                Some(feed) => feed.subscription.typing(),
                None => self.refuse_unjoined(room_id),
            },
            Verb::History { before, limit } => return self.history(room_id, before, limit).await,
        }
        Ok(())
    }

    /// Hands a write to its room and goes on; the answer comes as an event.
    async fn write(&mut self, room_id: RoomId, op: RoomOp) {
        let request = self.pending.add(room_id, op.clone());
        match self.feeds.get(&room_id) {
            Some(feed) => {
                let reply = Reply::socket(self.joiner.outbox.clone(), request);
                let asked = feed.subscription.write(op, reply);
                self.pending.asked(request, asked);
            }
            None => self.submit(room_id, op, None, request).await,
        }
    }

    /// The same for a room that this socket does not follow, or whose incarnation
    /// has died over the write.
    async fn submit(
        &mut self,
        room_id: RoomId,
        op: RoomOp,
        dead: Option<Incarnation>,
        request: RequestId,
    ) {
        let reply = Reply::socket(self.joiner.outbox.clone(), request);
        if let Some(asked) = self.state.rooms.submit(room_id, op, dead, reply).await {
            self.pending.asked(request, asked);
        }
    }

    async fn history(&mut self, room_id: RoomId, before: u64, limit: usize) -> Result<(), End> {
        if !self.feeds.contains_key(&room_id) {
            self.refuse_unjoined(room_id);
            return Ok(());
        }
        match self
            .state
            .store
            .messages_before(room_id, Some(before), limit)
            .await
        {
            Ok(page) => {
                let frame = ServerFrame::History {
                    room_id,
                    messages: &page.messages,
                    more: page.more,
                };
                self.frames.push(encode(&frame));
            }
            Err(error) => self.refuse_for(&error.into(), room_id, None),
        }
        Ok(())
    }

    fn refuse_unjoined(&mut self, room_id: RoomId) {
        self.refuse(
            ErrorFrame::new(ErrorCode::Invalid, "join the room first"),
            room_id,
            None,
        );
    }

    fn refuse_for(&mut self, error: &WriteError, room_id: RoomId, id: Option<MessageId>) {
        let problem = Problem::from(error.clone());
        let frame =
            ErrorFrame::new(problem.code, problem.detail).retry_after(problem.retry_after_ms);
        self.refuse(frame, room_id, id);
    }

    fn refuse(&mut self, error: ErrorFrame, room_id: RoomId, id: Option<MessageId>) {
        let error = match id {
            Some(id) => {
                self.state.metrics.post_refused(error.code);
                error.about_message(id)
            }
            None => error,
        };
        self.frames.push(encode(&error.about_room(room_id)));
    }

    // ---- joining ----------------------------------------------------------------

    async fn join(&mut self, room_id: RoomId, resume: &Resume) -> Result<(), End> {
        if self.feeds.len() >= JOINS_MAX && !self.feeds.contains_key(&room_id) {
            let message =
                format!("at most {JOINS_MAX} rooms can be joined at once; leave one first");
            self.refuse(ErrorFrame::new(ErrorCode::Invalid, message), room_id, None);
            return Ok(());
        }
        // The old subscription goes first, so that nothing comes twice.
        self.feeds.remove(&room_id);
        let subscription = match self.state.rooms.join(room_id, &self.joiner).await {
            Ok(subscription) => subscription,
            Err(error) => {
                self.refuse_join(error, room_id);
                return Ok(());
            }
        };
        let room = subscription.joined.record.room.clone();
        match RoomFeed::begin(subscription, resume, &self.state.store).await {
            Ok((feed, first)) => {
                self.frames.push(encode(&Joined {
                    room_id,
                    room: &room,
                    messages: &first.messages,
                    recovered: first.recovered,
                    more: first.more,
                }));
                self.feeds.insert(room_id, feed);
            }
            Err(error) => self.refuse_for(&error.into(), room_id, None),
        }
        Ok(())
    }

    fn refuse_join(&mut self, error: JoinError, room_id: RoomId) {
        let frame = match error {
            JoinError::NotFound => ErrorFrame::new(ErrorCode::NotFound, "there is no such room"),
            JoinError::Resting | JoinError::Unavailable => {
                ErrorFrame::new(ErrorCode::Busy, "the room does not answer; try again")
                    .retry_after(Some(1_000))
            }
            JoinError::Store(error) => return self.refuse_for(&error.into(), room_id, None),
        };
        self.refuse(frame, room_id, None);
    }

    // ---- events of the actors -----------------------------------------------------

    async fn events(&mut self, events: &mut VecDeque<Event>, wire: &mut Wire) -> Result<(), End> {
        let mut lost = Vec::new();
        while let Some(event) = events.pop_front() {
            match event {
                Event::Log {
                    room_id,
                    subscription,
                    seq,
                    frame,
                } => {
                    let Some(feed) = self.feed_of(room_id, subscription) else {
                        continue;
                    };
                    let mut frames = Vec::new();
                    let gap = feed.ring(seq, frame, &mut frames);
                    self.frames.append(&mut frames);
                    if gap {
                        self.close_gap(room_id, wire).await?;
                    }
                }
                Event::Room {
                    room_id,
                    subscription,
                    frame,
                } => {
                    if self.feed_of(room_id, subscription).is_some() {
                        self.frames.push(frame);
                    }
                }
                Event::Summary {
                    place,
                    cursor,
                    frame,
                } => {
                    let Who::Agent { lobby, .. } = &mut self.who else {
                        continue;
                    };
                    if lobby.ring(place, cursor, frame, &mut self.frames) {
                        self.close_lobby_gap(wire).await?;
                    }
                }
                Event::Online {
                    room_id,
                    customer_online,
                    frame,
                } => {
                    if let Who::Agent { lobby, .. } = &mut self.who {
                        lobby.came_or_went(room_id, customer_online, frame, &mut self.frames);
                    }
                }
                Event::Lobby(frame) => match &self.who {
                    Who::Agent { lobby, .. } if !lobby.is_catching_up() => self.frames.push(frame),
                    _ => {}
                },
                Event::Answer {
                    request,
                    outcome: Err(None),
                } => lost.push(request),
                Event::Answer { request, outcome } => self.answered(request, outcome),
                Event::Detached(subscription) => self.detached(subscription, wire).await?,
            }
            if self.frames.len() >= TURN_FRAMES {
                self.send(wire).await?;
            }
        }
        // In the order in which they were sent.
        lost.sort_unstable();
        for request in lost {
            match self.pending.retry(request) {
                Some((room_id, op, dead)) => self.submit(room_id, op, dead, request).await,
                None => self.answered(request, Err(Some(StoreError::Busy.into()))),
            }
        }
        Ok(())
    }

    fn feed_of(&mut self, room_id: RoomId, subscription: SubscriptionId) -> Option<&mut RoomFeed> {
        self.feeds
            .get_mut(&room_id)
            .filter(|feed| feed.subscription.id == subscription)
    }

    fn answered(&mut self, request: RequestId, outcome: Result<RoomCommit, Option<WriteError>>) {
        // One that was given up as overdue has been answered already.
        let Some(PendingWrite {
            room_id,
            message_id,
            ..
        }) = self.pending.take(request)
        else {
            return;
        };
        match outcome {
            Ok(RoomCommit {
                effect: Effect::Posted(message),
                ..
            }) => self.ack(&message, false),
            Ok(RoomCommit {
                effect: Effect::Duplicate(message),
                ..
            }) => self.ack(&message, true),
            Ok(_) => {}
            Err(error) => {
                let error = error.unwrap_or_else(|| StoreError::Busy.into());
                self.refuse_for(&error, room_id, message_id);
            }
        }
    }

    fn ack(&mut self, message: &crate::chat::Message, duplicate: bool) {
        self.frames.push(encode(&ServerFrame::Ack {
            room_id: message.room_id,
            id: message.id,
            seq: message.seq,
            created_at: message.created_at,
            duplicate,
        }));
    }

    /// A room or the lobby has died under this socket, which joins the next
    /// incarnation and reads what it missed. The client notices nothing.
    async fn detached(&mut self, subscription: SubscriptionId, wire: &mut Wire) -> Result<(), End> {
        if let Who::Agent { lobby, .. } = &mut self.who
            && lobby.is_subscription(subscription)
        {
            let again = self.state.lobby.subscribe(&self.joiner.outbox).await;
            lobby.resubscribed(again.map_err(|_| CloseCode::ResyncWanted)?);
            return self.close_lobby_gap(wire).await;
        }
        let Some(room_id) = self
            .feeds
            .iter()
            .find(|(_, feed)| feed.subscription.id == subscription)
            .map(|(room_id, _)| *room_id)
        else {
            return Ok(());
        };
        match self.state.rooms.join(room_id, &self.joiner).await {
            Ok(again) => {
                let record = again.joined.record.clone();
                if let Some(feed) = self.feeds.get_mut(&room_id) {
                    feed.resubscribed(again);
                }
                self.close_gap(room_id, wire).await?;
                // Marks and status may have moved while nobody told.
                self.frames.push(encode(&ServerFrame::Room {
                    room_id,
                    room: &record.room,
                }));
                Ok(())
            }
            Err(JoinError::NotFound) if self.is_visitor() => Err(CloseCode::NoSuchRoom.into()),
            Err(_) if self.is_visitor() => Err(CloseCode::ResyncWanted.into()),
            Err(error) => {
                self.feeds.remove(&room_id);
                self.refuse_join(error, room_id);
                Ok(())
            }
        }
    }

    async fn close_gap(&mut self, room_id: RoomId, wire: &mut Wire) -> Result<(), End> {
        loop {
            let Some(feed) = self.feeds.get_mut(&room_id) else {
                return Ok(());
            };
            let more = feed
                .close_gap(&self.state.store, &mut self.frames)
                .await
                .map_err(resync)?;
            if !more {
                return Ok(());
            }
            self.send(wire).await?;
        }
    }

    async fn close_lobby_gap(&mut self, wire: &mut Wire) -> Result<(), End> {
        loop {
            let Who::Agent { lobby, .. } = &mut self.who else {
                return Ok(());
            };
            let (store, presence) = (&self.state.store, &self.state.presence);
            let more = lobby
                .close_gap(store, presence, &mut self.frames)
                .await
                .map_err(resync)?;
            if !more {
                return Ok(());
            }
            self.send(wire).await?;
        }
    }

    // ---- catching up ----------------------------------------------------------------

    fn is_catching_up(&self) -> bool {
        let lobby = matches!(&self.who, Who::Agent { lobby, .. } if lobby.is_catching_up());
        lobby || self.feeds.values().any(RoomFeed::is_catching_up)
    }

    /// One page of a long resume. The next is read when this one has been sent.
    async fn catch_up(&mut self) -> Result<(), End> {
        let (store, presence) = (&self.state.store, &self.state.presence);
        if let Who::Agent { lobby, .. } = &mut self.who
            && lobby.is_catching_up()
        {
            let page = lobby.next_page(store, presence).await.map_err(resync)?;
            let frame = ServerFrame::Summaries {
                cursor: &page.cursor,
                summaries: &page.summaries,
                more: page.more,
            };
            self.frames.push(encode(&frame));
            if !page.more {
                // What changed while the older pages were on their way.
                while lobby
                    .close_gap(store, presence, &mut self.frames)
                    .await
                    .map_err(resync)?
                {}
            }
            return Ok(());
        }
        if let Some(feed) = self.feeds.values_mut().find(|feed| feed.is_catching_up()) {
            self.frames
                .push(feed.catch_up(store).await.map_err(resync)?);
        }
        Ok(())
    }

    // ---- time -------------------------------------------------------------------------

    async fn time(&mut self, wire: &mut Wire) -> Result<(), End> {
        let now = Instant::now();
        for write in self.pending.take_overdue(now) {
            let overdue = StoreError::Unavailable("the write was not finished in time".to_owned());
            self.refuse_for(&overdue.into(), write.room_id, write.message_id);
        }
        match self.liveness.due(now) {
            // What has come meanwhile proves life, however late it is looked at.
            Some(Due::Dead) => match wire.recv().now_or_never() {
                Some(incoming) => self.incoming(incoming).await,
                None => Err(CloseCode::NoPong.into()),
            },
            Some(Due::Ping) => self.ping(wire).await,
            None => Ok(()),
        }
    }

    /// Before each ping the log is asked whether the last ring got lost.
    async fn ping(&mut self, wire: &mut Wire) -> Result<(), End> {
        let rooms: Vec<RoomId> = self.feeds.keys().copied().collect();
        for room_id in rooms {
            let head = self
                .state
                .store
                .room_head(room_id)
                .await
                .map_err(resync)?
                .unwrap_or(0);
            if self
                .feeds
                .get(&room_id)
                .is_some_and(|feed| feed.delivered() < head)
            {
                self.close_gap(room_id, wire).await?;
            }
        }
        let behind =
            matches!(&self.who, Who::Agent { lobby, .. } if lobby.is_behind(&self.state.store));
        if behind {
            self.close_lobby_gap(wire).await?;
        }
        let last_seq = match &self.who {
            Who::Visitor { room_id } => self.feeds.get(room_id).map(RoomFeed::delivered),
            Who::Agent { .. } => None,
        };
        self.frames.push(encode(&Ping { last_seq }));
        self.liveness.pinged(Instant::now());
        Ok(())
    }

    /// Something changed about agents or sessions, maybe this one.
    async fn check_session(&mut self) -> Result<(), End> {
        self.auth_version.borrow_and_update();
        let Who::Agent { session, .. } = &self.who else {
            return Ok(());
        };
        let store = &self.state.store;
        match store.session_agent(*session).await.map_err(resync)? {
            Some(agent) => {
                self.joiner.display_name = Some(agent.display_name);
                Ok(())
            }
            None => {
                let agent = store.agent(self.joiner.person).await.map_err(resync)?;
                let disabled = agent.is_some_and(|agent| agent.disabled);
                Err(if disabled {
                    CloseCode::NotAllowed
                } else {
                    CloseCode::TokenRefused
                }
                .into())
            }
        }
    }

    /// Tells the client, waits for the answers to what it has sent, and ends.
    async fn drain(&mut self, wire: &mut Wire, events: &mut VecDeque<Event>) -> End {
        let reconnect_within_ms = self.state.config.socket.reconnect_window_ms;
        self.frames.push(encode(&ServerFrame::GoingAway {
            reconnect_within_ms,
        }));
        let outbox: Outbox = self.joiner.outbox.clone();
        let finished = tokio::time::timeout(DRAIN_WRITES, async {
            loop {
                self.send(wire).await?;
                if self.pending.is_empty() {
                    return Ok::<(), End>(());
                }
                outbox.recv(events).await?;
                self.events(events, wire).await?;
            }
        })
        .await;
        match finished {
            Ok(Err(end)) => end,
            Ok(Ok(())) | Err(_) => CloseCode::Draining.into(),
        }
    }
}

fn resync(error: StoreError) -> End {
    tracing::warn!(%error, "a socket could not read the store and has to resume");
    CloseCode::ResyncWanted.into()
}

fn visitor_verb(frame: VisitorFrame, room_id: RoomId) -> Option<(RoomId, Verb)> {
    let verb = match frame {
        VisitorFrame::Post { id, content } => Verb::Post { id, content },
        VisitorFrame::Read { seq } => Verb::Read { seq },
        VisitorFrame::Typing => Verb::Typing,
        VisitorFrame::History { before, limit } => Verb::History { before, limit },
        VisitorFrame::Close => Verb::Status {
            status: Status::Closed,
        },
        VisitorFrame::Pong => return None,
    };
    Some((room_id, verb))
}

fn agent_verb(frame: AgentFrame) -> Option<(RoomId, Verb)> {
    Some(match frame {
        AgentFrame::Join { room_id, resume } => (room_id, Verb::Join { resume }),
        AgentFrame::Leave { room_id } => (room_id, Verb::Leave),
        AgentFrame::Post {
            room_id,
            id,
            content,
        } => (room_id, Verb::Post { id, content }),
        AgentFrame::Read { room_id, seq } => (room_id, Verb::Read { seq }),
        AgentFrame::Typing { room_id } => (room_id, Verb::Typing),
        AgentFrame::History {
            room_id,
            before,
            limit,
        } => (room_id, Verb::History { before, limit }),
        AgentFrame::Status { room_id, status } => (room_id, Verb::Status { status }),
        AgentFrame::Pong => return None,
    })
}

fn post_id(verb: &Verb) -> Option<MessageId> {
    match verb {
        Verb::Post { id, .. } => Some(*id),
        _ => None,
    }
}
