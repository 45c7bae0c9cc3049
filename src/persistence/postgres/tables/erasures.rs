//! The rows of erasures, and of what is left to do for each.
//!
//! Whoever does a step locks the visitor or the room that it is about among those that are left, so
//! two nodes never do the same. Then it locks the erasure, so that of two steps which end together
//! the second sees that nothing is left.

use uuid::Uuid;

use crate::chat::{RoomId, VisitorId};
use crate::persistence::postgres::codes::{int, optional_time, time, uint};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::slot::slot_code;
use crate::persistence::postgres::tables::mail;
use crate::persistence::postgres::tables::room_rows::RoomRow;
use crate::persistence::postgres::tables::search;
use crate::persistence::postgres::tables::visitors;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::{Erasure, ErasureId, TokenHash, Unrecorded};

/// Why rooms are erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Somebody asked for a person to be erased.
    Person,
    /// They are past the time that the settings give them.
    Retention,
}

/// A room that was deleted and whose messages were not yet.
pub(crate) struct Leftover {
    pub(crate) erasure: ErasureId,
    pk: i64,
    /// Its newest seq.
    head: u64,
    /// Messages up to this seq are gone.
    done: u64,
}

/// Adds an erasure.
pub(crate) async fn insert(tx: &Tx, id: ErasureId, kind: Kind) -> Result<(), TxError> {
    let kind: i16 = match kind {
        Kind::Person => 0,
        Kind::Retention => 1,
    };
    tx.execute(
        "INSERT INTO erasures (id, kind, decided_at, visitors, rooms, messages, tokens, in_ledger)
         VALUES ($1, $2, $3, 0, 0, 0, 0, FALSE)",
        &[&id, &kind, &tx.now.0],
    )
    .await?;
    Ok(())
}

/// One erasure.
pub(crate) async fn by_id(db: &Session, id: ErasureId) -> Result<Option<Erasure>, TxError> {
    let row = db
        .query_opt(
            "SELECT id, decided_at, unreachable_at, finished_at, bytes_gone_at, visitors, rooms,
                    messages, tokens
             FROM erasures WHERE id = $1",
            &[&id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Erasure {
        id: row.try_get(0)?,
        decided_at: time(&row, 1)?,
        unreachable_at: optional_time(&row, 2)?,
        finished_at: optional_time(&row, 3)?,
        bytes_gone_at: optional_time(&row, 4)?,
        visitors: uint(&row, 5)?,
        rooms: uint(&row, 6)?,
        messages: uint(&row, 7)?,
        tokens: uint(&row, 8)?,
    }))
}

/// Locks an erasure. Returns whether there is one.
pub(crate) async fn lock(tx: &Tx, id: ErasureId) -> Result<bool, TxError> {
    let found = tx
        .query_opt("SELECT id FROM erasures WHERE id = $1 FOR UPDATE", &[&id])
        .await?;
    Ok(found.is_some())
}

/// Marks a locked visitor as erased: their tokens end, and no identity finds them any more. Their
/// rooms follow.
pub(crate) async fn insert_visitor(
    tx: &Tx,
    erasure: ErasureId,
    visitor: VisitorId,
) -> Result<Vec<TokenHash>, TxError> {
    let ended = visitors::end_tokens(tx, visitor).await?;
    tx.execute(
        "UPDATE visitors SET \"user\" = NULL WHERE id = $1",
        &[&visitor],
    )
    .await?;
    tx.execute(
        "DELETE FROM visitor_changes WHERE visitor = $1",
        &[&visitor],
    )
    .await?;
    tx.execute(
        "INSERT INTO erased_visitors (visitor, erasure, pending) VALUES ($1, $2, TRUE)",
        &[&visitor, &erasure],
    )
    .await?;
    tx.execute(
        "UPDATE erasures SET tokens = tokens + $2 WHERE id = $1",
        &[&erasure, &int(ended.len() as u64)],
    )
    .await?;
    Ok(ended)
}

/// Whether a room is known to be erased, by its own id or by its visitor's.
pub(crate) async fn is_erased(
    db: &Session,
    room: RoomId,
    visitor: VisitorId,
) -> Result<bool, TxError> {
    let row = db
        .query_one(
            "SELECT EXISTS (SELECT 1 FROM erased_rooms WHERE room = $1)
                 OR EXISTS (SELECT 1 FROM erased_visitors WHERE visitor = $2)",
            &[&room, &visitor],
        )
        .await?;
    Ok(row.try_get(0)?)
}

/// Whether a visitor is known to be erased.
pub(crate) async fn is_visitor_erased(db: &Session, visitor: VisitorId) -> Result<bool, TxError> {
    let row = db
        .query_opt(
            "SELECT 1 FROM erased_visitors WHERE visitor = $1",
            &[&visitor],
        )
        .await?;
    Ok(row.is_some())
}

/// The next visitor whose rooms are to be deleted; no other node has them then.
pub(crate) async fn next_visitor(tx: &Tx) -> Result<Option<(VisitorId, ErasureId)>, TxError> {
    let row = tx
        .query_opt(
            "SELECT visitor, erasure FROM erased_visitors WHERE pending LIMIT 1 FOR UPDATE",
            &[],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some((row.try_get(0)?, row.try_get(1)?)))
}

/// Deletes an erased visitor, whose rooms have gone.
pub(crate) async fn delete_visitor(
    tx: &Tx,
    erasure: ErasureId,
    visitor: VisitorId,
) -> Result<(), TxError> {
    visitors::end_tokens(tx, visitor).await?;
    visitors::delete(tx, visitor).await?;
    tx.execute(
        "UPDATE erased_visitors SET pending = FALSE WHERE visitor = $1",
        &[&visitor],
    )
    .await?;
    tx.execute(
        "UPDATE erasures SET visitors = visitors + 1 WHERE id = $1",
        &[&erasure],
    )
    .await?;
    Ok(())
}

/// Deletes locked rooms, whose messages are left for [`next_leftover`]. From then on nobody can read
/// any of them, and their ids stay known as those of erased rooms.
pub(crate) async fn delete_rooms(
    tx: &mut Tx,
    erasure: ErasureId,
    rows: &[RoomRow],
) -> Result<(), TxError> {
    if rows.is_empty() {
        return Ok(());
    }
    let (mut ids, mut pks) = (Vec::new(), Vec::new());
    let (mut slots, mut changes) = (Vec::new(), Vec::new());
    for row in rows {
        let change = tx.unlist(&row.record).unwrap_or_default();
        ids.push(row.record.room.id);
        pks.push(row.keys.pk);
        slots.push(slot_code(change.slot));
        changes.push(int(change.number));
    }
    tx.execute(
        "INSERT INTO erased_rooms (room, erasure, slot, change)
         SELECT room, $2, slot, change
         FROM unnest($1::uuid[], $3::smallint[], $4::bigint[]) u (room, slot, change)
         ON CONFLICT (room) DO UPDATE
             SET erasure = excluded.erasure, slot = excluded.slot, change = excluded.change",
        &[&ids, &erasure, &slots, &changes],
    )
    .await?;
    tx.execute(
        "INSERT INTO erasing_rooms (pk, erasure, head, done)
         SELECT room, $2, last_seq, 0 FROM room_heads WHERE room = ANY($1) AND last_seq > 0",
        &[&pks, &erasure],
    )
    .await?;
    search::forget_rooms(tx, &pks).await?;
    mail::forget_rooms(tx, &ids).await?;
    for sql in [
        "DELETE FROM redactions WHERE room = ANY($1)",
        "DELETE FROM ratings WHERE room = ANY($1)",
        "DELETE FROM room_tags WHERE room = ANY($1)",
        "DELETE FROM drafts WHERE room = ANY($1)",
        "DELETE FROM pages WHERE room = ANY($1)",
        "DELETE FROM notes WHERE room = ANY($1)",
        "DELETE FROM room_heads WHERE room = ANY($1)",
        "DELETE FROM rooms WHERE pk = ANY($1)",
    ] {
        tx.execute(sql, &[&pks]).await?;
    }
    tx.execute(
        "UPDATE erasures SET rooms = rooms + $2 WHERE id = $1",
        &[&erasure, &int(rows.len() as u64)],
    )
    .await?;
    Ok(())
}

/// The next room whose messages are to be deleted; no other node has it then.
pub(crate) async fn next_leftover(tx: &Tx) -> Result<Option<Leftover>, TxError> {
    let row = tx
        .query_opt(
            "SELECT pk, erasure, head, done FROM erasing_rooms LIMIT 1 FOR UPDATE",
            &[],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Leftover {
        pk: row.try_get(0)?,
        erasure: row.try_get(1)?,
        head: uint(&row, 2)?,
        done: uint(&row, 3)?,
    }))
}

/// Deletes the next messages of a room that is gone, at most `limit`. Returns how many.
pub(crate) async fn delete_messages(
    tx: &Tx,
    leftover: &Leftover,
    limit: u64,
) -> Result<u64, TxError> {
    let Leftover { pk, head, done, .. } = *leftover;
    let last = head.min(done + limit);
    let (after, until) = (int(done), int(last));
    search::remove_entries(tx, pk, after + 1..=until).await?;
    let deleted = tx
        .execute(
            "DELETE FROM messages WHERE room = $1 AND seq > $2 AND seq <= $3",
            &[&pk, &after, &until],
        )
        .await?;
    if last == head {
        tx.execute("DELETE FROM erasing_rooms WHERE pk = $1", &[&pk])
            .await?;
    } else {
        tx.execute(
            "UPDATE erasing_rooms SET done = $2 WHERE pk = $1",
            &[&pk, &until],
        )
        .await?;
    }
    tx.execute(
        "UPDATE erasures SET messages = messages + $2 WHERE id = $1",
        &[&leftover.erasure, &int(deleted)],
    )
    .await?;
    Ok(deleted)
}

/// Records when a locked erasure became unreachable and when its last row was deleted, once that is
/// so.
pub(crate) async fn settle(tx: &Tx, erasure: ErasureId) -> Result<(), TxError> {
    tx.execute(
        "UPDATE erasures SET unreachable_at = coalesce(unreachable_at, $2)
         WHERE id = $1 AND NOT EXISTS
             (SELECT 1 FROM erased_visitors WHERE erasure = $1 AND pending)",
        &[&erasure, &tx.now.0],
    )
    .await?;
    tx.execute(
        "UPDATE erasures SET finished_at = coalesce(finished_at, $2)
         WHERE id = $1 AND unreachable_at IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM erasing_rooms WHERE erasure = $1)",
        &[&erasure, &tx.now.0],
    )
    .await?;
    Ok(())
}

/// What the ledger beside the backups lacks: erasures of people from their decision on, those of old
/// rooms when they are complete. On one snapshot.
pub(crate) async fn unrecorded(db: &Session) -> Result<Unrecorded, TxError> {
    let mut unrecorded = Unrecorded {
        erasures: ids(db
            .query(
                "SELECT id FROM erasures
                 WHERE NOT in_ledger AND (kind = 0 OR finished_at IS NOT NULL)",
                &[],
            )
            .await?)?,
        ..Unrecorded::default()
    };
    let erased = &mut unrecorded.erased;
    let erasures = &unrecorded.erasures;
    let visitors = "SELECT visitor FROM erased_visitors WHERE erasure = ANY($1)";
    erased.visitors = ids(db.query(visitors, &[erasures]).await?)?;
    let rooms = "SELECT room FROM erased_rooms WHERE erasure = ANY($1)
         UNION ALL SELECT id FROM rooms WHERE visitor IN
             (SELECT visitor FROM erased_visitors WHERE erasure = ANY($1) AND pending)";
    erased.rooms = ids(db.query(rooms, &[erasures]).await?)?;
    let redactions = db
        .query(
            "SELECT d.room, d.seq, r.id, d.message
             FROM redactions d JOIN rooms r ON r.pk = d.room WHERE NOT d.in_ledger",
            &[],
        )
        .await?;
    for row in &redactions {
        let place = (row.try_get(0)?, row.try_get(1)?);
        unrecorded.redactions.push(place);
        erased.messages.push((row.try_get(2)?, row.try_get(3)?));
    }
    Ok(unrecorded)
}

fn ids(rows: Vec<tokio_postgres::Row>) -> Result<Vec<Uuid>, TxError> {
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The ledger has all of this.
pub(crate) async fn mark_recorded(tx: &Tx, recorded: &Unrecorded) -> Result<(), TxError> {
    tx.execute(
        "UPDATE erasures SET in_ledger = TRUE WHERE id = ANY($1)",
        &[&recorded.erasures],
    )
    .await?;
    let (rooms, seqs): (Vec<i64>, Vec<i64>) = recorded.redactions.iter().copied().unzip();
    tx.execute(
        "UPDATE redactions d SET in_ledger = TRUE
         FROM unnest($1::bigint[], $2::bigint[]) u (room, seq)
         WHERE d.room = u.room AND d.seq = u.seq",
        &[&rooms, &seqs],
    )
    .await?;
    Ok(())
}
