//! The visitor's own rooms.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::own_room;
use crate::chat::{Room, Sender, Status};
use crate::http::api::extract::{Json, PathId, Query};
use crate::http::auth::VisitorAuth;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::persistence::RoomOp;

/// A room of the visitor.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct RoomAnswer {
    room: Room,
    /// The database's epoch.
    epoch: String,
}

/// A page of the visitor's rooms.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct RoomList {
    results: Vec<Room>,
    /// The `cursor` of the next page.
    next: Option<String>,
}

/// A room after a change.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct ChangedRoom {
    room: Room,
}

/// The visitor's rooms
///
/// Newest first.
#[utoipa::path(get, operation_id = "list_own_rooms",
    path = "/api/chat/rooms", tag = "visitor", security(("visitor" = [])),
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "default 50"),
        ("cursor" = Option<String>, Query, description = "the `next` of the previous page"),
    ),
    responses((status = 200, description = "a page of rooms", body = RoomList)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    VisitorAuth(visitor): VisitorAuth,
    query: Query,
) -> Result<Json<RoomList>, Problem> {
    let page = state
        .store
        .visitor_rooms(visitor.id, query.cursor(), query.limit()?)
        .await?;
    Ok(Json(RoomList {
        results: page.records.into_iter().map(|record| record.room).collect(),
        next: page.next,
    }))
}

/// One room
#[utoipa::path(get, operation_id = "get_own_room",
    path = "/api/chat/rooms/{id}", tag = "visitor", security(("visitor" = [])),
    params(("id" = uuid::Uuid, Path, description = "the room")),
    responses((status = 200, description = "the room", body = RoomAnswer)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    VisitorAuth(visitor): VisitorAuth,
    PathId(room_id): PathId,
) -> Result<Json<RoomAnswer>, Problem> {
    let record = own_room(&state, &visitor, room_id).await?;
    Ok(Json(RoomAnswer {
        room: record.room,
        epoch: state.store.epoch().to_owned(),
    }))
}

/// End the conversation
///
/// Leaves a `system` message. A room that is closed already does not change.
#[utoipa::path(post, operation_id = "close_own_room",
    path = "/api/chat/rooms/{id}/close", tag = "visitor", security(("visitor" = [])),
    params(("id" = uuid::Uuid, Path, description = "the room")),
    responses((status = 200, description = "the room as it is now", body = ChangedRoom)))]
pub(crate) async fn close(
    State(state): State<AppState>,
    VisitorAuth(visitor): VisitorAuth,
    PathId(room_id): PathId,
) -> Result<Json<ChangedRoom>, Problem> {
    own_room(&state, &visitor, room_id).await?;
    let op = RoomOp::SetStatus {
        status: Status::Closed,
        by: Sender::Visitor,
    };
    let commit = state.rooms.write(room_id, op).await?;
    Ok(Json(ChangedRoom {
        room: commit.record.room.clone(),
    }))
}
