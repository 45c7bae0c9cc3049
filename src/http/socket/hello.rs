use std::borrow::Cow;
use std::time::Duration;

use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::feed::RoomFeed;
use super::lobby_feed::LobbyFeed;
use super::task::{End, Session, Who};
use super::wire::{Incoming, Wire};
use crate::actors::{JoinError, Joiner, Outbox};
use crate::chat::limits::CONTENT_CHARS;
use crate::chat::{RoomId, Side};
use crate::credentials::hash_token;
use crate::http::auth::{self, AuthError};
use crate::http::state::AppState;
use crate::persistence::StoreError;
use crate::protocol::{
    AgentHello, AgentWelcome, CloseCode, PROTOCOL_VERSION, ServerFrame, VisitorHello,
    VisitorWelcome, decode_agent_hello, decode_visitor_hello, encode,
};

/// A socket whose hello was answered. Its parts are boxed, since every future that they are
/// moved through would hold room for them.
pub(super) struct Opened {
    session: Box<Session>,
    wire: Box<Wire>,
    _guard: Guard,
}

impl Opened {
    /// The conversation, until the socket ends.
    pub(super) async fn run(self) {
        self.session.run(self.wire).await;
    }
}

/// Opens a visitor's socket: hello and welcome.
pub(super) async fn visitor(
    state: AppState,
    mut wire: Wire,
    room_id: Option<RoomId>,
) -> Option<Opened> {
    let hello = match first_frame(&state, &mut wire).await {
        Ok(text) => decode_visitor_hello(&text).map_err(|_| CloseCode::NotThisProtocol.into()),
        Err(end) => Err(end),
    };
    let welcomed = match hello {
        Ok(hello) => welcome_visitor(&state, &mut wire, &hello, room_id).await,
        Err(end) => Err(end),
    };
    opened(&state, wire, welcomed).await
}

/// Opens an agent's socket: hello and welcome. `cookie` is the session that the browser
/// brought along.
pub(super) async fn agent(
    state: AppState,
    mut wire: Wire,
    cookie: Option<String>,
) -> Option<Opened> {
    let hello = match first_frame(&state, &mut wire).await {
        Ok(text) => decode_agent_hello(&text).map_err(|_| CloseCode::NotThisProtocol.into()),
        Err(end) => Err(end),
    };
    let welcomed = match hello {
        Ok(hello) => welcome_agent(&state, &mut wire, hello, cookie).await,
        Err(end) => Err(end),
    };
    opened(&state, wire, welcomed).await
}

async fn opened(
    state: &AppState,
    wire: Wire,
    welcomed: Result<(Session, Guard), End>,
) -> Option<Opened> {
    match welcomed {
        Ok((session, guard)) => Some(Opened {
            session: Box::new(session),
            wire: Box::new(wire),
            _guard: guard,
        }),
        Err(end) => {
            // A reader that stops within its welcome is as slow as one that stops later.
            if end == End::Close(CloseCode::OutboxFull) {
                state.metrics.outbox_overflowed();
            }
            end_early(wire, end).await;
            None
        }
    }
}

async fn end_early(wire: Wire, end: End) {
    match end {
        End::Close(code) => wire.close(code).await,
        End::Gone => wire.finish().await,
    }
}

async fn first_frame(state: &AppState, wire: &mut Wire) -> Result<Utf8Bytes, End> {
    let wait = Duration::from_millis(state.config.socket.hello_timeout_ms);
    let first = async {
        loop {
            match wire.recv().await {
                Incoming::Text(text) => return Ok(text),
                Incoming::Alive => {}
                Incoming::Fatal(code) => return Err(code.into()),
                Incoming::Gone => return Err(End::Gone),
            }
        }
    };
    let first = tokio::select! {
        first = tokio::time::timeout(wait, first) => first,
        () = state.drain.cancelled() => {
            let reconnect_within_ms = state.config.socket.reconnect_window_ms;
            let mut frames = vec![encode(&ServerFrame::GoingAway { reconnect_within_ms })];
            // The close code says the same to those who miss it.
            let _ = wire.send(&mut frames).await;
            return Err(CloseCode::Draining.into());
        }
    };
    first.unwrap_or(Err(CloseCode::NoHello.into()))
}

type Guard = crate::http::limits::SocketGuard;

async fn welcome_visitor(
    state: &AppState,
    wire: &mut Wire,
    hello: &VisitorHello,
    room_id: Option<RoomId>,
) -> Result<(Session, Guard), End> {
    let token = hello.token.as_deref().ok_or(CloseCode::TokenRefused)?;
    let held = (!auth::is_identity(token)).then(|| state.open_tokens.register(hash_token(token)));
    let visitor = state.auth.visitor(token).await.map_err(refused)?;
    let room_id = room_id.ok_or(CloseCode::NoSuchRoom)?;
    let record = state
        .store
        .room(room_id)
        .await
        .map_err(retry)?
        .ok_or(CloseCode::NoSuchRoom)?;
    if record.visitor_id != visitor.id {
        return Err(CloseCode::NoSuchRoom.into());
    }
    let guard = state
        .limits
        .visitor_socket(visitor.id)
        .ok_or(CloseCode::TooManySockets)?;

    let joiner = Joiner {
        side: Side::Visitor,
        participant_id: visitor.id,
        display_name: None,
        outbox: outbox(state),
    };
    let who = Who::Visitor {
        room_id,
        token: held,
    };
    let mut session = Session::new(state.clone(), who, joiner);
    let subscription =
        state
            .rooms
            .join(room_id, &session.joiner)
            .await
            .map_err(|error| match error {
                JoinError::NotFound => CloseCode::NoSuchRoom,
                _ => CloseCode::ResyncWanted,
            })?;
    let room = subscription.record.room.clone();
    let (feed, first) = RoomFeed::begin(subscription, &hello.resume, &state.store)
        .await
        .map_err(retry)?;
    let agents_online = *session.agents_online.borrow_and_update();
    let welcome = VisitorWelcome {
        protocol: PROTOCOL_VERSION,
        epoch: Cow::Borrowed(state.store.epoch()),
        room_id,
        room: Cow::Borrowed(&room),
        messages: Cow::Borrowed(&first.messages),
        recovered: first.recovered,
        more: first.more,
        agents_online,
        ping_interval_ms: state.config.socket.ping_interval_ms,
        max_content: CONTENT_CHARS,
        reconnect_window_ms: state.config.socket.reconnect_window_ms,
    };
    wire.send(&mut vec![encode(&welcome)]).await?;
    session.feeds.insert(room_id, Box::new(feed));
    Ok((session, guard))
}

async fn welcome_agent(
    state: &AppState,
    wire: &mut Wire,
    hello: AgentHello,
    cookie: Option<String>,
) -> Result<(Session, Guard), End> {
    let token = hello
        .token
        .as_deref()
        .or(cookie.as_deref())
        .ok_or(CloseCode::TokenRefused)?;
    // Seen before the session is looked up, so that no change in between is missed.
    let mut auth_version = state.auth_version.clone();
    auth_version.borrow_and_update();
    let auth::Session {
        agent, token_hash, ..
    } = state.auth.session(token, false).await.map_err(refused)?;
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
        LobbyFeed::begin(subscription, &hello, &state.store, &state.presence)
            .await
            .map_err(retry)?;
    let online = state.presence.online_rooms();
    let page = lobby
        .next_page(&state.store, &state.presence)
        .await
        .map_err(retry)?;
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
        while lobby
            .close_gap(&state.store, &state.presence, &mut frames)
            .await
            .map_err(retry)?
        {}
    }
    wire.send(&mut frames).await?;
    let who = Who::Agent {
        session: token_hash,
        lobby: Box::new(lobby),
    };
    let mut session = Session::new(state.clone(), who, joiner);
    session.auth_version = auth_version;
    Ok((session, guard))
}

fn outbox(state: &AppState) -> Outbox {
    Outbox::new(
        state.config.socket.outbox_items,
        state.config.socket.outbox_bytes,
    )
}

fn refused(error: AuthError) -> CloseCode {
    match error {
        AuthError::Store(error) => retry(error),
        _ => CloseCode::TokenRefused,
    }
}

fn retry(error: StoreError) -> CloseCode {
    tracing::warn!(%error, "a hello could not be answered");
    CloseCode::ResyncWanted
}
