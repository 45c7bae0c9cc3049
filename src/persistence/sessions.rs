use rusqlite::{Connection, OptionalExtension, params};

use super::job::Tx;
use super::{
    AgentCredentials, AuditAction, NewSession, Principal, Refusal, Store, StoreError, TokenHash,
    WriteError, agents, audit,
};
use crate::chat::{Agent, AgentId, Timestamp};

/// Milliseconds that a session lives after its last use: 30 days.
const SESSION_LIFETIME_MS: i64 = 30 * 24 * 60 * 60 * 1_000;
/// Milliseconds after which a use is noted again: an hour. Noting each one would
/// make a write of every read.
const TOUCH_INTERVAL_MS: i64 = 60 * 60 * 1_000;

/// A living session.
struct Session {
    agent: Agent,
    last_used_at: Timestamp,
}

fn living(
    conn: &Connection,
    token: TokenHash,
    now: Timestamp,
) -> rusqlite::Result<Option<Session>> {
    conn.prepare_cached(&format!(
        "SELECT {}, s.last_used_at
         FROM agent_sessions s JOIN agents a ON a.id = s.agent
         WHERE s.hash = ?1 AND s.expires_at > ?2 AND a.disabled = 0",
        agents::COLUMNS
    ))?
    .query_row(params![token.0, now.0], |row| {
        Ok(Session {
            agent: agents::read(row)?,
            last_used_at: Timestamp(row.get(6)?),
        })
    })
    .optional()
}

/// Stores a session and sweeps out those that have expired.
pub(super) fn insert(tx: &Tx<'_>, agent: AgentId, session: NewSession) -> rusqlite::Result<()> {
    tx.execute(
        "DELETE FROM agent_sessions WHERE expires_at <= ?1",
        [tx.now.0],
    )?;
    tx.execute(
        "INSERT INTO agent_sessions (hash, agent, created_at, last_used_at, expires_at)
         VALUES (?1, ?2, ?3, ?3, ?4)",
        params![session.token.0, agent, tx.now.0, session.expires_at.0],
    )?;
    Ok(())
}

/// Ends an agent's sessions but for one.
pub(super) fn end_all(
    tx: &mut Tx<'_>,
    agent: AgentId,
    keep: Option<TokenHash>,
) -> rusqlite::Result<()> {
    let ended = tx.execute(
        "DELETE FROM agent_sessions WHERE agent = ?1 AND hash IS NOT ?2",
        params![agent, keep.map(|token| token.0)],
    )?;
    if ended > 0 {
        tx.state.auth_version += 1;
    }
    Ok(())
}

fn touch(tx: &Tx<'_>, token: TokenHash) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE agent_sessions SET last_used_at = ?2, expires_at = ?3
         WHERE hash = ?1 AND last_used_at < ?4",
        params![
            token.0,
            tx.now.0,
            tx.now.0 + SESSION_LIFETIME_MS,
            tx.now.0 - TOUCH_INTERVAL_MS,
        ],
    )?;
    Ok(())
}

impl Store {
    /// Signs in: stores the session and an audit row. Refused(NotFound) when the agent is gone or
    /// disabled, or has another password than the one that was verified.
    pub async fn start_session(
        &self,
        verified: AgentCredentials,
        session: NewSession,
    ) -> Result<(), WriteError> {
        self.write(move |tx| {
            let agent = verified.agent.id;
            // Verifying takes a while, and the password may have been changed meanwhile.
            if !agents::may_sign_in(tx, agent, &verified.password_hash)? {
                return Err(Refusal::NotFound.into());
            }
            insert(tx, agent, session)?;
            audit::note(tx, AuditAction::SignIn, Some(Principal::Agent(agent)), None)?;
            Ok(())
        })
        .await
    }

    /// The agent of a living session. Moves its end to 30 days from now, at most once an hour.
    pub async fn session_agent(&self, token: TokenHash) -> Result<Option<Agent>, StoreError> {
        let now = Timestamp::now();
        let found = self
            .readers()
            .read(move |conn| living(conn, token, now))
            .await?;
        let Some(session) = found else {
            return Ok(None);
        };
        if now.0 - session.last_used_at.0 > TOUCH_INTERVAL_MS {
            // Nobody waits for it: a full disk must not end standing sessions.
            self.write_behind(move |tx| Ok(touch(tx, token)?));
        }
        Ok(Some(session.agent))
    }

    /// Signs out: ends one session. An unknown one is no error.
    pub async fn end_session(&self, token: TokenHash) -> Result<(), WriteError> {
        self.write(move |tx| {
            let owner = tx
                .conn
                .prepare_cached("DELETE FROM agent_sessions WHERE hash = ?1 RETURNING agent")?
                .query_row([token.0], |row| row.get::<_, AgentId>(0))
                .optional()?;
            if let Some(agent) = owner {
                tx.state.auth_version += 1;
                audit::note(
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

    /// Signs an agent out everywhere.
    pub async fn end_sessions_of(&self, agent: AgentId) -> Result<(), WriteError> {
        self.write(move |tx| {
            end_all(tx, agent, None)?;
            audit::note(
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
