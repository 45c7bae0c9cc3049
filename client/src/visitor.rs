//! A visitor in one room.

use std::time::Duration;

use shoptalk::chat::{Message, MessageId, Room, RoomId, SenderType, Side, Timestamp};
use shoptalk::protocol::{
    ErrorFrame, Resume, ServerFrame, VisitorFrame, VisitorHello, VisitorServerFrame, VisitorWelcome,
};
use uuid::Uuid;

use crate::connection::{Control, Gap, Output, Protocol, StopReason, TcpDial, Unsettled};
use crate::handle::{Events, Handle, SendError};
use crate::outbox::{Outbox, Post};
use crate::place::{Arrival, Place};
use crate::rest::{CallError, Server};
use crate::socket::SocketOptions;

/// A position in a room's log, for a program that stores it and resumes later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The database that the seq belongs to.
    pub epoch: String,
    /// The last message that was received.
    pub last_seq: u64,
}

/// How a visitor's client starts.
#[derive(Debug, Clone, Default)]
pub struct VisitorOptions {
    /// Where to resume; `None` starts with the newest messages.
    pub resume: Option<Position>,
    /// How to open sockets.
    pub socket: SocketOptions,
}

/// What happens in a visitor's room.
#[derive(Debug)]
#[non_exhaustive]
pub enum VisitorEvent {
    /// The client is connected.
    Connected {
        /// The room as it is now.
        room: Room,
        /// The database that seqs belong to.
        epoch: String,
        /// Whether the messages that follow continue after the last one. If not, they replace
        /// everything before; older ones exist if the first seq is greater than 1.
        resumed: bool,
        /// Whether any agent is online.
        agents_online: bool,
    },
    /// Everything that was missed has been received; what follows is live.
    CaughtUp,
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
    /// The next message of the log, this visitor's own included.
    Message(Message),
    /// A message of this client is on disk.
    Acked {
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
        /// Its id.
        id: MessageId,
        /// Its text.
        content: String,
        /// Why.
        error: ErrorFrame,
    },
    /// The room's status or details changed.
    Room(Room),
    /// A read mark moved.
    Read {
        /// The side that has read.
        reader: Side,
        /// The last message that it has read.
        seq: u64,
    },
    /// Somebody is typing.
    Typing {
        /// The kind of sender.
        sender_type: SenderType,
        /// The name to show.
        sender_name: String,
        /// How long to show it.
        expires_in: Duration,
    },
    /// Whether any agent is online has changed.
    AgentsOnline(bool),
    /// The older page that [`Visitor::history`] requested.
    History {
        /// Its messages in the order of the log.
        messages: Vec<Message>,
        /// Whether older ones exist.
        more: bool,
    },
    /// The server is about to close the connection; the client reconnects by itself.
    GoingAway,
    /// Something other than a message was refused.
    Error(ErrorFrame),
}

/// A visitor's client: it keeps a socket to one room, reconnects when the socket breaks, and
/// posts until the server acks.
///
/// Dropping it ends the connection without waiting for anything; [`finish`](Self::finish) waits.
pub struct Visitor {
    handle: Handle<Command>,
    server: Server,
    room_id: RoomId,
    token: String,
}

/// Without the token.
impl std::fmt::Debug for Visitor {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Visitor")
            .field("room_id", &self.room_id)
            .field("server", &self.server.base())
            .finish_non_exhaustive()
    }
}

impl Visitor {
    /// Starts a client for the room, with a visitor's token or a signed identity. Must be called
    /// in a Tokio runtime.
    #[must_use]
    pub fn start(
        server: &Server,
        room_id: RoomId,
        token: &str,
        options: VisitorOptions,
    ) -> (Self, Events<VisitorEvent>) {
        let dialer = TcpDial {
            base: server.base().to_owned(),
            options: options.socket,
        };
        let protocol = VisitorProtocol::new(room_id, token, options.resume);
        let (handle, events) = Handle::start(protocol, dialer, fastrand::Rng::new());
        let visitor = Self {
            handle,
            server: server.clone(),
            room_id,
            token: token.to_owned(),
        };
        (visitor, events)
    }

    /// The room.
    #[must_use]
    pub fn room_id(&self) -> RoomId {
        self.room_id
    }

    /// Posts a message. It is sent as soon as there is a connection, and again until an
    /// [`Acked`](VisitorEvent::Acked) or [`Refused`](VisitorEvent::Refused) settles it. Messages
    /// are in the log in the order of the calls.
    ///
    /// # Errors
    ///
    /// The message was not accepted.
    pub fn post(&self, content: impl Into<String>) -> Result<MessageId, SendError> {
        let id = Uuid::now_v7();
        self.post_as(id, content)?;
        Ok(id)
    }

    /// Posts a message with this id, for a program that stores unsent messages itself.
    ///
    /// # Errors
    ///
    /// As [`post`](Self::post).
    pub fn post_as(&self, id: MessageId, content: impl Into<String>) -> Result<(), SendError> {
        self.handle.post(self.room_id, id, content.into())
    }

    /// Reports that the visitor has read up to this message.
    ///
    /// # Errors
    ///
    /// The client has stopped, or too many commands wait.
    pub fn read(&self, seq: u64) -> Result<(), SendError> {
        self.handle.side(Command::Read(seq))
    }

    /// Reports that the visitor is typing. Without a connection this does nothing.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn typing(&self) -> Result<(), SendError> {
        self.handle.side(Command::Typing)
    }

    /// Requests the `limit` (1 to 200) messages before a seq. They arrive as a
    /// [`History`](VisitorEvent::History). A later call replaces one that has no reply yet.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn history(&self, before: u64, limit: usize) -> Result<(), SendError> {
        self.handle.side(Command::History { before, limit })
    }

    /// Waits until no post is unsettled; messages that are posted meanwhile count, too.
    ///
    /// # Errors
    ///
    /// The client stopped before.
    pub async fn flush(&self) -> Result<(), SendError> {
        self.handle.flush().await
    }

    /// Closes the conversation, after everything posted so far: a message that arrived later would
    /// reopen it.
    ///
    /// # Errors
    ///
    /// The conversation may still be open; calling again is safe.
    pub async fn close_conversation(&self) -> Result<Room, CallError> {
        // A client that has stopped sends nothing more, so its error does not matter.
        let _ = self.flush().await;
        self.server.close_room(&self.token, self.room_id).await
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
    Read(u64),
    Typing,
    History { before: u64, limit: usize },
}

/// The visitor's side of the protocol, without I/O.
pub(crate) struct VisitorProtocol {
    room_id: RoomId,
    token: String,
    epoch: Option<String>,
    place: Place,
    /// How far the visitor has read, until the server has confirmed it.
    unconfirmed_read: Option<u64>,
    /// `before` and `limit` of the older page that was requested and has not arrived.
    history: Option<(u64, usize)>,
    /// The last ping named a message that has not arrived.
    is_behind: bool,
}

impl VisitorProtocol {
    pub(crate) fn new(room_id: RoomId, token: &str, resume: Option<Position>) -> Self {
        Self {
            room_id,
            token: token.to_owned(),
            place: Place::after(resume.as_ref().map(|position| position.last_seq)),
            epoch: resume.map(|position| position.epoch),
            unconfirmed_read: None,
            history: None,
            is_behind: false,
        }
    }

    fn welcome(
        &mut self,
        welcome: VisitorWelcome<'static>,
        output: &mut Output<Self>,
    ) -> Result<(), Gap> {
        let epoch = welcome.epoch.into_owned();
        if self.epoch.as_ref().is_some_and(|known| *known != epoch) {
            self.unconfirmed_read = None;
            self.history = None;
        }
        self.is_behind = false;
        let room = welcome.room.into_owned();
        let messages = welcome.messages.into_owned();
        self.place
            .begin(welcome.recovered, messages.first().map(|first| first.seq));
        if let Some(seq) = self
            .unconfirmed_read
            .filter(|seq| *seq > room.customer_read_seq)
        {
            output.frames.push(VisitorFrame::Read { seq });
        }
        if let Some((before, limit)) = self.history {
            output.frames.push(VisitorFrame::History { before, limit });
        }
        self.epoch = Some(epoch.clone());
        output.events.push(VisitorEvent::Connected {
            room,
            epoch,
            resumed: welcome.recovered,
            agents_online: welcome.agents_online,
        });
        self.page(messages, welcome.more, output)
    }

    fn page(
        &mut self,
        messages: Vec<Message>,
        more: bool,
        output: &mut Output<Self>,
    ) -> Result<(), Gap> {
        let was_live = !self.place.catching_up;
        self.place.catching_up = more;
        for message in messages {
            self.message(message, output)?;
        }
        if !more && !was_live {
            output.events.push(VisitorEvent::CaughtUp);
        }
        Ok(())
    }

    fn message(&mut self, message: Message, output: &mut Output<Self>) -> Result<(), Gap> {
        match self.place.arrive(message.seq) {
            Arrival::Next => output.events.push(VisitorEvent::Message(message)),
            Arrival::Known => {}
            Arrival::Gap => return Err(Gap),
        }
        Ok(())
    }

    /// A ping names the newest message. If it is still missing at the next ping, it was lost.
    fn ping(&mut self, last_seq: Option<u64>) -> Result<(), Gap> {
        let was_behind = self.is_behind;
        self.is_behind =
            !self.place.catching_up && last_seq > Some(self.place.last_seq().unwrap_or(0));
        if was_behind && self.is_behind {
            return Err(Gap);
        }
        Ok(())
    }

    fn error(&mut self, error: ErrorFrame, outbox: &mut Outbox, output: &mut Output<Self>) {
        if error.id.is_none() {
            self.history = None;
            output.events.push(VisitorEvent::Error(error));
        } else if let Some(Post { id, content, .. }) = outbox.refused(&error) {
            output
                .events
                .push(VisitorEvent::Refused { id, content, error });
        }
    }

    fn event(
        &mut self,
        frame: ServerFrame<'static>,
        outbox: &mut Outbox,
        output: &mut Output<Self>,
    ) -> Result<(), Gap> {
        let event = match frame {
            ServerFrame::Message { message, .. } => {
                return self.message(message.into_owned(), output);
            }
            ServerFrame::Messages { messages, more, .. } => {
                return self.page(messages.into_owned(), more, output);
            }
            ServerFrame::Ack {
                id,
                seq,
                created_at,
                duplicate,
                ..
            } if outbox.acked(self.room_id, id) => VisitorEvent::Acked {
                id,
                seq,
                created_at,
                duplicate,
            },
            ServerFrame::Read { reader, seq, .. } => {
                if reader == Side::Visitor
                    && self.unconfirmed_read.is_some_and(|wanted| wanted <= seq)
                {
                    self.unconfirmed_read = None;
                }
                VisitorEvent::Read { reader, seq }
            }
            ServerFrame::Typing {
                sender_type,
                sender_name,
                expires_in_ms,
                ..
            } => VisitorEvent::Typing {
                sender_type,
                sender_name: sender_name.into_owned(),
                expires_in: Duration::from_millis(expires_in_ms),
            },
            ServerFrame::Presence { agents_online } => VisitorEvent::AgentsOnline(agents_online),
            ServerFrame::Room { room, .. } => VisitorEvent::Room(room.into_owned()),
            ServerFrame::History { messages, more, .. } => {
                self.history = None;
                VisitorEvent::History {
                    messages: messages.into_owned(),
                    more,
                }
            }
            ServerFrame::GoingAway { .. } => VisitorEvent::GoingAway,
            // An ack of a post that was settled before, or a frame of a newer server.
            _ => return Ok(()),
        };
        output.events.push(event);
        Ok(())
    }
}

impl Protocol for VisitorProtocol {
    type Hello = VisitorHello;
    type Frame = VisitorFrame;
    type Incoming = VisitorServerFrame;
    type Event = VisitorEvent;
    type Command = Command;

    fn path(&self) -> String {
        format!("/ws/chat/{}/", self.room_id)
    }

    fn hello(&self) -> VisitorHello {
        VisitorHello {
            token: Some(self.token.clone()),
            resume: Resume {
                epoch: self.epoch.clone(),
                after: self.place.last_seq(),
                tail: None,
            },
        }
    }

    fn post(post: Post) -> VisitorFrame {
        VisitorFrame::Post {
            id: post.id,
            content: post.content,
        }
    }

    fn control(frame: &VisitorServerFrame) -> Control {
        match frame {
            VisitorServerFrame::Welcome(welcome) => {
                Control::welcome(welcome.ping_interval_ms, welcome.reconnect_window_ms)
            }
            VisitorServerFrame::Event(event) => Control::event(event),
            _ => Control::Other,
        }
    }

    fn receive(
        &mut self,
        frame: VisitorServerFrame,
        outbox: &mut Outbox,
        output: &mut Output<Self>,
    ) -> Result<(), Gap> {
        match frame {
            VisitorServerFrame::Welcome(welcome) => {
                // The welcome has the first page of a resume.
                self.place.catching_up = true;
                self.welcome(*welcome, output)
            }
            VisitorServerFrame::Ping(ping) => {
                output.frames.push(VisitorFrame::Pong);
                self.ping(ping.last_seq)
            }
            VisitorServerFrame::Error(error) => {
                self.error(error, outbox, output);
                Ok(())
            }
            VisitorServerFrame::Event(frame) => self.event(frame, outbox, output),
        }
    }

    fn command(&mut self, command: Command, welcomed: bool, output: &mut Output<Self>) {
        let frame = match command {
            Command::Read(seq) => {
                let seq = seq.max(self.unconfirmed_read.unwrap_or(0));
                self.unconfirmed_read = Some(seq);
                VisitorFrame::Read { seq }
            }
            Command::Typing => VisitorFrame::Typing,
            Command::History { before, limit } => {
                self.history = Some((before, limit));
                VisitorFrame::History { before, limit }
            }
        };
        // What still matters then is sent again after the next welcome.
        if welcomed {
            output.frames.push(frame);
        }
    }

    fn offline(reason: String, retry_in: Duration) -> VisitorEvent {
        VisitorEvent::Offline { reason, retry_in }
    }

    fn stopped(reason: StopReason, unsettled: Vec<Unsettled>) -> VisitorEvent {
        VisitorEvent::Stopped { reason, unsettled }
    }
}
