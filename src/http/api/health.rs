//! For operators: liveness, readiness and metrics.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::credentials::secrets_match;
use crate::http::api::extract::Json;
use crate::http::auth::bearer;
use crate::http::client_addr::{PeerAddr, is_forwarded};
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::protocol::ErrorCode;

/// The state of the server.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`; otherwise the response is an error.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Liveness
#[utoipa::path(get, operation_id = "healthz",
    path = "/healthz", tag = "operation", security(()),
    responses((status = 200, description = "the process is running", body = Health)))]
pub(crate) async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Readiness
///
/// The server checks itself, at most once a second: a commit, reading it back, a room, the lobby.
/// 503 with the reason if that fails, and while the server drains.
#[utoipa::path(get, operation_id = "readyz",
    path = "/readyz", tag = "operation", security(()),
    responses((status = 200, description = "the server can commit", body = Health)))]
pub(crate) async fn readyz(State(state): State<AppState>) -> Result<Json<Health>, Problem> {
    if state.drain.is_cancelled() {
        return Err(Problem::draining());
    }
    match state.canary.check().await {
        Ok(()) => Ok(Json(Health { status: "ok" })),
        Err(error) => Err(Problem::new(
            ErrorCode::StorageUnavailable,
            error.to_string(),
        )),
    }
}

/// Metrics for Prometheus
///
/// From the same machine without a proxy in between, or with `metrics.token` as Bearer.
#[utoipa::path(get, operation_id = "metrics",
    path = "/metrics", tag = "operation",
    responses((status = 200, description = "Prometheus text", content_type = "text/plain", body = String)))]
pub(crate) async fn metrics(State(state): State<AppState>, request: Request) -> Response {
    let peer = request.extensions().get::<PeerAddr>().copied();
    match check_metrics_access(&state, peer, request.headers()) {
        Ok(()) => (
            [(
                header::CONTENT_TYPE,
                "text/plain; version=0.0.4; charset=utf-8",
            )],
            state.metrics.render(),
        )
            .into_response(),
        Err(problem) => problem.into_response(),
    }
}

fn check_metrics_access(
    state: &AppState,
    peer: Option<PeerAddr>,
    headers: &HeaderMap,
) -> Result<(), Problem> {
    let is_local = peer.is_some_and(|PeerAddr(peer)| peer.ip().to_canonical().is_loopback());
    if is_local && !is_forwarded(headers) {
        return Ok(());
    }
    let Some(secret) = &state.config.metrics.token else {
        return Err(Problem::forbidden(
            "metrics are readable from the same machine only; set metrics.token to read them from elsewhere",
        ));
    };
    match bearer(headers)? {
        Some(token) if secrets_match(token, secret.expose()) => Ok(()),
        _ => Err(Problem::unauthorized("send metrics.token as Bearer")),
    }
}
