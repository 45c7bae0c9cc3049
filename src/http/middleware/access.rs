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

use crate::chat::{ApiToken, Right, Role};
use crate::http::auth::{AdminAuth, AgentAuth, AuthError, Caller, VisitorAuth, bearer};
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
    /// An agent's session, or an API token with this right.
    AgentOrToken(Right),
    /// The session of an agent with the role `admin`, or an API token with this right.
    AdminOrToken(Right),
    /// The session of an agent with the role `admin`, or the code that `shoptalk doctor` gets through the control socket.
    Doctor,
}

use Access::{Admin, AdminOrToken, Agent, AgentOrToken, Doctor, Everyone, Visitor};

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
    ("GET", "/api/admin/rooms", AgentOrToken(Right::RoomsRead)),
    (
        "GET",
        "/api/admin/rooms/{id}",
        AgentOrToken(Right::RoomsRead),
    ),
    ("PATCH", "/api/admin/rooms/{id}", Agent),
    (
        "GET",
        "/api/admin/rooms/{id}/messages",
        AgentOrToken(Right::RoomsRead),
    ),
    (
        "POST",
        "/api/admin/rooms/{id}/messages",
        AgentOrToken(Right::MessagesWrite),
    ),
    ("POST", "/api/admin/rooms/{id}/messages/{seq}/redact", Admin),
    ("GET", "/api/admin/rooms/{id}/notes", Agent),
    (
        "POST",
        "/api/admin/rooms/{id}/notes",
        AgentOrToken(Right::NotesWrite),
    ),
    ("GET", "/api/admin/rooms/{id}/cards", Agent),
    (
        "GET",
        "/api/admin/rooms/{id}/visitor",
        AgentOrToken(Right::RoomsRead),
    ),
    (
        "PUT",
        "/api/admin/rooms/{id}/draft",
        AgentOrToken(Right::DraftsWrite),
    ),
    (
        "DELETE",
        "/api/admin/rooms/{id}/draft",
        AgentOrToken(Right::DraftsWrite),
    ),
    (
        "POST",
        "/api/admin/rooms/{id}/read",
        AgentOrToken(Right::MessagesWrite),
    ),
    (
        "GET",
        "/api/admin/rooms/{id}/ratings",
        AgentOrToken(Right::RoomsRead),
    ),
    ("GET", "/api/admin/rooms/{id}/mail", Agent),
    ("POST", "/api/admin/rooms/{id}/transcript", Agent),
    ("GET", "/api/admin/mail/quarantine", Admin),
    ("GET", "/api/admin/mail/bounced", Admin),
    ("DELETE", "/api/admin/mail/bounced", Admin),
    ("GET", "/api/admin/agents", Admin),
    ("POST", "/api/admin/agents", Admin),
    ("PATCH", "/api/admin/agents/{id}", Admin),
    ("GET", "/api/admin/settings", Admin),
    ("PATCH", "/api/admin/settings", Admin),
    ("GET", "/api/admin/replies", Agent),
    ("POST", "/api/admin/replies", Agent),
    ("PATCH", "/api/admin/replies/{id}", Agent),
    ("DELETE", "/api/admin/replies/{id}", Agent),
    ("GET", "/api/admin/tags", Agent),
    ("POST", "/api/admin/tags", Admin),
    ("PATCH", "/api/admin/tags/{id}", Admin),
    ("DELETE", "/api/admin/tags/{id}", Admin),
    ("GET", "/api/admin/colleagues", Agent),
    ("GET", "/api/admin/blocks", Agent),
    (
        "GET",
        "/api/admin/reports",
        AdminOrToken(Right::ReportsRead),
    ),
    (
        "GET",
        "/api/admin/reports.csv",
        AdminOrToken(Right::ReportsRead),
    ),
    ("POST", "/api/admin/doctor/seen", Doctor),
    ("POST", "/api/admin/doctor/findings", Admin),
    ("GET", "/api/admin/tokens", Admin),
    ("POST", "/api/admin/tokens", Admin),
    ("DELETE", "/api/admin/tokens", Admin),
    ("DELETE", "/api/admin/tokens/{id}", Admin),
    ("GET", "/api/admin/jobs", Admin),
    // Tokens reach jobs that export, and no others.
    ("POST", "/api/admin/jobs", AdminOrToken(Right::Export)),
    ("GET", "/api/admin/jobs/{id}", AdminOrToken(Right::Export)),
    (
        "DELETE",
        "/api/admin/jobs/{id}",
        AdminOrToken(Right::Export),
    ),
    (
        "GET",
        "/api/admin/jobs/{id}/file",
        AdminOrToken(Right::Export),
    ),
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

impl Access {
    /// The right that an API token needs; `None` when no token will do.
    pub(crate) fn right(self) -> Option<Right> {
        match self {
            AgentOrToken(right) | AdminOrToken(right) => Some(right),
            _ => None,
        }
    }

    fn is_for_admins(self) -> bool {
        matches!(self, Admin | AdminOrToken(_) | Doctor)
    }
}

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

/// Whether an API token may make a call.
fn check_right(access: Access, token: &ApiToken) -> Result<(), Problem> {
    match access.right() {
        None => Err(Problem::forbidden(
            "API tokens cannot make this call; sign in as an agent",
        )),
        Some(right) if !token.has(right) => Err(Problem::forbidden(format!(
            "this call requires the right {}, which this token does not have",
            right.as_str()
        ))),
        Some(_) => Ok(()),
    }
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
        Agent | Admin | AgentOrToken(_) | AdminOrToken(_) | Doctor => {
            if let Some(token) = state.auth.api_token(request.headers()).await? {
                let id = token.id;
                check_right(access, &token)?;
                request.extensions_mut().insert(Caller::Token(token));
                return Ok(state.limits.check_call(id)?);
            }
            let session = state
                .auth
                .request_session(request.headers(), request.method())
                .await?;
            if access.is_for_admins() && session.agent.role != Role::Admin {
                return Err(Problem::forbidden("this call requires the role admin"));
            }
            let id = session.agent.id;
            let extensions = request.extensions_mut();
            match access {
                Agent => drop(extensions.insert(AgentAuth(session))),
                Admin | Doctor => drop(extensions.insert(AdminAuth(session))),
                _ => drop(extensions.insert(Caller::Agent(session.agent))),
            }
            id
        }
    };
    Ok(state.limits.check_call(caller)?)
}
