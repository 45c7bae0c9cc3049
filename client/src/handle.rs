//! What a program holds of a running client: a handle to send commands, and the events.

use std::pin::Pin;
use std::task::{Context, Poll};

use shoptalk::chat::{MessageId, RoomId};
use tokio::sync::{mpsc, oneshot};

use crate::connection::{COMMANDS, Command, Connection, Dial, EVENTS, Protocol};
use crate::outbox::{Post, PostKind};

/// Why a command was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The client has stopped; its last event says why.
    #[error("the client has stopped")]
    Stopped,
    /// More than 2,000 messages wait to be acked.
    #[error("too many messages wait to be sent; try again later")]
    Full,
}

/// The events of a client, in order. It is also a `Stream`.
///
/// Read them continuously: while 256 wait, the client reads nothing from its socket. The server may
/// then close the connection, and the client resumes. If this is dropped, the client continues and
/// its events are discarded.
#[derive(Debug)]
pub struct Events<E>(mpsc::Receiver<E>);

impl<E> Events<E> {
    /// The next event, or `None` after the client has ended. Cancel safe.
    pub async fn next(&mut self) -> Option<E> {
        self.0.recv().await
    }
}

impl<E> futures_util::Stream for Events<E> {
    type Item = E;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<E>> {
        self.0.poll_recv(context)
    }
}

/// Sends commands to the connection's task; the same for both sides.
pub(crate) struct Handle<C>(mpsc::Sender<Command<C>>);

impl<C: Send + 'static> Handle<C> {
    /// Starts the connection's task.
    pub(crate) fn start<P: Protocol<Command = C>>(
        protocol: P,
        dialer: impl Dial,
        random: fastrand::Rng,
    ) -> (Self, Events<P::Event>) {
        let (commands, command_receiver) = mpsc::channel(COMMANDS);
        let (events, event_receiver) = mpsc::channel(EVENTS);
        let connection = Connection::new(protocol, dialer, random, command_receiver, events);
        tokio::spawn(connection.run());
        (Self(commands), Events(event_receiver))
    }

    pub(crate) fn post(
        &self,
        room_id: RoomId,
        id: MessageId,
        content: String,
    ) -> Result<(), SendError> {
        self.post_as(PostKind::Message, room_id, id, content)
    }

    pub(crate) fn post_as(
        &self,
        kind: PostKind,
        room_id: RoomId,
        id: MessageId,
        content: String,
    ) -> Result<(), SendError> {
        self.send(Command::Post(Post {
            kind,
            room_id,
            id,
            content,
        }))
    }

    pub(crate) fn side(&self, command: C) -> Result<(), SendError> {
        self.send(Command::Side(command))
    }

    fn send(&self, command: Command<C>) -> Result<(), SendError> {
        self.0.try_send(command).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SendError::Full,
            mpsc::error::TrySendError::Closed(_) => SendError::Stopped,
        })
    }

    pub(crate) async fn flush(&self) -> Result<(), SendError> {
        self.wait_for(Command::Flush).await
    }

    pub(crate) async fn finish(self) -> Result<(), SendError> {
        self.wait_for(Command::Finish).await
    }

    async fn wait_for(
        &self,
        command: impl FnOnce(oneshot::Sender<()>) -> Command<C>,
    ) -> Result<(), SendError> {
        let (done, settled) = oneshot::channel();
        let sent = self.0.send(command(done)).await;
        sent.map_err(|_| SendError::Stopped)?;
        settled.await.map_err(|_| SendError::Stopped)
    }
}
