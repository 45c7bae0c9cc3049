//! Who is asking. Requests and sockets resolve credentials here, and only here.
//!
//! A visitor's token, an agent's token and a signed identity are told apart by their form
//! (see [`TokenKind`]), so that one is never tried as the other.

pub(super) mod identity;
pub(super) mod open_tokens;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum_extra::extract::CookieJar;

use crate::chat::Agent;
use crate::credentials::{SESSION_LIFETIME, TokenKind, hash_token};
use crate::http::auth::identity::IdentityError;
use crate::http::origin::OriginCheck;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::persistence::{StoreError, TokenHash, Visitor};

/// Why nobody could be recognised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AuthError {
    /// Nothing came along.
    #[error("credentials are needed, as Authorization: Bearer …")]
    Missing,
    /// The `Authorization` header cannot be read.
    #[error("there must be one Authorization header, with Bearer and a token")]
    Malformed,
    /// A token that was never made, has ended, or belongs to the other side.
    #[error("the token is wrong or has ended")]
    BadToken,
    /// A signed identity that does not count.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// An unsafe call by cookie that does not come from an own page.
    #[error("a call by cookie must come from the server's own pages (Origin)")]
    ForeignOrigin,
    /// The store could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Store(error) => error.into(),
            AuthError::ForeignOrigin => Self::forbidden(error.to_string()),
            other => Self::unauthorized(other.to_string()),
        }
    }
}

/// An agent's session.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// Who signed in.
    pub(crate) agent: Agent,
    /// Which session it is.
    pub(crate) token_hash: TokenHash,
    /// Whether the cookie brought it, rather than the `Authorization` header.
    pub(crate) by_cookie: bool,
}

/// The token in `Authorization: Bearer …`, if there is such a header. Two of them are refused,
/// whatever they hold: a proxy may have looked at one and the server would look at the other.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, AuthError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(AuthError::Malformed);
    }
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|value| value.trim().split_once(' '))
        .ok_or(AuthError::Malformed)?;
    let token = token.trim();
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() {
        Ok(Some(token))
    } else {
        Err(AuthError::Malformed)
    }
}

/// Whether a Bearer or hello token is meant as a signed identity rather than as one of
/// the server's own tokens.
pub(crate) fn is_identity(token: &str) -> bool {
    TokenKind::of(token).is_none() && token.matches('.').count() == 2
}

/// The visitor behind a visitor's token or a signed identity.
///
/// A valid identity of a user who never opened a room gives a visitor whose id owns
/// nothing, so every room is unknown to them.
pub(crate) async fn visitor(state: &AppState, token: &str) -> Result<Visitor, AuthError> {
    if is_identity(token) {
        let identity = state.identity.verify(token)?;
        let known = state.store.visitor_by_user(&identity.user).await?;
        return Ok(known.unwrap_or_else(|| Visitor {
            id: uuid::Uuid::now_v7(),
            user: Some(identity.user),
        }));
    }
    if TokenKind::of(token) != Some(TokenKind::Visitor) {
        return Err(AuthError::BadToken);
    }
    state
        .store
        .visitor_by_token(hash_token(token))
        .await?
        .ok_or(AuthError::BadToken)
}

/// The agent behind a session's token. A disabled agent has no sessions.
pub(crate) async fn session(
    state: &AppState,
    token: &str,
    by_cookie: bool,
) -> Result<Session, AuthError> {
    if TokenKind::of(token) != Some(TokenKind::Agent) {
        return Err(AuthError::BadToken);
    }
    let token_hash = hash_token(token);
    let agent = state
        .store
        .session_agent(token_hash)
        .await?
        .filter(|agent| !agent.disabled)
        .ok_or(AuthError::BadToken)?;
    Ok(Session {
        agent,
        token_hash,
        by_cookie,
    })
}

/// The agent who sends a request: by the `Authorization` header, or else by the cookie. By
/// cookie, calls that may change something must come from an own page.
pub(crate) async fn agent(
    state: &AppState,
    headers: &HeaderMap,
    method: &Method,
) -> Result<Session, AuthError> {
    if let Some(token) = bearer(headers)? {
        return session(state, token, false).await;
    }
    let token = cookie_token(state, headers).ok_or(AuthError::Missing)?;
    if !method.is_safe() && state.origins.own_origin(headers) != OriginCheck::Own {
        return Err(AuthError::ForeignOrigin);
    }
    session(state, &token, true).await
}

/// The session's token in the console's cookie.
pub(crate) fn cookie_token(state: &AppState, headers: &HeaderMap) -> Option<String> {
    CookieJar::from_headers(headers)
        .get(cookie_name(state.origins.is_https()))
        .map(|cookie| cookie.value().to_owned())
}

/// `__Host-` keeps other hosts and plain http from setting the cookie, where there is TLS.
fn cookie_name(is_https: bool) -> &'static str {
    if is_https {
        "__Host-shoptalk_session"
    } else {
        "shoptalk_session"
    }
}

/// The `Set-Cookie` value that signs a console in, or out when `token` is `None`.
pub(crate) fn session_cookie(is_https: bool, token: Option<&str>) -> String {
    let max_age_s = token.map_or(0, |_| SESSION_LIFETIME.as_secs());
    format!(
        "{}={}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{}",
        cookie_name(is_https),
        token.unwrap_or(""),
        if is_https { "; Secure" } else { "" },
    )
}

/// The visitor who sends a request, as an extractor.
#[derive(Debug, Clone)]
pub(crate) struct VisitorAuth(pub(crate) Visitor);

/// The agent who sends a request, as an extractor.
#[derive(Debug, Clone)]
pub(crate) struct AgentAuth(pub(crate) Session);

/// The admin who sends a request, as an extractor.
#[derive(Debug, Clone)]
pub(crate) struct AdminAuth(pub(crate) Session);

/// What the table of `access` has found out. A handler that asks for somebody whom the table
/// does not ask for gets nobody.
macro_rules! found_by_the_table {
    ($($caller:ty),*) => {$(
        impl FromRequestParts<AppState> for $caller {
            type Rejection = Problem;

            async fn from_request_parts(
                parts: &mut Parts,
                _: &AppState,
            ) -> Result<Self, Problem> {
                let found = parts.extensions.remove::<Self>();
                found.ok_or_else(|| AuthError::Missing.into())
            }
        }
    )*};
}
found_by_the_table!(VisitorAuth, AgentAuth, AdminAuth);

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_bearer_tokens_are_read() {
        let read = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
            bearer(&headers).map(|token| token.map(str::to_owned))
        };
        assert_eq!(bearer(&HeaderMap::new()), Ok(None));
        assert_eq!(read("Bearer stv_x"), Ok(Some("stv_x".into())));
        assert_eq!(read("bearer  stv_x"), Ok(Some("stv_x".into())));
        for wrong in ["", "Bearer", "Bearer ", "Basic YTpi", "stv_x"] {
            assert_eq!(read(wrong), Err(AuthError::Malformed), "{wrong:?}");
        }
        let mut two = HeaderMap::new();
        for _ in 0..2 {
            two.append(
                header::AUTHORIZATION,
                HeaderValue::from_static("Bearer stv_x"),
            );
        }
        assert_eq!(bearer(&two), Err(AuthError::Malformed));
    }

    #[test]
    fn tokens_are_never_taken_for_identities() {
        assert!(is_identity("eyJhbGciOiJIUzI1NiJ9.e30.c2ln"));
        assert!(!is_identity("stv_a.b.c"));
        assert!(!is_identity("nonsense"));
    }

    #[test]
    fn the_cookie_is_hardened_where_there_is_tls() {
        assert_eq!(
            session_cookie(true, Some("sta_x")),
            "__Host-shoptalk_session=sta_x; Path=/; Max-Age=2592000; HttpOnly; \
             SameSite=Strict; Secure"
        );
        assert_eq!(
            session_cookie(false, None),
            "shoptalk_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"
        );
    }
}
