//! The server's face: requests, sockets, and the rules of who may send them.
//!
//! A request passes, from the outside in: `connections` (how many there may be, and peers that
//! do not read), [`serve`] (TCP, HTTP/1.1), the trimming of its
//! trailing slash, `edge` (id, log, security headers, draining, origins), `drain_body` (bodies that
//! nobody wants), the catching of panics, the router, the table of who may call what (`access`),
//! extractors (`extract`) and at last a handler in `visitor` or `admin`. Whatever refuses
//! answers with a `problem`.

mod api;
mod auth;
mod client_addr;
mod connections;
mod limits;
mod middleware;
mod origin;
mod pages;
mod problem;
mod socket;
mod state;

use std::any::Any;
use std::time::Duration;

use axum::http::Method;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::normalize_path::NormalizePath;

pub(crate) use connections::{Connections, Service, serve};
pub(crate) use pages::StartPage;
pub(crate) use pages::embedding::embedding;
pub(crate) use state::{AppParts, AppState};

use api::openapi;
use middleware::{access, drain_body, edge};
use pages::assets;
use problem::Problem;

/// How often forgotten budgets are swept and measured values folded.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(10);

/// Every route of the server.
pub(crate) fn router(state: AppState, start_page: StartPage) -> Service {
    let router = openapi::router()
        .merge(openapi::routes())
        .merge(pages::routes(start_page))
        .merge(assets::routes())
        .merge(socket::routes())
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async |method: Method| Problem::method_not_allowed(&method))
        .layer(from_fn_with_state(state.clone(), access::enforce))
        .layer(from_fn(edge::run_detached))
        .layer(CatchPanicLayer::custom(answer_to_panic))
        .layer(from_fn_with_state(state.clone(), edge::guard))
        .layer(from_fn(drain_body::discard))
        .layer(from_fn_with_state(state.clone(), edge::observe))
        .with_state(state);
    NormalizePath::trim_trailing_slash(router)
}

/// Sweeps what would pile up otherwise, until the server drains.
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
        state.metrics.upkeep();
    }
}

fn answer_to_panic(panic: Box<dyn Any + Send>) -> Response {
    let words = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("(no words)");
    tracing::error!(panic = words, "a handler panicked");
    Problem::internal().into_response()
}
