//! The WebSockets: client frames become writes, the actors' events become frames.
//!
//! This file has the routes; each accepted socket gets a task of its own. Read `upgrade` (the HTTP
//! handshake), `hello` (who connects, and where to resume), then `task` with the phases of an open
//! socket, and `closing`. `feed` and `lobby_feed` keep the socket's position in the log of a room
//! and of the lobby; `pending` holds the writes without an outcome; `frame_limiter`, `liveness` and
//! `wire` bound what a peer can do. `doctor` is a socket of its own kind, for `shoptalk doctor`.

mod closing;
mod doctor;
mod feed;
mod frame_limiter;
mod hello;
mod liveness;
mod lobby_feed;
mod note_feed;
mod pending;
mod task;
mod upgrade;
mod wire;

use std::pin::Pin;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{Request, Response};
use axum::routing::get;
use tracing::Instrument;
use uuid::Uuid;

use self::hello::WelcomedSocket;
use self::upgrade::Handshake;
use self::wire::Wire;
use crate::chat::{Side, parse_uuid};
use crate::http::client_addr;
use crate::http::limits::SocketGuard;
use crate::http::origin::OriginCheck;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::protocol::ErrorCode;

/// The routes of both kinds of socket.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/ws/chat", get(visitor_without_room))
        .route("/ws/chat/{room_id}", get(visitor))
        .route("/ws/admin/chat", get(agent))
        .route("/ws/admin/doctor", get(doctor::open))
}

async fn visitor(
    State(state): State<AppState>,
    room_id: Result<Path<String>, PathRejection>,
    request: Request<Body>,
) -> Result<Response<Body>, Problem> {
    // A path that is not UTF-8 is treated like any other unknown room: the hello is refused.
    open_visitor(&state, room_id.ok().map(|Path(id)| id), request)
}

async fn visitor_without_room(
    State(state): State<AppState>,
    request: Request<Body>,
) -> Result<Response<Body>, Problem> {
    open_visitor(&state, None, request)
}

fn open_visitor(
    state: &AppState,
    room_id: Option<String>,
    mut request: Request<Body>,
) -> Result<Response<Body>, Problem> {
    if !state.origins.visitor_origin_allowed(request.headers()) {
        return Err(Problem::forbidden(
            "this page's origin is not allowed; add it to server.allowed_origins",
        ));
    }
    let guard = check_address(state, &request)?;
    let handshake = Handshake::check(&mut request)?;
    let room_id = room_id.as_deref().and_then(parse_uuid);
    Ok(spawn_task(
        state,
        handshake,
        Side::Visitor,
        guard,
        move |state, wire| Box::pin(hello::visitor(state, wire, room_id)),
    ))
}

async fn agent(
    State(state): State<AppState>,
    mut request: Request<Body>,
) -> Result<Response<Body>, Problem> {
    let origin = state.origins.own_origin(request.headers());
    if origin == OriginCheck::Foreign {
        return Err(Problem::forbidden(
            "agents' sockets are open to the server's own pages only",
        ));
    }
    let guard = check_address(&state, &request)?;
    // The cookie is accepted from the server's own pages only.
    let cookie = (origin == OriginCheck::Own)
        .then(|| state.auth.cookie_token(request.headers()))
        .flatten();
    let handshake = Handshake::check(&mut request)?;
    Ok(spawn_task(
        &state,
        handshake,
        Side::Agent,
        guard,
        move |state, wire| Box::pin(hello::agent(state, wire, cookie)),
    ))
}

/// Checks the limits by address, before anything that costs more.
fn check_address(state: &AppState, request: &Request<Body>) -> Result<SocketGuard, Problem> {
    let trusted = &state.config.server.trusted_proxies;
    let address = client_addr::client_ip_of(request.extensions(), request.headers(), trusted);
    state.limits.check_hello(address)?;
    if state.socket_tasks.len() >= state.connections.max_sockets() {
        return Err(Problem::busy(
            "the server has reached its limit of sockets; try again in a moment",
        ));
    }
    state.limits.address_socket(address).ok_or_else(|| {
        Problem::new(
            ErrorCode::RateLimited,
            "too many sockets from this address; close some first",
        )
    })
}

type HelloFuture = Pin<Box<dyn Future<Output = Option<WelcomedSocket>> + Send>>;

/// Replies to the handshake and spawns the socket's task.
fn spawn_task(
    state: &AppState,
    handshake: Handshake,
    side: Side,
    guard: SocketGuard,
    hello: impl FnOnce(AppState, Wire) -> HelloFuture + Send + 'static,
) -> Response<Body> {
    let (response, upgrade) = handshake.accept();
    let gauge = SocketGauge::new(state.metrics.sockets(side).clone());
    // Not at level info, at which each of many idle sockets would hold half a kilobyte for it.
    let span = tracing::debug_span!("socket", id = %Uuid::now_v7(), side = side.as_str());
    let task_state = state.clone();
    let opening = async move {
        match upgrade.await {
            Ok(upgraded) => hello(task_state, Wire::new(upgraded, side).await).await,
            Err(error) => {
                tracing::debug!(%error, "connection ended before the upgrade");
                None
            }
        }
    };
    let task = run_phases((guard, gauge), Box::pin(opening));
    state.socket_tasks.spawn(task.instrument(span));
    response
}

/// Each phase is boxed by itself, so that an open socket does not reserve memory for its upgrade and
/// its hello. `_counted` is kept until the end.
async fn run_phases(_counted: (SocketGuard, SocketGauge), opening: HelloFuture) {
    let welcomed = opening.await;
    if let Some(welcomed) = welcomed {
        Box::pin(welcomed.run()).await;
    }
}

/// Counts an open socket in the metrics.
struct SocketGauge(metrics::Gauge);

impl SocketGauge {
    fn new(gauge: metrics::Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for SocketGauge {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn future_bytes<A, B, F>(_: impl Fn(A, B) -> F) -> usize {
        size_of::<F>()
    }

    /// Ten thousand idle sockets hold ten thousand of these.
    #[test]
    fn the_task_of_an_open_socket_has_no_space_for_its_hello() {
        let bytes = future_bytes(run_phases);
        assert!(bytes <= 256, "{bytes} bytes");
    }
}
