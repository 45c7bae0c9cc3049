//! Other agents, to be assigned, and visitors who are blocked.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::chat::{AgentId, RoomId, Timestamp};
use crate::http::api::extract::Json;
use crate::http::auth::AgentAuth;
use crate::http::problem::Problem;
use crate::http::state::AppState;

/// Blocked visitors in one answer.
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

/// The agents who can be assigned.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct ColleagueList {
    results: Vec<Colleague>,
    /// Always null: there is only one page.
    #[schema(value_type = Option<String>)]
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

/// Visitors who are kept from posting.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct BlockList {
    results: Vec<Block>,
    /// Always null: there is only one page.
    #[schema(value_type = Option<String>)]
    next: Option<String>,
}

/// Colleagues
///
/// The agents who are not disabled, by name: those who can be assigned.
#[utoipa::path(get, operation_id = "list_colleagues",
    path = "/api/admin/colleagues", tag = "agent", security(("agent" = []), ("cookie" = [])),
    responses((status = 200, description = "the agents", body = ColleagueList)))]
pub(crate) async fn colleagues(
    State(state): State<AppState>,
    _agent: AgentAuth,
) -> Result<Json<ColleagueList>, Problem> {
    let agents = state.store.agents().await?;
    let enabled = agents.into_iter().filter(|agent| !agent.disabled);
    let mut results: Vec<Colleague> = enabled
        .map(|agent| Colleague {
            id: agent.id,
            username: agent.username,
            display_name: agent.display_name,
            on_duty: agent.on_duty,
        })
        .collect();
    results.sort_by_cached_key(|agent| agent.display_name.to_lowercase());
    Ok(Json(ColleagueList {
        results,
        next: None,
    }))
}

/// Blocked visitors
///
/// Those whose block ends first come first; 1,000 at most.
#[utoipa::path(get, operation_id = "list_blocks",
    path = "/api/admin/blocks", tag = "agent", security(("agent" = []), ("cookie" = [])),
    responses((status = 200, description = "the visitors", body = BlockList)))]
pub(crate) async fn blocks(
    State(state): State<AppState>,
    _agent: AgentAuth,
) -> Result<Json<BlockList>, Problem> {
    let blocked = state.store.blocked_visitors(BLOCKS_MAX).await?;
    let results = blocked.into_iter().map(|visitor| Block {
        room_id: visitor.room_id,
        customer_name: visitor.customer_name,
        user: visitor.user,
        blocked_until: visitor.until,
    });
    Ok(Json(BlockList {
        results: results.collect(),
        next: None,
    }))
}
