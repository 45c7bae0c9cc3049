//! Every change first takes the lock of changes of agents, so that two nodes do not pass the bound.

use uuid::Uuid;

use crate::chat::{ApiToken, ApiTokenId, Timestamp};
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::{agents, api_tokens, audit};
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::rules::api_tokens as rules;
use crate::persistence::{
    AuditAction, NewApiToken, Principal, Refusal, StoreError, TokenHash, WriteError,
};

impl PostgresStore {
    pub(crate) async fn api_tokens(&self) -> Result<Vec<ApiToken>, StoreError> {
        self.read(async |db| api_tokens::all(db).await).await
    }

    pub(crate) async fn api_token(&self, token: TokenHash) -> Result<Option<ApiToken>, StoreError> {
        let found = self
            .read(async |db| api_tokens::by_hash(db, token).await)
            .await?;
        let now = Timestamp::now();
        let Some(found) = found.filter(|found| rules::is_valid(found, now)) else {
            return Ok(None);
        };
        if rules::is_touch_due(&self.shared().rules, &found, now) {
            // Not awaited: a full disk must not keep tokens from reading.
            let id = found.id;
            self.write_behind(move |tx| Box::pin(api_tokens::touch(tx, id)));
        }
        Ok(Some(found))
    }

    pub(crate) async fn add_api_token(&self, new: NewApiToken) -> Result<ApiToken, WriteError> {
        self.write(move |tx| Box::pin(add(tx, new.clone()))).await
    }

    pub(crate) async fn end_api_token(
        &self,
        id: ApiTokenId,
        by: Principal,
    ) -> Result<(), WriteError> {
        self.write(move |tx| Box::pin(end(tx, id, by))).await
    }
}

async fn add(tx: &mut Tx, new: NewApiToken) -> Result<ApiToken, TxError> {
    agents::lock_all(tx).await?;
    let count = api_tokens::count(tx).await?;
    let hash = new.token;
    let token = rules::add(count, Uuid::now_v7(), new, tx.now)?;
    api_tokens::insert(tx, hash, &token).await?;
    let by = Some(Principal::Agent(token.created_by));
    audit::insert(tx, AuditAction::TokenMade, by, Some(rules::subject(&token))).await?;
    Ok(token)
}

async fn end(tx: &mut Tx, id: ApiTokenId, by: Principal) -> Result<(), TxError> {
    agents::lock_all(tx).await?;
    if !api_tokens::delete(tx, id).await? {
        return Err(Refusal::NotFound.into());
    }
    tx.auth_changed = true;
    audit::insert(tx, AuditAction::TokenEnded, Some(by), Some(id.to_string())).await
}
