//! For those who operate the server: does it live, can it commit, what does it count.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::AppState;
use super::auth::bearer;
use super::client_addr::{PeerAddr, is_forwarded};
use super::extract::Json;
use super::problem::Problem;
use crate::credentials::secrets_match;
use crate::protocol::ErrorCode;

/// How long one canary's answer serves everybody who asks.
const CANARY_INTERVAL: Duration = Duration::from_secs(1);
/// A disk that takes longer is not ready.
const CANARY_TIMEOUT: Duration = Duration::from_secs(5);

/// The newest canary: when it was sent, and why it failed if it did.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    last: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl Readiness {
    /// Whether the store commits. Callers that come at the same time share one canary.
    async fn check(&self, state: &AppState) -> Result<(), String> {
        if let Some(damage) = state.store.damage() {
            return Err(format!(
                "the database is damaged, restore a backup: {damage}"
            ));
        }
        let mut last = self.last.lock().await;
        if let Some((at, outcome)) = &*last
            && at.elapsed() < CANARY_INTERVAL
        {
            return outcome.clone();
        }
        let sent_at = Instant::now();
        let outcome = match tokio::time::timeout(CANARY_TIMEOUT, state.store.canary()).await {
            Ok(outcome) => outcome.map_err(|error| error.to_string()),
            Err(_) => Err(format!(
                "a commit took more than {} s",
                CANARY_TIMEOUT.as_secs()
            )),
        };
        *last = Some((sent_at, outcome.clone()));
        outcome
    }
}

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`, or the answer is an error.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Whether the process lives
#[utoipa::path(get, path = "/healthz", tag = "operation", security(()),
    responses((status = 200, body = Health)))]
pub(crate) async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether the server can commit
///
/// 503 with the reason when it cannot, and while it drains.
#[utoipa::path(get, path = "/readyz", tag = "operation", security(()),
    responses((status = 200, body = Health)))]
pub(crate) async fn readyz(State(state): State<AppState>) -> Result<Json<Health>, Problem> {
    if state.drain.is_cancelled() {
        return Err(Problem::draining());
    }
    match state.readiness.check(&state).await {
        Ok(()) => Ok(Json(Health { status: "ok" })),
        Err(reason) => Err(Problem::new(ErrorCode::StorageUnavailable, reason)),
    }
}

/// Counters for Prometheus
///
/// Open to this machine (without a proxy in between), or with `metrics.token` as Bearer.
#[utoipa::path(get, path = "/metrics", tag = "operation",
    responses((status = 200, description = "Prometheus text", content_type = "text/plain", body = String)))]
pub(crate) async fn metrics(State(state): State<AppState>, request: Request) -> Response {
    let peer = request.extensions().get::<PeerAddr>().copied();
    match may_read_metrics(&state, peer, request.headers()) {
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

fn may_read_metrics(
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
            "metrics are for this machine; set metrics.token to read them from elsewhere",
        ));
    };
    match bearer(headers)? {
        Some(token) if secrets_match(token, secret.expose()) => Ok(()),
        _ => Err(Problem::unauthorized("metrics.token is needed as Bearer")),
    }
}
