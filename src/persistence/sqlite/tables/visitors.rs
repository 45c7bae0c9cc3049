use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use crate::chat::{Attributes, Language, RoomId, Timestamp, VisitorId};
use crate::persistence::rules::visitors::{Block, StoredVisitor};
use crate::persistence::sqlite::codes::language;
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::{TokenHash, Visitor};

fn read(row: &Row<'_>) -> rusqlite::Result<StoredVisitor> {
    Ok(StoredVisitor {
        id: row.get(0)?,
        user: row.get(1)?,
        blocked: row.get(2)?,
    })
}

fn read_caller(row: &Row<'_>) -> rusqlite::Result<Visitor> {
    Ok(Visitor {
        id: row.get(0)?,
        user: row.get(1)?,
        language: language(row, 3)?,
    })
}

const BY_TOKEN: &str = "SELECT v.id, v.user, v.blocked, v.language
    FROM visitor_tokens t JOIN visitors v ON v.id = t.visitor WHERE t.hash = ?1";

const BY_USER: &str = "SELECT id, user, blocked, language FROM visitors WHERE user = ?1";

/// Whoever calls with a token.
pub(crate) fn caller_by_token(
    conn: &Connection,
    token: TokenHash,
) -> rusqlite::Result<Option<Visitor>> {
    conn.prepare_cached(BY_TOKEN)?
        .query_row([token.0], read_caller)
        .optional()
}

/// Whoever calls with a signed identity.
pub(crate) fn caller_by_user(conn: &Connection, user: &str) -> rusqlite::Result<Option<Visitor>> {
    conn.prepare_cached(BY_USER)?
        .query_row([user], read_caller)
        .optional()
}

/// The visitor of a token.
pub(crate) fn by_token(
    conn: &Connection,
    token: TokenHash,
) -> rusqlite::Result<Option<StoredVisitor>> {
    conn.prepare_cached(BY_TOKEN)?
        .query_row([token.0], read)
        .optional()
}

/// The visitor of a signed identity.
pub(crate) fn by_user(conn: &Connection, user: &str) -> rusqlite::Result<Option<StoredVisitor>> {
    conn.prepare_cached(BY_USER)?
        .query_row([user], read)
        .optional()
}

/// Inserts a visitor: anonymous, or this user.
pub(crate) fn insert(tx: &Tx<'_>, user: Option<String>) -> rusqlite::Result<StoredVisitor> {
    let visitor = StoredVisitor {
        id: Uuid::now_v7(),
        user,
        blocked: false,
    };
    insert_known(tx, &visitor, tx.now)?;
    Ok(visitor)
}

/// Inserts a visitor who has an id already, made at `created_at`.
pub(crate) fn insert_known(
    tx: &Tx<'_>,
    visitor: &StoredVisitor,
    created_at: Timestamp,
) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT INTO visitors (id, user, blocked, created_at) VALUES (?1, ?2, ?3, ?4)",
        params![visitor.id, visitor.user, visitor.blocked, created_at.0],
    )?;
    Ok(())
}

/// The visitor with this id, if there is one.
pub(crate) fn find(conn: &Connection, id: VisitorId) -> rusqlite::Result<Option<StoredVisitor>> {
    by_id(conn, id).optional()
}

/// The visitor with this id.
pub(crate) fn by_id(conn: &Connection, id: VisitorId) -> rusqlite::Result<StoredVisitor> {
    conn.prepare_cached("SELECT id, user, blocked FROM visitors WHERE id = ?1")?
        .query_row([id], read)
}

/// A visitor's block.
pub(crate) fn block(conn: &Connection, visitor: VisitorId) -> rusqlite::Result<Block> {
    conn.prepare_cached("SELECT blocked, blocked_until FROM visitors WHERE id = ?1")?
        .query_row([visitor], |row| {
            let until: Option<i64> = row.get(1)?;
            Ok(Block::new(row.get(0)?, until.map(Timestamp)))
        })
}

/// When the visitor was made, and the attributes as they are stored.
pub(crate) fn facts(conn: &Connection, id: VisitorId) -> rusqlite::Result<(i64, Option<String>)> {
    conn.prepare_cached("SELECT created_at, attributes FROM visitors WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Stores what the shop has signed about a visitor.
pub(crate) fn set_attributes(
    tx: &Tx<'_>,
    visitor: VisitorId,
    attributes: &Attributes,
) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE visitors SET attributes = ?2 WHERE id = ?1 AND attributes IS NOT ?2",
        params![visitor, attributes.to_json()],
    )?;
    Ok(())
}

/// The language of a room's visitor: that of their chat, else the one that the shop has signed.
pub(crate) fn language_in(conn: &Connection, room: RoomId) -> rusqlite::Result<Option<Language>> {
    let known: Option<(Option<Language>, Option<String>)> = conn
        .prepare_cached(
            "SELECT v.language, v.attributes FROM rooms r JOIN visitors v ON v.id = r.visitor
             WHERE r.id = ?1",
        )?
        .query_row([room], |row| Ok((language(row, 0)?, row.get(1)?)))
        .optional()?;
    let (spoken, attributes) = known.unwrap_or_default();
    let signed = attributes.as_deref().and_then(Attributes::from_json);
    Ok(spoken.or_else(|| signed?.language()))
}

/// Stores the language of a visitor's chat.
pub(crate) fn set_language(
    tx: &Tx<'_>,
    visitor: VisitorId,
    language: Language,
) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE visitors SET language = ?2 WHERE id = ?1",
        params![visitor, language.code()],
    )?;
    Ok(())
}

/// Sets or lifts a visitor's block. `operations::visitor_changes` applies it to
/// their rooms.
pub(crate) fn set_block(tx: &Tx<'_>, visitor: VisitorId, block: Block) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE visitors SET blocked = ?2, blocked_until = ?3 WHERE id = ?1",
        params![visitor, block.blocked, block.until.map(|at| at.0)],
    )?;
    Ok(())
}

/// Stores a token of the visitor. Returns the oldest ones that it has ended, when there were too
/// many.
pub(crate) fn insert_token(
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
        .query_map(
            params![visitor, token.0, tx.rules.visitor_tokens],
            token_hash,
        )?
        .collect()
}

/// Ends all tokens of a visitor and returns them.
pub(crate) fn end_tokens(tx: &Tx<'_>, visitor: VisitorId) -> rusqlite::Result<Vec<TokenHash>> {
    tx.conn
        .prepare_cached("DELETE FROM visitor_tokens WHERE visitor = ?1 RETURNING hash")?
        .query_map([visitor], token_hash)?
        .collect()
}

fn token_hash(row: &Row<'_>) -> rusqlite::Result<TokenHash> {
    row.get(0).map(TokenHash)
}

/// Deletes a visitor who has no rooms or tokens any more.
pub(crate) fn delete(tx: &Tx<'_>, visitor: VisitorId) -> rusqlite::Result<()> {
    tx.execute("DELETE FROM visitors WHERE id = ?1", [visitor])?;
    Ok(())
}
