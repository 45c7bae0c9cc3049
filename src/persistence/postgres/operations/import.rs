use std::collections::HashSet;
use std::sync::Arc;

use uuid::Uuid;

use crate::chat::{MessageId, RoomRecord};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::messages::{self, MessageColumns};
use crate::persistence::postgres::tables::room_rows::{self, RoomRow};
use crate::persistence::postgres::tables::{erasures, visitors};
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::rules::import::{self as rules, ReadMarks};
use crate::persistence::rules::listing::PriorState;
use crate::persistence::rules::open_room::new_room;
use crate::persistence::rules::visitors::StoredVisitor;
use crate::persistence::{
    ImportedMessage, ImportedRoom, ImportedVisitor, RoomImport, StoreError, WriteError,
};

impl PostgresStore {
    pub(crate) async fn import_room(&self, room: ImportedRoom) -> Result<RoomImport, WriteError> {
        let room = Arc::new(room);
        self.write(move |tx| {
            let room = Arc::clone(&room);
            Box::pin(async move { import(tx, &room).await })
        })
        .await
    }

    pub(crate) async fn preview_import(
        &self,
        room: Arc<ImportedRoom>,
    ) -> Result<RoomImport, StoreError> {
        self.read(async |db| {
            let found = room_rows::by_id(db, room.id).await?;
            if found.is_none() && erasures::is_erased(db, room.id, room.visitor.id).await? {
                return Ok(RoomImport::ERASED);
            }
            let missing = missing(db, found.as_ref(), &room.messages).await?.len();
            Ok(RoomImport::counted(&room, found.is_none(), missing))
        })
        .await
    }
}

/// The messages that the room does not have.
async fn missing<'m>(
    db: &Session,
    row: Option<&RoomRow>,
    log: &'m [ImportedMessage],
) -> Result<Vec<&'m ImportedMessage>, TxError> {
    let Some(row) = row else {
        return Ok(log.iter().collect());
    };
    let mut missing = Vec::new();
    for part in log.chunks(messages::INSERTED_AT_ONCE) {
        let ids: Vec<MessageId> = part
            .iter()
            .flat_map(|entry| [entry.message.id, entry.also_known_as])
            .collect();
        let present: HashSet<Uuid> = messages::present(db, row.keys.pk, &ids).await?;
        missing.extend(part.iter().filter(|entry| {
            !present.contains(&entry.message.id) && !present.contains(&entry.also_known_as)
        }));
    }
    Ok(missing)
}

/// Makes the room if it is missing and appends the messages that it does not have.
async fn import(tx: &mut Tx, room: &ImportedRoom) -> Result<RoomImport, TxError> {
    let visitor = lock_visitor(tx, room).await?;
    let found = room_rows::lock(tx, room.id).await?;
    let created = found.is_none();
    if created && erasures::is_erased(tx, room.id, room.visitor.id).await? {
        return Ok(RoomImport::ERASED);
    }
    let missing = missing(tx, found.as_ref(), &room.messages).await?;
    let result = RoomImport::counted(room, created, missing.len());
    if missing.is_empty() {
        return Ok(RoomImport {
            created: false,
            ..result
        });
    }
    let mut row = match found {
        Some(row) => row,
        None => make(tx, room, visitor).await?,
    };
    let before = PriorState::of(&row.record);
    append(tx, &mut row, &missing, room.closed).await?;
    room_rows::update(tx, before, &mut row).await?;
    Ok(result)
}

async fn append(
    tx: &Tx,
    row: &mut RoomRow,
    log: &[&ImportedMessage],
    closed: bool,
) -> Result<(), TxError> {
    let mut marks = ReadMarks::of(&row.record);
    for part in log.chunks(messages::INSERTED_AT_ONCE) {
        let numbers = messages::next_numbers(tx, part.len()).await?;
        let mut columns = MessageColumns::default();
        for (entry, n) in part.iter().zip(numbers) {
            let past = entry.message.clone();
            let message = rules::append(&mut row.record, &mut marks, past, entry.is_read);
            row.keys.append(Some(n), &row.record);
            columns.push(row.keys.pk, Some(n), &message);
        }
        messages::insert(tx, &columns).await?;
    }
    rules::finish(&mut row.record, &marks, closed);
    row.keys.append(None, &row.record);
    Ok(())
}

async fn make(
    tx: &Tx,
    room: &ImportedRoom,
    visitor: Option<StoredVisitor>,
) -> Result<RoomRow, TxError> {
    let visitor = match visitor {
        Some(visitor) => visitor,
        None => make_visitor(tx, room).await?,
    };
    let details = room.details.clone();
    let record: RoomRecord = new_room(room.id, &visitor, None, details, room.created_at);
    room_rows::insert_new(tx, record).await
}

/// Locked before the room, as everywhere.
async fn lock_visitor(tx: &Tx, room: &ImportedRoom) -> Result<Option<StoredVisitor>, TxError> {
    match &room.visitor.user {
        Some(user) => visitors::lock_user(tx, user).await,
        None => visitors::lock(tx, room.visitor.id).await,
    }
}

async fn make_visitor(tx: &Tx, room: &ImportedRoom) -> Result<StoredVisitor, TxError> {
    let ImportedVisitor { id, user, token } = &room.visitor;
    let visitor = StoredVisitor {
        id: *id,
        user: user.clone(),
        blocked: false,
    };
    visitors::insert_known(tx, &visitor, room.created_at).await?;
    if let Some(token) = token {
        visitors::insert_token(tx, *id, *token).await?;
    }
    Ok(visitor)
}
