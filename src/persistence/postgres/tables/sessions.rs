use crate::chat::{Agent, AgentId, Timestamp};
use crate::persistence::postgres::codes::time;
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tables::agents::{self, AGENT_COLUMNS, agent_columns};
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::rules::sessions as rules;
use crate::persistence::{NewSession, TokenHash};

/// An agent's sign-in.
pub(crate) struct StoredSession {
    pub(crate) agent: Agent,
    pub(crate) last_used_at: Timestamp,
}

/// The session of a token, unless it has expired or its agent is disabled.
pub(crate) async fn valid(
    db: &Session,
    token: TokenHash,
    now: Timestamp,
) -> Result<Option<StoredSession>, TxError> {
    let sql = concat!(
        "SELECT ",
        agent_columns!(),
        ", s.last_used_at
         FROM agent_sessions s JOIN agents a ON a.id = s.agent
         WHERE s.hash = $1 AND s.expires_at > $2 AND NOT a.disabled"
    );
    match db.query_opt(sql, &[&&token.0[..], &now.0]).await? {
        Some(row) => Ok(Some(StoredSession {
            agent: agents::read(&row)?,
            last_used_at: time(&row, AGENT_COLUMNS)?,
        })),
        None => Ok(None),
    }
}

/// Stores a session, and deletes those that have expired. One that is locked just now is left to
/// the next sign-in.
pub(crate) async fn insert(tx: &Tx, agent: AgentId, session: NewSession) -> Result<(), TxError> {
    tx.execute(
        "DELETE FROM agent_sessions WHERE hash IN
             (SELECT hash FROM agent_sessions WHERE expires_at <= $1 FOR UPDATE SKIP LOCKED)",
        &[&tx.now.0],
    )
    .await?;
    tx.execute(
        "INSERT INTO agent_sessions (hash, agent, created_at, last_used_at, expires_at)
         VALUES ($1, $2, $3, $3, $4)",
        &[
            &&session.token.0[..],
            &agent,
            &tx.now.0,
            &session.expires_at.0,
        ],
    )
    .await?;
    Ok(())
}

/// Ends one session. Returns whose it was, if there was one.
pub(crate) async fn end(tx: &mut Tx, token: TokenHash) -> Result<Option<AgentId>, TxError> {
    let ended = tx
        .query_opt(
            "DELETE FROM agent_sessions WHERE hash = $1 RETURNING agent",
            &[&&token.0[..]],
        )
        .await?;
    match ended {
        Some(row) => {
            tx.auth_changed = true;
            Ok(Some(row.try_get(0)?))
        }
        None => Ok(None),
    }
}

/// Ends an agent's sessions except `keep`.
pub(crate) async fn end_all(
    tx: &mut Tx,
    agent: AgentId,
    keep: Option<TokenHash>,
) -> Result<(), TxError> {
    let kept = keep.as_ref().map(|token| &token.0[..]);
    let ended = tx
        .execute(
            "DELETE FROM agent_sessions WHERE agent = $1 AND hash IS DISTINCT FROM $2",
            &[&agent, &kept],
        )
        .await?;
    tx.auth_changed |= ended > 0;
    Ok(())
}

/// Stores that a session is used now, which moves its end.
pub(crate) async fn touch(tx: &Tx, token: TokenHash) -> Result<(), TxError> {
    tx.execute(
        "UPDATE agent_sessions SET last_used_at = $2, expires_at = $3
         WHERE hash = $1 AND last_used_at < $4",
        &[
            &&token.0[..],
            &tx.now.0,
            &rules::expires_at(&tx.rules, tx.now).0,
            &rules::touch_before(&tx.rules, tx.now).0,
        ],
    )
    .await?;
    Ok(())
}
