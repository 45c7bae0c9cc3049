//! An agent: the list of rooms, and the messages of joined rooms.

mod event;
mod note_place;
mod protocol;

use shoptalk::chat::{MessageId, NoteId, RoomId, Status, Summary};
use uuid::Uuid;

pub use self::event::AgentEvent;
pub(crate) use self::protocol::{AgentProtocol, Command};
use crate::connection::TcpDial;
use crate::handle::{Events, Handle, SendError};
use crate::outbox::PostKind;
use crate::rest::{CallError, Server};
use crate::socket::SocketOptions;

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

    /// Writes a note about a room for the other agents, joined or not. No visitor gets it. It is sent
    /// until a [`Noted`](AgentEvent::Noted) or [`Refused`](AgentEvent::Refused) settles it, in the
    /// order of the calls of this and of [`post`](Self::post).
    ///
    /// # Errors
    ///
    /// The note was not accepted.
    pub fn note(&self, room_id: RoomId, content: impl Into<String>) -> Result<NoteId, SendError> {
        let id = Uuid::now_v7();
        self.handle
            .post_as(PostKind::Note, room_id, id, content.into())?;
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
