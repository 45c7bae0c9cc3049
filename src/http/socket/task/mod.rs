//! The task of one socket, from its hello until it closes.
//!
//! It owns the feeds of the rooms that the socket follows, an agent's feed of the lobby, the writes
//! that wait for an outcome, and the outbox into which actors push. It guarantees:
//!
//! - A message is sent only as the next one of its room; a gap is read from the store first.
//! - Every post ends in an `ack`, an `error` or a closed socket.
//! - At most 16 writes wait for an outcome; until one has it, nothing is read from the client.
//! - A client that reads too slowly is closed with 4008, and delays nobody else.
//!
//! The phases of a socket, in order:
//!
//! 1. **hello** (`socket::hello`): the client authenticates and gets its `welcome`, which makes a
//!    [`SocketTask`].
//! 2. **live** ([`live`]): one loop. [`commands`] turns the client's frames into writes, joins and
//!    reads; [`joins`] follows rooms, and rejoins one that has died; [`events`] turns what the actors push
//!    into frames; [`catch_up`] reads pages and gaps from the store; [`timers`] sends pings and gives
//!    up overdue writes.
//! 3. **draining** ([`draining`]): the server shuts down, or is cut off from its
//!    database; outstanding writes get their outcome.
//! 4. **closing** (`socket::closing`): the close handshake, after every room was left.

mod catch_up;
mod commands;
mod draining;
mod events;
mod history;
mod joins;
mod live;
mod timers;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_util::sync::CancellationToken;

use super::closing::{self, EndReason};
use super::feed::RoomFeed;
use super::frame_limiter::FrameLimiter;
use super::liveness::Liveness;
use super::lobby_feed::LobbyFeed;
use super::pending::PendingWrites;
use super::wire::Wire;
use crate::actors::Joiner;
use crate::chat::{Availability, RoomId, Sender};
use crate::http::auth::OpenToken;
use crate::http::state::AppState;
use crate::persistence::{StoreError, TokenHash};
use crate::protocol::CloseCode;

/// Who is at the other end of a socket.
pub(super) enum Peer {
    /// A visitor, in the one room of the URL.
    Visitor {
        room_id: RoomId,
        /// `None` for a signed identity, which is not ended by a sign-out.
        token: Option<OpenToken>,
        availability: watch::Receiver<Availability>,
    },
    /// An agent, in any room.
    Agent {
        session: TokenHash,
        /// Changes when agents or sessions change.
        auth_version: watch::Receiver<u64>,
        lobby: Box<LobbyFeed>,
    },
}

/// One socket after its hello.
pub(super) struct SocketTask {
    state: AppState,
    /// Cancelled when the server drains or is cut off from its database.
    ending: CancellationToken,
    peer: Peer,
    joiner: Joiner,
    /// The rooms that the socket follows.
    feeds: HashMap<RoomId, Box<RoomFeed>>,
    pending: PendingWrites,
    liveness: Liveness,
    frame_limiter: FrameLimiter,
    /// Frames to send at the end of the present turn.
    frames: Vec<Utf8Bytes>,
}

impl SocketTask {
    pub(super) fn new(
        state: AppState,
        ending: CancellationToken,
        peer: Peer,
        joiner: Joiner,
    ) -> Self {
        let socket = &state.config.socket;
        let millis = Duration::from_millis;
        Self {
            pending: PendingWrites::new(millis(socket.post_timeout_ms)),
            liveness: Liveness::new(
                millis(socket.ping_interval_ms),
                millis(socket.pong_timeout_ms),
            ),
            frame_limiter: FrameLimiter::new(&state.config.limits),
            feeds: HashMap::new(),
            frames: Vec::new(),
            state,
            ending,
            peer,
            joiner,
        }
    }

    /// Follows the room of a visitor's socket from its welcome on.
    pub(super) fn follow(&mut self, room_id: RoomId, feed: RoomFeed) {
        self.feeds.insert(room_id, Box::new(feed));
    }

    /// Runs the phases after the hello, until the connection is closed.
    pub(super) async fn run(mut self: Box<Self>, mut wire: Box<Wire>) {
        let mut events = VecDeque::new();
        let reason = match self.live(&mut wire, &mut events).await {
            Ok(live::ServerDrains) => Box::pin(self.drain(&mut wire, &mut events)).await,
            Err(reason) => reason,
        };
        let state = self.state.clone();
        let outbox = self.joiner.outbox.clone();
        // Every room is left before the close handshake, which may take seconds.
        drop(self);
        outbox.close(CloseCode::ResyncWanted);
        Box::pin(closing::close(state, *wire, reason)).await;
    }

    fn is_visitor(&self) -> bool {
        matches!(self.peer, Peer::Visitor { .. })
    }

    fn sender(&self) -> Sender {
        match &self.joiner.display_name {
            Some(display_name) => Sender::Agent {
                id: self.joiner.participant_id,
                display_name: display_name.clone(),
            },
            None => Sender::Visitor,
        }
    }

    /// Sends the frames that the turn has collected. While a slow client takes them, the outbox
    /// may overflow, which ends the socket.
    async fn send(&mut self, wire: &mut Wire) -> Result<(), EndReason> {
        if self.frames.is_empty() {
            return Ok(());
        }
        self.liveness.set_reading(false, Instant::now());
        tokio::select! {
            biased;
            sent = wire.send(&mut self.frames) => Ok(sent?),
            code = self.joiner.outbox.closed() => Err(code.into()),
        }
    }
}

/// The store cannot be read, so the client has to reconnect and resume.
fn resync_wanted(error: StoreError) -> EndReason {
    tracing::warn!(%error, "socket cannot read the store; the client has to resume");
    CloseCode::ResyncWanted.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of the future that an async function with these arguments returns.
    fn future_bytes<A, B, F>(_: impl Fn(A, B) -> F) -> usize {
        size_of::<F>()
    }

    /// Ten thousand idle sockets hold ten thousand of these.
    #[test]
    fn an_idle_socket_stays_small() {
        let run = future_bytes(SocketTask::run);
        let (task, wire) = (size_of::<SocketTask>(), size_of::<Wire>());
        let sum = run + task + wire;
        assert!(sum <= 1_900, "{run} + {task} + {wire} bytes");
    }
}
