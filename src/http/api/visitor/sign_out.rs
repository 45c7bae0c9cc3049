//! Ends a visitor's token.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};

use crate::credentials::hash_token;
use crate::http::auth::{AuthError, VisitorAuth, bearer, is_identity};
use crate::http::problem::Problem;
use crate::http::state::AppState;

/// Sign out
///
/// Ends the visitor's token and closes its sockets with 4500. The conversations stay. A signed
/// identity ends at its `exp`, so for one this does nothing.
#[utoipa::path(post, operation_id = "sign_out_visitor",
    path = "/api/chat/logout", tag = "visitor", security(("visitor" = [])),
    responses((status = 204, description = "signed out")))]
pub(crate) async fn logout(
    State(state): State<AppState>,
    _: VisitorAuth,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let token = bearer(&headers)?.ok_or(AuthError::Missing)?;
    if !is_identity(token) {
        let token = hash_token(token);
        state.store.end_visitor_token(token).await?;
        state.open_tokens.end(token);
    }
    Ok(StatusCode::NO_CONTENT)
}
