use rusqlite::{Connection, OptionalExtension, params};

use crate::chat::{Agent, AgentId, Timestamp};
use crate::persistence::rules::sessions as rules;
use crate::persistence::sqlite::tables::agents;
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::{NewSession, TokenHash};

/// An agent's sign-in.
pub(crate) struct StoredSession {
    pub(crate) agent: Agent,
    pub(crate) last_used_at: Timestamp,
}

/// The session of a token, unless it has expired or its agent is disabled.
pub(crate) fn valid(
    conn: &Connection,
    token: TokenHash,
    now: Timestamp,
) -> rusqlite::Result<Option<StoredSession>> {
    conn.prepare_cached(&format!(
        "SELECT {}, s.last_used_at
         FROM agent_sessions s JOIN agents a ON a.id = s.agent
         WHERE s.hash = ?1 AND s.expires_at > ?2 AND a.disabled = 0",
        agents::COLUMNS
    ))?
    .query_row(params![token.0, now.0], |row| {
        Ok(StoredSession {
            agent: agents::read(row)?,
            last_used_at: Timestamp(row.get(agents::COLUMN_COUNT)?),
        })
    })
    .optional()
}

/// Stores a session, and deletes those that have expired.
pub(crate) fn insert(tx: &Tx<'_>, agent: AgentId, session: NewSession) -> rusqlite::Result<()> {
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

/// Ends an agent's sessions except `keep`.
pub(crate) fn end_all(
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

/// Stores that a session is used now, which moves its end.
pub(crate) fn touch(tx: &Tx<'_>, token: TokenHash) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE agent_sessions SET last_used_at = ?2, expires_at = ?3
         WHERE hash = ?1 AND last_used_at < ?4",
        params![
            token.0,
            tx.now.0,
            rules::expires_at(&tx.rules, tx.now).0,
            rules::touch_before(&tx.rules, tx.now).0,
        ],
    )?;
    Ok(())
}
