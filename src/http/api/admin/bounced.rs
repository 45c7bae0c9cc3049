//! Addresses that mail does not reach.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::api::extract::{Json, JsonBody, Query};
use crate::http::auth::AdminAuth;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::persistence::{BouncedAddress, Principal};

/// Addresses that mail does not reach.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct BouncedList {
    results: Vec<BouncedAddress>,
    /// Always null: the newest ones are all that are listed.
    #[schema(value_type = Option<String>)]
    next: Option<String>,
}

/// Which address is meant.
#[derive(Debug, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct BouncedRemoval {
    /// The address, in any case.
    address: String,
}

/// Addresses that mail does not reach
///
/// The newest ones first. A mail server has refused them for good, or a delivery report named them;
/// nothing is mailed there.
#[utoipa::path(get, operation_id = "list_bounced_addresses",
    path = "/api/admin/mail/bounced", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "default 50")),
    responses((status = 200, description = "the addresses", body = BouncedList)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    _admin: AdminAuth,
    query: Query,
) -> Result<Json<BouncedList>, Problem> {
    Ok(Json(BouncedList {
        results: state.store.bounced_addresses(query.limit()?).await?,
        next: None,
    }))
}

/// Mail to an address again
///
/// The next mail goes there; if it does not arrive, the address is marked again. An address that is
/// not marked is no error.
#[utoipa::path(delete, operation_id = "allow_address",
    path = "/api/admin/mail/bounced", tag = "agent", security(("agent" = []), ("cookie" = [])),
    request_body = BouncedRemoval, responses((status = 204, description = "it is mailed again")))]
pub(crate) async fn allow(
    State(state): State<AppState>,
    AdminAuth(session): AdminAuth,
    JsonBody(removal): JsonBody<BouncedRemoval>,
) -> Result<StatusCode, Problem> {
    let by = Principal::Agent(session.agent.id);
    let address = removal.address.to_lowercase();
    state.store.allow_address(address, by).await?;
    Ok(StatusCode::NO_CONTENT)
}
