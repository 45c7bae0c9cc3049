//! The signed-in agent's own account.

use std::net::IpAddr;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use serde::Deserialize;
use utoipa::ToSchema;

use super::AgentAnswer;
use super::fields::check_optional_name;
use super::sign_in::{hash_password, password_matches, renewed_cookie};
use crate::chat::limits::check_password;
use crate::http::api::extract::{ClientIp, Json, JsonBody, Violations};
use crate::http::auth::{AgentAuth, Session};
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::persistence::{AgentPatch, Principal};

/// What agents may change about themselves.
#[derive(Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub(crate) struct MePatch {
    /// 1 to 100 characters; customers see it.
    display_name: Option<String>,
    /// 8 to 1,024 bytes. Ends the agent's other sessions.
    password: Option<String>,
    /// Required to change the password.
    current_password: Option<String>,
    /// Whether this agent is rung when a customer waits.
    on_duty: Option<bool>,
}

/// Who is signed in
#[utoipa::path(get, operation_id = "get_me",
    path = "/api/admin/me", tag = "agent", security(("agent" = []), ("cookie" = [])),
    responses((status = 200, description = "the agent", body = AgentAnswer)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    AgentAuth(session): AgentAuth,
    headers: HeaderMap,
) -> impl IntoResponse {
    // A session's lifetime starts again with each use, so the cookie's must, too.
    let cookie = session
        .by_cookie
        .then(|| renewed_cookie(&state, &headers))
        .flatten();
    let body = Json(AgentAnswer {
        agent: session.agent,
    });
    (cookie, body)
}

/// Change the own name, password or duty
#[utoipa::path(patch, operation_id = "change_me",
    path = "/api/admin/me", tag = "agent", security(("agent" = []), ("cookie" = [])),
    request_body = MePatch, responses((status = 200, description = "the agent as they are now", body = AgentAnswer)))]
pub(crate) async fn patch(
    State(state): State<AppState>,
    AgentAuth(session): AgentAuth,
    ClientIp(ip): ClientIp,
    JsonBody(request): JsonBody<MePatch>,
) -> Result<Json<AgentAnswer>, Problem> {
    let mut violations = Violations::default();
    let display_name = violations.check(check_optional_name(
        "display_name",
        request.display_name.as_deref(),
    ));
    if let Some(password) = &request.password {
        violations.check(check_password("password", password));
    }
    violations.finish()?;

    let mut patch = AgentPatch {
        display_name,
        on_duty: request.on_duty,
        keep_session: Some(session.token_hash),
        ..AgentPatch::default()
    };
    if let Some(password) = request.password {
        let current = request
            .current_password
            .ok_or_else(|| Problem::invalid_field("current_password", "is missing"))?;
        state.limits.check_login_address(ip)?;
        let username = &session.agent.username;
        state.limits.check_login_account(username, ip)?;
        if !is_current_password(&state, ip, &session, current).await? {
            return Err(Problem::forbidden("current_password is wrong"));
        }
        patch.password_hash = Some(hash_password(&state, ip, password).await?);
    }
    let by = Principal::Agent(session.agent.id);
    let agent = state
        .store
        .change_agent(session.agent.id, patch, by)
        .await?;
    Ok(Json(AgentAnswer { agent }))
}

async fn is_current_password(
    state: &AppState,
    ip: IpAddr,
    session: &Session,
    password: String,
) -> Result<bool, Problem> {
    let known = state
        .store
        .agent_credentials(&session.agent.username)
        .await?;
    let hash = known.and_then(|known| known.hash());
    password_matches(state, ip, password, hash).await
}
