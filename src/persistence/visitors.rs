use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::codes::limit;
use super::cursor::Cursor;
use super::job::Tx;
use super::room_rows;
use super::{RoomPage, Store, StoreError, TokenHash, Visitor, WriteError};
use crate::chat::VisitorId;

/// Cursor of a visitor's own rooms.
const OWN_ROOMS: char = 'v';

/// A visitor as the store keeps them.
#[derive(Debug, Clone)]
pub(super) struct VisitorRow {
    pub(super) id: VisitorId,
    pub(super) user: Option<String>,
    pub(super) blocked: bool,
}

fn read(row: &Row<'_>) -> rusqlite::Result<VisitorRow> {
    Ok(VisitorRow {
        id: row.get(0)?,
        user: row.get(1)?,
        blocked: row.get(2)?,
    })
}

/// Whose token it is.
pub(super) fn by_token(
    conn: &Connection,
    token: TokenHash,
) -> rusqlite::Result<Option<VisitorRow>> {
    conn.prepare_cached(
        "SELECT v.id, v.user, v.blocked
         FROM visitor_tokens t JOIN visitors v ON v.id = t.visitor WHERE t.hash = ?1",
    )?
    .query_row([token.0], read)
    .optional()
}

/// The visitor that a signed identity names.
pub(super) fn by_user(conn: &Connection, user: &str) -> rusqlite::Result<Option<VisitorRow>> {
    conn.prepare_cached("SELECT id, user, blocked FROM visitors WHERE user = ?1")?
        .query_row([user], read)
        .optional()
}

/// Makes a visitor: anonymous, or of this user.
pub(super) fn insert(tx: &Tx<'_>, user: Option<String>) -> rusqlite::Result<VisitorRow> {
    let visitor = VisitorRow {
        id: Uuid::now_v7(),
        user,
        blocked: false,
    };
    tx.execute(
        "INSERT INTO visitors (id, user, blocked, created_at) VALUES (?1, ?2, 0, ?3)",
        params![visitor.id, visitor.user, tx.now.0],
    )?;
    Ok(visitor)
}

/// The visitor with this id.
pub(super) fn by_id(conn: &Connection, id: VisitorId) -> rusqlite::Result<VisitorRow> {
    conn.prepare_cached("SELECT id, user, blocked FROM visitors WHERE id = ?1")?
        .query_row([id], read)
}

/// Blocks a visitor, or lets them in again. Their rooms follow: see `visitor_changes`.
pub(super) fn set_blocked(tx: &Tx<'_>, visitor: VisitorId, blocked: bool) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE visitors SET blocked = ?2 WHERE id = ?1",
        params![visitor, blocked],
    )?;
    Ok(())
}

/// Tokens of one visitor that stay good. Every answer to a signed identity brings a
/// fresh one, so without a bound a user who comes daily would leave a key behind each
/// time; the oldest go, and the identity opens the rooms all the same.
const TOKENS_KEPT: i64 = 200;

/// Lets a token open the visitor's rooms. Returns those that it has pushed out.
pub(super) fn insert_token(
    tx: &Tx<'_>,
    visitor: VisitorId,
    token: TokenHash,
) -> rusqlite::Result<Vec<TokenHash>> {
    tx.execute(
        "INSERT INTO visitor_tokens (hash, visitor, created_at) VALUES (?1, ?2, ?3)",
        params![token.0, visitor, tx.now.0],
    )?;
    tx.conn
        .prepare_cached(
            "DELETE FROM visitor_tokens WHERE hash <> ?2 AND hash IN (
                 SELECT hash FROM visitor_tokens WHERE visitor = ?1
                 ORDER BY created_at DESC LIMIT -1 OFFSET ?3)
             RETURNING hash",
        )?
        .query_map(params![visitor, token.0, TOKENS_KEPT], token_hash)?
        .collect()
}

/// Ends all tokens of a visitor and returns them.
pub(super) fn end_tokens(tx: &Tx<'_>, visitor: VisitorId) -> rusqlite::Result<Vec<TokenHash>> {
    tx.conn
        .prepare_cached("DELETE FROM visitor_tokens WHERE visitor = ?1 RETURNING hash")?
        .query_map([visitor], token_hash)?
        .collect()
}

fn token_hash(row: &Row<'_>) -> rusqlite::Result<TokenHash> {
    row.get(0).map(TokenHash)
}

/// Removes a visitor without rooms or tokens.
pub(super) fn delete(tx: &Tx<'_>, visitor: VisitorId) -> rusqlite::Result<()> {
    tx.execute("DELETE FROM visitors WHERE id = ?1", [visitor])?;
    Ok(())
}

fn public(row: VisitorRow) -> Visitor {
    Visitor {
        id: row.id,
        user: row.user,
    }
}

impl Store {
    /// Whose token it is, or `None` when it is unknown or has ended.
    pub async fn visitor_by_token(&self, token: TokenHash) -> Result<Option<Visitor>, StoreError> {
        self.readers()
            .read(move |conn| Ok(by_token(conn, token)?.map(public)))
            .await
    }

    /// The visitor of a signed identity, if there has been one.
    pub async fn visitor_by_user(&self, user: &str) -> Result<Option<Visitor>, StoreError> {
        let user = user.to_owned();
        self.readers()
            .read(move |conn| Ok(by_user(conn, &user)?.map(public)))
            .await
    }

    /// A visitor's rooms, newest first, those without messages included.
    pub async fn visitor_rooms(
        &self,
        visitor_id: VisitorId,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<RoomPage, WriteError> {
        self.readers()
            .try_read(move |conn| {
                let before = match cursor {
                    Some(cursor) => Cursor::decode(&cursor, &[(OWN_ROOMS, 1)])?.keys[0],
                    None => i64::MAX,
                };
                let mut rows = room_rows::query(
                    conn,
                    "WHERE r.visitor = ?1 AND r.pk < ?2 ORDER BY r.pk DESC LIMIT ?3",
                    params![visitor_id, before, self::limit(limit, 1)],
                )?;
                let more = rows.len() > limit;
                rows.truncate(limit);
                let next = rows
                    .last()
                    .filter(|_| more)
                    .map(|last| Cursor::encode(OWN_ROOMS, &[last.keys.pk]));
                Ok(RoomPage {
                    records: rows.into_iter().map(|row| row.record).collect(),
                    next,
                })
            })
            .await
    }

    /// Forgets a visitor's token. Returns whether it was known.
    pub async fn end_visitor_token(&self, token: TokenHash) -> Result<bool, WriteError> {
        self.write(move |tx| {
            let ended = tx.execute("DELETE FROM visitor_tokens WHERE hash = ?1", [token.0])?;
            Ok(ended > 0)
        })
        .await
    }
}
