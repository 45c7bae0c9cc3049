//! An agent: the list of rooms, and the messages of joined rooms.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use shoptalk::chat::{
    Agent as AgentAccount, Counts, Message, MessageId, Room, RoomId, SenderType, Side, Status,
    Summary, Timestamp,
};
use shoptalk::protocol::{
    AgentFrame, AgentHello, AgentServerFrame, AgentWelcome, ErrorFrame, Joined, Resume, ServerFrame,
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::connection::{Control, Gap, Output, Protocol, StopReason, TcpDial, Unsettled};
use crate::handle::{Events, Handle, SendError};
use crate::outbox::{Outbox, Post};
use crate::place::{Arrival, Place};
use crate::rest::{CallError, Server};
use crate::socket::SocketOptions;

/// The wait before a join that was refused temporarily is tried again.
const JOIN_RETRY_AFTER: Duration = Duration::from_secs(1);

/// What happens in the list of rooms and in joined rooms.
#[derive(Debug)]
#[non_exhaustive]
pub enum AgentEvent {
    /// The client is connected.
    Connected {
        /// The signed-in agent.
        agent: AgentAccount,
        /// The database that seqs belong to.
        epoch: String,
        /// Whether the summaries that follow are the changes since the last one. If not, they
        /// replace the list.
        resumed: bool,
        /// How many rooms have each status.
        counts: Counts,
        /// The rooms whose visitor is online.
        online: Vec<RoomId>,
    },
    /// The list of rooms is complete; what follows is live.
    Listed,
    /// There is no connection; the client tries again after a wait.
    Offline {
        /// Why.
        reason: String,
        /// The wait until the next attempt.
        retry_in: Duration,
    },
    /// The client has stopped for good. This is the last event.
    Stopped {
        /// Why.
        reason: StopReason,
        /// Posts that were neither acked nor refused.
        unsettled: Vec<Unsettled>,
    },
    /// The newest state of a room, which replaces an older one.
    Summary(Summary),
    /// A room was erased; nothing of it is left.
    Removed(RoomId),
    /// How many rooms have each status.
    Counts(Counts),
    /// A visitor came online or went offline.
    Online {
        /// The visitor's room.
        room_id: RoomId,
        /// Whether the visitor is online.
        customer_online: bool,
    },
    /// A room is joined.
    Joined {
        /// The room as it is now.
        room: Room,
        /// Whether the messages that follow continue after the last one. If not, they replace
        /// everything before; older ones exist if the first seq is greater than 1.
        resumed: bool,
    },
    /// Everything that was missed in a joined room has been received; what follows is live.
    CaughtUp(RoomId),
    /// A room cannot be joined.
    JoinRefused {
        /// The room.
        room_id: RoomId,
        /// Why.
        error: ErrorFrame,
    },
    /// The next message of a joined room's log, this agent's own included.
    Message(Message),
    /// A message of this client is on disk.
    Acked {
        /// Its room.
        room_id: RoomId,
        /// Its id.
        id: MessageId,
        /// Its place in the log.
        seq: u64,
        /// When it was committed.
        created_at: Timestamp,
        /// Whether an earlier attempt had stored it.
        duplicate: bool,
    },
    /// A message of this client was refused for good.
    Refused {
        /// Its room.
        room_id: RoomId,
        /// Its id.
        id: MessageId,
        /// Its text.
        content: String,
        /// Why.
        error: ErrorFrame,
    },
    /// The status or the details of a joined room changed.
    Room(Room),
    /// A read mark moved in a joined room.
    Read {
        /// The room.
        room_id: RoomId,
        /// The side that has read.
        reader: Side,
        /// The last message that it has read.
        seq: u64,
    },
    /// Somebody is typing in a joined room.
    Typing {
        /// The room.
        room_id: RoomId,
        /// The kind of sender.
        sender_type: SenderType,
        /// The name to show.
        sender_name: String,
        /// How long to show it.
        expires_in: Duration,
    },
    /// The older page that [`Agent::history`] requested.
    History {
        /// The room.
        room_id: RoomId,
        /// Its messages in the order of the log.
        messages: Vec<Message>,
        /// Whether older ones exist.
        more: bool,
    },
    /// The server is about to close the connection; the client reconnects by itself.
    GoingAway,
    /// Something other than a message or a join was refused.
    Error(ErrorFrame),
}

/// An agent's client: it keeps a socket, reconnects when the socket breaks, follows the list of
/// rooms and those that were joined, and posts until the server acks.
///
/// Dropping it ends the connection without waiting for anything; [`finish`](Self::finish) waits.
pub struct Agent {
    handle: Handle<Command>,
    server: Server,
    token: String,
}

/// Without the token.
impl std::fmt::Debug for Agent {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Agent")
            .field("server", &self.server.base())
            .finish_non_exhaustive()
    }
}

impl Agent {
    /// Starts a client with a session's token. Must be called in a Tokio runtime.
    #[must_use]
    pub fn start(
        server: &Server,
        token: &str,
        socket: SocketOptions,
    ) -> (Self, Events<AgentEvent>) {
        let dialer = TcpDial {
            base: server.base().to_owned(),
            options: socket,
        };
        let protocol = AgentProtocol::new(token);
        let (handle, events) = Handle::start(protocol, dialer, fastrand::Rng::new());
        let agent = Self {
            handle,
            server: server.clone(),
            token: token.to_owned(),
        };
        (agent, events)
    }

    /// Joins a room: its messages arrive, across connections, until [`leave`](Self::leave).
    ///
    /// # Errors
    ///
    /// The client has stopped, or too many commands wait.
    pub fn join(&self, room_id: RoomId) -> Result<(), SendError> {
        self.handle.side(Command::Join(room_id))
    }

    /// Leaves a room.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    pub fn leave(&self, room_id: RoomId) -> Result<(), SendError> {
        self.handle.side(Command::Leave(room_id))
    }

    /// Posts a message into a room, joined or not. It is sent as soon as there is a connection, and
    /// again until an [`Acked`](AgentEvent::Acked) or [`Refused`](AgentEvent::Refused) settles it.
    /// Messages are in the log of a room in the order of the calls.
    ///
    /// # Errors
    ///
    /// The message was not accepted.
    pub fn post(
        &self,
        room_id: RoomId,
        content: impl Into<String>,
    ) -> Result<MessageId, SendError> {
        let id = Uuid::now_v7();
        self.handle.post(room_id, id, content.into())?;
        Ok(id)
    }

    /// Reports that the agents have read a joined room up to this message.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    pub fn read(&self, room_id: RoomId, seq: u64) -> Result<(), SendError> {
        self.handle.side(Command::Read { room_id, seq })
    }

    /// Reports that the agent is typing in a joined room. Without a connection this does nothing.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    pub fn typing(&self, room_id: RoomId) -> Result<(), SendError> {
        self.handle.side(Command::Typing(room_id))
    }

    /// Requests the `limit` (1 to 200) messages of a joined room before a seq. They arrive as a
    /// [`History`](AgentEvent::History). If the connection is lost before, call it again.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    pub fn history(&self, room_id: RoomId, before: u64, limit: usize) -> Result<(), SendError> {
        self.handle.side(Command::History {
            room_id,
            before,
            limit,
        })
    }

    /// Waits until no post is unsettled; messages that are posted meanwhile count, too.
    ///
    /// # Errors
    ///
    /// The client stopped before.
    pub async fn flush(&self) -> Result<(), SendError> {
        self.handle.flush().await
    }

    /// Closes or reopens a conversation, after everything posted so far.
    ///
    /// # Errors
    ///
    /// The status may be unchanged; calling again is safe.
    pub async fn set_status(&self, room_id: RoomId, status: Status) -> Result<Summary, CallError> {
        // A client that has stopped sends nothing more, so its error does not matter.
        let _ = self.flush().await;
        self.server.set_status(&self.token, room_id, status).await
    }

    /// Waits until everything posted is acked or refused, and ends the connection.
    ///
    /// # Errors
    ///
    /// The client stopped before.
    pub async fn finish(self) -> Result<(), SendError> {
        self.handle.finish().await
    }
}

pub(crate) enum Command {
    Join(RoomId),
    Leave(RoomId),
    Read {
        room_id: RoomId,
        seq: u64,
    },
    Typing(RoomId),
    History {
        room_id: RoomId,
        before: u64,
        limit: usize,
    },
}

/// A room that the program has joined.
#[derive(Debug, Default)]
struct Follow {
    place: Place,
    /// A join was sent, and neither `joined` nor an error has arrived.
    joining: bool,
    /// When to send a join again that was refused temporarily.
    join_at: Option<Instant>,
    /// How far the agents have read, until the server has confirmed it.
    unconfirmed_read: Option<u64>,
}

/// The agent's side of the protocol, without I/O.
pub(crate) struct AgentProtocol {
    token: String,
    epoch: Option<String>,
    /// Opaque: kept and sent back.
    cursor: Option<String>,
    /// This connection has received the whole list.
    listed: bool,
    /// The newest version of each room that was delivered.
    versions: HashMap<RoomId, u64>,
    follows: BTreeMap<RoomId, Follow>,
}

impl AgentProtocol {
    pub(crate) fn new(token: &str) -> Self {
        Self {
            token: token.to_owned(),
            epoch: None,
            cursor: None,
            listed: false,
            versions: HashMap::new(),
            follows: BTreeMap::new(),
        }
    }

    fn welcome(&mut self, welcome: AgentWelcome<'static>, output: &mut Output<Self>) {
        let epoch = welcome.epoch.into_owned();
        if self.epoch.as_ref().is_some_and(|known| *known != epoch) {
            for follow in self.follows.values_mut() {
                follow.place.forget();
                follow.unconfirmed_read = None;
            }
        }
        self.epoch = Some(epoch.clone());
        if !welcome.recovered {
            self.versions.clear();
        }
        self.listed = false;
        output.events.push(AgentEvent::Connected {
            agent: welcome.agent.into_owned(),
            epoch,
            resumed: welcome.recovered,
            counts: welcome.counts,
            online: welcome.online.into_owned(),
        });
        self.summaries(
            welcome.cursor.into_owned(),
            welcome.summaries.into_owned(),
            welcome.more,
            output,
        );
        for room_id in self.follows.keys().copied().collect::<Vec<_>>() {
            self.join(room_id, output);
        }
    }

    fn summaries(
        &mut self,
        cursor: String,
        summaries: Vec<Summary>,
        more: bool,
        output: &mut Output<Self>,
    ) {
        self.cursor = Some(cursor);
        for summary in summaries {
            self.summary(summary, output);
        }
        if !more && !self.listed {
            self.listed = true;
            output.events.push(AgentEvent::Listed);
        }
    }

    /// A summary is state: one that arrives twice, or after a newer one, changes nothing.
    fn summary(&mut self, summary: Summary, output: &mut Output<Self>) {
        let version = self.versions.entry(summary.room.id).or_default();
        if summary.version >= *version {
            *version = summary.version;
            output.events.push(AgentEvent::Summary(summary));
        }
    }

    /// Sends the join of a room, to resume after its last message.
    fn join(&mut self, room_id: RoomId, output: &mut Output<Self>) {
        let Some(follow) = self.follows.get_mut(&room_id) else {
            return;
        };
        follow.joining = true;
        follow.join_at = None;
        follow.place.catching_up = true;
        let after = follow.place.last_seq();
        output.frames.push(AgentFrame::Join {
            room_id,
            resume: Resume {
                epoch: after.and(self.epoch.clone()),
                after,
                tail: None,
            },
        });
    }

    fn joined(&mut self, joined: Joined<'static>, output: &mut Output<Self>) {
        let Some(follow) = self.follows.get_mut(&joined.room_id) else {
            return;
        };
        follow.joining = false;
        let room = joined.room.into_owned();
        let messages = joined.messages.into_owned();
        follow
            .place
            .begin(joined.recovered, messages.first().map(|first| first.seq));
        if let Some(seq) = follow
            .unconfirmed_read
            .filter(|seq| *seq > room.admin_read_seq)
        {
            let room_id = joined.room_id;
            output.frames.push(AgentFrame::Read { room_id, seq });
        }
        output.events.push(AgentEvent::Joined {
            room,
            resumed: joined.recovered,
        });
        self.page(joined.room_id, messages, joined.more, output);
    }

    fn page(
        &mut self,
        room_id: RoomId,
        messages: Vec<Message>,
        more: bool,
        output: &mut Output<Self>,
    ) {
        for message in messages {
            self.message(room_id, message, output);
        }
        if let Some(follow) = self.follows.get_mut(&room_id)
            && follow.place.catching_up
            && !follow.joining
            && !more
        {
            follow.place.catching_up = false;
            output.events.push(AgentEvent::CaughtUp(room_id));
        }
    }

    fn message(&mut self, room_id: RoomId, message: Message, output: &mut Output<Self>) {
        let Some(follow) = self.follows.get_mut(&room_id) else {
            return;
        };
        match follow.place.arrive(message.seq) {
            Arrival::Next => output.events.push(AgentEvent::Message(message)),
            Arrival::Known => {}
            // The reply to a join, sent or to be sent, has it.
            Arrival::Gap if follow.joining || follow.join_at.is_some() => {}
            Arrival::Gap => self.join(room_id, output),
        }
    }

    fn error(&mut self, error: ErrorFrame, outbox: &mut Outbox, output: &mut Output<Self>) {
        if error.id.is_some() {
            if let Some(Post {
                room_id,
                id,
                content,
            }) = outbox.refused(&error)
            {
                output.events.push(AgentEvent::Refused {
                    room_id,
                    id,
                    content,
                    error,
                });
            }
            return;
        }
        let room_id = error.room_id.as_ref().and_then(|id| id.parse().ok());
        let joining = room_id.filter(|id| self.follows.get(id).is_some_and(|room| room.joining));
        let Some(room_id) = joining else {
            output.events.push(AgentEvent::Error(error));
            return;
        };
        if error.retryable {
            let wait = error
                .retry_after_ms
                .map_or(JOIN_RETRY_AFTER, Duration::from_millis);
            if let Some(follow) = self.follows.get_mut(&room_id) {
                follow.joining = false;
                follow.join_at = Some(Instant::now() + wait);
            }
        } else {
            self.follows.remove(&room_id);
            output
                .events
                .push(AgentEvent::JoinRefused { room_id, error });
        }
    }

    fn event(
        &mut self,
        frame: ServerFrame<'static>,
        outbox: &mut Outbox,
        output: &mut Output<Self>,
    ) {
        let event = match frame {
            ServerFrame::Message { room_id, message } => {
                return self.message(room_id, message.into_owned(), output);
            }
            ServerFrame::Messages {
                room_id,
                messages,
                more,
            } => return self.page(room_id, messages.into_owned(), more, output),
            ServerFrame::Summaries {
                cursor,
                summaries,
                more,
            } => {
                return self.summaries(cursor.into_owned(), summaries.into_owned(), more, output);
            }
            ServerFrame::Summary { cursor, summary } => {
                self.cursor = Some(cursor.into_owned());
                return self.summary(summary.into_owned(), output);
            }
            ServerFrame::Ack {
                room_id,
                id,
                seq,
                created_at,
                duplicate,
            } if outbox.acked(room_id, id) => AgentEvent::Acked {
                room_id,
                id,
                seq,
                created_at,
                duplicate,
            },
            ServerFrame::Read {
                room_id,
                reader,
                seq,
            } => {
                if let Some(follow) = self.follows.get_mut(&room_id)
                    && reader == Side::Agent
                    && follow.unconfirmed_read.is_some_and(|wanted| wanted <= seq)
                {
                    follow.unconfirmed_read = None;
                }
                AgentEvent::Read {
                    room_id,
                    reader,
                    seq,
                }
            }
            ServerFrame::Typing {
                room_id,
                sender_type,
                sender_name,
                expires_in_ms,
            } => AgentEvent::Typing {
                room_id,
                sender_type,
                sender_name: sender_name.into_owned(),
                expires_in: Duration::from_millis(expires_in_ms),
            },
            ServerFrame::Room { room, .. } => AgentEvent::Room(room.into_owned()),
            ServerFrame::History {
                room_id,
                messages,
                more,
            } => AgentEvent::History {
                room_id,
                messages: messages.into_owned(),
                more,
            },
            ServerFrame::Removed { cursor, room_id } => {
                self.cursor = Some(cursor.into_owned());
                AgentEvent::Removed(room_id)
            }
            ServerFrame::Counts { counts } => AgentEvent::Counts(counts),
            ServerFrame::Online {
                room_id,
                customer_online,
            } => AgentEvent::Online {
                room_id,
                customer_online,
            },
            ServerFrame::GoingAway { .. } => AgentEvent::GoingAway,
            // An ack of a post that was settled before, or a frame of a newer server.
            _ => return,
        };
        output.events.push(event);
    }
}

impl Protocol for AgentProtocol {
    type Hello = AgentHello;
    type Frame = AgentFrame;
    type Incoming = AgentServerFrame;
    type Event = AgentEvent;
    type Command = Command;

    fn path(&self) -> String {
        "/ws/admin/chat/".to_owned()
    }

    fn hello(&self) -> AgentHello {
        AgentHello {
            token: Some(self.token.clone()),
            epoch: self.epoch.clone(),
            cursor: self.cursor.clone(),
        }
    }

    fn post(post: Post) -> AgentFrame {
        AgentFrame::Post {
            room_id: post.room_id,
            id: post.id,
            content: post.content,
        }
    }

    fn control(frame: &AgentServerFrame) -> Control {
        match frame {
            AgentServerFrame::Welcome(welcome) => {
                Control::welcome(welcome.ping_interval_ms, welcome.reconnect_window_ms)
            }
            AgentServerFrame::Event(event) => Control::event(event),
            _ => Control::Other,
        }
    }

    fn receive(
        &mut self,
        frame: AgentServerFrame,
        outbox: &mut Outbox,
        output: &mut Output<Self>,
    ) -> Result<(), Gap> {
        match frame {
            AgentServerFrame::Welcome(welcome) => self.welcome(*welcome, output),
            AgentServerFrame::Joined(joined) => self.joined(*joined, output),
            AgentServerFrame::Ping(_) => output.frames.push(AgentFrame::Pong),
            AgentServerFrame::Error(error) => self.error(error, outbox, output),
            AgentServerFrame::Event(frame) => self.event(frame, outbox, output),
        }
        Ok(())
    }

    fn command(&mut self, command: Command, welcomed: bool, output: &mut Output<Self>) {
        let frame = match command {
            Command::Join(room_id) => {
                self.follows.entry(room_id).or_default();
                if welcomed {
                    self.join(room_id, output);
                }
                return;
            }
            Command::Leave(room_id) => {
                self.follows.remove(&room_id);
                AgentFrame::Leave { room_id }
            }
            Command::Read { room_id, seq } => {
                if let Some(follow) = self.follows.get_mut(&room_id) {
                    follow.unconfirmed_read = follow.unconfirmed_read.max(Some(seq));
                }
                AgentFrame::Read { room_id, seq }
            }
            Command::Typing(room_id) => AgentFrame::Typing { room_id },
            Command::History {
                room_id,
                before,
                limit,
            } => AgentFrame::History {
                room_id,
                before,
                limit,
            },
        };
        if welcomed {
            output.frames.push(frame);
        }
    }

    fn next_due(&self) -> Option<Instant> {
        self.follows.values().filter_map(|room| room.join_at).min()
    }

    fn due(&mut self, output: &mut Output<Self>) {
        let now = Instant::now();
        let due = self.follows.iter();
        let due = due.filter(|(_, room)| room.join_at.is_some_and(|at| at <= now));
        for room_id in due.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.join(room_id, output);
        }
    }

    fn offline(reason: String, retry_in: Duration) -> AgentEvent {
        AgentEvent::Offline { reason, retry_in }
    }

    fn stopped(reason: StopReason, unsettled: Vec<Unsettled>) -> AgentEvent {
        AgentEvent::Stopped { reason, unsettled }
    }
}
