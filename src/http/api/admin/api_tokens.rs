//! API tokens: admins make and end them; programs of the shop make calls with them.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fields::check_name;
use crate::chat::limits::Violation;
use crate::chat::{ApiToken, ApiTokenId, Right, Timestamp, parse_uuid};
use crate::credentials::{TokenKind, hash_token, new_token};
use crate::http::api::extract::{Json, JsonBody, PathId, Query, Violations};
use crate::http::auth::AdminAuth;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::persistence::{NewApiToken, Principal};

/// A new token.
#[derive(Debug, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub(crate) struct ApiTokenRequest {
    /// 1 to 100 characters; customers see it beside the messages that are posted with the token.
    name: String,
    /// What it may do; at least one.
    #[schema(value_type = Vec<Right>)]
    #[cfg_attr(test, ts(as = "Vec<Right>"))]
    rights: Vec<String>,
    /// When it ends by itself; null or absent: never.
    #[schema(value_type = Option<Timestamp>)]
    #[cfg_attr(test, ts(as = "Option<Timestamp>"))]
    expires_at: Option<String>,
}

/// Which token ends.
#[derive(Debug, Deserialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct ApiTokenRemoval {
    /// Its id.
    #[schema(format = Uuid)]
    id: String,
}

/// A token that was just made.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct ApiTokenAnswer {
    /// The secret, `stk_…`. Only this response has it.
    token: String,
    #[serde(flatten)]
    made: ApiToken,
}

/// A page of the tokens.
#[derive(Debug, Serialize, ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct ApiTokenList {
    results: Vec<ApiToken>,
    /// For `cursor`.
    next: Option<String>,
}

/// API tokens
///
/// For the role `admin`. The oldest first, without their secrets. Those past their time are listed
/// until they are ended.
#[utoipa::path(get, operation_id = "list_tokens",
    path = "/api/admin/tokens", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "default 50"),
        ("cursor" = Option<String>, Query, description = "the `next` of the previous page"),
    ),
    responses((status = 200, description = "a page of tokens", body = ApiTokenList)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    _admin: AdminAuth,
    query: Query,
) -> Result<Json<ApiTokenList>, Problem> {
    let tokens = state.store.api_tokens().await?;
    let (results, next) = query.page(tokens, |token| token.id.to_string())?;
    Ok(Json(ApiTokenList { results, next }))
}

/// Make an API token
///
/// For the role `admin`. Only this response has the secret. A program sends it as Bearer, to the calls
/// whose right the token has; what it posts carries the token's name. It goes on when the admin who
/// made it is disabled. There are 100 at most.
#[utoipa::path(post, operation_id = "make_token",
    path = "/api/admin/tokens", tag = "agent", security(("agent" = []), ("cookie" = [])),
    request_body = ApiTokenRequest,
    responses((status = 201, description = "the token with its secret", body = ApiTokenAnswer)))]
pub(crate) async fn add(
    State(state): State<AppState>,
    AdminAuth(session): AdminAuth,
    JsonBody(request): JsonBody<ApiTokenRequest>,
) -> Result<(StatusCode, Json<ApiTokenAnswer>), Problem> {
    let mut violations = Violations::default();
    let name = violations.check(check_name("name", &request.name));
    let rights = violations.check(check_rights(&request.rights));
    let expires_at = violations.check(check_end(request.expires_at.as_deref()));
    violations.finish()?;
    let token = new_token(TokenKind::Api);
    let new = NewApiToken {
        token: hash_token(&token),
        name,
        rights,
        created_by: session.agent.id,
        expires_at,
    };
    let made = state.store.add_api_token(new).await?;
    Ok((StatusCode::CREATED, Json(ApiTokenAnswer { token, made })))
}

/// End an API token
///
/// For the role `admin`. At once, on all nodes.
#[utoipa::path(delete, operation_id = "end_token",
    path = "/api/admin/tokens/{id}", tag = "agent", security(("agent" = []), ("cookie" = [])),
    params(("id" = uuid::Uuid, Path, description = "the token's id")),
    responses((status = 204, description = "it has ended")))]
pub(crate) async fn end(
    State(state): State<AppState>,
    AdminAuth(session): AdminAuth,
    PathId(id): PathId,
) -> Result<StatusCode, Problem> {
    end_one(&state, &session.agent.id, id).await
}

/// End the API token that the body names
///
/// As `DELETE /api/admin/tokens/{id}`.
#[utoipa::path(delete, operation_id = "end_named_token",
    path = "/api/admin/tokens", tag = "agent", security(("agent" = []), ("cookie" = [])),
    request_body = ApiTokenRemoval, responses((status = 204, description = "it has ended")))]
pub(crate) async fn end_named(
    State(state): State<AppState>,
    AdminAuth(session): AdminAuth,
    JsonBody(removal): JsonBody<ApiTokenRemoval>,
) -> Result<StatusCode, Problem> {
    let id = parse_uuid(&removal.id)
        .ok_or_else(|| Problem::invalid_field("id", "must be a token's id, a UUID"))?;
    end_one(&state, &session.agent.id, id).await
}

async fn end_one(
    state: &AppState,
    admin: &uuid::Uuid,
    id: ApiTokenId,
) -> Result<StatusCode, Problem> {
    let by = Principal::Agent(*admin);
    state.store.end_api_token(id, by).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Each right once, in the order of [`Right::ALL`].
fn check_rights(words: &[String]) -> Result<Vec<Right>, Violation> {
    let rights: Result<Vec<Right>, String> = words.iter().map(|word| word.parse()).collect();
    let rights = rights.map_err(|error| Violation::new("rights", format!("is wrong: {error}")))?;
    if rights.is_empty() {
        return Err(Violation::new("rights", "must have at least one right"));
    }
    let chosen = Right::ALL.into_iter();
    Ok(chosen.filter(|right| rights.contains(right)).collect())
}

fn check_end(text: Option<&str>) -> Result<Option<Timestamp>, Violation> {
    let Some(text) = text else {
        return Ok(None);
    };
    match Timestamp::parse(text) {
        None => Err(Violation::new(
            "expires_at",
            "must be a time as RFC 3339 has it, such as 2027-01-31T18:00:00Z, or null",
        )),
        Some(end) if end <= Timestamp::now() => {
            Err(Violation::new("expires_at", "must be in the future"))
        }
        end => Ok(end),
    }
}
