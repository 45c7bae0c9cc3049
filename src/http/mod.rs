//! HTTP: REST calls, WebSockets and pages. Nothing else uses axum.
//!
//! On its way in, a request passes `connections` (the accept loop, and bounds on TCP connections),
//! then `middleware`, which wraps every handler, and reaches one of three kinds of handler: `api`
//! (REST), `socket` (WebSockets) or `pages` (what browsers load). They share [`AppState`].
//!
//! `auth` resolves credentials, `limits` counts, `origin` and `client_addr` judge where a request
//! comes from. Whatever refuses a request does so with a `problem`. Of these parts only `state` and
//! what is above it know the [`AppState`]; `tests/layering.rs` has the order.

mod api;
mod auth;
mod client_addr;
mod connections;
mod desk_ids;
mod limits;
mod middleware;
mod origin;
mod pages;
mod problem;
mod redirect;
mod socket;
mod socket_gate;
mod stall_timer;
mod state;

use std::time::Duration;

use axum::http::Method;
use axum::middleware::{from_fn, from_fn_with_state};
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::normalize_path::NormalizePath;

#[cfg(feature = "test-hooks")]
pub use self::api::api_description;
pub(crate) use self::connections::{Connections, Service, serve};
pub(crate) use self::pages::{StartPage, embedding_shop};
use self::problem::Problem;
pub(crate) use self::redirect::redirect;
pub(crate) use self::state::{AppParts, AppState};

/// How often expired rate limits are swept and metrics folded.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(10);

/// Every route of the server, wrapped by the middleware. The layer that is added last is outermost.
pub(crate) fn router(state: AppState, start_page: StartPage) -> Service {
    let sends_mail = state.mail.sends();
    let router = api::routes()
        .merge(pages::routes(
            start_page,
            state.settings.clone(),
            sends_mail,
        ))
        .merge(socket::routes())
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async |method: Method| Problem::method_not_allowed(&method))
        .layer(from_fn_with_state(
            state.clone(),
            middleware::enforce_access,
        ))
        .layer(from_fn(middleware::run_to_completion))
        .layer(CatchPanicLayer::custom(middleware::panic_response))
        .layer(from_fn_with_state(state.clone(), middleware::guard))
        .layer(from_fn(middleware::drain_body))
        .layer(from_fn_with_state(state.clone(), middleware::observe))
        .with_state(state);
    NormalizePath::trim_trailing_slash(router)
}

/// Takes tags that were deleted off the rooms that an earlier process has left.
pub(crate) async fn take_off_deleted_tags(state: AppState) {
    api::take_off_deleted_tags(state).await;
}

/// Closes the sockets of visitors whose tokens another node has ended.
pub(crate) async fn follow_ended_tokens(state: AppState) {
    let following = auth::follow_ended_tokens(&state.open_tokens, state.store.clone());
    state.drain.run_until_cancelled(following).await;
}

/// Closes all sockets while the server is cut off from its database.
pub(crate) async fn close_sockets_while(state: AppState, cut_off: watch::Receiver<bool>) {
    let following = state.socket_gate.clone().follow(cut_off);
    state.drain.run_until_cancelled(following).await;
}

/// Bounds what would grow with the number of clients, until the server drains.
pub(crate) async fn housekeeping(state: AppState) {
    let mut ticks = tokio::time::interval(HOUSEKEEPING_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while state
        .drain
        .run_until_cancelled(ticks.tick())
        .await
        .is_some()
    {
        state.limits.sweep();
        if let Err(error) = state.store.sweep_sign_ins().await {
            tracing::debug!(%error, "cannot forget old sign-ins, retrying");
        }
        state.metrics.upkeep();
    }
}
