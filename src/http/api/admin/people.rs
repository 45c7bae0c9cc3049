//! Other agents, to be assigned, and visitors who are blocked.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::chat::{AgentId, RoomId, Timestamp};
use crate::http::api::extract::{Json, Query};
use crate::http::auth::AgentAuth;
use crate::http::problem::Problem;
use crate::http::state::AppState;

/// Blocked visitors that are listed.
const BLOCKS_MAX: usize = 1_000;

/// An agent, as colleagues see them.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct Colleague {
    /// Stays when the name changes.
    #[schema(value_type = Uuid)]
    id: AgentId,
    /// By which notes mention the agent, as by the display name.
    username: String,
    /// The name that customers see.
    display_name: String,
    /// Whether the agent is rung when a customer waits.
    on_duty: bool,
}

/// A page of the agents who can be assigned.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct ColleagueList {
    results: Vec<Colleague>,
    /// For `cursor`.
    next: Option<String>,
}

/// A visitor who is kept from posting.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct Block {
    /// Their newest room.
    #[schema(value_type = Uuid)]
    room_id: RoomId,
    /// The name in it, if there is one.
    customer_name: Option<String>,
    /// The signed identity's `sub`; null for an anonymous visitor.
    user: Option<String>,
    /// When the block ends by itself; null: never.
    blocked_until: Option<Timestamp>,
}

/// A page of the visitors who are kept from posting.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct BlockList {
    results: Vec<Block>,
    /// For `cursor`.
    next: Option<String>,
}

/// Colleagues
///
/// The agents who are not disabled, by name: those who can be assigned.
#[utoipa::path(get, operation_id = "list_colleagues",
    path = "/api/admin/colleagues", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "default 50"),
        ("cursor" = Option<String>, Query, description = "the `next` of the previous page"),
    ),
    responses((status = 200, description = "a page of agents", body = ColleagueList)))]
pub(crate) async fn colleagues(
    State(state): State<AppState>,
    _agent: AgentAuth,
    query: Query,
) -> Result<Json<ColleagueList>, Problem> {
    let agents = state.store.agents().await?;
    let enabled = agents.into_iter().filter(|agent| !agent.disabled);
    let mut colleagues: Vec<Colleague> = enabled
        .map(|agent| Colleague {
            id: agent.id,
            username: agent.username,
            display_name: agent.display_name,
            on_duty: agent.on_duty,
        })
        .collect();
    colleagues.sort_by_cached_key(|agent| agent.display_name.to_lowercase());
    let (results, next) = query.page(colleagues, |agent| agent.id.to_string())?;
    Ok(Json(ColleagueList { results, next }))
}

/// Blocked visitors
///
/// Those whose block ends first come first; 1,000 at most.
#[utoipa::path(get, operation_id = "list_blocks",
    path = "/api/admin/blocks", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "default 50"),
        ("cursor" = Option<String>, Query, description = "the `next` of the previous page"),
    ),
    responses((status = 200, description = "a page of visitors", body = BlockList)))]
pub(crate) async fn blocks(
    State(state): State<AppState>,
    _agent: AgentAuth,
    query: Query,
) -> Result<Json<BlockList>, Problem> {
    let blocked = state.store.blocked_visitors(BLOCKS_MAX).await?;
    let blocks = blocked.into_iter().map(|visitor| Block {
        room_id: visitor.room_id,
        customer_name: visitor.customer_name,
        user: visitor.user,
        blocked_until: visitor.until,
    });
    let (results, next) = query.page(blocks.collect(), |block| block.room_id.to_string())?;
    Ok(Json(BlockList { results, next }))
}
