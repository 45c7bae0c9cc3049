//! What is known about mail to a room's customer.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::api::extract::{Json, PathId};
use crate::http::auth::AgentAuth;
use crate::http::problem::Problem;
use crate::http::state::AppState;

/// What is known about mail to a customer.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct RoomMail {
    /// Why mail to the customer's address does not arrive, as a mail server said it; null while
    /// nothing is known against the address.
    undeliverable: Option<String>,
}

/// Mail to a customer
///
/// Says whether mail to the address in their details is known not to arrive. Nothing is sent there.
#[utoipa::path(get, operation_id = "get_room_mail",
    path = "/api/admin/rooms/{id}/mail", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(("id" = uuid::Uuid, Path, description = "the room")),
    responses((status = 200, description = "what is known", body = RoomMail)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    _agent: AgentAuth,
    PathId(room_id): PathId,
) -> Result<Json<RoomMail>, Problem> {
    let record = state.store.room(room_id).await?;
    let record = record.filter(|record| record.is_listed());
    let record = record.ok_or_else(Problem::no_such_room)?;
    let undeliverable = match record.room.customer_email {
        Some(address) => state.store.bounced(address.to_lowercase()).await?,
        None => None,
    };
    Ok(Json(RoomMail { undeliverable }))
}
