//! What a visitor thinks of the conversation.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::own_room;
use crate::chat::{NewRating, Rating, check_rating_comment, check_score};
use crate::http::api::extract::{Json, JsonBody, PathId, Violations};
use crate::http::auth::VisitorAuth;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::persistence::{Effect, RoomOp};

/// A visitor's rating.
#[derive(Debug, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub(crate) struct RatingRequest {
    /// 1 (bad) to 5 (good).
    #[schema(minimum = 1, maximum = 5)]
    score: i64,
    /// At most 1,000 characters.
    comment: Option<String>,
}

/// A rating as it is now.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct RatingAnswer {
    rating: Rating,
}

/// Rate the conversation
///
/// Once it is closed, until it is opened again; once for each time it was closed. A rating can be
/// changed for 24 hours. Otherwise there is nothing to rate, which is a conflict.
#[utoipa::path(post, operation_id = "rate_own_room",
    path = "/api/chat/rooms/{id}/rating", tag = "visitor", security(("visitor" = [])),
    params(("id" = uuid::Uuid, Path, description = "the room")), request_body = RatingRequest,
    responses((status = 201, description = "the first rating of this closing", body = RatingAnswer),
        (status = 200, description = "the changed rating", body = RatingAnswer)))]
pub(crate) async fn rate(
    State(state): State<AppState>,
    VisitorAuth(visitor): VisitorAuth,
    PathId(room_id): PathId,
    JsonBody(request): JsonBody<RatingRequest>,
) -> Result<(StatusCode, Json<RatingAnswer>), Problem> {
    own_room(&state, &visitor, room_id).await?;
    let mut violations = Violations::default();
    let rating = NewRating {
        score: violations.check(check_score(request.score)),
        comment: violations.check(check_rating_comment(request.comment.as_deref())),
    };
    violations.finish()?;
    let commit = state.rooms.write(room_id, RoomOp::Rate(rating)).await?;
    let Effect::Rated { rating, is_first } = commit.effect else {
        tracing::error!(effect = ?commit.effect, "a rating had the effect of something else");
        return Err(Problem::internal());
    };
    let status = match is_first {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    Ok((status, Json(RatingAnswer { rating })))
}
