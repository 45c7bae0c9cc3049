//! Every change of agents, and every end of a session, first locks the one row that counts such
//! changes ([`agents::lock_all`]): so two nodes can neither both add the first admin nor both
//! demote one of the last two.

use crate::chat::{Agent, AgentId};
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::{agents, audit, sessions};
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::rules::agents::{self as rules, EndSessions};
use crate::persistence::{
    AgentCredentials, AgentPatch, AuditAction, NewAgent, NewSession, Principal, Refusal,
    StoreError, WriteError,
};

impl PostgresStore {
    pub(crate) async fn agent_count(&self) -> Result<u64, StoreError> {
        self.read(agents::count).await
    }

    pub(crate) async fn agents(&self) -> Result<Vec<Agent>, StoreError> {
        self.read(agents::all).await
    }

    pub(crate) async fn agent(&self, id: AgentId) -> Result<Option<Agent>, StoreError> {
        self.read(async |db| agents::by_id(db, id).await).await
    }

    pub(crate) async fn agent_credentials(
        &self,
        username: &str,
    ) -> Result<Option<AgentCredentials>, StoreError> {
        self.read(async |db| agents::credentials(db, username).await)
            .await
    }

    pub(crate) async fn add_agent(
        &self,
        agent: NewAgent,
        by: Principal,
    ) -> Result<Agent, WriteError> {
        self.write(move |tx| Box::pin(add(tx, agent.clone(), by)))
            .await
    }

    pub(crate) async fn set_up(
        &self,
        agent: NewAgent,
        session: NewSession,
    ) -> Result<Agent, WriteError> {
        self.write(move |tx| Box::pin(set_up(tx, agent.clone(), session)))
            .await
    }

    pub(crate) async fn change_agent(
        &self,
        id: AgentId,
        patch: AgentPatch,
        by: Principal,
    ) -> Result<Agent, WriteError> {
        self.write(move |tx| Box::pin(change(tx, id, patch.clone(), by)))
            .await
    }

    pub(crate) async fn has_foreign_passwords(&self) -> Result<bool, StoreError> {
        self.read(agents::has_foreign_passwords).await
    }

    pub(crate) async fn replace_password_hash(
        &self,
        verified: AgentCredentials,
        new_hash: String,
    ) -> Result<bool, WriteError> {
        self.write(move |tx| Box::pin(replace_hash(tx, verified.clone(), new_hash.clone())))
            .await
    }
}

async fn add(tx: &mut Tx, agent: NewAgent, by: Principal) -> Result<Agent, TxError> {
    agents::lock_all(tx).await?;
    let agent = agents::insert(tx, agent).await?;
    let subject = Some(agent.id.to_string());
    audit::insert(tx, AuditAction::AgentAdded, Some(by), subject).await?;
    Ok(agent)
}

async fn set_up(tx: &mut Tx, agent: NewAgent, session: NewSession) -> Result<Agent, TxError> {
    agents::lock_all(tx).await?;
    if agents::count(tx).await? > 0 {
        return Err(Refusal::SetupNotNeeded.into());
    }
    let agent = agents::insert(tx, agent).await?;
    sessions::insert(tx, agent.id, session).await?;
    let subject = Some(agent.id.to_string());
    audit::insert(tx, AuditAction::Setup, Some(Principal::SetupLink), subject).await?;
    Ok(agent)
}

async fn change(
    tx: &mut Tx,
    id: AgentId,
    patch: AgentPatch,
    by: Principal,
) -> Result<Agent, TxError> {
    agents::lock_all(tx).await?;
    let before = agents::by_id(tx, id).await?.ok_or(Refusal::NotFound)?;
    let change = rules::change_agent(&before, patch);
    if change.needs_other_admin && !agents::has_other_admin(tx, id).await? {
        return Err(Refusal::LastAdmin.into());
    }
    agents::update(tx, &change.agent, change.password_hash.as_deref()).await?;
    if let EndSessions::AllBut(kept) = change.end_sessions {
        sessions::end_all(tx, id, kept).await?;
    }
    for action in change.audit {
        audit::insert(tx, action, Some(by), Some(id.to_string())).await?;
    }
    Ok(change.agent)
}

async fn replace_hash(
    tx: &mut Tx,
    verified: AgentCredentials,
    new_hash: String,
) -> Result<bool, TxError> {
    agents::replace_hash(tx, verified.agent.id, &verified.password_hash, &new_hash).await
}
