//! Rooms, as agents list, search and change them.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::chat::limits::{self, check_line};
use crate::chat::{
    Agent, Authority, Counts, DetailsPatch, RoomId, RoomRecord, Sender, Status, Summary,
};
use crate::http::api::extract::{Json, JsonBody, PathId, Query, Violations, nullable};
use crate::http::auth::{AgentAuth, Caller};
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::persistence::{Principal, RoomOp, RoomOrder, RoomQuery, SearchQuery};

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
    counts: Counts,
    /// With `q` only: whether the search stopped at its limit, so that there may be more matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    #[schema(required = false)]
    truncated: Option<bool>,
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

/// A change of a room. A detail that is null or empty is removed.
#[derive(Debug, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub(crate) struct RoomChange {
    /// `active` or `closed`.
    status: Option<Status>,
    /// At most 100 characters.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    customer_name: Option<Option<String>>,
    /// At most 254 characters.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    customer_email: Option<Option<String>>,
    /// At most 40 characters.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    customer_phone: Option<Option<String>>,
    /// Keep this visitor from posting, in all their rooms.
    blocked: Option<bool>,
}

/// The conversations
///
/// Those with at least one message. `q` searches names, e-mail addresses and messages, the
/// newest match first.
#[utoipa::path(get, operation_id = "list_rooms",
    path = "/api/admin/rooms", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(
        ("status" = Option<Status>, Query, description = "only rooms with this status"),
        ("q" = Option<String>, Query, description = "words that must all occur; the last one may be a prefix"),
        ("order" = Option<String>, Query, description = "`activity` (default) or `waiting`; not with `q`"),
        ("cursor" = Option<String>, Query, description = "the `next` of the previous page"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "default 50"),
    ),
    responses((status = 200, description = "a page of rooms", body = SummaryList)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    _caller: Caller,
    query: Query,
) -> Result<Json<SummaryList>, Problem> {
    let limit = query.limit()?;
    let status = query.parsed("status")?;
    let order = query.parsed::<OrderParameter>("order")?.unwrap_or_default();
    let words = check_line("q", query.text("q"), SEARCH_CHARS)
        .map_err(|violation| Problem::invalid(vec![violation]))?;
    let counts = state.store.head().counts;
    let Some(words) = words else {
        let page = state
            .store
            .list_rooms(RoomQuery {
                status,
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
/// Another status leaves a `system` message; the present one changes nothing.
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
    let mut record = existing_room(&state, room_id).await?;
    // All fields are checked before the first write.
    for op in request.into_ops(session.agent)? {
        record = RoomRecord::clone(&state.rooms.write(room_id, op).await?.record);
    }
    Ok(Json(SummaryAnswer {
        summary: summary(&state, &record),
    }))
}

impl RoomChange {
    fn into_ops(self, agent: Agent) -> Result<Vec<RoomOp>, Problem> {
        let mut violations = Violations::default();
        let mut line = |field, change: Option<Option<String>>, max_chars| {
            change.map(|value| violations.check(check_line(field, value.as_deref(), max_chars)))
        };
        let details = DetailsPatch {
            name: line("customer_name", self.customer_name, limits::NAME_CHARS),
            email: line("customer_email", self.customer_email, limits::EMAIL_CHARS),
            phone: line("customer_phone", self.customer_phone, limits::PHONE_CHARS),
            page_url: None,
            authority: Authority::Agent,
        };
        violations.finish()?;
        if self.status == Some(Status::Waiting) {
            return Err(Problem::invalid_field(
                "status",
                "must be active or closed; only a customer's message makes a room wait",
            ));
        }
        let details = (!details.is_empty()).then_some(RoomOp::SetDetails(details));
        let blocked = self.blocked.map(|blocked| RoomOp::SetBlocked {
            blocked,
            by: Principal::Agent(agent.id),
        });
        let status = self.status.map(|status| RoomOp::SetStatus {
            status,
            by: Sender::Agent {
                id: agent.id,
                display_name: agent.display_name,
            },
        });
        Ok([details, blocked, status].into_iter().flatten().collect())
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

fn summary(state: &AppState, record: &RoomRecord) -> Summary {
    record.summary(state.presence.is_online(record.room.id))
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
