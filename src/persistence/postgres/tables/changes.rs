//! What has changed in all slots. Every function has to run on the snapshot of the others.

use crate::chat::{ChangeId, ChangeVector, RoomId};
use crate::persistence::postgres::change_page::{self, ChangePage, Changed};
use crate::persistence::postgres::codes::{int, uint};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::slot::slot_code;
use crate::persistence::postgres::tx_error::TxError;

/// How far all slots are.
pub(crate) struct SlotHeads {
    /// The newest change of each.
    pub(crate) changes: ChangeVector,
    /// The newest change of each that erased a listed room.
    pub(crate) removals: ChangeVector,
}

fn slot(row: &tokio_postgres::Row) -> Result<usize, TxError> {
    let slot: i16 = row.try_get(0)?;
    usize::try_from(slot).map_err(|_| TxError::unreadable(format!("{slot} is no slot")))
}

/// Reads how far all slots are.
pub(crate) async fn heads(db: &Session) -> Result<SlotHeads, TxError> {
    let rows = db
        .query(
            "SELECT s.slot, s.change,
                 coalesce((SELECT e.change FROM erased_rooms e
                     WHERE e.slot = s.slot AND e.change > 0 ORDER BY e.change DESC LIMIT 1), 0)
             FROM slots s",
            &[],
        )
        .await?;
    let mut heads = SlotHeads {
        changes: ChangeVector::default(),
        removals: ChangeVector::default(),
    };
    for row in &rows {
        let slot = slot(row)?;
        let (change, removal) = (uint(row, 1)?, uint(row, 2)?);
        heads.changes.advance(ChangeId {
            slot,
            number: change,
        });
        heads.removals.advance(ChangeId {
            slot,
            number: removal,
        });
    }
    Ok(heads)
}

/// The first changes after `since` in all slots, about as many as a page of `items` holds.
pub(crate) async fn page(
    db: &Session,
    since: &ChangeVector,
    head: ChangeVector,
    items: usize,
) -> Result<ChangePage, TxError> {
    let mut slots: Vec<i16> = Vec::new();
    let mut numbers: Vec<i64> = Vec::new();
    let mut gaps: Vec<u64> = Vec::new();
    for (slot, newest) in head.numbers().iter().enumerate() {
        let gap = newest.saturating_sub(since.of_slot(slot));
        if gap > 0 {
            slots.push(slot_code(slot));
            numbers.push(since.of_slot(slot).cast_signed());
            gaps.push(gap);
        }
    }
    let share = change_page::share(gaps, items);
    if slots.is_empty() {
        return Ok(ChangePage::new(since, head, Vec::new(), share));
    }
    let rows = db
        .query(
            "SELECT u.slot, i.change, i.room, i.removed
             FROM unnest($1::smallint[], $2::bigint[]) AS u (slot, after)
             CROSS JOIN LATERAL (
                 (SELECT h.change, h.room, NULL::uuid AS removed FROM room_heads h
                     WHERE h.slot = u.slot AND h.change > u.after AND h.change > 0
                     ORDER BY h.change LIMIT $3)
                 UNION ALL
                 (SELECT e.change, NULL, e.room FROM erased_rooms e
                     WHERE e.slot = u.slot AND e.change > u.after AND e.change > 0
                     ORDER BY e.change LIMIT $3)
             ) i",
            &[&slots, &numbers, &int(share.saturating_add(1))],
        )
        .await?;
    let found = rows
        .iter()
        .map(|row| {
            let change = ChangeId {
                slot: slot(row)?,
                number: uint(row, 1)?,
            };
            let removed: Option<RoomId> = row.try_get(3)?;
            let changed = match removed {
                Some(room) => Changed::Removed(room),
                None => Changed::Room(row.try_get(2)?),
            };
            Ok((change, changed))
        })
        .collect::<Result<Vec<_>, TxError>>()?;
    Ok(ChangePage::new(since, head, found, share))
}
