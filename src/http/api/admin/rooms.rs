//! Rooms, as agents list, search and change them.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::room_change::RoomChange;
use crate::chat::limits::check_line;
use crate::chat::{AgentId, Counts, RoomId, RoomRecord, Status, Summary, parse_uuid};
use crate::http::api::extract::{Json, JsonBody, PathId, Query};
use crate::http::auth::{AgentAuth, Caller};
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::persistence::{Refusal, RoomFilter, RoomOrder, RoomQuery, SearchQuery, WriteError};
use crate::protocol::ErrorCode;

/// The longest search, in characters. Each word costs time, and nobody needs more.
const SEARCH_CHARS: usize = 500;

/// A page of rooms.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct SummaryList {
    results: Vec<FoundSummary>,
    /// The `cursor` of the next page.
    next: Option<String>,
    /// How many rooms have each status.
    counts: ListCounts,
    /// With `q` only: whether the search stopped at its limit, so that there may be more matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    #[schema(required = false)]
    truncated: Option<bool>,
}

/// How many rooms there are that are no spam.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct ListCounts {
    #[serde(flatten)]
    by_status: Counts,
    /// Open ones of this agent.
    mine: u64,
    /// Open ones of nobody.
    unassigned: u64,
}

/// A room; with `q` also where it matches.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct FoundSummary {
    #[serde(flatten)]
    summary: Summary,
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    #[schema(required = false)]
    search_match: Option<SearchMatch>,
}

/// Where a room matches a search.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct SearchMatch {
    /// The newest message that matches; null if the customer's details match.
    seq: Option<u64>,
    /// The text around the match, plain.
    snippet: String,
}

/// One room.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct SummaryAnswer {
    summary: Summary,
}

/// The conversations
///
/// Those with at least one message. `q` searches names, email addresses and messages, the
/// newest match first.
#[utoipa::path(get, operation_id = "list_rooms",
    path = "/api/admin/rooms", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(
        ("status" = Option<Status>, Query, description = "only rooms with this status"),
        ("q" = Option<String>, Query, description = "words that must all occur; the last one may be a prefix"),
        ("assignee" = Option<String>, Query, description = "only rooms of this agent: an id, `me`, or `none` for those of nobody"),
        ("tag" = Option<uuid::Uuid>, Query, description = "only rooms with this tag"),
        ("spam" = Option<bool>, Query, description = "`true`: only spam; default: everything else"),
        ("order" = Option<String>, Query, description = "`activity` (default) or `waiting`; not with `q`"),
        ("cursor" = Option<String>, Query, description = "the `next` of the previous page"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "default 50"),
    ),
    responses((status = 200, description = "a page of rooms", body = SummaryList)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    query: Query,
) -> Result<Json<SummaryList>, Problem> {
    let limit = query.limit()?;
    let status = query.parsed("status")?;
    let order = query.parsed::<OrderParameter>("order")?.unwrap_or_default();
    let words = check_line("q", query.text("q"), SEARCH_CHARS)
        .map_err(|violation| Problem::invalid(vec![violation]))?;
    let filter = filter(&query, caller.id())?;
    let assigned = state.store.assigned_counts(caller.id()).await?;
    let counts = ListCounts {
        by_status: state.store.head().counts,
        mine: assigned.mine,
        unassigned: assigned.unassigned,
    };
    let Some(words) = words else {
        let page = state
            .store
            .list_rooms(RoomQuery {
                status,
                filter,
                order: order.0,
                cursor: query.cursor(),
                limit,
            })
            .await?;
        let results = page.records.iter().map(|record| FoundSummary {
            summary: summary(&state, record),
            search_match: None,
        });
        return Ok(Json(SummaryList {
            results: results.collect(),
            next: page.next,
            counts,
            truncated: None,
        }));
    };
    let page = state
        .store
        .search(SearchQuery {
            words,
            status,
            filter,
            cursor: query.cursor(),
            limit,
        })
        .await?;
    let results = page.hits.into_iter().map(|hit| FoundSummary {
        summary: summary(&state, &hit.record),
        search_match: Some(SearchMatch {
            seq: hit.seq,
            snippet: hit.snippet,
        }),
    });
    Ok(Json(SummaryList {
        results: results.collect(),
        next: page.next,
        counts,
        truncated: Some(page.truncated),
    }))
}

/// One conversation
#[utoipa::path(get, operation_id = "get_room",
    path = "/api/admin/rooms/{id}", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(("id" = uuid::Uuid, Path, description = "the room")),
    responses((status = 200, description = "the room", body = SummaryAnswer)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    _caller: Caller,
    PathId(room_id): PathId,
) -> Result<Json<SummaryAnswer>, Problem> {
    let record = existing_room(&state, room_id).await?;
    Ok(Json(SummaryAnswer {
        summary: summary(&state, &record),
    }))
}

/// Change a conversation
///
/// All fields are changed, or none. Another status leaves a `system` message; the present one
/// changes nothing. With `expect_assignee` a room whose assignee is another one is a conflict, and
/// `summary` says who it is.
#[utoipa::path(patch, operation_id = "change_room",
    path = "/api/admin/rooms/{id}", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(("id" = uuid::Uuid, Path, description = "the room")), request_body = RoomChange,
    responses((status = 200, description = "the room as it is now", body = SummaryAnswer)))]
pub(crate) async fn patch(
    State(state): State<AppState>,
    AgentAuth(session): AgentAuth,
    PathId(room_id): PathId,
    JsonBody(request): JsonBody<RoomChange>,
) -> Result<Json<SummaryAnswer>, Problem> {
    let record = existing_room(&state, room_id).await?;
    let Some(op) = request.into_op(&state, &record, session.agent).await? else {
        return Ok(Json(SummaryAnswer {
            summary: summary(&state, &record),
        }));
    };
    match state.rooms.write(room_id, op).await {
        Ok(commit) => Ok(Json(SummaryAnswer {
            summary: summary(&state, &commit.record),
        })),
        Err(WriteError::Refused(Refusal::AssigneeMoved(moved))) => {
            let record = existing_room(&state, room_id).await?;
            let summary = Some(Box::new(summary(&state, &record)));
            let problem = Problem::new(ErrorCode::Conflict, moved.to_string());
            Err(Problem { summary, ..problem })
        }
        Err(error) => Err(error.into()),
    }
}

/// An existing room. Agents may see all of them.
pub(super) async fn existing_room(
    state: &AppState,
    room_id: RoomId,
) -> Result<RoomRecord, Problem> {
    state
        .store
        .room(room_id)
        .await?
        .ok_or_else(Problem::no_such_room)
}

pub(super) fn summary(state: &AppState, record: &RoomRecord) -> Summary {
    record.summary(state.presence.is_online(record.room.id), &state.names.now())
}

/// Which rooms this agent asks for.
fn filter(query: &Query, agent: AgentId) -> Result<RoomFilter, Problem> {
    let assignee = match query.text("assignee") {
        None => None,
        Some("me") => Some(Some(agent)),
        Some("none") => Some(None),
        Some(id) => match parse_uuid(id) {
            Some(id) => Some(Some(id)),
            None => {
                return Err(Problem::invalid_field(
                    "assignee",
                    "must be an agent's id, me or none",
                ));
            }
        },
    };
    let tag = query.text("tag").map(|tag| {
        parse_uuid(tag).ok_or_else(|| Problem::invalid_field("tag", "must be a tag's id"))
    });
    Ok(RoomFilter {
        assignee,
        tag: tag.transpose()?,
        spam: match query.text("spam") {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(Problem::invalid_field("spam", "must be true or false")),
        },
    })
}

/// The query parameter `order`.
#[derive(Debug, Default)]
struct OrderParameter(RoomOrder);

impl std::str::FromStr for OrderParameter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "activity" => Ok(Self(RoomOrder::Activity)),
            "waiting" => Ok(Self(RoomOrder::Waiting)),
            _ => Err("must be activity or waiting".to_owned()),
        }
    }
}
