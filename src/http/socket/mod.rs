//! The sockets: frames become writes, events become frames.
//!
//! One task per socket. `upgrade` takes the connection over, `hello` finds out who
//! speaks and where to go on, `task` runs the conversation; `feed` and
//! `lobby_feed` keep each reader's place in a log, `wire` the limits of the line.

mod feed;
mod frame_limiter;
mod hello;
mod liveness;
mod lobby_feed;
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

use self::hello::Opened;
use self::upgrade::Handshake;
use self::wire::Wire;
use crate::chat::{Side, parse_uuid};
use crate::http::client_addr;
use crate::http::limits::SocketGuard;
use crate::http::origin::OriginCheck;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::protocol::ErrorCode;

/// The addresses of both sockets.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/ws/chat", get(visitor_without_room))
        .route("/ws/chat/{room_id}", get(visitor))
        .route("/ws/admin/chat", get(agent))
}

async fn visitor(
    State(state): State<AppState>,
    room_id: Result<Path<String>, PathRejection>,
    request: Request<Body>,
) -> Result<Response<Body>, Problem> {
    // What is not UTF-8 is no room's id, which the hello is told like any other.
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
        return Err(foreign_origin());
    }
    let guard = admit(state, &request)?;
    let handshake = Handshake::check(&mut request)?;
    let room_id = room_id.as_deref().and_then(parse_uuid);
    Ok(take_over(
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
        return Err(foreign_origin());
    }
    let guard = admit(&state, &request)?;
    // The cookie speaks for a browser on the console's own pages, and for nobody else.
    let cookie = (origin == OriginCheck::Own)
        .then(|| state.auth.cookie_token(request.headers()))
        .flatten();
    let handshake = Handshake::check(&mut request)?;
    Ok(take_over(
        &state,
        handshake,
        Side::Agent,
        guard,
        move |state, wire| Box::pin(hello::agent(state, wire, cookie)),
    ))
}

fn foreign_origin() -> Problem {
    let detail =
        "this page's origin may not connect here; add it to server.allowed_origins if it should";
    Problem::new(ErrorCode::Forbidden, detail)
}

/// Limits by address, before anything is paid for.
fn admit(state: &AppState, request: &Request<Body>) -> Result<SocketGuard, Problem> {
    let trusted = &state.config.server.trusted_proxies;
    let address = client_addr::client_ip_of(request.extensions(), request.headers(), trusted);
    state.limits.check_hello(address)?;
    if state.tasks.len() >= state.connections.max_sockets() {
        return Err(Problem {
            retry_after_ms: Some(1_000),
            ..Problem::new(
                ErrorCode::Busy,
                "the server has no room for another socket; try again in a moment",
            )
        });
    }
    state.limits.address_socket(address).ok_or_else(|| {
        Problem::new(
            ErrorCode::RateLimited,
            "too many sockets from this address; close some first",
        )
    })
}

type Hello = Pin<Box<dyn Future<Output = Option<Opened>> + Send>>;

fn take_over(
    state: &AppState,
    handshake: Handshake,
    side: Side,
    guard: SocketGuard,
    hello: impl FnOnce(AppState, Wire) -> Hello + Send + 'static,
) -> Response<Body> {
    let (response, upgrade) = handshake.accept();
    let counted = Counted::new(state.metrics.sockets(side).clone());
    let span = tracing::info_span!("socket", id = %Uuid::now_v7(), side = side.as_str());
    let task_state = state.clone();
    let task = async move {
        let _held = (guard, counted);
        match upgrade.await {
            Ok(upgraded) => {
                // Each part is boxed for itself, so that a conversation does not hold room
                // for its hello.
                let opened = hello(task_state, Wire::new(upgraded, side).await).await;
                if let Some(opened) = opened {
                    Box::pin(opened.run()).await;
                }
            }
            Err(error) => tracing::debug!(%error, "the connection went before it was upgraded"),
        }
    };
    state.tasks.spawn(task.instrument(span));
    response
}

/// Counts a socket for as long as it is there.
struct Counted(metrics::Gauge);

impl Counted {
    fn new(gauge: metrics::Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
