//! Authentication: who sends a request or opens a socket.
//!
//! [`Authenticator`] resolves every credential; nothing else looks one up. The kinds, a
//! visitor's token, an agent's session token, an API token and a signed identity, differ in form (see
//! [`TokenKind`]), so that one is never tried as another. What a caller may do is decided by
//! `middleware::access`.

mod bearer;
mod callers;
mod cookie;
mod identity;
mod open_tokens;

use std::sync::Arc;

use axum::http::{HeaderMap, Method};

pub(crate) use self::bearer::bearer;
pub(crate) use self::callers::{AdminAuth, AgentAuth, Caller, VisitorAuth};
use self::identity::{IdentityError, IdentityVerifier};
pub(crate) use self::open_tokens::{OpenToken, OpenTokens, follow as follow_ended_tokens};
use crate::chat::{Agent, ApiToken};
use crate::config::IdentityConfig;
use crate::credentials::{TokenKind, hash_token};
use crate::http::origin::{OriginCheck, Origins};
use crate::http::problem::Problem;
use crate::persistence::{Identity, Store, StoreError, TokenHash, Visitor};

/// Why the caller could not be recognised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AuthError {
    /// There are no credentials.
    #[error("credentials are required, as Authorization: Bearer …")]
    Missing,
    /// The `Authorization` header cannot be parsed.
    #[error("send one Authorization header with Bearer and a token")]
    Malformed,
    /// The token is unknown, has ended, or is of the wrong kind.
    #[error("the token is wrong or has ended")]
    BadToken,
    /// The signed identity is not valid.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// An unsafe call by cookie does not come from one of the server's own pages.
    #[error("calls by cookie are accepted from the server's own pages only (Origin)")]
    ForeignOrigin,
    /// The store could not be read.
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

/// An agent's sign-in.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// Who signed in.
    pub(crate) agent: Agent,
    /// Identifies the session.
    pub(crate) token_hash: TokenHash,
    /// Whether the token came in the cookie, rather than in the `Authorization` header.
    pub(crate) by_cookie: bool,
}

/// Whether a token has the form of a signed identity, rather than of one of the server's own
/// tokens.
pub(crate) fn is_identity(token: &str) -> bool {
    TokenKind::of(token).is_none() && token.matches('.').count() == 2
}

/// Resolves credentials to visitors and agents.
pub(crate) struct Authenticator {
    store: Store,
    identities: IdentityVerifier,
    origins: Arc<Origins>,
}

impl Authenticator {
    pub(crate) fn new(store: Store, config: &IdentityConfig, origins: Arc<Origins>) -> Self {
        Self {
            store,
            identities: IdentityVerifier::new(config),
            origins,
        }
    }

    /// Verifies a signed identity.
    pub(crate) fn identity(&self, token: &str) -> Result<Identity, AuthError> {
        Ok(self.identities.verify(token)?)
    }

    /// The visitor of a visitor's token or a signed identity.
    ///
    /// A valid identity of a user who has never opened a room gives a visitor with a new id, who
    /// owns no room.
    pub(crate) async fn visitor(&self, token: &str) -> Result<Visitor, AuthError> {
        if is_identity(token) {
            let identity = self.identity(token)?;
            let known = self.store.visitor_by_user(&identity.user).await?;
            return Ok(known.unwrap_or_else(|| Visitor {
                id: uuid::Uuid::now_v7(),
                user: Some(identity.user),
                language: None,
            }));
        }
        if TokenKind::of(token) != Some(TokenKind::Visitor) {
            return Err(AuthError::BadToken);
        }
        self.store
            .visitor_by_token(hash_token(token))
            .await?
            .ok_or(AuthError::BadToken)
    }

    /// The session of a request: by the `Authorization` header, or else by the cookie. Unsafe
    /// methods by cookie need an `Origin` of the server's own.
    pub(crate) async fn request_session(
        &self,
        headers: &HeaderMap,
        method: &Method,
    ) -> Result<Session, AuthError> {
        if let Some(token) = bearer(headers)? {
            return self.session(token, false).await;
        }
        let token = self.cookie_token(headers).ok_or(AuthError::Missing)?;
        if !method.is_safe() && self.origins.own_origin(headers) != OriginCheck::Own {
            return Err(AuthError::ForeignOrigin);
        }
        self.session(&token, true).await
    }

    /// The session of an agent's token. A disabled agent has none.
    pub(crate) async fn session(&self, token: &str, by_cookie: bool) -> Result<Session, AuthError> {
        if TokenKind::of(token) != Some(TokenKind::Agent) {
            return Err(AuthError::BadToken);
        }
        let token_hash = hash_token(token);
        let agent = self
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

    /// The API token in the `Authorization` header, if what is there looks like one.
    pub(crate) async fn api_token(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<ApiToken>, AuthError> {
        let token = bearer(headers)?.filter(|it| TokenKind::of(it) == Some(TokenKind::Api));
        let Some(token) = token else {
            return Ok(None);
        };
        let found = self.store.api_token(hash_token(token)).await?;
        Ok(Some(found.ok_or(AuthError::BadToken)?))
    }

    /// The session token in the console's cookie.
    pub(crate) fn cookie_token(&self, headers: &HeaderMap) -> Option<String> {
        cookie::session_token(headers, self.origins.is_https())
    }

    /// The `Set-Cookie` value that stores a session token in the console, or removes it.
    pub(crate) fn set_cookie(&self, token: Option<&str>) -> String {
        cookie::set_cookie(token, self.origins.is_https())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_never_taken_for_identities() {
        assert!(is_identity("eyJhbGciOiJIUzI1NiJ9.e30.c2ln"));
        assert!(!is_identity("stv_a.b.c"));
        assert!(!is_identity("nonsense"));
    }
}
