use std::sync::Arc;

use uuid::Uuid;

use crate::chat::{Message, RoomId, RoomRecord};
use crate::persistence::postgres::lane::Item;
use crate::persistence::postgres::lane::room_job::RoomJob;
use crate::persistence::postgres::operations::{
    notes, pages, ratings, suggestions, visitor_changes,
};
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::messages::{self, MessageColumns};
use crate::persistence::postgres::tables::room_rows::{self, RoomRow};
use crate::persistence::postgres::tables::{audit, visitors};
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::{Failure, TxError};
use crate::persistence::rules::listing::PriorState;
use crate::persistence::rules::rooms as rules;
use crate::persistence::rules::visitors::Block;
use crate::persistence::{
    AuditAction, Completion, Effect, Principal, Refusal, RoomCommit, RoomOp, RoomPatch, SetBlock,
    StoreError,
};

impl PostgresStore {
    /// Posts, read marks and changes of the status alone share transactions; rarer operations have
    /// one of their own.
    pub(crate) fn write_room(&self, room_id: RoomId, op: RoomOp, done: Completion<RoomCommit>) {
        match op {
            RoomOp::Post(_) | RoomOp::MarkRead { .. } | RoomOp::SetStatus { .. } => {
                self.submit(Item::Room(RoomJob::write(room_id, op, done)));
            }
            RoomOp::Change(patch) => {
                self.submit_write(move |tx| Box::pin(change(tx, room_id, patch.clone())), done)
            }
            RoomOp::Rate(rating) => self.submit_write(
                move |tx| Box::pin(ratings::rate(tx, room_id, rating.clone())),
                done,
            ),
            RoomOp::Visit { url } => self.submit_write(
                move |tx| {
                    let url = url.clone();
                    Box::pin(async move { pages::visit(tx, room_id, &url).await })
                },
                done,
            ),
            RoomOp::Suggest(new) => self.submit_write(
                move |tx| Box::pin(suggestions::suggest(tx, room_id, new.clone())),
                done,
            ),
            RoomOp::Unsuggest => self.submit_write(
                move |tx| Box::pin(suggestions::unsuggest(tx, room_id)),
                done,
            ),
            RoomOp::Redact { seq, by } => {
                self.submit_write(move |tx| Box::pin(redact(tx, room_id, seq, by)), done);
            }
            RoomOp::Note(draft) => self.submit_write(
                move |tx| {
                    let draft = draft.clone();
                    Box::pin(async move {
                        let row = find(tx, room_id).await?;
                        notes::add(tx, row, draft).await
                    })
                },
                done,
            ),
        }
    }

    pub(crate) fn load_room(&self, room_id: RoomId, done: Completion<Option<Arc<RoomRecord>>>) {
        self.submit(Item::Room(RoomJob::load(room_id, done)));
    }

    pub(crate) async fn room(&self, room_id: RoomId) -> Result<Option<RoomRecord>, StoreError> {
        self.read(async |db| Ok(room_rows::by_id(db, room_id).await?.map(|row| row.record)))
            .await
    }
}

pub(super) async fn find(tx: &Tx, id: RoomId) -> Result<RoomRow, TxError> {
    Ok(room_rows::lock(tx, id).await?.ok_or(Refusal::NotFound)?)
}

pub(super) fn commit(row: RoomRow, effect: Effect) -> RoomCommit {
    RoomCommit {
        record: Arc::new(row.record),
        effect,
        also_changed: Vec::new(),
    }
}

async fn change(tx: &mut Tx, id: RoomId, patch: Box<RoomPatch>) -> Result<RoomCommit, TxError> {
    let mut row = match patch.block {
        Some(_) => find_with_visitor(tx, id).await?,
        None => find(tx, id).await?,
    };
    let change = rules::change(&row.record, &patch, Uuid::now_v7(), tx.now)?;
    let (mut effect, mut also_changed) = (Effect::Unchanged, Vec::new());
    if let Some(block) = &patch.block {
        effect = set_block(tx, &row.record, block, &mut also_changed).await?;
    }
    if let Some(change) = change {
        let before = PriorState::of(&row.record);
        let tags = std::mem::replace(&mut row.record, change.record).desk.tags;
        effect = change.effect;
        if let Effect::StatusChanged(message) = &effect {
            append_system(tx, &mut row, message).await?;
        }
        room_rows::update(tx, before, &mut row).await?;
        if !patch.details.is_empty() {
            room_rows::update_details(tx, &row).await?;
        }
        if !patch.desk.is_empty() {
            room_rows::update_desk(tx, &row, &tags).await?;
        }
    }
    let commit = RoomCommit {
        also_changed,
        ..commit(row, effect)
    };
    tx.publish(&commit);
    Ok(commit)
}

/// Appends the message that records a status, which the row's record has already.
async fn append_system(tx: &Tx, row: &mut RoomRow, message: &Message) -> Result<(), TxError> {
    let n = messages::next_numbers(tx, 1).await?.first().copied();
    row.keys.append(n, &row.record);
    let mut columns = MessageColumns::default();
    columns.push(row.keys.pk, n, message);
    messages::insert(tx, &columns).await
}

/// Locks a room and its visitor. Visitors are locked before rooms.
async fn find_with_visitor(tx: &Tx, id: RoomId) -> Result<RoomRow, TxError> {
    let row = room_rows::by_id(tx, id).await?.ok_or(Refusal::NotFound)?;
    let visitor = row.record.visitor_id;
    visitors::lock(tx, visitor).await?;
    let row = find(tx, id).await?;
    if row.record.visitor_id != visitor {
        return Err(TxError::Failed(Failure::Conflict));
    }
    Ok(row)
}

pub(crate) async fn redact(
    tx: &mut Tx,
    id: RoomId,
    seq: u64,
    by: Principal,
) -> Result<RoomCommit, TxError> {
    let mut row = find(tx, id).await?;
    let had_text = messages::redact(tx, row.keys.pk, seq).await?;
    if !had_text.ok_or(Refusal::NotFound)? {
        return Ok(commit(row, Effect::Unchanged));
    }
    let before = PriorState::of(&row.record);
    let change = rules::redact(&row.record, seq, tx.now);
    row.record = change.record;
    room_rows::update(tx, before, &mut row).await?;
    let subject = Some(format!("{id} {seq}"));
    audit::insert(tx, AuditAction::MessageRedacted, Some(by), subject).await?;
    Ok(commit(row, change.effect))
}

/// Stores the visitor's block, and raises the version of their other rooms; the caller changes this
/// one, and has locked the visitor.
async fn set_block(
    tx: &mut Tx,
    record: &RoomRecord,
    block: &SetBlock,
    also_changed: &mut Vec<RoomId>,
) -> Result<Effect, TxError> {
    let (id, mut visitor) = (record.room.id, record.visitor_id);
    let by = block.by;
    let block = Block::new(block.blocked, block.until);
    if visitors::block(tx, visitor).await? == block {
        return Ok(Effect::Unchanged);
    }
    visitors::set_block(tx, visitor, block).await?;
    if record.blocked == block.blocked {
        // Its end alone has moved.
        return Ok(Effect::DetailsChanged);
    }
    // While the rooms move to a user, the block is the user's as well, and reaches the rooms that
    // have not moved yet when they do.
    if let Some(user) = visitor_changes::new_owner(tx, visitor).await? {
        visitors::lock(tx, user).await?;
        visitors::set_block(tx, user, block).await?;
        visitor = user;
    }
    *also_changed = visitor_changes::block_others(tx, visitor, id).await?;
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
    )
    .await?;
    Ok(Effect::DetailsChanged)
}
