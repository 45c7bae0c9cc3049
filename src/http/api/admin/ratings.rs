//! What customers think of conversations, for agents.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::chat::Rating;
use crate::http::api::extract::{Json, PathId, Query};
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::http::state::AppState;

/// A page of the ratings of a room.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct RatingList {
    results: Vec<Rating>,
    /// For `cursor`.
    next: Option<String>,
}

/// The ratings of a conversation
///
/// One for each time that it was closed and rated, by closing; the newest 200. A new or changed one moves the room's
/// `version`.
#[utoipa::path(get, operation_id = "list_ratings",
    path = "/api/admin/rooms/{id}/ratings", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(
        ("id" = uuid::Uuid, Path, description = "the room"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "default 50"),
        ("cursor" = Option<String>, Query, description = "the `next` of the previous page"),
    ),
    responses((status = 200, description = "a page of ratings", body = RatingList)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    _caller: Caller,
    PathId(room_id): PathId,
    query: Query,
) -> Result<Json<RatingList>, Problem> {
    let ratings = state.store.ratings(room_id).await?;
    if ratings.is_empty() && state.store.room(room_id).await?.is_none() {
        return Err(Problem::no_such_room());
    }
    let (results, next) = query.page(ratings, |rating| rating.closing.to_string())?;
    Ok(Json(RatingList { results, next }))
}
