//! The agents' accounts, managed by admins.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::AgentAnswer;
use super::fields::{check_name, check_optional_name};
use super::sign_in::hash_password;
use crate::chat::limits::check_password;
use crate::chat::{Agent, Role};
use crate::http::api::extract::{ClientIp, Json, JsonBody, PathId, Query, Violations};
use crate::http::auth::AdminAuth;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::persistence::{AgentPatch, NewAgent, Principal};

/// A new agent.
#[derive(Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub(crate) struct AgentRequest {
    /// 1 to 100 characters; unique, ignoring case.
    username: String,
    /// 8 to 1,024 bytes.
    password: String,
    /// Shown to customers; default: the user name.
    display_name: Option<String>,
    /// Default: `agent`.
    role: Option<Role>,
}

/// A change of an agent.
#[derive(Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub(crate) struct AgentChange {
    /// 8 to 1,024 bytes. Ends the agent's sessions.
    password: Option<String>,
    /// 1 to 100 characters.
    display_name: Option<String>,
    role: Option<Role>,
    /// A disabled agent cannot sign in; their sessions end.
    disabled: Option<bool>,
}

/// A page of the agents.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct AgentList {
    results: Vec<Agent>,
    /// For `cursor`.
    next: Option<String>,
}

/// All agents
///
/// For the role `admin`.
#[utoipa::path(get, operation_id = "list_agents",
    path = "/api/admin/agents", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "default 50"),
        ("cursor" = Option<String>, Query, description = "the `next` of the previous page"),
    ),
    responses((status = 200, description = "a page of agents", body = AgentList)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    _admin: AdminAuth,
    query: Query,
) -> Result<Json<AgentList>, Problem> {
    let agents = state.store.agents().await?;
    let (results, next) = query.page(agents, |agent| agent.id.to_string())?;
    Ok(Json(AgentList { results, next }))
}

/// Add an agent
///
/// For the role `admin`.
#[utoipa::path(post, operation_id = "add_agent",
    path = "/api/admin/agents", tag = "agent", security(("agent" = []), ("cookie" = [])),
    request_body = AgentRequest, responses((status = 201, description = "the new agent", body = AgentAnswer)))]
pub(crate) async fn add(
    State(state): State<AppState>,
    AdminAuth(session): AdminAuth,
    ClientIp(ip): ClientIp,
    JsonBody(request): JsonBody<AgentRequest>,
) -> Result<(StatusCode, Json<AgentAnswer>), Problem> {
    let mut violations = Violations::default();
    let username = violations.check(check_name("username", &request.username));
    let display_name = request
        .display_name
        .as_deref()
        .filter(|name| !name.trim().is_empty());
    let display_name = violations.check(check_optional_name("display_name", display_name));
    violations.check(check_password("password", &request.password));
    violations.finish()?;

    let agent = NewAgent {
        display_name: display_name.unwrap_or_else(|| username.clone()),
        username,
        role: request.role.unwrap_or(Role::Agent),
        password_hash: hash_password(&state, ip, request.password).await?,
    };
    let by = Principal::Agent(session.agent.id);
    let agent = state.store.add_agent(agent, by).await?;
    Ok((StatusCode::CREATED, Json(AgentAnswer { agent })))
}

/// Change an agent
///
/// For the role `admin`. The last admin cannot be disabled or lose the role.
#[utoipa::path(patch, operation_id = "change_agent",
    path = "/api/admin/agents/{id}", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(("id" = uuid::Uuid, Path, description = "the agent")), request_body = AgentChange,
    responses((status = 200, description = "the agent as they are now", body = AgentAnswer)))]
pub(crate) async fn patch(
    State(state): State<AppState>,
    AdminAuth(session): AdminAuth,
    ClientIp(ip): ClientIp,
    PathId(agent_id): PathId,
    JsonBody(request): JsonBody<AgentChange>,
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

    let password_hash = match request.password {
        Some(password) => Some(hash_password(&state, ip, password).await?),
        None => None,
    };
    let patch = AgentPatch {
        display_name,
        password_hash,
        role: request.role,
        disabled: request.disabled,
        on_duty: None,
        // An admin who changes their own password here stays signed in.
        keep_session: (agent_id == session.agent.id).then_some(session.token_hash),
    };
    let by = Principal::Agent(session.agent.id);
    let agent = state.store.change_agent(agent_id, patch, by).await?;
    Ok(Json(AgentAnswer { agent }))
}
