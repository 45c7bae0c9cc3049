//! What is known of a room's visitor.

use axum::extract::State;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::rooms::{existing_room, summary};
use crate::chat::{Attributes, PageVisit, RoomRecord, SenderType, Summary, Timestamp};
use crate::http::api::extract::{Json, PathId};
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::http::state::AppState;

/// Other conversations that are listed.
const ROOMS: usize = 50;

/// What is known of a room's visitor.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct VisitorAnswer {
    /// Their other conversations, the newest first; at most 50.
    rooms: Vec<Summary>,
    /// When they were first seen.
    first_visit_at: Timestamp,
    /// When they were last seen: at a page, or when they wrote or began a conversation.
    last_visit_at: Timestamp,
    /// The pages of the shop during this conversation, the newest first; at most 20.
    pages: Vec<PageVisit>,
    /// What the shop has signed about them, in `attributes` of their identity; null if nothing.
    #[cfg_attr(test, ts(type = "JsonObject | null"))]
    attributes: Option<Map<String, Value>>,
    /// Why the attributes that the shop has signed were dropped; null if they were not.
    attributes_problem: Option<String>,
}

/// The customer of a conversation
///
/// Their other conversations, when they were here, where they are, and what the shop has signed about
/// them.
#[utoipa::path(get, operation_id = "get_visitor",
    path = "/api/admin/rooms/{id}/visitor", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(("id" = uuid::Uuid, Path, description = "the room")),
    responses((status = 200, description = "what is known of them", body = VisitorAnswer)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    _caller: Caller,
    PathId(room_id): PathId,
) -> Result<Json<VisitorAnswer>, Problem> {
    let record = existing_room(&state, room_id).await?;
    let facts = state.store.visitor_facts(room_id).await?;
    let facts = facts.ok_or_else(Problem::no_such_room)?;
    let page = state
        .store
        .visitor_rooms(record.visitor_id, None, ROOMS + 1)
        .await?;
    let seen = page.records.iter().chain([&record]).flat_map(times);
    let seen = seen.chain([facts.first_seen_at]).chain(facts.last_page_at);
    let (first, last) = seen.fold(
        (facts.first_seen_at, facts.first_seen_at),
        |(first, last), time| (first.min(time), last.max(time)),
    );
    let others = page
        .records
        .iter()
        .filter(|other| other.is_listed() && other.room.id != room_id);
    let (attributes, attributes_problem) = match facts.attributes {
        Some(Attributes::Known(object)) => (Some(object), None),
        Some(Attributes::Dropped(reason)) => (None, Some(reason)),
        None => (None, None),
    };
    Ok(Json(VisitorAnswer {
        rooms: others
            .take(ROOMS)
            .map(|other| summary(&state, other))
            .collect(),
        first_visit_at: first,
        last_visit_at: last,
        pages: facts.pages,
        attributes,
        attributes_problem,
    }))
}

/// When a room says that its visitor was there.
fn times(record: &RoomRecord) -> impl Iterator<Item = Timestamp> {
    let last = record.last_message.as_ref();
    let written = last.filter(|last| last.sender_type == SenderType::Customer);
    [record.room.created_at]
        .into_iter()
        .chain(written.map(|last| last.created_at))
}
