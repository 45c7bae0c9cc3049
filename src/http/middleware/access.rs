//! Who may call what: one table, checked before any handler runs.
//!
//! A call that is missing here reaches its handler without a caller, and the handler's extractor
//! (`auth::callers`) refuses it. A test compares the table with the OpenAPI document, so that none
//! is missing. Which *rooms* a visitor may see is checked where they are read (`own_room`). Sockets
//! are not in the table: the hello decides who is at the other end.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::chat::Role;
use crate::http::auth::{AdminAuth, AgentAuth, AuthError, VisitorAuth, bearer};
use crate::http::problem::Problem;
use crate::http::state::AppState;

/// Who may make a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anyone. The handler checks credentials itself, issues them, or needs none.
    Everyone,
    /// A visitor's token or a signed identity.
    Visitor,
    /// An agent's session, by token or cookie.
    Agent,
    /// The session of an agent with the role `admin`.
    Admin,
    /// The same, or the code that `shoptalk doctor` gets through the control socket.
    Doctor,
}

use Access::{Admin, Agent, Doctor, Everyone, Visitor};

/// Method, route and access of every call.
pub(crate) const TABLE: &[(&str, &str, Access)] = &[
    // Visitors. A new one has no credentials yet; the handler refuses wrong ones.
    ("POST", "/api/chat/rooms", Everyone),
    ("GET", "/api/chat/rooms", Visitor),
    ("GET", "/api/chat/rooms/{id}", Visitor),
    ("POST", "/api/chat/rooms/{id}/close", Visitor),
    ("GET", "/api/chat/rooms/{id}/messages", Visitor),
    ("POST", "/api/chat/rooms/{id}/messages", Visitor),
    ("POST", "/api/chat/rooms/{id}/read", Visitor),
    ("POST", "/api/chat/rooms/{id}/rating", Visitor),
    ("POST", "/api/chat/rooms/{id}/transcript", Visitor),
    ("POST", "/api/chat/logout", Visitor),
    // Agents.
    ("POST", "/api/admin/login", Everyone),
    ("POST", "/api/admin/setup", Everyone),
    ("POST", "/api/admin/logout", Agent),
    ("GET", "/api/admin/me", Agent),
    ("PATCH", "/api/admin/me", Agent),
    ("GET", "/api/admin/push/key", Agent),
    ("GET", "/api/admin/push/subscriptions", Agent),
    ("POST", "/api/admin/push/subscriptions", Agent),
    ("DELETE", "/api/admin/push/subscriptions", Agent),
    ("POST", "/api/admin/push/test", Agent),
    ("GET", "/api/admin/rooms", Agent),
    ("GET", "/api/admin/rooms/{id}", Agent),
    ("PATCH", "/api/admin/rooms/{id}", Agent),
    ("GET", "/api/admin/rooms/{id}/messages", Agent),
    ("POST", "/api/admin/rooms/{id}/messages", Agent),
    ("POST", "/api/admin/rooms/{id}/messages/{seq}/redact", Admin),
    ("POST", "/api/admin/rooms/{id}/read", Agent),
    ("GET", "/api/admin/rooms/{id}/ratings", Agent),
    ("POST", "/api/admin/rooms/{id}/transcript", Agent),
    ("GET", "/api/admin/mail/quarantine", Admin),
    ("GET", "/api/admin/agents", Admin),
    ("POST", "/api/admin/agents", Admin),
    ("PATCH", "/api/admin/agents/{id}", Admin),
    ("GET", "/api/admin/settings", Admin),
    ("PATCH", "/api/admin/settings", Admin),
    ("GET", "/api/admin/replies", Agent),
    ("POST", "/api/admin/replies", Agent),
    ("PATCH", "/api/admin/replies/{id}", Agent),
    ("DELETE", "/api/admin/replies/{id}", Agent),
    ("POST", "/api/admin/doctor/seen", Doctor),
    ("POST", "/api/admin/doctor/findings", Admin),
    ("GET", "/api/admin/jobs", Admin),
    ("POST", "/api/admin/jobs", Admin),
    ("GET", "/api/admin/jobs/{id}", Admin),
    ("DELETE", "/api/admin/jobs/{id}", Admin),
    ("GET", "/api/admin/jobs/{id}/file", Admin),
    // Operators and developers.
    ("GET", "/healthz", Everyone),
    ("GET", "/readyz", Everyone),
    // From other machines it needs metrics.token, which the handler checks.
    ("GET", "/metrics", Everyone),
    // It needs mail.hook_token, which the handler checks.
    ("POST", "/api/hooks/mail", Everyone),
    ("GET", "/api/openapi.json", Everyone),
    ("GET", "/api/docs", Everyone),
];

/// Who may make this call; `None` when it is not in the table.
pub(crate) fn access(method: &Method, route: &str) -> Option<Access> {
    // HEAD is GET without a body.
    let method = match method.as_str() {
        "HEAD" => "GET",
        method => method,
    };
    TABLE
        .iter()
        .find(|(known, path, _)| *known == method && *path == route)
        .map(|(_, _, access)| *access)
}

/// Passes a request on with its caller in the extensions (see `auth::callers`), or refuses it.
pub(crate) async fn enforce_access(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let Some(access) = route.and_then(|route| access(request.method(), route.as_str())) else {
        // Not a call of the API: a page, a socket, or no route. Or a method that the route does not
        // have; the router then lists those that it has.
        return next.run(request).await;
    };
    match find_caller(&state, access, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn has_doctor_code(state: &AppState, headers: &HeaderMap) -> bool {
    bearer(headers)
        .ok()
        .flatten()
        .is_some_and(|code| state.doctor_code.accepts(code, Instant::now()))
}

/// Leaves the caller in the request's extensions, or fails if it may not make the call.
async fn find_caller(
    state: &AppState,
    access: Access,
    request: &mut Request,
) -> Result<(), Problem> {
    let caller = match access {
        Everyone => return Ok(()),
        Visitor => {
            let token = bearer(request.headers())?.ok_or(AuthError::Missing)?;
            let visitor = state.auth.visitor(token).await?;
            let id = visitor.id;
            request.extensions_mut().insert(VisitorAuth(visitor));
            id
        }
        Doctor if has_doctor_code(state, request.headers()) => return Ok(()),
        Agent | Admin | Doctor => {
            let session = state
                .auth
                .request_session(request.headers(), request.method())
                .await?;
            if access != Agent && session.agent.role != Role::Admin {
                return Err(Problem::forbidden("this call requires the role admin"));
            }
            let id = session.agent.id;
            let extensions = request.extensions_mut();
            if access != Agent {
                extensions.insert(AdminAuth(session));
            } else {
                extensions.insert(AgentAuth(session));
            }
            id
        }
    };
    Ok(state.limits.check_call(caller)?)
}
