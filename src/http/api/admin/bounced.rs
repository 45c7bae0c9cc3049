//! Addresses that mail does not reach.

use axum::extract::State;
use axum::http::StatusCode;
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::api::extract::{Json, JsonBody, Query};
use crate::http::auth::AdminAuth;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::persistence::{BouncedAddress, Principal};

/// How many of the newest addresses are listed.
const LISTED_MAX: usize = 1_000;

/// A page of the addresses that mail does not reach.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct BouncedList {
    results: Vec<BouncedAddress>,
    /// For `cursor`.
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
/// The newest ones first, 1,000 at most. A mail server has refused them for good, or a delivery report named them;
/// nothing is mailed there.
#[utoipa::path(get, operation_id = "list_bounced_addresses",
    path = "/api/admin/mail/bounced", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "default 50"),
        ("cursor" = Option<String>, Query, description = "the `next` of the previous page"),
    ),
    responses((status = 200, description = "a page of addresses", body = BouncedList)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    _admin: AdminAuth,
    query: Query,
) -> Result<Json<BouncedList>, Problem> {
    let bounced = state.store.bounced_addresses(LISTED_MAX).await?;
    let key = |each: &BouncedAddress| BASE64URL_NOPAD.encode(each.address.as_bytes());
    let (results, next) = query.page(bounced, key)?;
    Ok(Json(BouncedList { results, next }))
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
