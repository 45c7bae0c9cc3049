//! API tokens: what programs of the shop make calls with.

use super::Store;
use crate::chat::{ApiToken, ApiTokenId};
use crate::persistence::{NewApiToken, Principal, StoreError, TokenHash, WriteError};

impl Store {
    /// All tokens that have not been ended, the oldest first. Those past their time are among them.
    pub async fn api_tokens(&self) -> Result<Vec<ApiToken>, StoreError> {
        match self {
            Self::Sqlite(store) => store.api_tokens().await,
            Self::Postgres(store) => store.api_tokens().await,
        }
    }

    /// The token with this secret; `None` when there is none, or it is past its time. Its use is
    /// noted about once an hour.
    pub async fn api_token(&self, token: TokenHash) -> Result<Option<ApiToken>, StoreError> {
        match self {
            Self::Sqlite(store) => store.api_token(token).await,
            Self::Postgres(store) => store.api_token(token).await,
        }
    }

    /// Makes a token. Refused with `TooManyTokens`.
    pub async fn add_api_token(&self, new: NewApiToken) -> Result<ApiToken, WriteError> {
        match self {
            Self::Sqlite(store) => store.add_api_token(new).await,
            Self::Postgres(store) => store.add_api_token(new).await,
        }
    }

    /// Ends a token at once. Refused with `NotFound`.
    pub async fn end_api_token(&self, id: ApiTokenId, by: Principal) -> Result<(), WriteError> {
        match self {
            Self::Sqlite(store) => store.end_api_token(id, by).await,
            Self::Postgres(store) => store.end_api_token(id, by).await,
        }
    }
}
