//! The first phase of a socket: its hello is checked and gets a welcome.

use std::borrow::Cow;
use std::time::Duration;

use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_util::sync::CancellationToken;

use super::closing::{self, EndReason};
use super::feed::RoomFeed;
use super::lobby_feed::LobbyFeed;
use super::task::{Peer, SocketTask};
use super::wire::{Incoming, Wire};
use crate::actors::{JoinError, Joiner, Outbox};
use crate::chat::limits::CONTENT_CHARS;
use crate::chat::{Language, RoomId, Side, Timestamp};
use crate::credentials::hash_token;
use crate::http::auth::{AuthError, Session, is_identity};
use crate::http::limits::SocketGuard;
use crate::http::state::AppState;
use crate::persistence::{StoreError, Visitor};
use crate::protocol::{
    AgentHello, AgentWelcome, CloseCode, PROTOCOL_VERSION, ServerFrame, VisitorHello,
    VisitorWelcome, decode_agent_hello, decode_visitor_hello, encode,
};
use crate::settings::OpenState;

/// A socket after its welcome. The parts are boxed, since every future through which they are moved
/// would reserve memory for them.
pub(super) struct WelcomedSocket {
    task: Box<SocketTask>,
    wire: Box<Wire>,
    _guard: SocketGuard,
}

impl WelcomedSocket {
    /// Runs the phases after the hello, until the connection is closed.
    pub(super) async fn run(self) {
        self.task.run(self.wire).await;
    }
}

/// Expects a visitor's hello and sends the welcome. Otherwise closes the socket.
pub(super) async fn visitor(
    state: AppState,
    mut wire: Wire,
    room_id: Option<RoomId>,
) -> Option<WelcomedSocket> {
    let ending = state.socket_gate.ending();
    let hello = match first_frame(&state, &ending, &mut wire).await {
        Ok(text) => decode_visitor_hello(&text).map_err(|_| CloseCode::NotThisProtocol.into()),
        Err(reason) => Err(reason),
    };
    let welcomed = match hello {
        Ok(hello) => welcome_visitor(&state, ending, &mut wire, &hello, room_id).await,
        Err(reason) => Err(reason),
    };
    welcomed_or_closed(state, wire, welcomed).await
}

/// Expects an agent's hello and sends the welcome. Otherwise closes the socket. `cookie` is the
/// session token of the browser, for a hello without a token.
pub(super) async fn agent(
    state: AppState,
    mut wire: Wire,
    cookie: Option<String>,
) -> Option<WelcomedSocket> {
    let ending = state.socket_gate.ending();
    let hello = match first_frame(&state, &ending, &mut wire).await {
        Ok(text) => decode_agent_hello(&text).map_err(|_| CloseCode::NotThisProtocol.into()),
        Err(reason) => Err(reason),
    };
    let welcomed = match hello {
        Ok(hello) => welcome_agent(&state, ending, &mut wire, hello, cookie).await,
        Err(reason) => Err(reason),
    };
    welcomed_or_closed(state, wire, welcomed).await
}

async fn welcomed_or_closed(
    state: AppState,
    wire: Wire,
    welcomed: Result<(SocketTask, SocketGuard), EndReason>,
) -> Option<WelcomedSocket> {
    match welcomed {
        Ok((task, guard)) => Some(WelcomedSocket {
            task: Box::new(task),
            wire: Box::new(wire),
            _guard: guard,
        }),
        Err(reason) => {
            closing::close(state, wire, reason).await;
            None
        }
    }
}

async fn first_frame(
    state: &AppState,
    ending: &CancellationToken,
    wire: &mut Wire,
) -> Result<Utf8Bytes, EndReason> {
    let timeout = Duration::from_millis(state.config.socket.hello_timeout_ms);
    let first = async {
        loop {
            match wire.recv().await {
                Incoming::Text(text) => return Ok(text),
                Incoming::Control => {}
                Incoming::Violation(code) => return Err(code.into()),
                Incoming::PeerGone => return Err(EndReason::PeerGone),
            }
        }
    };
    let first = tokio::select! {
        biased;
        () = ending.cancelled() => {
            let reconnect_within_ms = state.config.socket.reconnect_window_ms;
            let mut frames = vec![encode(&ServerFrame::GoingAway { reconnect_within_ms })];
            // If this fails, the close code still makes the client reconnect.
            let _ = wire.send(&mut frames).await;
            return Err(CloseCode::Draining.into());
        }
        first = tokio::time::timeout(timeout, first) => first,
    };
    first.unwrap_or(Err(CloseCode::NoHello.into()))
}

async fn welcome_visitor(
    state: &AppState,
    ending: CancellationToken,
    wire: &mut Wire,
    hello: &VisitorHello,
    room_id: Option<RoomId>,
) -> Result<(SocketTask, SocketGuard), EndReason> {
    let token = hello.token.as_deref().ok_or(CloseCode::TokenRefused)?;
    let open_token = (!is_identity(token)).then(|| state.open_tokens.register(hash_token(token)));
    let visitor = state.auth.visitor(token).await.map_err(auth_failed)?;
    let room_id = room_id.ok_or(CloseCode::NoSuchRoom)?;
    let record = state
        .store
        .room(room_id)
        .await
        .map_err(store_failed)?
        .ok_or(CloseCode::NoSuchRoom)?;
    if record.visitor_id != visitor.id {
        return Err(CloseCode::NoSuchRoom.into());
    }
    let guard = state
        .limits
        .visitor_socket(visitor.id)
        .ok_or(CloseCode::TooManySockets)?;
    remember_language(state, &visitor, hello);

    let joiner = Joiner {
        side: Side::Visitor,
        participant_id: visitor.id,
        display_name: None,
        outbox: outbox(state),
    };
    // Marked as seen before the hours are looked at, so that no later change is missed.
    let mut availability = state.presence.availability();
    let agents_online = availability.borrow_and_update().agents_online;
    let subscription = state
        .rooms
        .join(room_id, &joiner)
        .await
        .map_err(|error| match error {
            JoinError::NotFound => CloseCode::NoSuchRoom,
            _ => CloseCode::ResyncWanted,
        })?;
    let room = subscription.record.room.clone();
    let (feed, first) = RoomFeed::start(subscription, Side::Visitor, &hello.resume, &state.store)
        .await
        .map_err(store_failed)?;
    let OpenState { open, back_at } = state.settings.now().shop.open_at(Timestamp::now());
    let welcome = VisitorWelcome {
        protocol: PROTOCOL_VERSION,
        epoch: Cow::Borrowed(state.store.epoch()),
        room_id,
        room: Cow::Borrowed(&room),
        messages: Cow::Borrowed(&first.messages),
        recovered: first.recovered,
        more: first.more,
        redacted: first.redacted.as_deref().map(Cow::Borrowed),
        agents_online,
        open,
        back_at,
        ping_interval_ms: state.config.socket.ping_interval_ms,
        max_content: CONTENT_CHARS,
        reconnect_window_ms: state.config.socket.reconnect_window_ms,
    };
    wire.send(&mut vec![encode(&welcome)]).await?;
    let peer = Peer::Visitor {
        room_id,
        token: open_token,
        availability,
    };
    let mut task = SocketTask::new(state.clone(), ending, peer, joiner);
    task.follow(room_id, feed);
    Ok((task, guard))
}

async fn welcome_agent(
    state: &AppState,
    ending: CancellationToken,
    wire: &mut Wire,
    hello: AgentHello,
    cookie: Option<String>,
) -> Result<(SocketTask, SocketGuard), EndReason> {
    let token = hello
        .token
        .as_deref()
        .or(cookie.as_deref())
        .ok_or(CloseCode::TokenRefused)?;
    // Marked as seen before the session is looked up, so that no later change is missed.
    let mut auth_version = state.auth_version.clone();
    auth_version.borrow_and_update();
    let Session {
        agent, token_hash, ..
    } = state
        .auth
        .session(token, false)
        .await
        .map_err(auth_failed)?;
    let guard = state
        .limits
        .agent_socket(agent.id)
        .ok_or(CloseCode::TooManySockets)?;

    let joiner = Joiner {
        side: Side::Agent,
        participant_id: agent.id,
        display_name: Some(agent.display_name.clone()),
        outbox: outbox(state),
    };
    let subscription = state
        .lobby
        .subscribe()
        .await
        .map_err(|_| CloseCode::ResyncWanted)?;
    let (mut lobby, recovered) =
        LobbyFeed::start(subscription, &hello, &state.store, &state.presence)
            .await
            .map_err(store_failed)?;
    let online = state.presence.online_rooms();
    let page = lobby
        .next_page(&state.store, &state.presence)
        .await
        .map_err(store_failed)?;
    let welcome = AgentWelcome {
        protocol: PROTOCOL_VERSION,
        agent: Cow::Borrowed(&agent),
        epoch: Cow::Borrowed(state.store.epoch()),
        cursor: Cow::Borrowed(&page.cursor),
        recovered,
        summaries: Cow::Borrowed(&page.summaries),
        more: page.more,
        counts: lobby.counts(),
        online: Cow::Borrowed(&online),
        ping_interval_ms: state.config.socket.ping_interval_ms,
        max_content: CONTENT_CHARS,
        reconnect_window_ms: state.config.socket.reconnect_window_ms,
    };
    let mut frames = vec![encode(&welcome)];
    if !page.more {
        // What changed while the page was read.
        while lobby
            .close_gap(&state.store, &state.presence, &mut frames)
            .await
            .map_err(store_failed)?
        {}
    }
    wire.send(&mut frames).await?;
    let peer = Peer::Agent {
        session: token_hash,
        auth_version,
        lobby: Box::new(lobby),
    };
    Ok((SocketTask::new(state.clone(), ending, peer, joiner), guard))
}

/// Mail to the visitor is in the language of their chat, or in English if we do not speak it.
fn remember_language(state: &AppState, visitor: &Visitor, hello: &VisitorHello) {
    let spoken = hello.locale.as_deref();
    let language = spoken.map(|tag| Language::of_tag(tag).unwrap_or(Language::English));
    if let Some(language) = language.filter(|language| visitor.language != Some(*language)) {
        state.store.set_visitor_language(visitor.id, language);
    }
}

fn outbox(state: &AppState) -> Outbox {
    Outbox::new(
        state.config.socket.outbox_items,
        state.config.socket.outbox_bytes,
    )
}

fn auth_failed(error: AuthError) -> CloseCode {
    match error {
        AuthError::Store(error) => store_failed(error),
        _ => CloseCode::TokenRefused,
    }
}

fn store_failed(error: StoreError) -> CloseCode {
    tracing::warn!(%error, "socket closes: the store cannot be read for its hello");
    CloseCode::ResyncWanted
}
