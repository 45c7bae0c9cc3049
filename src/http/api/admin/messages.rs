//! Messages of any room, for agents.

use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::rooms::existing_room;
use crate::chat::{Side, parse_uuid};
use crate::http::api::extract::{DeferredJson, Json, JsonBody, PathId, Query};
use crate::http::api::messages::{self, AgentMessageList, AgentPostAnswer, PostRequest, ReadMark};
use crate::http::auth::{AdminAuth, Caller};
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::persistence::{Principal, RoomOp};

/// Messages of a room
///
/// In seq order. Without `after` and `before`: the newest ones.
#[utoipa::path(get, operation_id = "list_messages",
    path = "/api/admin/rooms/{id}/messages", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(
        ("id" = uuid::Uuid, Path, description = "the room"),
        ("after" = Option<u64>, Query, description = "messages after this seq"),
        ("before" = Option<u64>, Query, description = "the newest messages before this seq"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "default 50"),
    ),
    responses((status = 200, description = "a page of messages", body = AgentMessageList)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    _caller: Caller,
    PathId(room_id): PathId,
    query: Query,
) -> Result<Json<AgentMessageList>, Problem> {
    existing_room(&state, room_id).await?;
    let page = messages::list(&state, room_id, &query).await?;
    Ok(Json(page.into()))
}

/// Post a message
///
/// 201 once it is on disk; 200 with the stored one if the id was posted before.
#[utoipa::path(post, operation_id = "post_message",
    path = "/api/admin/rooms/{id}/messages", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(("id" = uuid::Uuid, Path, description = "the room")), request_body = PostRequest,
    responses(
        (status = 201, description = "it is on disk", body = AgentPostAnswer),
        (status = 200, description = "the stored message, since the id was posted before", body = AgentPostAnswer),
    ))]
pub(crate) async fn post(
    State(state): State<AppState>,
    caller: Caller,
    PathId(room_id): PathId,
    body: DeferredJson,
) -> Result<(StatusCode, Json<AgentPostAnswer>), Problem> {
    existing_room(&state, room_id).await?;
    let (id, sender) = (caller.id(), caller.into_sender());
    let (status, posted) = messages::post(&state, room_id, id, sender, body).await?;
    Ok((status, Json(posted.into())))
}

/// Move the agents' read mark
///
/// It only moves forward; a seq past the newest message is an error. All agents share one mark.
#[utoipa::path(post, operation_id = "read_messages",
    path = "/api/admin/rooms/{id}/read", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(("id" = uuid::Uuid, Path, description = "the room")), request_body = ReadMark,
    responses((status = 200, description = "where the mark is", body = ReadMark)))]
pub(crate) async fn read(
    State(state): State<AppState>,
    _caller: Caller,
    PathId(room_id): PathId,
    JsonBody(mark): JsonBody<ReadMark>,
) -> Result<Json<ReadMark>, Problem> {
    existing_room(&state, room_id).await?;
    messages::read(&state, room_id, Side::Agent, &mark).await
}

/// Remove the text of a message
///
/// For good: `content` is empty from then on, here, in searches and in backups made later. Its place
/// stays. Repeating it changes nothing.
#[utoipa::path(post, operation_id = "redact_message",
    path = "/api/admin/rooms/{id}/messages/{seq}/redact", tag = "agent",
    security(("agent" = []), ("cookie" = [])),
    params(
        ("id" = uuid::Uuid, Path, description = "the room"),
        ("seq" = u64, Path, description = "the message"),
    ),
    responses((status = 200, description = "the message without its text", body = AgentPostAnswer)))]
pub(crate) async fn redact(
    State(state): State<AppState>,
    AdminAuth(session): AdminAuth,
    Path((room_id, seq)): Path<(String, String)>,
) -> Result<Json<AgentPostAnswer>, Problem> {
    let room_id = parse_uuid(&room_id).ok_or_else(Problem::not_found)?;
    let seq = seq
        .parse::<u64>()
        .ok()
        .filter(|seq| (1..u64::MAX).contains(seq));
    let seq = seq.ok_or_else(Problem::not_found)?;
    existing_room(&state, room_id).await?;
    let by = Principal::Agent(session.agent.id);
    state
        .rooms
        .write(room_id, RoomOp::Redact { seq, by })
        .await?;
    let page = state.store.messages_after(room_id, seq - 1, 1).await?;
    let message = page.messages.into_iter().next();
    Ok(Json(AgentPostAnswer {
        message: message.ok_or_else(Problem::not_found)?,
    }))
}
