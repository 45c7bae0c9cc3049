//! Repeating erasures in a database that may not know of them, because it is a backup from before.

use rusqlite::Connection;
use uuid::Uuid;

use crate::persistence::sqlite::operations::retention::delete_if_unused;
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::erasures::{self, Kind};
use crate::persistence::sqlite::tables::{audit, messages, room_rows};
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::TxError;
use crate::persistence::{AuditAction, Erased, ErasedAgain, ErasureId, Principal, WriteError};

impl SqliteStore {
    /// Erases what of this is here, and returns how much that was.
    pub(crate) async fn repeat_erasures(&self, erased: Erased) -> Result<ErasedAgain, WriteError> {
        let (is_here, erased) = self
            .readers()
            .read(move |conn| Ok((is_here(conn, &erased)?, erased.clone())))
            .await?;
        if !is_here {
            return Ok(ErasedAgain::default());
        }
        let id = Uuid::now_v7();
        let redacted = self.write(move |tx| repeat(tx, id, &erased)).await?;
        // Until nobody can read any of it. What is left of it, the server deletes while it serves.
        while self
            .erase_step()
            .await?
            .is_some_and(|step| step.messages == 0)
        {}
        let erasure = self.erasure(id).await?;
        Ok(ErasedAgain {
            visitors: erasure.as_ref().map_or(0, |erasure| erasure.visitors),
            rooms: erasure.map_or(0, |erasure| erasure.rooms),
            redacted,
        })
    }
}

/// Whether any of this is here and can be read.
fn is_here(conn: &Connection, erased: &Erased) -> rusqlite::Result<bool> {
    if !super::not_erased(conn, &erased.visitors)?.is_empty() {
        return Ok(true);
    }
    let mut room = conn.prepare_cached("SELECT 1 FROM rooms WHERE id = ?1")?;
    for id in &erased.rooms {
        if room.exists([id])? {
            return Ok(true);
        }
    }
    let mut text = conn.prepare_cached("SELECT 1 FROM messages WHERE n = ?1 AND content <> ''")?;
    for (room, message) in &erased.messages {
        if let Some(n) = messages::number(conn, *room, *message)?
            && text.exists([n])?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Decides again what was decided elsewhere. Ids that are not here are entered as well, so that an
/// import or the next restore knows them. What is left to do is done by [`step`](super::step).
/// Returns how many messages lost their text.
pub(crate) fn repeat(tx: &mut Tx<'_>, id: ErasureId, erased: &Erased) -> Result<u64, TxError> {
    let mut redacted = 0;
    for (room, message) in &erased.messages {
        if let Some(n) = messages::number(tx.conn, *room, *message)? {
            redacted += u64::from(messages::redact(tx, n)?);
        }
    }
    if erasures::knows_all(tx.conn, erased)? {
        return Ok(redacted);
    }
    erasures::insert(tx, id, Kind::Person)?;
    for visitor in super::not_erased(tx.conn, &erased.visitors)? {
        erasures::insert_visitor(tx, id, visitor)?;
    }
    for visitor in &erased.visitors {
        erasures::enter_visitor(tx, id, *visitor)?;
    }
    for room in &erased.rooms {
        match room_rows::by_id(tx.conn, *room)? {
            Some(row) => {
                erasures::delete_room(tx, id, &row)?;
                // Before they signed in, the same person may have been another visitor.
                delete_if_unused(tx, row.record.visitor_id)?;
            }
            None => erasures::enter_room(tx, id, *room)?,
        }
    }
    erasures::settle(tx, id)?;
    let (action, by) = (AuditAction::PersonErased, Principal::CommandLine);
    audit::insert(tx, action, Some(by), Some(id.to_string()))?;
    Ok(redacted)
}
