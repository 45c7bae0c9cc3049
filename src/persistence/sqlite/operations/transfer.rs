//! The import of what an export has written: rooms whole, what is there stays as it is, and what was
//! erased does not come back.

use rusqlite::{OptionalExtension, params};

use crate::chat::{Agent, SenderType};
use crate::persistence::rules::listing::PriorState;
use crate::persistence::rules::transfer as rules;
use crate::persistence::rules::visitors::StoredVisitor;
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::places::{Place, RoomPlaces};
use crate::persistence::sqlite::tables::{
    agents, erasures, messages, notes, ratings, room_rows, tags, visitors,
};
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::TxError;
use crate::persistence::{
    TransferCounts, TransferItem, TransferRoom, TransferVisitor, WholeRoom, WriteError,
};

impl SqliteStore {
    pub(crate) async fn import_items(
        &self,
        items: Vec<TransferItem>,
    ) -> Result<TransferCounts, WriteError> {
        self.write(move |tx| {
            let mut counts = TransferCounts::default();
            for item in &items {
                match item {
                    TransferItem::Agent(agent) => import_agent(tx, agent, &mut counts)?,
                    TransferItem::Tag(tag) => tags::insert_known(tx, tag)?,
                    TransferItem::Visitor(visitor) => import_visitor(tx, visitor, &mut counts)?,
                    TransferItem::Room(room) => import_room(tx, room, &mut counts)?,
                }
            }
            Ok(counts)
        })
        .await
    }
}

fn import_agent(
    tx: &mut Tx<'_>,
    agent: &Agent,
    counts: &mut TransferCounts,
) -> Result<(), TxError> {
    let is_added = agents::insert_known(tx, agent)?;
    counts.agents += u64::from(is_added);
    counts.present_agents += u64::from(!is_added);
    Ok(())
}

fn import_visitor(
    tx: &mut Tx<'_>,
    line: &TransferVisitor,
    counts: &mut TransferCounts,
) -> Result<(), TxError> {
    if erasures::is_visitor_erased(tx.conn, line.id)? {
        counts.erased_visitors += 1;
        return Ok(());
    }
    let is_known = match &line.user {
        Some(user) => visitors::by_user(tx.conn, user)?.is_some(),
        None => false,
    } || visitors::find(tx.conn, line.id)?.is_some();
    if !is_known {
        let visitor = StoredVisitor {
            id: line.id,
            user: line.user.clone(),
            blocked: line.blocked,
        };
        visitors::insert_known(tx, &visitor, line.created_at)?;
        counts.visitors += 1;
    }
    Ok(())
}

fn import_room(
    tx: &mut Tx<'_>,
    room: &WholeRoom,
    counts: &mut TransferCounts,
) -> Result<(), TxError> {
    let WholeRoom {
        line,
        messages: log,
        ratings: given,
        notes: words,
    } = room;
    let is_present = tx
        .conn
        .prepare_cached("SELECT 1 FROM rooms WHERE id = ?1")?
        .query_row(params![line.room.id], |_| Ok(()))
        .optional()?
        .is_some();
    if is_present {
        counts.present_rooms += 1;
        return Ok(());
    }
    if erasures::is_erased(tx.conn, line.room.id, line.visitor_id)? {
        counts.erased_rooms += 1;
        return Ok(());
    }
    let visitor = find_visitor(tx, line)?;
    let record = rules::begin(line, &visitor);
    room_rows::insert(tx, &record)?;
    let mut row = room_rows::by_id(tx.conn, line.room.id)?
        .ok_or_else(|| TxError::Bug("a room that was just inserted is missing".into()))?;
    let before = PriorState::of(&row.record);
    let mut places = RoomPlaces::load(tx.conn, row.keys.pk)?;
    for message in log {
        let message = rules::append(&mut row.record, message);
        let n = messages::insert(tx, row.keys.pk, &message)?
            .ok_or_else(|| TxError::Bug("an imported room has an id twice".into()))?;
        row.keys.append(Some(n), &row.record);
        let by_customer = message.sender_type == SenderType::Customer;
        places.append(tx.conn, Place { n, by_customer })?;
    }
    // It was checked before.
    rules::settle(&mut row.record, line, log).map_err(TxError::Bug)?;
    row.record.desk = line.desk.clone();
    row.keys.append(None, &row.record);
    tx.state.record_change(before, &mut row.record);
    room_rows::write(tx.conn, before, row.keys, &row.record, Some(places.tail()))?;
    room_rows::update_desk(tx, &row, &[])?;
    for rating in given {
        ratings::write(tx, row.keys.pk, rating)?;
    }
    for note in words {
        notes::insert(tx, row.keys.pk, note, false)?;
    }
    counts.rooms += 1;
    counts.messages += log.len() as u64;
    Ok(())
}

/// The visitor of a room: the one that the export names, or who has the same user here.
fn find_visitor(tx: &Tx<'_>, line: &TransferRoom) -> Result<StoredVisitor, TxError> {
    let by_user = match &line.room.user {
        Some(user) => visitors::by_user(tx.conn, user)?,
        None => None,
    };
    let found = match by_user {
        Some(found) => Some(found),
        None => visitors::find(tx.conn, line.visitor_id)?,
    };
    found.ok_or_else(|| {
        TxError::Bug(format!(
            "the visitor of the room {} is missing",
            line.room.id
        ))
    })
}
