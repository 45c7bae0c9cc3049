use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::chat::{ApiToken, ApiTokenId, Timestamp};
use crate::persistence::TokenHash;
use crate::persistence::rules::api_tokens as rules;
use crate::persistence::sqlite::transaction::Tx;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, rights, created_by, created_at, expires_at, last_used_at
             FROM api_tokens ",
            $rest
        )
    };
}

fn read(row: &Row<'_>) -> rusqlite::Result<ApiToken> {
    let rights: String = row.get(2)?;
    Ok(ApiToken {
        id: row.get(0)?,
        name: row.get(1)?,
        rights: rules::rights(&rights),
        created_by: row.get(3)?,
        created_at: Timestamp(row.get(4)?),
        expires_at: row.get::<_, Option<i64>>(5)?.map(Timestamp),
        last_used_at: row.get::<_, Option<i64>>(6)?.map(Timestamp),
    })
}

/// All tokens, the oldest first.
pub(crate) fn all(conn: &Connection) -> rusqlite::Result<Vec<ApiToken>> {
    conn.prepare_cached(select!("ORDER BY created_at, id"))?
        .query_map([], read)?
        .collect()
}

/// The token with this secret.
pub(crate) fn by_hash(conn: &Connection, token: TokenHash) -> rusqlite::Result<Option<ApiToken>> {
    conn.prepare_cached(select!("WHERE hash = ?1"))?
        .query_row([token.0], read)
        .optional()
}

/// How many there are.
pub(crate) fn count(tx: &Tx<'_>) -> rusqlite::Result<usize> {
    let count: u32 = tx
        .conn
        .prepare_cached("SELECT count(*) FROM api_tokens")?
        .query_row([], |row| row.get(0))?;
    Ok(count as usize)
}

/// Stores a new one.
pub(crate) fn insert(tx: &Tx<'_>, hash: TokenHash, token: &ApiToken) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT INTO api_tokens (id, hash, name, rights, created_by, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            token.id,
            hash.0,
            token.name,
            rules::rights_text(&token.rights),
            token.created_by,
            token.created_at.0,
            token.expires_at.map(|time| time.0),
        ],
    )?;
    Ok(())
}

/// Notes that it is used now.
pub(crate) fn touch(tx: &Tx<'_>, id: ApiTokenId) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE api_tokens SET last_used_at = ?2 WHERE id = ?1",
        params![id, tx.now.0],
    )?;
    Ok(())
}

/// Ends one. Returns whether there was one.
pub(crate) fn delete(tx: &Tx<'_>, id: ApiTokenId) -> rusqlite::Result<bool> {
    Ok(tx.execute("DELETE FROM api_tokens WHERE id = ?1", [id])? > 0)
}
