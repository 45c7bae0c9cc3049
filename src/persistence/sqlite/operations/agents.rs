use crate::chat::{Agent, AgentId};
use crate::persistence::rules::agents::{self as rules, EndSessions};
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::{agents, audit, sessions};
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::TxError;
use crate::persistence::{
    AgentCredentials, AgentPatch, AuditAction, NewAgent, NewSession, Principal, Refusal,
    StoreError, WriteError,
};

fn change(
    tx: &mut Tx<'_>,
    id: AgentId,
    patch: AgentPatch,
    by: Principal,
) -> Result<Agent, TxError> {
    let before = agents::by_id(tx.conn, id)?.ok_or(Refusal::NotFound)?;
    let change = rules::change_agent(&before, patch);
    if change.needs_other_admin && !agents::has_other_admin(tx, id)? {
        return Err(Refusal::LastAdmin.into());
    }
    agents::update(tx, &change.agent, change.password_hash.as_deref())?;
    if let EndSessions::AllBut(kept) = change.end_sessions {
        sessions::end_all(tx, id, kept)?;
    }
    for action in change.audit {
        audit::insert(tx, action, Some(by), Some(id.to_string()))?;
    }
    Ok(change.agent)
}

impl SqliteStore {
    pub(crate) async fn agent_count(&self) -> Result<u64, StoreError> {
        self.readers().read(agents::count).await
    }

    pub(crate) async fn agents(&self) -> Result<Vec<Agent>, StoreError> {
        self.readers()
            .read(|conn| {
                conn.prepare_cached(&format!(
                    "SELECT {} FROM agents a ORDER BY a.username_key",
                    agents::COLUMNS
                ))?
                .query_map([], agents::read)?
                .collect()
            })
            .await
    }

    pub(crate) async fn agent(&self, id: AgentId) -> Result<Option<Agent>, StoreError> {
        self.readers()
            .read(move |conn| agents::by_id(conn, id))
            .await
    }

    pub(crate) async fn agent_credentials(
        &self,
        username: &str,
    ) -> Result<Option<AgentCredentials>, StoreError> {
        let username = username.to_owned();
        self.readers()
            .read(move |conn| agents::credentials(conn, &username))
            .await
    }

    pub(crate) async fn add_agent(
        &self,
        agent: NewAgent,
        by: Principal,
    ) -> Result<Agent, WriteError> {
        self.write(move |tx| {
            let agent = agents::insert(tx, agent.clone())?;
            let subject = Some(agent.id.to_string());
            audit::insert(tx, AuditAction::AgentAdded, Some(by), subject)?;
            Ok(agent)
        })
        .await
    }

    pub(crate) async fn set_up(
        &self,
        agent: NewAgent,
        session: NewSession,
    ) -> Result<Agent, WriteError> {
        self.write(move |tx| {
            if agents::count(tx.conn)? > 0 {
                return Err(Refusal::SetupNotNeeded.into());
            }
            let agent = agents::insert(tx, agent.clone())?;
            sessions::insert(tx, agent.id, session)?;
            let subject = Some(agent.id.to_string());
            audit::insert(tx, AuditAction::Setup, Some(Principal::SetupLink), subject)?;
            Ok(agent)
        })
        .await
    }

    pub(crate) async fn has_foreign_passwords(&self) -> Result<bool, StoreError> {
        self.readers().read(agents::has_foreign_passwords).await
    }

    pub(crate) async fn replace_password_hash(
        &self,
        verified: AgentCredentials,
        new_hash: String,
    ) -> Result<bool, WriteError> {
        self.write(move |tx| {
            Ok(agents::replace_hash(
                tx,
                verified.agent.id,
                &verified.password_hash,
                &new_hash,
            )?)
        })
        .await
    }

    pub(crate) async fn change_agent(
        &self,
        id: AgentId,
        patch: AgentPatch,
        by: Principal,
    ) -> Result<Agent, WriteError> {
        self.write(move |tx| change(tx, id, patch.clone(), by))
            .await
    }
}
