use tokio_postgres::Row;

use crate::chat::{ApiToken, ApiTokenId};
use crate::persistence::TokenHash;
use crate::persistence::postgres::codes::{optional_time, time, uint};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::rules::api_tokens as rules;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, rights, created_by, created_at, expires_at, last_used_at
             FROM api_tokens ",
            $rest
        )
    };
}

fn read(row: &Row) -> Result<ApiToken, TxError> {
    Ok(ApiToken {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        rights: rules::rights(row.try_get(2)?),
        created_by: row.try_get(3)?,
        created_at: time(row, 4)?,
        expires_at: optional_time(row, 5)?,
        last_used_at: optional_time(row, 6)?,
    })
}

/// All tokens, the oldest first.
pub(crate) async fn all(db: &Session) -> Result<Vec<ApiToken>, TxError> {
    let rows = db.query(select!("ORDER BY created_at, id"), &[]).await?;
    rows.iter().map(read).collect()
}

/// The token with this secret.
pub(crate) async fn by_hash(db: &Session, token: TokenHash) -> Result<Option<ApiToken>, TxError> {
    let row = db
        .query_opt(select!("WHERE hash = $1"), &[&&token.0[..]])
        .await?;
    row.as_ref().map(read).transpose()
}

/// How many there are.
pub(crate) async fn count(tx: &Tx) -> Result<usize, TxError> {
    let row = tx.query_one("SELECT count(*) FROM api_tokens", &[]).await?;
    Ok(usize::try_from(uint(&row, 0)?).unwrap_or(usize::MAX))
}

/// Stores a new one.
pub(crate) async fn insert(tx: &Tx, hash: TokenHash, token: &ApiToken) -> Result<(), TxError> {
    tx.execute(
        "INSERT INTO api_tokens (id, hash, name, rights, created_by, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            &token.id,
            &&hash.0[..],
            &token.name,
            &rules::rights_text(&token.rights),
            &token.created_by,
            &token.created_at.0,
            &token.expires_at.map(|time| time.0),
        ],
    )
    .await?;
    Ok(())
}

/// Notes that it is used now.
pub(crate) async fn touch(tx: &Tx, id: ApiTokenId) -> Result<(), TxError> {
    tx.execute(
        "UPDATE api_tokens SET last_used_at = $2 WHERE id = $1",
        &[&id, &tx.now.0],
    )
    .await?;
    Ok(())
}

/// Ends one. Returns whether there was one.
pub(crate) async fn delete(tx: &Tx, id: ApiTokenId) -> Result<bool, TxError> {
    let ended = tx
        .execute("DELETE FROM api_tokens WHERE id = $1", &[&id])
        .await?;
    Ok(ended > 0)
}
