use std::sync::Arc;

use crate::chat::{RoomRecord, SenderType};
use crate::persistence::rules::import::{self as rules, ReadMarks};
use crate::persistence::rules::listing::PriorState;
use crate::persistence::rules::open_room::new_room;
use crate::persistence::rules::visitors::StoredVisitor;
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::places::{Place, RoomPlaces};
use crate::persistence::sqlite::tables::room_rows::{self, RoomRow};
use crate::persistence::sqlite::tables::{erasures, messages, visitors};
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::TxError;
use crate::persistence::{
    ImportedMessage, ImportedRoom, ImportedVisitor, RoomImport, StoreError, WriteError,
};
use rusqlite::Connection;

impl SqliteStore {
    pub(crate) async fn import_room(&self, room: ImportedRoom) -> Result<RoomImport, WriteError> {
        let room = Arc::new(room);
        self.write(move |tx| import(tx, &room)).await
    }

    pub(crate) async fn preview_import(
        &self,
        room: Arc<ImportedRoom>,
    ) -> Result<RoomImport, StoreError> {
        self.readers()
            .read(move |conn| {
                let found = room_rows::by_id(conn, room.id)?;
                if found.is_none() && erasures::is_erased(conn, room.id, room.visitor.id)? {
                    return Ok(RoomImport::ERASED);
                }
                let missing = missing(conn, found.as_ref(), &room.messages)?.len();
                Ok(RoomImport::counted(&room, found.is_none(), missing))
            })
            .await
    }
}

/// The messages that the room does not have.
fn missing<'m>(
    conn: &Connection,
    row: Option<&RoomRow>,
    log: &'m [ImportedMessage],
) -> rusqlite::Result<Vec<&'m ImportedMessage>> {
    let mut missing = Vec::new();
    for entry in log {
        let is_present = match row {
            Some(row) => {
                messages::has(conn, row.keys.pk, entry.message.id)?
                    || messages::has(conn, row.keys.pk, entry.also_known_as)?
            }
            None => false,
        };
        if !is_present {
            missing.push(entry);
        }
    }
    Ok(missing)
}

/// Makes the room if it is missing and appends the messages that it does not have.
fn import(tx: &mut Tx<'_>, room: &ImportedRoom) -> Result<RoomImport, TxError> {
    let found = room_rows::by_id(tx.conn, room.id)?;
    let created = found.is_none();
    if created && erasures::is_erased(tx.conn, room.id, room.visitor.id)? {
        return Ok(RoomImport::ERASED);
    }
    let missing = missing(tx.conn, found.as_ref(), &room.messages)?;
    let result = RoomImport::counted(room, created, missing.len());
    if missing.is_empty() {
        return Ok(RoomImport {
            created: false,
            ..result
        });
    }
    let mut row = match found {
        Some(row) => row,
        None => make(tx, room)?,
    };
    let before = PriorState::of(&row.record);
    let places = append(tx, &mut row, &missing, room.closed)?;
    tx.state.record_change(before, &mut row.record);
    room_rows::write(tx.conn, before, row.keys, &row.record, Some(places.tail()))?;
    Ok(result)
}

fn append(
    tx: &mut Tx<'_>,
    row: &mut RoomRow,
    log: &[&ImportedMessage],
    closed: bool,
) -> Result<RoomPlaces, TxError> {
    let mut places = RoomPlaces::load(tx.conn, row.keys.pk)?;
    let mut marks = ReadMarks::of(&row.record);
    for entry in log {
        let past = entry.message.clone();
        let message = rules::append(&mut row.record, &mut marks, past, entry.is_read);
        let n = messages::insert(tx, row.keys.pk, &message)?
            .ok_or_else(|| TxError::Bug("an imported room has an id twice".into()))?;
        row.keys.append(Some(n), &row.record);
        let by_customer = message.sender_type == SenderType::Customer;
        places.append(tx.conn, Place { n, by_customer })?;
    }
    rules::finish(&mut row.record, &marks, closed);
    row.keys.append(None, &row.record);
    Ok(places)
}

fn make(tx: &mut Tx<'_>, room: &ImportedRoom) -> Result<RoomRow, TxError> {
    let visitor = find_or_make_visitor(tx, room)?;
    let details = room.details.clone();
    let record: RoomRecord = new_room(room.id, &visitor, None, details, room.created_at);
    room_rows::insert(tx, &record)?;
    room_rows::by_id(tx.conn, room.id)?
        .ok_or_else(|| TxError::Bug("a room that was just inserted is missing".into()))
}

fn find_or_make_visitor(tx: &Tx<'_>, room: &ImportedRoom) -> rusqlite::Result<StoredVisitor> {
    let ImportedVisitor { id, user, token } = &room.visitor;
    let known = match user {
        Some(user) => visitors::by_user(tx.conn, user)?,
        None => visitors::find(tx.conn, *id)?,
    };
    if let Some(known) = known {
        return Ok(known);
    }
    let visitor = StoredVisitor {
        id: *id,
        user: user.clone(),
        blocked: false,
    };
    visitors::insert_known(tx, &visitor, room.created_at)?;
    if let Some(token) = token {
        visitors::insert_token(tx, *id, *token)?;
    }
    Ok(visitor)
}
