use crate::chat::{Agent, AgentId, Timestamp};
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::{agents, audit, sessions};
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::rules::sessions as rules;
use crate::persistence::{
    AgentCredentials, AuditAction, NewSession, Principal, Refusal, StoreError, TokenHash,
    WriteError,
};

impl PostgresStore {
    pub(crate) async fn start_session(
        &self,
        verified: AgentCredentials,
        session: NewSession,
    ) -> Result<(), WriteError> {
        self.write(move |tx| Box::pin(start(tx, verified.clone(), session)))
            .await
    }

    pub(crate) async fn session_agent(
        &self,
        token: TokenHash,
    ) -> Result<Option<Agent>, StoreError> {
        let now = Timestamp::now();
        let found = self
            .read(async |db| sessions::valid(db, token, now).await)
            .await?;
        let Some(session) = found else {
            return Ok(None);
        };
        if session.last_used_at < rules::touch_before(&self.shared().rules, now) {
            // Not awaited: a full disk must not end sessions that exist.
            self.write_behind(move |tx| Box::pin(sessions::touch(tx, token)));
        }
        Ok(Some(session.agent))
    }

    pub(crate) async fn end_session(&self, token: TokenHash) -> Result<(), WriteError> {
        self.write(move |tx| Box::pin(end(tx, token))).await
    }

    pub(crate) async fn end_sessions_of(&self, agent: AgentId) -> Result<(), WriteError> {
        self.write(move |tx| Box::pin(end_all(tx, agent))).await
    }
}

async fn start(
    tx: &mut Tx,
    verified: AgentCredentials,
    session: NewSession,
) -> Result<(), TxError> {
    let agent = verified.agent.id;
    // Verifying takes a while, in which the password may have been changed.
    if !agents::may_sign_in(tx, agent, &verified.password_hash).await? {
        return Err(Refusal::NotFound.into());
    }
    sessions::insert(tx, agent, session).await?;
    audit::insert(tx, AuditAction::SignIn, Some(Principal::Agent(agent)), None).await
}

async fn end(tx: &mut Tx, token: TokenHash) -> Result<(), TxError> {
    agents::lock_all(tx).await?;
    if let Some(agent) = sessions::end(tx, token).await? {
        let by = Some(Principal::Agent(agent));
        audit::insert(tx, AuditAction::SignOut, by, None).await?;
    }
    Ok(())
}

async fn end_all(tx: &mut Tx, agent: AgentId) -> Result<(), TxError> {
    agents::lock_all(tx).await?;
    sessions::end_all(tx, agent, None).await?;
    let by = Some(Principal::Agent(agent));
    audit::insert(tx, AuditAction::SignOut, by, Some("everywhere".into())).await
}
