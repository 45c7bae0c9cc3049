//! Notes about a room, among agents.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::rooms::existing_room;
use crate::chat::limits::check_message_id;
use crate::chat::{Note, NoteDraft, RoomId};
use crate::http::api::extract::{DeferredJson, Json, PathId, Query, check_content};
use crate::http::api::messages::PostRequest;
use crate::http::auth::{AgentAuth, Caller};
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::persistence::{Effect, NOTE_PAGE_BYTES, NoteRange, RoomOp};

/// A note that is on disk.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct NoteAnswer {
    note: Note,
}

/// A page of a room's notes, in the order of their numbers.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct NoteList {
    results: Vec<Note>,
    /// Where the next page begins, for `after`.
    next: Option<u64>,
}

/// Notes about a room
///
/// Words among agents; no visitor ever gets one. In the order of their numbers, from the first one on.
#[utoipa::path(get, operation_id = "list_notes",
    path = "/api/admin/rooms/{id}/notes", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(
        ("id" = uuid::Uuid, Path, description = "the room"),
        ("after" = Option<u64>, Query, description = "notes after this number"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "default 50"),
    ),
    responses((status = 200, description = "a page of notes", body = NoteList)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    _agent: AgentAuth,
    PathId(room_id): PathId,
    query: Query,
) -> Result<Json<NoteList>, Problem> {
    existing_room(&state, room_id).await?;
    let range = NoteRange::After(query.number("after")?.unwrap_or(0));
    let limit = query.limit()?;
    let page = state
        .store
        .notes(room_id, range, limit, NOTE_PAGE_BYTES)
        .await?;
    Ok(Json(NoteList {
        results: page.notes,
        next: page.more.then_some(page.reached),
    }))
}

/// Write a note
///
/// 201 once it is on disk; 200 with the stored one if the id was used before. The room's version
/// moves, and nothing that a visitor can see. A program's note has the id and the name of its API token.
#[utoipa::path(post, operation_id = "add_note",
    path = "/api/admin/rooms/{id}/notes", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(("id" = uuid::Uuid, Path, description = "the room")), request_body = PostRequest,
    responses(
        (status = 201, description = "it is on disk", body = NoteAnswer),
        (status = 200, description = "the stored note, since the id was used before", body = NoteAnswer),
    ))]
pub(crate) async fn add(
    State(state): State<AppState>,
    caller: Caller,
    PathId(room_id): PathId,
    body: DeferredJson,
) -> Result<(StatusCode, Json<NoteAnswer>), Problem> {
    existing_room(&state, room_id).await?;
    state.limits.check_post(caller.id())?;
    let request: PostRequest = body.read().await?;
    let id = check_message_id(&request.id);
    let draft = NoteDraft {
        id: id.map_err(|violation| Problem::invalid(vec![violation]))?,
        agent_id: caller.id(),
        agent_name: caller.name().to_owned(),
        content: request.content,
    };
    check_content(&draft.content)?;
    write(&state, room_id, draft).await
}

async fn write(
    state: &AppState,
    room_id: RoomId,
    draft: NoteDraft,
) -> Result<(StatusCode, Json<NoteAnswer>), Problem> {
    let commit = state.rooms.write(room_id, RoomOp::Note(draft)).await?;
    match commit.effect {
        Effect::Noted(note) => Ok((StatusCode::CREATED, Json(NoteAnswer { note }))),
        Effect::DuplicateNote(note) => Ok((StatusCode::OK, Json(NoteAnswer { note }))),
        effect => {
            tracing::error!(?effect, "bug: a note was committed as something else");
            Err(Problem::internal())
        }
    }
}
