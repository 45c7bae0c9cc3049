//! Messages of the visitor's own rooms.

use axum::extract::State;
use axum::http::StatusCode;

use super::own_room;
use crate::chat::{Sender, Side};
use crate::http::api::extract::{DeferredJson, Json, JsonBody, PathId, Query};
use crate::http::api::messages::{self, MessageList, PostAnswer, PostRequest, ReadMark};
use crate::http::auth::VisitorAuth;
use crate::http::problem::Problem;
use crate::http::state::AppState;

/// Messages of a room
///
/// In seq order. Without `after` and `before`: the newest ones.
#[utoipa::path(get, operation_id = "list_own_messages",
    path = "/api/chat/rooms/{id}/messages", tag = "visitor", security(("visitor" = [])),
    params(
        ("id" = uuid::Uuid, Path, description = "the room"),
        ("after" = Option<u64>, Query, description = "messages after this seq"),
        ("before" = Option<u64>, Query, description = "the newest messages before this seq"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "default 50"),
    ),
    responses((status = 200, description = "a page of messages", body = MessageList)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    VisitorAuth(visitor): VisitorAuth,
    PathId(room_id): PathId,
    query: Query,
) -> Result<Json<MessageList>, Problem> {
    own_room(&state, &visitor, room_id).await?;
    Ok(Json(messages::list(&state, room_id, &query).await?))
}

/// Post a message
///
/// 201 once it is on disk; 200 with the stored one if the id was posted before.
#[utoipa::path(post, operation_id = "post_own_message",
    path = "/api/chat/rooms/{id}/messages", tag = "visitor", security(("visitor" = [])),
    params(("id" = uuid::Uuid, Path, description = "the room")), request_body = PostRequest,
    responses(
        (status = 201, description = "it is on disk", body = PostAnswer),
        (status = 200, description = "the stored message, since the id was posted before", body = PostAnswer),
    ))]
pub(crate) async fn post(
    State(state): State<AppState>,
    VisitorAuth(visitor): VisitorAuth,
    PathId(room_id): PathId,
    body: DeferredJson,
) -> Result<(StatusCode, Json<PostAnswer>), Problem> {
    own_room(&state, &visitor, room_id).await?;
    let (status, posted) =
        messages::post(&state, room_id, visitor.id, Sender::Visitor, body).await?;
    Ok((status, Json(posted)))
}

/// Move the customer's read mark
///
/// It only moves forward; a seq past the newest message is an error.
#[utoipa::path(post, operation_id = "read_own_messages",
    path = "/api/chat/rooms/{id}/read", tag = "visitor", security(("visitor" = [])),
    params(("id" = uuid::Uuid, Path, description = "the room")), request_body = ReadMark,
    responses((status = 200, description = "where the mark is", body = ReadMark)))]
pub(crate) async fn read(
    State(state): State<AppState>,
    VisitorAuth(visitor): VisitorAuth,
    PathId(room_id): PathId,
    JsonBody(mark): JsonBody<ReadMark>,
) -> Result<Json<ReadMark>, Problem> {
    own_room(&state, &visitor, room_id).await?;
    messages::read(&state, room_id, Side::Visitor, &mark).await
}
