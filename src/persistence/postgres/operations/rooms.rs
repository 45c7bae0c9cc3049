use std::sync::Arc;

use crate::chat::{DeskPatch, DetailsPatch, RoomId, RoomRecord};
use crate::persistence::postgres::lane::Item;
use crate::persistence::postgres::lane::room_job::RoomJob;
use crate::persistence::postgres::operations::{
    notes, pages, ratings, suggestions, visitor_changes,
};
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::room_rows::{self, RoomRow};
use crate::persistence::postgres::tables::{audit, messages, visitors};
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::{Failure, TxError};
use crate::persistence::rules::listing::PriorState;
use crate::persistence::rules::rooms as rules;
use crate::persistence::rules::visitors::Block;
use crate::persistence::{
    AuditAction, Completion, Effect, Principal, Refusal, RoomCommit, RoomOp, StoreError,
};

impl PostgresStore {
    /// Posts, read marks and changes of status share transactions; rarer operations have one of
    /// their own.
    pub(crate) fn write_room(&self, room_id: RoomId, op: RoomOp, done: Completion<RoomCommit>) {
        match op {
            RoomOp::Post(_) | RoomOp::MarkRead { .. } | RoomOp::SetStatus { .. } => {
                self.submit(Item::Room(RoomJob::write(room_id, op, done)));
            }
            RoomOp::SetDetails(patch) => self.submit_write(
                move |tx| Box::pin(set_details(tx, room_id, patch.clone())),
                done,
            ),
            RoomOp::SetBlocked { blocked, until, by } => {
                let block = Block::new(blocked, until);
                self.submit_write(
                    move |tx| Box::pin(set_blocked(tx, room_id, block, by)),
                    done,
                );
            }
            RoomOp::SetDesk(patch) => self.submit_write(
                move |tx| Box::pin(set_desk(tx, room_id, patch.clone())),
                done,
            ),
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

async fn set_details(tx: &mut Tx, id: RoomId, patch: DetailsPatch) -> Result<RoomCommit, TxError> {
    let mut row = find(tx, id).await?;
    let Some(change) = rules::set_details(&row.record, &patch, tx.now) else {
        return Ok(commit(row, Effect::Unchanged));
    };
    let before = PriorState::of(&row.record);
    row.record = change.record;
    room_rows::update(tx, before, &mut row).await?;
    room_rows::update_details(tx, &row).await?;
    Ok(commit(row, change.effect))
}

async fn set_desk(tx: &mut Tx, id: RoomId, patch: Box<DeskPatch>) -> Result<RoomCommit, TxError> {
    let mut row = find(tx, id).await?;
    let Some(change) = rules::set_desk(&row.record, &patch)? else {
        return Ok(commit(row, Effect::Unchanged));
    };
    let before = PriorState::of(&row.record);
    let tags = std::mem::replace(&mut row.record, change.record).desk.tags;
    room_rows::update(tx, before, &mut row).await?;
    room_rows::update_desk(tx, &row, &tags).await?;
    Ok(commit(row, change.effect))
}

async fn redact(tx: &mut Tx, id: RoomId, seq: u64, by: Principal) -> Result<RoomCommit, TxError> {
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

async fn set_blocked(
    tx: &mut Tx,
    id: RoomId,
    block: Block,
    by: Principal,
) -> Result<RoomCommit, TxError> {
    let row = room_rows::by_id(tx, id).await?.ok_or(Refusal::NotFound)?;
    let mut visitor = row.record.visitor_id;
    // Visitors are locked before rooms.
    visitors::lock(tx, visitor).await?;
    let row = find(tx, id).await?;
    if row.record.visitor_id != visitor {
        return Err(TxError::Failed(Failure::Conflict));
    }
    if row.record.blocked == block.blocked {
        if visitors::block(tx, visitor).await? == block {
            return Ok(commit(row, Effect::Unchanged));
        }
        visitors::set_block(tx, visitor, block).await?;
        return Ok(commit(row, Effect::DetailsChanged));
    }
    visitors::set_block(tx, visitor, block).await?;
    // While the rooms move to a user, the block is the user's as well, and reaches the rooms that
    // have not moved yet when they do.
    if let Some(user) = visitor_changes::new_owner(tx, visitor).await? {
        visitors::lock(tx, user).await?;
        visitors::set_block(tx, user, block).await?;
        visitor = user;
    }
    let mut also_changed = visitor_changes::block(tx, visitor).await?;
    if also_changed.contains(&id) {
        also_changed.retain(|other| *other != id);
    } else {
        // Its turn comes later, but this is the room whose reply somebody waits for.
        visitor_changes::block_room(tx, &mut find(tx, id).await?).await?;
    }
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
    let row = find(tx, id).await?;
    Ok(RoomCommit {
        also_changed,
        ..commit(row, Effect::DetailsChanged)
    })
}
