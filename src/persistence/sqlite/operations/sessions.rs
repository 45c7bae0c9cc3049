use rusqlite::OptionalExtension;

use crate::chat::{Agent, AgentId, Timestamp};
use crate::persistence::rules::sessions as rules;
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::{agents, audit, sessions};
use crate::persistence::{
    AgentCredentials, AuditAction, NewSession, Principal, Refusal, StoreError, TokenHash,
    WriteError,
};

impl SqliteStore {
    pub(crate) async fn start_session(
        &self,
        verified: AgentCredentials,
        session: NewSession,
    ) -> Result<(), WriteError> {
        self.write(move |tx| {
            let agent = verified.agent.id;
            // Verifying takes a while, in which the password may have been changed.
            if !agents::may_sign_in(tx, agent, &verified.password_hash)? {
                return Err(Refusal::NotFound.into());
            }
            sessions::insert(tx, agent, session)?;
            audit::insert(tx, AuditAction::SignIn, Some(Principal::Agent(agent)), None)?;
            Ok(())
        })
        .await
    }

    pub(crate) async fn session_agent(
        &self,
        token: TokenHash,
    ) -> Result<Option<Agent>, StoreError> {
        let now = Timestamp::now();
        let found = self
            .readers()
            .read(move |conn| sessions::valid(conn, token, now))
            .await?;
        let Some(session) = found else {
            return Ok(None);
        };
        if session.last_used_at < rules::touch_before(self.rules(), now) {
            // Not awaited: a full disk must not end sessions that exist.
            self.write_behind(move |tx| Ok(sessions::touch(tx, token)?));
        }
        Ok(Some(session.agent))
    }

    pub(crate) async fn end_session(&self, token: TokenHash) -> Result<(), WriteError> {
        self.write(move |tx| {
            let owner = tx
                .conn
                .prepare_cached("DELETE FROM agent_sessions WHERE hash = ?1 RETURNING agent")?
                .query_row([token.0], |row| row.get::<_, AgentId>(0))
                .optional()?;
            if let Some(agent) = owner {
                tx.state.auth_version += 1;
                audit::insert(
                    tx,
                    AuditAction::SignOut,
                    Some(Principal::Agent(agent)),
                    None,
                )?;
            }
            Ok(())
        })
        .await
    }

    pub(crate) async fn end_sessions_of(&self, agent: AgentId) -> Result<(), WriteError> {
        self.write(move |tx| {
            sessions::end_all(tx, agent, None)?;
            audit::insert(
                tx,
                AuditAction::SignOut,
                Some(Principal::Agent(agent)),
                Some("everywhere".into()),
            )?;
            Ok(())
        })
        .await
    }
}
