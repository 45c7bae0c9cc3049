//! A visitor in one room.

mod event;
mod protocol;

use shoptalk::chat::{MessageId, Room, RoomId};
use uuid::Uuid;

pub use self::event::VisitorEvent;
pub(crate) use self::protocol::{Command, VisitorProtocol};
use crate::connection::TcpDial;
use crate::handle::{Events, Handle, SendError};
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
