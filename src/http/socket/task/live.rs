//! The live phase: one loop that waits for whatever happens next and sends what follows from it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{Peer, SocketTask};
use crate::actors::{Event, LobbyGone};
use crate::chat::Availability;
use crate::http::auth::OpenToken;
use crate::http::socket::closing::EndReason;
use crate::http::socket::wire::Wire;
use crate::protocol::{CloseCode, ServerFrame, encode};

/// How the live phase ends without an error: the server shuts down, or is cut off from its database.
pub(super) struct ServerDrains;

/// What happens to a socket seldom, mostly at the same time as to all others.
enum RareEvent {
    /// The server drains.
    ServerDrains,
    /// The visitor's token has ended.
    TokenEnded,
    /// The first agent came online, the last one went offline, or the shop opened or closed.
    AvailabilityChanged,
    /// An agent or a session has changed, maybe this one.
    SessionsChanged,
}

impl SocketTask {
    /// Runs until the server drains or the socket ends.
    ///
    /// What happens seldom is boxed, so that the many idle sockets do not reserve memory for it.
    pub(super) async fn live(
        &mut self,
        wire: &mut Wire,
        events: &mut VecDeque<Event>,
    ) -> Result<ServerDrains, EndReason> {
        // A rare event wakes every socket. Its future is kept across turns, so that a turn does not
        // poll what all sockets share.
        let mut rare_events = FuturesUnordered::new();
        rare_events.push(self.next_rare_event());
        let mut alarm = std::pin::pin!(sleep_until(self.next_alarm()));
        loop {
            let reads = self.pending.has_credit();
            self.liveness.set_reading(reads, Instant::now());
            let wake = self.next_alarm();
            // An alarm that is too early finds nothing to do, which is cheaper than to set it at
            // every turn.
            if wake < alarm.deadline() || alarm.is_elapsed() {
                alarm.as_mut().reset(wake);
            }
            let catching_up = self.is_catching_up();
            let turn = tokio::select! {
                incoming = wire.recv(), if reads => self.handle_incoming(incoming).await,
                received = self.joiner.outbox.recv(events) => match received {
                    Ok(()) => self.handle_events(events, wire).await,
                    Err(code) => Err(code.into()),
                },
                changed = poll_fn(|cx| self.peer.poll_lobby_changed(cx)), if !catching_up => {
                    Box::pin(self.take_lobby_changes(changed, wire)).await
                }
                () = std::future::ready(()), if catching_up => Box::pin(self.catch_up()).await,
                () = alarm.as_mut() => Box::pin(self.handle_alarm(wire)).await,
                Some(event) = rare_events.next() => {
                    if matches!(event, RareEvent::ServerDrains) {
                        return Ok(ServerDrains);
                    }
                    let turn = Box::pin(self.handle_rare_event(event)).await;
                    rare_events.push(self.next_rare_event());
                    turn
                }
            };
            let sent = self.send(wire).await;
            turn.and(sent)?;
        }
    }

    /// The next rare event. Its handler marks the change as seen before this is called again.
    fn next_rare_event(&self) -> impl Future<Output = RareEvent> + Send + use<> {
        let ending = self.ending.clone();
        let (token_ended, mut availability, mut auth_version) = match &self.peer {
            Peer::Visitor {
                token,
                availability,
                ..
            } => {
                let token_ended = token.as_ref().map(OpenToken::ended);
                (token_ended, Some(availability.clone()), None)
            }
            Peer::Agent { auth_version, .. } => (None, None, Some(auth_version.clone())),
        };
        async move {
            tokio::select! {
                () = ending.cancelled() => RareEvent::ServerDrains,
                () = cancelled(token_ended.as_ref()) => RareEvent::TokenEnded,
                () = changed(availability.as_mut()) => RareEvent::AvailabilityChanged,
                () = changed(auth_version.as_mut()) => RareEvent::SessionsChanged,
            }
        }
    }

    async fn handle_rare_event(&mut self, event: RareEvent) -> Result<(), EndReason> {
        match event {
            RareEvent::AvailabilityChanged => {
                if let Peer::Visitor { availability, .. } = &mut self.peer {
                    let Availability {
                        agents_online,
                        open,
                        back_at,
                    } = *availability.borrow_and_update();
                    self.frames.push(encode(&ServerFrame::Presence {
                        agents_online,
                        open,
                        back_at,
                    }));
                }
                Ok(())
            }
            RareEvent::SessionsChanged => self.check_session().await,
            RareEvent::TokenEnded => Err(CloseCode::TokenRefused.into()),
            RareEvent::ServerDrains => Err(CloseCode::Draining.into()),
        }
    }
}

impl Peer {
    /// Ready when the lobby has something new for an agent.
    fn poll_lobby_changed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LobbyGone>> {
        match self {
            Self::Agent { lobby, .. } => lobby.poll_changed(cx),
            Self::Visitor { .. } => Poll::Pending,
        }
    }
}

/// Resolves when the token is cancelled; never if there is none.
async fn cancelled(token: Option<&CancellationToken>) {
    match token {
        Some(token) => token.cancelled().await,
        None => std::future::pending().await,
    }
}

/// Resolves when the value changes; never if there is none or its sender is gone.
async fn changed<T>(value: Option<&mut watch::Receiver<T>>) {
    if let Some(value) = value
        && value.changed().await.is_ok()
    {
        return;
    }
    std::future::pending().await
}
