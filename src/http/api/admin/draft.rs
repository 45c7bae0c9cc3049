//! Suggestions for the agents' next message.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fields::check_name;
use super::rooms::existing_room;
use crate::chat::{RoomId, Suggestion};
use crate::http::api::extract::{Json, JsonBody, PathId, Violations, check_content};
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::persistence::{Effect, NewSuggestion, Refusal, RoomOp, WriteError};

/// A suggestion.
#[derive(Debug, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub(crate) struct DraftRequest {
    /// The room's newest message that it takes into account.
    after_seq: u64,
    /// 1 to 8,000 characters, not blank, without NUL.
    content: String,
    /// Who or what made it, as agents see it: at most 100 characters. Default: the caller's name.
    by: Option<String>,
}

/// The room's suggestion.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct DraftAnswer {
    draft: Suggestion,
}

/// Suggest the next message
///
/// Agents who have the conversation open see it at once, and may take it into the field where they
/// write; the customer never sees it. It takes the place of the one before. When the room has a message
/// past `after_seq`, it is a conflict: read that message, and suggest again. A suggestion that is stored
/// is stale once the room has a newer message.
#[utoipa::path(put, operation_id = "suggest_message",
    path = "/api/admin/rooms/{id}/draft", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(("id" = uuid::Uuid, Path, description = "the room")), request_body = DraftRequest,
    responses((status = 200, description = "the suggestion", body = DraftAnswer)))]
pub(crate) async fn put(
    State(state): State<AppState>,
    caller: Caller,
    PathId(room_id): PathId,
    JsonBody(request): JsonBody<DraftRequest>,
) -> Result<Json<DraftAnswer>, Problem> {
    let mut violations = Violations::default();
    let by = request.by.as_deref().filter(|by| !by.trim().is_empty());
    let by = violations.check(check_name("by", by.unwrap_or(caller.name())));
    violations.finish()?;
    check_content(&request.content)?;
    existing_room(&state, room_id).await?;
    let new = NewSuggestion {
        after_seq: request.after_seq,
        content: request.content,
        by,
    };
    match write(&state, room_id, RoomOp::Suggest(new)).await? {
        Effect::Suggested(Some(draft)) => Ok(Json(DraftAnswer { draft })),
        effect => {
            tracing::error!(?effect, "bug: a suggestion was committed as something else");
            Err(Problem::internal())
        }
    }
}

/// Remove the suggestion
///
/// Also when there is none.
#[utoipa::path(delete, operation_id = "remove_suggestion",
    path = "/api/admin/rooms/{id}/draft", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(("id" = uuid::Uuid, Path, description = "the room")),
    responses((status = 204, description = "there is none any more")))]
pub(crate) async fn delete(
    State(state): State<AppState>,
    _caller: Caller,
    PathId(room_id): PathId,
) -> Result<StatusCode, Problem> {
    existing_room(&state, room_id).await?;
    write(&state, room_id, RoomOp::Unsuggest).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn write(state: &AppState, room_id: RoomId, op: RoomOp) -> Result<Effect, Problem> {
    let written = state.rooms.write(room_id, op).await;
    Ok(written
        .map_err(|error| match error {
            WriteError::Refused(Refusal::PastHead(past)) => {
                Problem::invalid_field("after_seq", format!("must be at most {}", past.head))
            }
            error => error.into(),
        })?
        .effect)
}
