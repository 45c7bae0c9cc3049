use tokio_postgres::Row;

use crate::chat::{Language, Timestamp};
use crate::persistence::postgres::codes::{language, time};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::{
    MAX_PUSH_SUBSCRIPTIONS, MAX_PUSH_TARGETS, PushSubscription, PushTargets,
    StoredPushSubscription, TokenHash,
};

/// A device with whose it is. A session that has expired may not have been deleted yet.
macro_rules! select {
    () => {
        "SELECT p.endpoint, p.p256dh, p.auth, s.agent, p.created_at, p.problem,
             p.language
         FROM push_subscriptions p
         JOIN agent_sessions s ON s.hash = p.session
         JOIN agents a ON a.id = s.agent
         WHERE s.expires_at > $1 AND NOT a.disabled"
    };
}

fn read(row: &Row) -> Result<StoredPushSubscription, TxError> {
    Ok(StoredPushSubscription {
        subscription: PushSubscription {
            endpoint: row.try_get(0)?,
            p256dh: row.try_get(1)?,
            auth: row.try_get(2)?,
            language: language(row, 6)?.unwrap_or(Language::English),
        },
        agent: row.try_get(3)?,
        created_at: time(row, 4)?,
        problem: row.try_get(5)?,
    })
}

pub(crate) async fn key(db: &Session) -> Result<Option<Vec<u8>>, TxError> {
    let row = db.query_opt("SELECT private FROM push_keys", &[]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Stores a key unless there is one. Of two nodes, the one that commits first wins; the other has
/// waited for it.
pub(crate) async fn insert_key(tx: &Tx, private: &[u8]) -> Result<(), TxError> {
    tx.execute(
        "INSERT INTO push_keys (id, private) VALUES (1, $1) ON CONFLICT DO NOTHING",
        &[&private],
    )
    .await?;
    Ok(())
}

/// The devices that are meant.
pub(crate) async fn targets(
    db: &Session,
    targets: PushTargets,
    now: Timestamp,
) -> Result<Vec<StoredPushSubscription>, TxError> {
    let rows = match targets {
        PushTargets::OnDuty => {
            let sql = concat!(
                select!(),
                " AND a.on_duty ORDER BY p.created_at, p.endpoint LIMIT $2"
            );
            db.query(sql, &[&now.0, &MAX_PUSH_TARGETS]).await?
        }
        PushTargets::Agent(id) => {
            let sql = concat!(
                select!(),
                " AND a.on_duty AND a.id = $2 ORDER BY p.created_at, p.endpoint LIMIT $3"
            );
            db.query(sql, &[&now.0, &id, &MAX_PUSH_TARGETS]).await?
        }
        PushTargets::Session(session) => {
            let sql = concat!(
                select!(),
                " AND s.hash = $2 ORDER BY p.created_at, p.endpoint LIMIT $3"
            );
            db.query(sql, &[&now.0, &&session.0[..], &MAX_PUSH_TARGETS])
                .await?
        }
    };
    rows.iter().map(read).collect()
}

/// One device.
pub(crate) async fn by_endpoint(
    tx: &Tx,
    endpoint: &str,
) -> Result<Option<StoredPushSubscription>, TxError> {
    let sql = concat!(select!(), " AND p.endpoint = $2");
    tx.query_opt(sql, &[&tx.now.0, &endpoint])
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// Stores a device, or moves it to this session, if there is one. The session's oldest devices
/// beyond the bound go. The session stays until this transaction has ended.
pub(crate) async fn put(
    tx: &Tx,
    session: TokenHash,
    subscription: &PushSubscription,
) -> Result<(), TxError> {
    tx.query_opt(
        "SELECT hash FROM agent_sessions WHERE hash = $1 FOR NO KEY UPDATE",
        &[&&session.0[..]],
    )
    .await?;
    tx.execute(
        "INSERT INTO push_subscriptions (endpoint, p256dh, auth, session, created_at, language)
         SELECT $1, $2, $3, hash, $5, $6 FROM agent_sessions WHERE hash = $4
         ON CONFLICT (endpoint) DO UPDATE SET p256dh = excluded.p256dh, auth = excluded.auth,
             session = excluded.session, created_at = excluded.created_at, problem = NULL,
             language = excluded.language",
        &[
            &subscription.endpoint,
            &subscription.p256dh,
            &subscription.auth,
            &&session.0[..],
            &tx.now.0,
            &subscription.language.code(),
        ],
    )
    .await?;
    tx.execute(
        "DELETE FROM push_subscriptions WHERE session = $1 AND endpoint <> $2 AND endpoint NOT IN
             (SELECT endpoint FROM push_subscriptions WHERE session = $1 AND endpoint <> $2
              ORDER BY created_at DESC, endpoint LIMIT $3)",
        &[
            &&session.0[..],
            &subscription.endpoint,
            &(MAX_PUSH_SUBSCRIPTIONS - 1),
        ],
    )
    .await?;
    Ok(())
}

pub(crate) async fn remove(tx: &Tx, session: TokenHash, endpoint: &str) -> Result<(), TxError> {
    tx.execute(
        "DELETE FROM push_subscriptions WHERE endpoint = $1 AND session = $2",
        &[&endpoint, &&session.0[..]],
    )
    .await?;
    Ok(())
}

/// Removes a device if it has these keys still.
pub(crate) async fn forget(tx: &Tx, subscription: &PushSubscription) -> Result<(), TxError> {
    tx.execute(
        "DELETE FROM push_subscriptions WHERE endpoint = $1 AND p256dh = $2",
        &[&subscription.endpoint, &subscription.p256dh],
    )
    .await?;
    Ok(())
}

pub(crate) async fn set_problem(
    tx: &Tx,
    endpoint: &str,
    problem: Option<&str>,
) -> Result<(), TxError> {
    tx.execute(
        "UPDATE push_subscriptions SET problem = $2 WHERE endpoint = $1",
        &[&endpoint, &problem],
    )
    .await?;
    Ok(())
}
