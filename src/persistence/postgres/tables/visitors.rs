use tokio_postgres::Row;
use uuid::Uuid;

use crate::chat::{Attributes, Language, RoomId, Timestamp, VisitorId};
use crate::persistence::postgres::codes::{language, optional_time};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::rules::visitors::{Block, StoredVisitor};
use crate::persistence::{TokenHash, Visitor};

fn read(row: &Row) -> Result<StoredVisitor, TxError> {
    Ok(StoredVisitor {
        id: row.try_get(0)?,
        user: row.try_get(1)?,
        blocked: row.try_get(2)?,
    })
}

fn read_token(row: &Row) -> Result<TokenHash, TxError> {
    let bytes: &[u8] = row.try_get(0)?;
    let hash = bytes.try_into();
    hash.map(TokenHash)
        .map_err(|_| TxError::unreadable("a token's hash has another length than 32"))
}

fn read_caller(row: &Row) -> Result<Visitor, TxError> {
    Ok(Visitor {
        id: row.try_get(0)?,
        user: row.try_get(1)?,
        language: language(row, 3)?,
    })
}

const BY_TOKEN: &str = "SELECT v.id, v.\"user\", v.blocked, v.language
    FROM visitor_tokens t JOIN visitors v ON v.id = t.visitor WHERE t.hash = $1";

const BY_USER: &str = "SELECT id, \"user\", blocked, language FROM visitors WHERE \"user\" = $1";

/// Whoever calls with a token.
pub(crate) async fn caller_by_token(
    db: &Session,
    token: TokenHash,
) -> Result<Option<Visitor>, TxError> {
    let row = db.query_opt(BY_TOKEN, &[&&token.0[..]]).await?;
    row.as_ref().map(read_caller).transpose()
}

/// Whoever calls with a signed identity.
pub(crate) async fn caller_by_user(db: &Session, user: &str) -> Result<Option<Visitor>, TxError> {
    let row = db.query_opt(BY_USER, &[&user]).await?;
    row.as_ref().map(read_caller).transpose()
}

/// The visitor of a token.
pub(crate) async fn by_token(
    db: &Session,
    token: TokenHash,
) -> Result<Option<StoredVisitor>, TxError> {
    let row = db.query_opt(BY_TOKEN, &[&&token.0[..]]).await?;
    row.as_ref().map(read).transpose()
}

/// Which of these tokens have not ended.
pub(crate) async fn valid_tokens(
    db: &Session,
    hashes: &[&[u8]],
) -> Result<Vec<TokenHash>, TxError> {
    let rows = db
        .query(
            "SELECT hash FROM visitor_tokens WHERE hash = ANY($1)",
            &[&hashes],
        )
        .await?;
    rows.iter().map(read_token).collect()
}

/// The visitor of a signed identity.
pub(crate) async fn by_user(db: &Session, user: &str) -> Result<Option<StoredVisitor>, TxError> {
    let row = db.query_opt(BY_USER, &[&user]).await?;
    row.as_ref().map(read).transpose()
}

/// The visitor with this id, if there is one.
pub(crate) async fn find(db: &Session, id: VisitorId) -> Result<Option<StoredVisitor>, TxError> {
    let row = db
        .query_opt(
            "SELECT id, \"user\", blocked FROM visitors WHERE id = $1",
            &[&id],
        )
        .await?;
    row.as_ref().map(read).transpose()
}

/// Locks a visitor and reads them. Whoever opens a room for a visitor, ends their tokens or changes
/// what concerns all of their rooms does so first, and before it locks a room.
pub(crate) async fn lock(tx: &Tx, id: VisitorId) -> Result<Option<StoredVisitor>, TxError> {
    let row = tx
        .query_opt(
            "SELECT id, \"user\", blocked FROM visitors WHERE id = $1 FOR NO KEY UPDATE",
            &[&id],
        )
        .await?;
    row.as_ref().map(read).transpose()
}

/// Inserts a visitor: anonymous, or this user.
pub(crate) async fn insert(tx: &Tx, user: Option<String>) -> Result<StoredVisitor, TxError> {
    let visitor = StoredVisitor {
        id: Uuid::now_v7(),
        user,
        blocked: false,
    };
    insert_known(tx, &visitor, tx.now).await?;
    Ok(visitor)
}

/// Inserts a visitor who has an id already, made at `created_at`.
pub(crate) async fn insert_known(
    tx: &Tx,
    visitor: &StoredVisitor,
    created_at: Timestamp,
) -> Result<(), TxError> {
    tx.execute(
        "INSERT INTO visitors (id, \"user\", blocked, created_at) VALUES ($1, $2, $3, $4)",
        &[&visitor.id, &visitor.user, &visitor.blocked, &created_at.0],
    )
    .await?;
    Ok(())
}

/// A visitor's block.
pub(crate) async fn block(db: &Session, visitor: VisitorId) -> Result<Block, TxError> {
    let sql = "SELECT blocked, blocked_until FROM visitors WHERE id = $1";
    let row = db.query_one(sql, &[&visitor]).await?;
    Ok(Block::new(row.try_get(0)?, optional_time(&row, 1)?))
}

/// When the visitor was made, and the attributes as they are stored.
pub(crate) async fn facts(db: &Session, id: VisitorId) -> Result<(i64, Option<String>), TxError> {
    let row = db
        .query_one(
            "SELECT created_at, attributes FROM visitors WHERE id = $1",
            &[&id],
        )
        .await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// Stores what the shop has signed about a visitor.
pub(crate) async fn set_attributes(
    tx: &Tx,
    visitor: VisitorId,
    attributes: &Attributes,
) -> Result<(), TxError> {
    tx.execute(
        "UPDATE visitors SET attributes = $2
         WHERE id = $1 AND attributes IS DISTINCT FROM $2",
        &[&visitor, &attributes.to_json()],
    )
    .await?;
    Ok(())
}

/// The language of a room's visitor: that of their chat, else the one that the shop has signed.
pub(crate) async fn language_in(db: &Session, room: RoomId) -> Result<Option<Language>, TxError> {
    let row = db
        .query_opt(
            "SELECT v.language, v.attributes FROM rooms r JOIN visitors v ON v.id = r.visitor
             WHERE r.id = $1",
            &[&room],
        )
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let spoken = language(&row, 0)?;
    let attributes: Option<&str> = row.try_get(1)?;
    let signed = attributes.and_then(Attributes::from_json);
    Ok(spoken.or_else(|| signed?.language()))
}

/// Stores the language of a visitor's chat.
pub(crate) async fn set_language(
    tx: &Tx,
    visitor: VisitorId,
    language: Language,
) -> Result<(), TxError> {
    let sql = "UPDATE visitors SET language = $2 WHERE id = $1";
    tx.execute(sql, &[&visitor, &language.code()]).await?;
    Ok(())
}

/// Sets or lifts a visitor's block. `operations::visitor_changes` applies it to their rooms.
pub(crate) async fn set_block(tx: &Tx, visitor: VisitorId, block: Block) -> Result<(), TxError> {
    tx.execute(
        "UPDATE visitors SET blocked = $2, blocked_until = $3 WHERE id = $1",
        &[&visitor, &block.blocked, &block.until.map(|at| at.0)],
    )
    .await?;
    Ok(())
}

/// Stores a token of the visitor. Returns the oldest ones that it has ended, when there were too
/// many.
pub(crate) async fn insert_token(
    tx: &Tx,
    visitor: VisitorId,
    token: TokenHash,
) -> Result<Vec<TokenHash>, TxError> {
    let hash = &token.0[..];
    tx.execute(
        "INSERT INTO visitor_tokens (hash, visitor, created_at) VALUES ($1, $2, $3)",
        &[&hash, &visitor, &tx.now.0],
    )
    .await?;
    let ended = tx
        .query(
            "DELETE FROM visitor_tokens WHERE hash <> $2 AND hash IN (
                 SELECT hash FROM visitor_tokens WHERE visitor = $1
                 ORDER BY created_at DESC OFFSET $3)
             RETURNING hash",
            &[&visitor, &hash, &i64::from(tx.rules.visitor_tokens)],
        )
        .await?;
    note_ended(tx, &ended)
}

/// Ends all tokens of a visitor and returns them.
pub(crate) async fn end_tokens(tx: &Tx, visitor: VisitorId) -> Result<Vec<TokenHash>, TxError> {
    let ended = tx
        .query(
            "DELETE FROM visitor_tokens WHERE visitor = $1 RETURNING hash",
            &[&visitor],
        )
        .await?;
    note_ended(tx, &ended)
}

fn note_ended(tx: &Tx, ended: &[Row]) -> Result<Vec<TokenHash>, TxError> {
    if !ended.is_empty() {
        tx.note_ended_tokens();
    }
    ended.iter().map(read_token).collect()
}

/// Deletes a visitor who has no rooms or tokens any more.
pub(crate) async fn delete(tx: &Tx, visitor: VisitorId) -> Result<(), TxError> {
    tx.execute("DELETE FROM visitors WHERE id = $1", &[&visitor])
        .await?;
    Ok(())
}

/// Locks the visitor of a signed identity, if there is one.
pub(crate) async fn lock_user(tx: &Tx, user: &str) -> Result<Option<StoredVisitor>, TxError> {
    let row = tx
        .query_opt(
            "SELECT id, \"user\", blocked FROM visitors WHERE \"user\" = $1 FOR NO KEY UPDATE",
            &[&user],
        )
        .await?;
    row.as_ref().map(read).transpose()
}

/// Locks those of these visitors who are there, in the order of their ids: nobody changes them or
/// opens a room as one of them until the transaction ends.
pub(crate) async fn lock_all(tx: &Tx, visitors: &[VisitorId]) -> Result<Vec<VisitorId>, TxError> {
    let rows = tx
        .query(
            "SELECT id FROM visitors WHERE id = ANY($1) ORDER BY id FOR UPDATE",
            &[&visitors],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Deletes those of these locked visitors who have no rooms. One who is blocked stays, since nothing
/// else records the block.
pub(crate) async fn delete_unused(tx: &Tx, visitors: &[VisitorId]) -> Result<(), TxError> {
    let rows = tx
        .query(
            "SELECT id FROM visitors v WHERE id = ANY($1) AND NOT blocked
                 AND NOT EXISTS (SELECT 1 FROM rooms WHERE visitor = v.id)
                 AND NOT EXISTS (SELECT 1 FROM visitor_changes
                                 WHERE visitor = v.id OR new_owner = v.id)",
            &[&visitors],
        )
        .await?;
    for row in &rows {
        let visitor = row.try_get(0)?;
        end_tokens(tx, visitor).await?;
        delete(tx, visitor).await?;
    }
    Ok(())
}
