//! What happens to every request before and after its handler: it gets an id and a log
//! line, is refused while draining or from a foreign page, and its answer gets the
//! headers that keep browsers careful.

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;
use uuid::Uuid;

use crate::http::origin::OriginCheck;
use crate::http::problem::Problem;
use crate::http::state::AppState;

/// Scripts and frames have no business with an answer of the API.
const API_CSP: &str =
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Seconds that a browser may remember a preflight's answer.
const PREFLIGHT_MAX_AGE_S: u32 = 600;

/// Which door of the server a path belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// `/api/chat/`: open to the allowed shops' pages.
    Visitor,
    /// `/api/admin/`: open to the own pages alone.
    Agent,
    /// Liveness and readiness, which are answered while draining too.
    Health,
    /// Everything else.
    Other,
}

impl Door {
    fn of(path: &str) -> Self {
        let under = |prefix: &str| {
            path.strip_prefix(prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if under("/api/chat") {
            Self::Visitor
        } else if under("/api/admin") {
            Self::Agent
        } else if path == "/healthz" || path == "/readyz" {
            Self::Health
        } else {
            Self::Other
        }
    }
}

/// Gives the request its id, counts and logs it. The outermost layer.
pub(crate) async fn observe(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let id = Uuid::now_v7();
    let method = request.method().clone();
    // The path alone: a query may hold what a person typed.
    let path = request.uri().path().to_owned();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unmatched", MatchedPath::as_str)
        .to_owned();
    let span = tracing::info_span!("request", %id, %method, path);
    let began = std::time::Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    state.metrics.http_request(&route, status);
    span.in_scope(|| {
        let elapsed_ms = began.elapsed().as_millis();
        if status >= 500 {
            tracing::info!(status, elapsed_ms, "answered");
        } else {
            tracing::debug!(status, elapsed_ms, "answered");
        }
    });
    secure(&path, response.headers_mut());
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Adds the security headers. A page that needs more than the API has set its own already.
fn secure(path: &str, headers: &mut HeaderMap) {
    let mut default = |name: HeaderName, value: &'static str| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    default(header::CONTENT_SECURITY_POLICY, API_CSP);
    default(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(header::REFERRER_POLICY, "no-referrer");
    default(header::X_FRAME_OPTIONS, "DENY");
    default(
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    default(
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    );
    if path.starts_with("/api/") {
        default(header::CACHE_CONTROL, "no-store");
    }
}

/// Lets a handler that changes something come to its end, also when the caller hangs up: what
/// follows a commit (a socket to be closed, a room to be told) follows it always.
pub(crate) async fn run_detached(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match tokio::spawn(next.run(request).in_current_span()).await {
        Ok(response) => response,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only the end of the runtime cancels it.
            Err(_) => Problem::draining().into_response(),
        },
    }
}

/// Refuses what is not to be handled: everything while draining, foreign pages, and calls
/// by cookie from nowhere. Answers preflights.
pub(crate) async fn guard(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let door = Door::of(request.uri().path());
    if state.drain.is_cancelled() && door != Door::Health {
        let mut response = Problem::draining().into_response();
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
        return response;
    }
    match door {
        Door::Visitor => visitor_door(&state, request, next).await,
        Door::Agent if state.origins.own_origin(request.headers()) == OriginCheck::Foreign => {
            Problem::forbidden("this part of the server is for its own pages").into_response()
        }
        _ => next.run(request).await,
    }
}

async fn visitor_door(state: &AppState, request: Request, next: Next) -> Response {
    let headers = request.headers();
    if !state.origins.visitor_origin_allowed(headers) {
        let mut response = Problem::forbidden(
            "this page's origin is not known here; add it to server.allowed_origins",
        )
        .into_response();
        response
            .headers_mut()
            .insert(header::VARY, HeaderValue::from_static("origin"));
        return response;
    }
    let origin = headers.get(header::ORIGIN).cloned();
    let is_preflight = request.method() == Method::OPTIONS
        && origin.is_some()
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if is_preflight {
        preflight()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("Retry-After"),
        );
    }
    response
}

fn preflight() -> Response {
    (
        StatusCode::NO_CONTENT,
        [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST".to_owned()),
            (
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                "Authorization, Content-Type".to_owned(),
            ),
            (
                header::ACCESS_CONTROL_MAX_AGE,
                PREFLIGHT_MAX_AGE_S.to_string(),
            ),
        ],
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_belongs_to_its_door() {
        assert_eq!(Door::of("/api/chat"), Door::Visitor);
        assert_eq!(Door::of("/api/chat/rooms"), Door::Visitor);
        assert_eq!(Door::of("/api/chatter"), Door::Other);
        assert_eq!(Door::of("/api/admin/login"), Door::Agent);
        assert_eq!(Door::of("/admin/chat"), Door::Other);
        assert_eq!(Door::of("/readyz"), Door::Health);
    }
}
