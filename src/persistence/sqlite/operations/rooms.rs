use std::sync::Arc;

use uuid::Uuid;

use crate::chat::{Draft, Message, RoomId, RoomRecord, Sender, Side, Status};
use crate::persistence::rules::listing::PriorState;
use crate::persistence::rules::read_marks::{self, UnreadCount};
use crate::persistence::rules::rooms::{self as rules, AssigneeState, Change};
use crate::persistence::rules::visitors::Block;
use crate::persistence::sqlite::operations::{notes, pages, ratings, suggestions, visitor_changes};
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::live_rooms::{LiveRoom, LiveRooms};
use crate::persistence::sqlite::tables::places::RoomPlaces;
use crate::persistence::sqlite::tables::room_rows::{self, RoomRow};
use crate::persistence::sqlite::tables::{agents, audit, messages, visitors};
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::TxError;
use crate::persistence::{
    AuditAction, Completion, Effect, Principal, Refusal, RoomCommit, RoomOp, RoomPatch, SetBlock,
    StoreError,
};

impl SqliteStore {
    pub(crate) fn write_room(&self, room_id: RoomId, op: RoomOp, done: Completion<RoomCommit>) {
        self.submit_to_rooms(move |tx, rooms| apply(tx, rooms, room_id, &op), done);
    }

    pub(crate) fn load_room(&self, room_id: RoomId, done: Completion<Option<Arc<RoomRecord>>>) {
        self.submit_to_rooms(
            move |tx, rooms| {
                let room = rooms.get(tx.conn, room_id)?;
                Ok(room.map(|room| Arc::clone(&room.record)))
            },
            done,
        );
    }

    pub(crate) async fn room(&self, room_id: RoomId) -> Result<Option<RoomRecord>, StoreError> {
        self.readers()
            .read(move |conn| Ok(room_rows::by_id(conn, room_id)?.map(|row| row.record)))
            .await
    }
}

/// Applies an operation to a room, inside the transaction.
///
/// Posts, read marks and changes of the status alone go through the live rooms, and write nothing
/// before it is certain that they succeed. Rarer operations empty the live rooms and go to the
/// tables. A patch does both: it is decided before anything is written, reads its room again once
/// the live rooms are empty, and writes to the room's row, at once, only what its live record has as
/// well.
fn apply(
    tx: &mut Tx<'_>,
    rooms: &mut LiveRooms,
    id: RoomId,
    op: &RoomOp,
) -> Result<RoomCommit, TxError> {
    let mut also_changed = Vec::new();
    let (record, effect) = match op {
        RoomOp::Post(draft) => post(tx, rooms, id, draft)?,
        RoomOp::MarkRead { side, seq } => mark_read(tx, rooms, id, *side, *seq)?,
        RoomOp::SetStatus { status, by } => set_status(tx, rooms, id, *status, by)?,
        RoomOp::Change(patch) => change(tx, rooms, id, patch, &mut also_changed)?,
        RoomOp::Rate(rating) => {
            rooms.flush_and_clear(tx.conn)?;
            ratings::rate(tx, id, rating.clone())?
        }
        RoomOp::Visit { url } => {
            rooms.flush_and_clear(tx.conn)?;
            pages::visit(tx, id, url)?
        }
        RoomOp::Suggest(new) => {
            rooms.flush_and_clear(tx.conn)?;
            suggestions::suggest(tx, id, new)?
        }
        RoomOp::Unsuggest => {
            rooms.flush_and_clear(tx.conn)?;
            suggestions::unsuggest(tx, id)?
        }
        RoomOp::Redact { seq, by } => {
            rooms.flush_and_clear(tx.conn)?;
            redact(tx, id, *seq, *by)?
        }
        RoomOp::Note(draft) => {
            rooms.flush_and_clear(tx.conn)?;
            notes::add(tx, find_row(tx, id)?, draft)?
        }
    };
    Ok(RoomCommit {
        record,
        effect,
        also_changed,
    })
}

/// The record after an operation, and what it did.
pub(super) type Applied = (Arc<RoomRecord>, Effect);

fn find<'r>(tx: &Tx<'_>, rooms: &'r mut LiveRooms, id: RoomId) -> Result<&'r LiveRoom, TxError> {
    Ok(rooms.get(tx.conn, id)?.ok_or(Refusal::NotFound)?)
}

fn unchanged(room: &LiveRoom) -> Applied {
    (Arc::clone(&room.record), Effect::Unchanged)
}

fn post(
    tx: &mut Tx<'_>,
    rooms: &mut LiveRooms,
    id: RoomId,
    draft: &Draft,
) -> Result<Applied, TxError> {
    let room = find(tx, rooms, id)?;
    let assignee = match rules::asks_for_assignee(&room.record, draft) {
        Some(agent) => agents::state(tx.conn, agent)?,
        None => AssigneeState::Present,
    };
    let change = match rules::post(&room.record, draft, assignee, tx.now) {
        Ok(change) => change,
        Err(refusal) => {
            let effect = repeated(tx, room, draft)?.ok_or(refusal)?;
            return Ok((Arc::clone(&room.record), effect));
        }
    };
    let Effect::Posted(message) = &change.effect else {
        return Err(TxError::Bug("a post appended no message".into()));
    };
    let Some(n) = messages::insert(tx, room.keys.pk, message)? else {
        let effect = repeated(tx, room, draft)?
            .ok_or_else(|| TxError::Bug("an id is taken, but by no message".into()))?;
        return Ok((Arc::clone(&room.record), effect));
    };
    Ok(write(tx, rooms, change, Some(n))?)
}

/// What a draft is whose id the log may have; `None` when it has not.
fn repeated(tx: &Tx<'_>, room: &LiveRoom, draft: &Draft) -> Result<Option<Effect>, TxError> {
    let stored = messages::by_id(tx.conn, room.keys.pk, &room.record.room, draft.id)?;
    Ok(match stored {
        Some(stored) => Some(rules::repeated(stored, draft)?),
        None => None,
    })
}

fn set_status(
    tx: &mut Tx<'_>,
    rooms: &mut LiveRooms,
    id: RoomId,
    status: Status,
    by: &Sender,
) -> Result<Applied, TxError> {
    let room = find(tx, rooms, id)?;
    let Some(change) = rules::set_status(&room.record, status, by, Uuid::now_v7(), tx.now)? else {
        return Ok(unchanged(room));
    };
    let Effect::StatusChanged(message) = &change.effect else {
        return Err(TxError::Bug(
            "a change of status appended no message".into(),
        ));
    };
    let n = append_system(tx, room.keys.pk, message)?;
    Ok(write(tx, rooms, change, Some(n))?)
}

/// Appends the message that records a status, and returns its number.
fn append_system(tx: &mut Tx<'_>, pk: i64, message: &Message) -> Result<i64, TxError> {
    messages::insert(tx, pk, message)?
        .ok_or_else(|| TxError::Bug("the id of a system message was taken".into()))
}

fn mark_read(
    tx: &mut Tx<'_>,
    rooms: &mut LiveRooms,
    id: RoomId,
    side: Side,
    seq: u64,
) -> Result<Applied, TxError> {
    let room = find(tx, rooms, id)?;
    let Some(moved) = read_marks::mark_read(&room.record, side, seq, tx.now)? else {
        return Ok(unchanged(room));
    };
    let by_visitor = match moved.count {
        Some(UnreadCount::Read { from, to } | UnreadCount::Unread { from, to }) => {
            let places = room.places.range(tx.conn, from, to)?;
            places.iter().filter(|place| place.by_customer).count() as u64
        }
        None => 0,
    };
    Ok(write(tx, rooms, moved.counted(by_visitor), None)?)
}

/// Puts a changed record in the place of a live room, with the number of the message that was
/// appended.
fn write(
    tx: &mut Tx<'_>,
    rooms: &mut LiveRooms,
    change: Change,
    appended: Option<i64>,
) -> rusqlite::Result<Applied> {
    let record = rooms.replace(tx, change.record, appended)?;
    Ok((record, change.effect))
}

pub(super) fn find_row(tx: &Tx<'_>, id: RoomId) -> Result<RoomRow, TxError> {
    Ok(room_rows::by_id(tx.conn, id)?.ok_or(Refusal::NotFound)?)
}

fn change(
    tx: &mut Tx<'_>,
    rooms: &mut LiveRooms,
    id: RoomId,
    patch: &RoomPatch,
    also_changed: &mut Vec<RoomId>,
) -> Result<Applied, TxError> {
    let before = Arc::clone(&find(tx, rooms, id)?.record);
    let change = rules::change(&before, patch, Uuid::now_v7(), tx.now)?;
    // What follows writes to the tables directly, so memory must be empty.
    rooms.flush_and_clear(tx.conn)?;
    let mut effect = Effect::Unchanged;
    if let Some(block) = &patch.block {
        effect = set_block(tx, &before, block, also_changed)?;
    }
    let Some(change) = change else {
        return Ok((before, effect));
    };
    let keys = find(tx, rooms, id)?.keys;
    let appended = match &change.effect {
        Effect::StatusChanged(message) => Some(append_system(tx, keys.pk, message)?),
        _ => None,
    };
    let (record, effect) = write(tx, rooms, change, appended)?;
    // Before the row gets more: a column that has the value it had when its room was read is not
    // written back later, and a message of the same batch may give it that value again.
    rooms.write_back(tx.conn)?;
    let row = RoomRow {
        keys,
        record: RoomRecord::clone(&record),
    };
    if !patch.details.is_empty() {
        room_rows::update_details(tx, &row)?;
    }
    if !patch.desk.is_empty() {
        room_rows::update_desk(tx, &row, &before.desk.tags)?;
    }
    Ok((record, effect))
}

fn redact(tx: &mut Tx<'_>, id: RoomId, seq: u64, by: Principal) -> Result<Applied, TxError> {
    let mut row = find_row(tx, id)?;
    let places = RoomPlaces::load(tx.conn, row.keys.pk)?.range(tx.conn, seq, seq)?;
    let place = *places
        .first()
        .filter(|_| seq > 0)
        .ok_or(Refusal::NotFound)?;
    if !messages::redact(tx, place.n)? {
        return Ok((Arc::new(row.record), Effect::Unchanged));
    }
    let before = PriorState::of(&row.record);
    let change = rules::redact(&row.record, seq, tx.now);
    row.record = change.record;
    room_rows::update(tx, before, &mut row)?;
    audit::insert(
        tx,
        AuditAction::MessageRedacted,
        Some(by),
        Some(format!("{id} {seq}")),
    )?;
    Ok((Arc::new(row.record), change.effect))
}

/// Stores the visitor's block, and raises the version of their other rooms; the caller changes this
/// one.
fn set_block(
    tx: &mut Tx<'_>,
    record: &RoomRecord,
    block: &SetBlock,
    also_changed: &mut Vec<RoomId>,
) -> Result<Effect, TxError> {
    let (id, mut visitor) = (record.room.id, record.visitor_id);
    let by = block.by;
    let block = Block::new(block.blocked, block.until);
    if visitors::block(tx.conn, visitor)? == block {
        return Ok(Effect::Unchanged);
    }
    visitors::set_block(tx, visitor, block)?;
    if record.blocked == block.blocked {
        // Its end alone has moved.
        return Ok(Effect::DetailsChanged);
    }
    // While the rooms move to a user, the block is the user's as well, and reaches the rooms that
    // have not moved yet when they do.
    if let Some(user) = visitor_changes::new_owner(tx, visitor)? {
        visitors::set_block(tx, user, block)?;
        visitor = user;
    }
    *also_changed = visitor_changes::block_others(tx, visitor, id)?;
    let change = if block.blocked {
        "blocked"
    } else {
        "unblocked"
    };
    audit::insert(
        tx,
        AuditAction::VisitorBlocked,
        Some(by),
        Some(format!("{id} {change}")),
    )?;
    Ok(Effect::DetailsChanged)
}

#[cfg(test)]
mod tests;
