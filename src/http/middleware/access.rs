//! Who may call what: one table, asked before any handler.
//!
//! A call that is not in the table is refused, and a test holds the table against the API's
//! description, so that no call comes without an answer to this question. Which *rooms* a
//! visitor may see is asked where they are read (a visitor's room is `own_room`); what a
//! socket may say is settled by its hello, which decides between the frames of a visitor and
//! those of an agent.

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::chat::Role;
use crate::http::auth::{AdminAuth, AgentAuth, AuthError, VisitorAuth, agent, bearer, visitor};
use crate::http::problem::Problem;
use crate::http::state::AppState;

/// Who may make a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Anybody. Credentials are the call's own business: it gives or takes them, or needs none.
    Everyone,
    /// A visitor's token or a signed identity.
    Visitor,
    /// An agent's session, by token or by cookie.
    Agent,
    /// An agent's session, of the role `admin`.
    Admin,
}

use Access::{Admin, Agent, Everyone, Visitor};

const TABLE: &[(&str, &str, Access)] = &[
    // To open a chat a visitor may be known or new; a wrong credential is refused there.
    ("POST", "/api/chat/rooms", Everyone),
    ("GET", "/api/chat/rooms", Visitor),
    ("GET", "/api/chat/rooms/{id}", Visitor),
    ("POST", "/api/chat/rooms/{id}/close", Visitor),
    ("GET", "/api/chat/rooms/{id}/messages", Visitor),
    ("POST", "/api/chat/rooms/{id}/messages", Visitor),
    ("POST", "/api/chat/rooms/{id}/read", Visitor),
    ("POST", "/api/chat/logout", Visitor),
    //
    ("POST", "/api/admin/login", Everyone),
    ("POST", "/api/admin/setup", Everyone),
    ("POST", "/api/admin/logout", Agent),
    ("GET", "/api/admin/me", Agent),
    ("PATCH", "/api/admin/me", Agent),
    ("GET", "/api/admin/rooms", Agent),
    ("GET", "/api/admin/rooms/{id}", Agent),
    ("PATCH", "/api/admin/rooms/{id}", Agent),
    ("GET", "/api/admin/rooms/{id}/messages", Agent),
    ("POST", "/api/admin/rooms/{id}/messages", Agent),
    ("POST", "/api/admin/rooms/{id}/read", Agent),
    ("GET", "/api/admin/agents", Admin),
    ("POST", "/api/admin/agents", Admin),
    ("PATCH", "/api/admin/agents/{id}", Admin),
    //
    ("GET", "/healthz", Everyone),
    ("GET", "/readyz", Everyone),
    // From elsewhere than this machine it takes metrics.token, which is nobody's session.
    ("GET", "/metrics", Everyone),
    ("GET", "/api/openapi.json", Everyone),
    ("GET", "/api/docs", Everyone),
];

/// Who may make this call; nothing when the table does not have it.
fn access(method: &Method, route: &str) -> Option<Access> {
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

/// Lets a call through to its handler with what the handler needs to know of the caller, or
/// refuses it.
pub(crate) async fn enforce(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let Some(access) = route.and_then(|route| access(request.method(), route.as_str())) else {
        // The route has no such method; the router says which it has.
        return next.run(request).await;
    };
    match admit(&state, access, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn admit(state: &AppState, access: Access, request: &mut Request) -> Result<(), Problem> {
    let caller = match access {
        Everyone => return Ok(()),
        Visitor => {
            let token = bearer(request.headers())?.ok_or(AuthError::Missing)?;
            let visitor = visitor(state, token).await?;
            let id = visitor.id;
            request.extensions_mut().insert(VisitorAuth(visitor));
            id
        }
        Agent | Admin => {
            let session = agent(state, request.headers(), request.method()).await?;
            if access == Admin && session.agent.role != Role::Admin {
                return Err(Problem::forbidden(
                    "only an agent with the role admin may do this",
                ));
            }
            let id = session.agent.id;
            let extensions = request.extensions_mut();
            if access == Admin {
                extensions.insert(AdminAuth(session));
            } else {
                extensions.insert(AgentAuth(session));
            }
            id
        }
    };
    Ok(state.limits.check_call(caller)?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::http::api::openapi;

    #[test]
    fn every_documented_call_is_in_the_table_and_asks_for_what_it_says() {
        let document = openapi::document();
        let document = serde_json::to_value(&document).expect("plain JSON");
        let mut documented = BTreeSet::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("operations") {
                let method: Method = method.to_uppercase().parse().expect("a method");
                documented.insert((method.to_string(), path.clone()));
                let access = access(&method, path).unwrap_or_else(|| panic!("{method} {path}"));
                let security = operation["security"].to_string();
                let said = match access {
                    Visitor => security == r#"[{"visitor":[]}]"#,
                    Agent | Admin => security == r#"[{"agent":[]},{"cookie":[]}]"#,
                    Everyone => !security.contains("agent"),
                };
                assert!(
                    said,
                    "{method} {path} is for {access:?} and says {security}"
                );
            }
        }
        for (method, path, _) in TABLE {
            let is_about_the_document = path.ends_with("openapi.json") || path.ends_with("docs");
            assert!(
                is_about_the_document
                    || documented.contains(&((*method).to_owned(), (*path).to_owned())),
                "{method} {path} is not documented"
            );
        }
    }
}
