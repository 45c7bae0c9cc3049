mod events;
mod verbs;

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_util::sync::CancellationToken;

use crate::actors::{Event, Joiner, LobbyGone, Outbox};
use crate::chat::{RoomId, Sender, Side};
use crate::http::auth::OpenToken;
use crate::http::socket::feed::RoomFeed;
use crate::http::socket::frame_limiter::Manners;
use crate::http::socket::liveness::{Due, Liveness};
use crate::http::socket::lobby_feed::LobbyFeed;
use crate::http::socket::pending::PendingWrites;
use crate::http::socket::wire::{SendError, Wire};
use crate::http::state::AppState;
use crate::persistence::{StoreError, TokenHash};
use crate::protocol::{CloseCode, Ping, ServerFrame, encode};

/// How long a draining socket waits for the answers to its writes.
const DRAIN_WRITES: Duration = Duration::from_secs(3);

/// Who speaks on a socket.
pub(super) enum Who {
    /// A visitor, about the one room of the address.
    Visitor {
        room_id: RoomId,
        /// Absent where a signed identity speaks, which ends by its own time.
        token: Option<OpenToken>,
    },
    /// An agent, about any room.
    Agent {
        session: TokenHash,
        lobby: Box<LobbyFeed>,
    },
}

/// What happens to a socket seldom.
enum Seldom {
    /// The server drains.
    Drain,
    /// The visitor's token has ended. What an agent's socket does is
    /// [`check_session`](Session::check_session).
    TokenEnded,
    /// The first agent has come, or the last one has gone.
    AgentsOnline,
    /// Something about agents or their sessions has changed.
    AccountsChanged,
}

impl Who {
    /// Ready when the lobby has something new for an agent.
    fn poll_lobby_news(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LobbyGone>> {
        match self {
            Self::Agent { lobby, .. } => lobby.poll_news(cx),
            Self::Visitor { .. } => Poll::Pending,
        }
    }
}

/// Why a socket ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The server closes it.
    Close(CloseCode),
    /// The peer has gone.
    Gone,
}

impl From<SendError> for End {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Gone => Self::Gone,
            SendError::Stalled => CloseCode::OutboxFull.into(),
        }
    }
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
    pub(super) feeds: HashMap<RoomId, Box<RoomFeed>>,
    pub(super) agents_online: watch::Receiver<bool>,
    pub(super) auth_version: watch::Receiver<u64>,
    pending: PendingWrites,
    liveness: Liveness,
    manners: Manners,
    /// Frames to be sent at the end of the turn.
    frames: Vec<Utf8Bytes>,
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
    pub(super) async fn run(mut self: Box<Self>, mut wire: Box<Wire>) {
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
            End::Close(code) => Box::pin(wire.close(code)).await,
            End::Gone => Box::pin(wire.finish()).await,
        }
    }

    /// What happens seldom is boxed, so that the many sockets at which nothing happens do
    /// not each hold room for it.
    async fn turns(&mut self, wire: &mut Wire) -> End {
        let mut events = VecDeque::new();
        // What happens seldom hangs on what all sockets share. Here it is asked only when it has
        // happened, instead of at every turn.
        let mut seldom = FuturesUnordered::new();
        seldom.push(self.seldom());
        let mut alarm = std::pin::pin!(sleep_until(self.liveness.next()));
        loop {
            let now = Instant::now();
            let reads = self.pending.has_credit();
            self.liveness.set_reading(reads, now);
            let wake = self
                .pending
                .next_deadline()
                .map_or(self.liveness.next(), |at| at.min(self.liveness.next()));
            // An alarm that rings early finds nothing to do, and is cheaper than one that is set
            // anew at every turn.
            if wake < alarm.deadline() || alarm.is_elapsed() {
                alarm.as_mut().reset(wake);
            }
            let catching_up = self.is_catching_up();
            let turn = tokio::select! {
                incoming = wire.recv(), if reads => self.incoming(incoming).await,
                received = self.joiner.outbox.recv(&mut events) => match received {
                    Ok(()) => self.events(&mut events, wire).await,
                    Err(code) => Err(code.into()),
                },
                news = poll_fn(|cx| self.who.poll_lobby_news(cx)), if !catching_up => {
                    Box::pin(self.lobby_news(news, wire)).await
                }
                () = std::future::ready(()), if catching_up => Box::pin(self.catch_up()).await,
                () = alarm.as_mut() => Box::pin(self.time(wire)).await,
                Some(happened) = seldom.next() => {
                    let turn = match happened {
                        Seldom::AgentsOnline => {
                            let agents_online = *self.agents_online.borrow_and_update();
                            self.frames.push(encode(&ServerFrame::Presence { agents_online }));
                            Ok(())
                        }
                        Seldom::AccountsChanged => Box::pin(self.check_session()).await,
                        Seldom::TokenEnded => Err(CloseCode::TokenRefused.into()),
                        Seldom::Drain => return Box::pin(self.drain(wire, &mut events)).await,
                    };
                    seldom.push(self.seldom());
                    turn
                }
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

    /// The next of what happens seldom. Whoever takes it marks the change as seen, and asks for
    /// the next one.
    fn seldom(&self) -> impl Future<Output = Seldom> + Send + use<> {
        let drain = self.state.drain.clone();
        let token_ended = match &self.who {
            Who::Visitor { token, .. } => token.as_ref().map(OpenToken::ended),
            Who::Agent { .. } => None,
        };
        let mut agents_online = self.is_visitor().then(|| self.agents_online.clone());
        let mut auth_version = (!self.is_visitor()).then(|| self.auth_version.clone());
        async move {
            tokio::select! {
                () = drain.cancelled() => Seldom::Drain,
                () = cancelled(token_ended.as_ref()) => Seldom::TokenEnded,
                () = changed(agents_online.as_mut()) => Seldom::AgentsOnline,
                () = changed(auth_version.as_mut()) => Seldom::AccountsChanged,
            }
        }
    }

    fn side(&self) -> Side {
        self.joiner.side
    }

    fn sender(&self) -> Sender {
        match &self.joiner.display_name {
            Some(display_name) => Sender::Agent {
                display_name: display_name.clone(),
            },
            None => Sender::Visitor,
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
            sent = wire.send(&mut self.frames) => Ok(sent?),
            code = self.joiner.outbox.closed() => Err(code.into()),
        }
    }

    async fn time(&mut self, wire: &mut Wire) -> Result<(), End> {
        let now = Instant::now();
        let overdue = self.pending.take_overdue(now);
        let freed = !overdue.is_empty();
        for write in overdue {
            let overdue = StoreError::Unavailable("the write was not finished in time".to_owned());
            self.refuse_for(&overdue.into(), write.room_id, write.message_id);
        }
        if freed && self.pending.holds_any() {
            self.release_held().await;
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
        // A console that is open is a session in use, and one that has ended closes.
        if !self.is_visitor() {
            self.check_session().await?;
        }
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
            Who::Visitor { room_id, .. } => self.feeds.get(room_id).map(|feed| feed.delivered()),
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
                let agent = store
                    .agent(self.joiner.participant_id)
                    .await
                    .map_err(resync)?;
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

/// Resolves when the token is cancelled; without one, never.
async fn cancelled(token: Option<&CancellationToken>) {
    match token {
        Some(token) => token.cancelled().await,
        None => std::future::pending().await,
    }
}

/// Resolves when the value changes; without one, or once nobody can change it, never.
async fn changed<T>(value: Option<&mut watch::Receiver<T>>) {
    if let Some(value) = value
        && value.changed().await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

fn resync(error: StoreError) -> End {
    tracing::warn!(%error, "a socket could not read the store and has to resume");
    CloseCode::ResyncWanted.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one call of an async function with these arguments holds.
    fn future_bytes<A, B, F>(_: impl Fn(A, B) -> F) -> usize {
        size_of::<F>()
    }

    /// Ten thousand idle sockets each hold these; the sum is what a guard can count.
    #[test]
    fn an_idle_socket_holds_little() {
        let talk = future_bytes(Session::run);
        let (session, wire) = (size_of::<Session>(), size_of::<Wire>());
        let whole = talk + session + wire;
        assert!(whole <= 1_900, "{talk} + {session} + {wire} bytes");
    }
}
