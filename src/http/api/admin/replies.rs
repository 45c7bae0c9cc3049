//! Canned replies, as agents list and write them.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::chat::limits::{NAME_CHARS, Violation, check_line};
use crate::chat::{CannedReply, check_reply_content, check_shortcut};
use crate::http::api::extract::{Json, JsonBody, PathId, Query, Violations};
use crate::http::auth::AgentAuth;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::persistence::{NewReply, ReplyPatch};
use crate::settings::Interval;

/// A new canned reply.
#[derive(Debug, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub(crate) struct ReplyRequest {
    /// 1 to 50 characters without blanks, compared without case.
    shortcut: String,
    /// At most 100 characters.
    title: Option<String>,
    /// 1 to 8,000 characters.
    content: String,
    /// Whether all agents get it (admins only); default: false.
    shared: Option<bool>,
}

/// A change of a canned reply. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub(crate) struct ReplyChange {
    /// 1 to 50 characters without blanks, compared without case.
    shortcut: Option<String>,
    /// At most 100 characters.
    title: Option<String>,
    /// 1 to 8,000 characters.
    content: Option<String>,
    /// Whether all agents get it (admins only).
    shared: Option<bool>,
}

/// One canned reply.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct ReplyAnswer {
    reply: CannedReply,
}

/// A page of the canned replies of an agent.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct ReplyList {
    results: Vec<CannedReply>,
    /// For `cursor`.
    next: Option<String>,
    /// What `{{hours}}` in a reply stands for: the shop's hours of each week. Empty: always open.
    hours: Vec<Interval>,
}

/// Canned replies
///
/// The shared ones and one's own, by shortcut; beside them what agents need to fill in their places.
#[utoipa::path(get, operation_id = "list_replies",
    path = "/api/admin/replies", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "default 50"),
        ("cursor" = Option<String>, Query, description = "the `next` of the previous page"),
    ),
    responses((status = 200, description = "a page of canned replies", body = ReplyList)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    AgentAuth(session): AgentAuth,
    query: Query,
) -> Result<Json<ReplyList>, Problem> {
    let replies = state.store.replies(session.agent.id).await?;
    let (results, next) = query.page(replies, |reply| reply.id.to_string())?;
    Ok(Json(ReplyList {
        results,
        next,
        hours: state.settings.now().shop.hours.clone(),
    }))
}

/// Add a canned reply
///
/// A shortcut that the agent sees already is a conflict, and so is one more than 500 shared ones or
/// 500 of one's own.
#[utoipa::path(post, operation_id = "add_reply",
    path = "/api/admin/replies", tag = "agent", security(("agent" = []), ("cookie" = [])),
    request_body = ReplyRequest, responses((status = 201, description = "the new canned reply", body = ReplyAnswer)))]
pub(crate) async fn add(
    State(state): State<AppState>,
    AgentAuth(session): AgentAuth,
    JsonBody(request): JsonBody<ReplyRequest>,
) -> Result<(StatusCode, Json<ReplyAnswer>), Problem> {
    let mut violations = Violations::default();
    let reply = NewReply {
        shortcut: violations.check(check_shortcut(&request.shortcut)),
        title: violations.check(check_title(request.title.as_deref())),
        content: violations.check(check_reply_content(&request.content)),
        shared: request.shared.unwrap_or(false),
    };
    violations.finish()?;
    let reply = state.store.add_reply(session.agent, reply).await?;
    Ok((StatusCode::CREATED, Json(ReplyAnswer { reply })))
}

/// Change a canned reply
#[utoipa::path(patch, operation_id = "change_reply",
    path = "/api/admin/replies/{id}", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(("id" = uuid::Uuid, Path, description = "the canned reply")), request_body = ReplyChange,
    responses((status = 200, description = "the canned reply as it is now", body = ReplyAnswer)))]
pub(crate) async fn patch(
    State(state): State<AppState>,
    AgentAuth(session): AgentAuth,
    PathId(id): PathId,
    JsonBody(request): JsonBody<ReplyChange>,
) -> Result<Json<ReplyAnswer>, Problem> {
    let mut violations = Violations::default();
    let shortcut = request.shortcut.as_deref().map(check_shortcut);
    let title = request.title.as_deref();
    let title = title.map(|title| check_title(Some(title)));
    let content = request.content.as_deref().map(check_reply_content);
    let patch = ReplyPatch {
        shortcut: violations.check(shortcut.transpose()),
        title: violations.check(title.transpose()),
        content: violations.check(content.transpose()),
        shared: request.shared,
    };
    violations.finish()?;
    let reply = state.store.change_reply(session.agent, id, patch).await?;
    Ok(Json(ReplyAnswer { reply }))
}

/// Delete a canned reply
#[utoipa::path(delete, operation_id = "delete_reply",
    path = "/api/admin/replies/{id}", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(("id" = uuid::Uuid, Path, description = "the canned reply")),
    responses((status = 204, description = "it is gone")))]
pub(crate) async fn delete(
    State(state): State<AppState>,
    AgentAuth(session): AgentAuth,
    PathId(id): PathId,
) -> Result<StatusCode, Problem> {
    state.store.delete_reply(session.agent, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn check_title(title: Option<&str>) -> Result<String, Violation> {
    Ok(check_line("title", title, NAME_CHARS)?.unwrap_or_default())
}
