use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::chat::{Language, Timestamp};
use crate::persistence::sqlite::codes::language;
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::{
    MAX_PUSH_SUBSCRIPTIONS, MAX_PUSH_TARGETS, PushSubscription, PushTargets,
    StoredPushSubscription, TokenHash,
};

/// A device with whose it is. A session that has expired may not have been deleted yet.
const SELECT: &str =
    "SELECT p.endpoint, p.p256dh, p.auth, s.agent, p.created_at, p.problem, p.language
    FROM push_subscriptions p
    JOIN agent_sessions s ON s.hash = p.session
    JOIN agents a ON a.id = s.agent
    WHERE s.expires_at > ?1 AND a.disabled = 0";

fn read(row: &Row<'_>) -> rusqlite::Result<StoredPushSubscription> {
    Ok(StoredPushSubscription {
        subscription: PushSubscription {
            endpoint: row.get(0)?,
            p256dh: row.get(1)?,
            auth: row.get(2)?,
            language: language(row, 6)?.unwrap_or(Language::English),
        },
        agent: row.get(3)?,
        created_at: Timestamp(row.get(4)?),
        problem: row.get(5)?,
    })
}

pub(crate) fn key(conn: &Connection) -> rusqlite::Result<Option<Vec<u8>>> {
    conn.prepare_cached("SELECT private FROM push_keys")?
        .query_row([], |row| row.get(0))
        .optional()
}

/// Stores a key unless there is one.
pub(crate) fn insert_key(tx: &Tx<'_>, private: &[u8]) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT INTO push_keys (id, private) VALUES (1, ?1) ON CONFLICT DO NOTHING",
        [private],
    )?;
    Ok(())
}

/// The devices that are meant.
pub(crate) fn targets(
    conn: &Connection,
    targets: PushTargets,
    now: Timestamp,
) -> rusqlite::Result<Vec<StoredPushSubscription>> {
    let (condition, of): (&str, Option<Vec<u8>>) = match targets {
        PushTargets::OnDuty => ("a.on_duty = 1 AND ?2 IS NULL", None),
        PushTargets::Agent(id) => ("a.on_duty = 1 AND a.id = ?2", Some(id.as_bytes().to_vec())),
        PushTargets::Session(session) => ("s.hash = ?2", Some(session.0.to_vec())),
    };
    conn.prepare_cached(&format!(
        "{SELECT} AND {condition} ORDER BY p.created_at, p.endpoint LIMIT ?3"
    ))?
    .query_map(params![now.0, of, MAX_PUSH_TARGETS], read)?
    .collect()
}

/// One device.
pub(crate) fn by_endpoint(
    tx: &Tx<'_>,
    endpoint: &str,
) -> rusqlite::Result<Option<StoredPushSubscription>> {
    tx.conn
        .prepare_cached(&format!("{SELECT} AND p.endpoint = ?2"))?
        .query_row(params![tx.now.0, endpoint], read)
        .optional()
}

/// Stores a device, or moves it to this session, if there is one. The session's oldest devices
/// beyond the bound go.
pub(crate) fn put(
    tx: &Tx<'_>,
    session: TokenHash,
    subscription: &PushSubscription,
) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT INTO push_subscriptions (endpoint, p256dh, auth, session, created_at, language)
         SELECT ?1, ?2, ?3, hash, ?5, ?6 FROM agent_sessions WHERE hash = ?4
         ON CONFLICT (endpoint) DO UPDATE SET p256dh = excluded.p256dh, auth = excluded.auth,
             session = excluded.session, created_at = excluded.created_at, problem = NULL,
             language = excluded.language",
        params![
            subscription.endpoint,
            subscription.p256dh,
            subscription.auth,
            session.0,
            tx.now.0,
            subscription.language.code(),
        ],
    )?;
    tx.execute(
        "DELETE FROM push_subscriptions WHERE session = ?1 AND endpoint <> ?2 AND endpoint NOT IN
             (SELECT endpoint FROM push_subscriptions WHERE session = ?1 AND endpoint <> ?2
              ORDER BY created_at DESC, endpoint LIMIT ?3)",
        params![session.0, subscription.endpoint, MAX_PUSH_SUBSCRIPTIONS - 1],
    )?;
    Ok(())
}

pub(crate) fn remove(tx: &Tx<'_>, session: TokenHash, endpoint: &str) -> rusqlite::Result<()> {
    tx.execute(
        "DELETE FROM push_subscriptions WHERE endpoint = ?1 AND session = ?2",
        params![endpoint, session.0],
    )?;
    Ok(())
}

/// Removes a device if it has these keys still.
pub(crate) fn forget(tx: &Tx<'_>, subscription: &PushSubscription) -> rusqlite::Result<()> {
    tx.execute(
        "DELETE FROM push_subscriptions WHERE endpoint = ?1 AND p256dh = ?2",
        params![subscription.endpoint, subscription.p256dh],
    )?;
    Ok(())
}

pub(crate) fn set_problem(
    tx: &Tx<'_>,
    endpoint: &str,
    problem: Option<&str>,
) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE push_subscriptions SET problem = ?2 WHERE endpoint = ?1",
        params![endpoint, problem],
    )?;
    Ok(())
}
