//! Refuses requests that must not reach a handler: while draining, or from foreign pages. CORS.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::http::origin::OriginCheck;
use crate::http::problem::Problem;
use crate::http::state::AppState;

/// Seconds for which a browser may cache the response to a preflight.
const PREFLIGHT_MAX_AGE_S: u32 = 600;

/// The part of the server that a path belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Area {
    /// `/api/chat/`: open to the pages of allowed origins.
    Visitor,
    /// `/api/admin/`: open to the server's own pages only.
    Agent,
    /// Liveness and readiness: also served while draining.
    Health,
    /// Everything else.
    Other,
}

impl Area {
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

/// Refuses requests while draining, and those of foreign pages. Replies to CORS preflights.
pub(crate) async fn guard(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let area = Area::of(request.uri().path());
    if state.drain.is_cancelled() && area != Area::Health {
        let mut response = Problem::draining().into_response();
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
        return response;
    }
    match area {
        Area::Visitor => visitor_area(&state, request, next).await,
        Area::Agent if state.origins.own_origin(request.headers()) == OriginCheck::Foreign => {
            Problem::forbidden("this part of the API is open to the server's own pages only")
                .into_response()
        }
        _ => next.run(request).await,
    }
}

/// Applies the CORS policy of `/api/chat/`.
async fn visitor_area(state: &AppState, request: Request, next: Next) -> Response {
    let headers = request.headers();
    if !state.origins.visitor_origin_allowed(headers) {
        let mut response = Problem::forbidden(
            "this page's origin is not allowed; add it to server.allowed_origins",
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
        preflight_response()
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

fn preflight_response() -> Response {
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
    fn each_path_has_its_area() {
        assert_eq!(Area::of("/api/chat"), Area::Visitor);
        assert_eq!(Area::of("/api/chat/rooms"), Area::Visitor);
        assert_eq!(Area::of("/api/chatter"), Area::Other);
        assert_eq!(Area::of("/api/admin/login"), Area::Agent);
        assert_eq!(Area::of("/admin/chat"), Area::Other);
        assert_eq!(Area::of("/readyz"), Area::Health);
    }
}
