use uuid::Uuid;

use crate::chat::{ApiToken, ApiTokenId, Timestamp};
use crate::persistence::rules::api_tokens as rules;
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::{api_tokens, audit};
use crate::persistence::{
    AuditAction, NewApiToken, Principal, Refusal, StoreError, TokenHash, WriteError,
};

impl SqliteStore {
    pub(crate) async fn api_tokens(&self) -> Result<Vec<ApiToken>, StoreError> {
        self.readers().read(api_tokens::all).await
    }

    pub(crate) async fn api_token(&self, token: TokenHash) -> Result<Option<ApiToken>, StoreError> {
        let found = self
            .readers()
            .read(move |conn| api_tokens::by_hash(conn, token))
            .await?;
        let now = Timestamp::now();
        let Some(found) = found.filter(|found| rules::is_valid(found, now)) else {
            return Ok(None);
        };
        if rules::is_touch_due(self.rules(), &found, now) {
            // Not awaited: a full disk must not keep tokens from reading.
            let id = found.id;
            self.write_behind(move |tx| Ok(api_tokens::touch(tx, id)?));
        }
        Ok(Some(found))
    }

    pub(crate) async fn add_api_token(&self, new: NewApiToken) -> Result<ApiToken, WriteError> {
        self.write(move |tx| {
            let count = api_tokens::count(tx)?;
            let token = rules::add(count, Uuid::now_v7(), new.clone(), tx.now)?;
            api_tokens::insert(tx, new.token, &token)?;
            let by = Some(Principal::Agent(token.created_by));
            audit::insert(tx, AuditAction::TokenMade, by, Some(rules::subject(&token)))?;
            Ok(token)
        })
        .await
    }

    pub(crate) async fn end_api_token(
        &self,
        id: ApiTokenId,
        by: Principal,
    ) -> Result<(), WriteError> {
        self.write(move |tx| {
            if !api_tokens::delete(tx, id)? {
                return Err(Refusal::NotFound.into());
            }
            tx.state.auth_version += 1;
            audit::insert(tx, AuditAction::TokenEnded, Some(by), Some(id.to_string()))?;
            Ok(())
        })
        .await
    }
}
