//! The shop's cards about the customer of a conversation.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::rooms::existing_room;
use crate::cards::Card;
use crate::http::api::extract::{Json, PathId};
use crate::http::auth::AgentAuth;
use crate::http::problem::Problem;
use crate::http::state::AppState;

/// The shop's cards about a customer, or why there are none.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct CardsAnswer {
    /// Null when the shop has no server for them (`cards.url`), or when it failed.
    cards: Option<Vec<Card>>,
    /// Why it failed, and what to do; null when it did not.
    problem: Option<String>,
}

/// The shop's cards about the customer
///
/// What the shop's own server says about them, such as their orders. It is asked at each call, and has
/// 3 s; its failure is a reason here, and no error.
#[utoipa::path(get, operation_id = "get_cards",
    path = "/api/admin/rooms/{id}/cards", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(("id" = uuid::Uuid, Path, description = "the room")),
    responses((status = 200, description = "the cards, or why there are none", body = CardsAnswer)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    _agent: AgentAuth,
    PathId(room_id): PathId,
) -> Result<Json<CardsAnswer>, Problem> {
    let record = existing_room(&state, room_id).await?;
    let answer = match state.cards.ask(&record.into()).await {
        Ok(cards) => CardsAnswer {
            cards,
            problem: None,
        },
        Err(error) => {
            tracing::debug!(%error, %room_id, "the shop's server has given no cards");
            CardsAnswer {
                cards: None,
                problem: Some(error.to_string()),
            }
        }
    };
    Ok(Json(answer))
}
