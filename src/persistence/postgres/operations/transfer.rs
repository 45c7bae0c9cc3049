//! The import of what an export has written: rooms whole, what is there stays as it is, and what was
//! erased does not come back.
//!
//! It may run beside nodes and beside other imports: a visitor is locked before it is asked whether
//! they were erased, and whoever inserts the same row at once runs again and finds it.

use std::sync::Arc;

use crate::chat::{Agent, Message};
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::messages::{self, MessageColumns};
use crate::persistence::postgres::tables::room_rows::{self, RoomRow};
use crate::persistence::postgres::tables::{agents, erasures, notes, ratings, tags, visitors};
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::rules::listing::PriorState;
use crate::persistence::rules::transfer as rules;
use crate::persistence::rules::visitors::StoredVisitor;
use crate::persistence::{TransferCounts, TransferItem, TransferVisitor, WholeRoom, WriteError};

impl PostgresStore {
    pub(crate) async fn import_items(
        &self,
        items: Vec<TransferItem>,
    ) -> Result<TransferCounts, WriteError> {
        let items = Arc::new(items);
        self.write(move |tx| {
            let items = Arc::clone(&items);
            Box::pin(async move { import(tx, &items).await })
        })
        .await
    }
}

async fn import(tx: &mut Tx, items: &[TransferItem]) -> Result<TransferCounts, TxError> {
    let mut counts = TransferCounts::default();
    for item in items {
        match item {
            TransferItem::Agent(agent) => import_agent(tx, agent, &mut counts).await?,
            TransferItem::Tag(tag) => tags::insert_known(tx, tag).await?,
            TransferItem::Visitor(visitor) => import_visitor(tx, visitor, &mut counts).await?,
            TransferItem::Room(room) => import_room(tx, room, &mut counts).await?,
        }
    }
    Ok(counts)
}

async fn import_agent(
    tx: &mut Tx,
    agent: &Agent,
    counts: &mut TransferCounts,
) -> Result<(), TxError> {
    let is_added = agents::insert_known(tx, agent).await?;
    counts.agents += u64::from(is_added);
    counts.present_agents += u64::from(!is_added);
    Ok(())
}

async fn import_visitor(
    tx: &Tx,
    line: &TransferVisitor,
    counts: &mut TransferCounts,
) -> Result<(), TxError> {
    let is_known = find_visitor(tx, line.user.as_deref(), line.id)
        .await?
        .is_some();
    if erasures::is_visitor_erased(tx, line.id).await? {
        counts.erased_visitors += 1;
    } else if !is_known {
        let visitor = StoredVisitor {
            id: line.id,
            user: line.user.clone(),
            blocked: line.blocked,
        };
        visitors::insert_known(tx, &visitor, line.created_at).await?;
        counts.visitors += 1;
    }
    Ok(())
}

async fn import_room(
    tx: &mut Tx,
    room: &WholeRoom,
    counts: &mut TransferCounts,
) -> Result<(), TxError> {
    let WholeRoom {
        line,
        messages: log,
        ratings: given,
        notes: words,
    } = room;
    let visitor = find_visitor(tx, line.room.user.as_deref(), line.visitor_id).await?;
    if room_rows::by_id(tx, line.room.id).await?.is_some() {
        counts.present_rooms += 1;
        return Ok(());
    }
    if erasures::is_erased(tx, line.room.id, line.visitor_id).await? {
        counts.erased_rooms += 1;
        return Ok(());
    }
    let visitor = visitor.ok_or_else(|| {
        let room = line.room.id;
        TxError::Bug(format!("the visitor of the room {room} is missing"))
    })?;
    let record = rules::begin(line, &visitor);
    let mut row = room_rows::insert_new(tx, record).await?;
    let before = PriorState::of(&row.record);
    append(tx, &mut row, log).await?;
    // It was checked before.
    rules::settle(&mut row.record, line, log).map_err(TxError::Bug)?;
    row.record.desk = line.desk.clone();
    row.keys.append(None, &row.record);
    room_rows::update(tx, before, &mut row).await?;
    room_rows::update_desk(tx, &row, &[]).await?;
    for rating in given {
        ratings::write(tx, row.keys.pk, rating).await?;
    }
    for note in words {
        notes::insert(tx, row.keys.pk, note, false).await?;
    }
    counts.rooms += 1;
    counts.messages += log.len() as u64;
    Ok(())
}

async fn append(tx: &Tx, row: &mut RoomRow, log: &[Message]) -> Result<(), TxError> {
    for part in log.chunks(messages::INSERTED_AT_ONCE) {
        let numbers = messages::next_numbers(tx, part.len()).await?;
        let mut columns = MessageColumns::default();
        for (message, n) in part.iter().zip(numbers) {
            let message = rules::append(&mut row.record, message);
            row.keys.append(Some(n), &row.record);
            columns.push(row.keys.pk, Some(n), &message);
        }
        messages::insert(tx, &columns).await?;
    }
    Ok(())
}

/// The visitor of a room: who has the same user here, or the one that the export names. Locked.
async fn find_visitor(
    tx: &Tx,
    user: Option<&str>,
    id: crate::chat::VisitorId,
) -> Result<Option<StoredVisitor>, TxError> {
    if let Some(user) = user
        && let Some(found) = visitors::lock_user(tx, user).await?
    {
        return Ok(Some(found));
    }
    visitors::lock(tx, id).await
}
