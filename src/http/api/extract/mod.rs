//! Extractors of the API: what a handler takes from a request, checked; and JSON responses.
//!
//! The caller of a request has extractors of its own in `auth`.

mod body;
mod checks;
mod query;

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use uuid::Uuid;

pub(crate) use self::body::{
    DeferredBody, DeferredJson, Json, JsonBody, ids, nullable, nullable_id,
};
pub(crate) use self::checks::{Violations, check_content, check_seq};
pub(crate) use self::query::Query;
use crate::chat::parse_uuid;
use crate::http::client_addr::client_ip_of;
use crate::http::problem::Problem;
use crate::http::state::AppState;

/// The id in the path. If it is not a UUID, the response is `not_found`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathId(pub(crate) Uuid);

impl FromRequestParts<AppState> for PathId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        Path::<String>::from_request_parts(parts, state)
            .await
            .ok()
            .and_then(|Path(text)| parse_uuid(&text))
            .map(Self)
            .ok_or_else(Problem::not_found)
    }
}

/// The client's address: the peer's, or the one that trusted proxies report.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientIp(pub(crate) std::net::IpAddr);

impl FromRequestParts<AppState> for ClientIp {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &AppState,
    ) -> Result<Self, Self::Rejection> {
        Ok(Self(client_ip_of(
            &parts.extensions,
            &parts.headers,
            &state.config.server.trusted_proxies,
        )))
    }
}
