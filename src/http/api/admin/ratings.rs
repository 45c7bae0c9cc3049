//! What customers think of conversations, for agents.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::chat::Rating;
use crate::http::api::extract::{Json, PathId};
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::http::state::AppState;

/// The ratings of a room.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct RatingList {
    results: Vec<Rating>,
    /// Always null: the newest 200 are all there are.
    #[schema(value_type = Option<String>)]
    next: Option<String>,
}

/// The ratings of a conversation
///
/// One for each time that it was closed and rated, by closing. A new or changed one moves the room's
/// `version`.
#[utoipa::path(get, operation_id = "list_ratings",
    path = "/api/admin/rooms/{id}/ratings", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(("id" = uuid::Uuid, Path, description = "the room")),
    responses((status = 200, description = "the ratings", body = RatingList)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    _caller: Caller,
    PathId(room_id): PathId,
) -> Result<Json<RatingList>, Problem> {
    let results = state.store.ratings(room_id).await?;
    if results.is_empty() && state.store.room(room_id).await?.is_none() {
        return Err(Problem::no_such_room());
    }
    Ok(Json(RatingList {
        results,
        next: None,
    }))
}
