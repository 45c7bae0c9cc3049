use std::sync::Arc;

use uuid::Uuid;

use super::failure::Trouble;
use super::job::Tx;
use super::room_rows::{self, RoomRow};
use super::visitors::{self, VisitorRow};
use super::{Identity, OpenRoom, OpenedRoom, Refusal, Store, WriteError, rooms};
use crate::chat::{Details, DetailsPatch, Room, RoomId, RoomRecord, SignedFields, Status};

impl Store {
    /// Finds the visitor's open room of latest activity, or makes one. Refused with
    /// `BadToken` when there is no identity and the token is unknown or has ended.
    pub async fn open_room(&self, request: OpenRoom) -> Result<OpenedRoom, WriteError> {
        self.write(move |tx| open(tx, request)).await
    }
}

fn open(tx: &mut Tx<'_>, request: OpenRoom) -> Result<OpenedRoom, Trouble> {
    let mut moved = Vec::new();
    let visitor = match (&request.identity, request.token) {
        (Some(identity), token) => {
            let user = find_or_make_user(tx, identity)?;
            match token {
                Some(token) => match visitors::by_token(tx.conn, token)? {
                    // Only an anonymous visitor may become a user; two users never merge.
                    Some(anonymous) if anonymous.user.is_none() => {
                        merge(tx, &anonymous, user, &mut moved)?
                    }
                    _ => user,
                },
                None => user,
            }
        }
        (None, Some(token)) => visitors::by_token(tx.conn, token)?.ok_or(Refusal::BadToken)?,
        (None, None) => visitors::insert(tx, None)?,
    };
    let found = latest_open(tx, &visitor)?;
    let created = found.is_none();
    let record = match found {
        Some(row) => row.record,
        None => make(tx, &visitor, request.identity.as_ref(), request.details)?,
    };
    let token_issued = created || request.identity.is_some();
    if token_issued {
        visitors::insert_token(tx, visitor.id, request.fresh_token)?;
    }
    Ok(OpenedRoom {
        record: Arc::new(record),
        created,
        token_issued,
        moved,
    })
}

fn find_or_make_user(tx: &Tx<'_>, identity: &Identity) -> rusqlite::Result<VisitorRow> {
    match visitors::by_user(tx.conn, &identity.user)? {
        Some(visitor) => Ok(visitor),
        None => visitors::insert(tx, Some(identity.user.clone())),
    }
}

/// Gives an anonymous visitor's rooms to the user and ends the anonymous tokens.
/// A block of either holds for both. Every room that changed goes into `moved`.
fn merge(
    tx: &mut Tx<'_>,
    anonymous: &VisitorRow,
    mut user: VisitorRow,
    moved: &mut Vec<RoomId>,
) -> rusqlite::Result<VisitorRow> {
    let blocked = user.blocked || anonymous.blocked;
    if blocked && !user.blocked {
        moved.extend(rooms::set_blocked(tx, user.id, true)?);
        user.blocked = true;
    }
    for mut row in room_rows::of_visitor(tx.conn, anonymous.id)? {
        let before = row.record.clone();
        row.record
            .move_to(user.id, user.user.clone(), blocked, tx.now);
        room_rows::update(tx, &before, &mut row)?;
        room_rows::update_visitor(tx, &row)?;
        moved.push(row.record.room.id);
    }
    visitors::delete(tx, anonymous.id)?;
    Ok(user)
}

/// The newest message decides; rooms without any come after those with, newest first.
fn latest_open(tx: &Tx<'_>, visitor: &VisitorRow) -> rusqlite::Result<Option<RoomRow>> {
    let mut rows = room_rows::of_visitor(tx.conn, visitor.id)?;
    rows.retain(|row| row.record.room.status != Status::Closed);
    Ok(rows.into_iter().max_by_key(|row| (row.last_n, row.pk)))
}

fn make(
    tx: &mut Tx<'_>,
    visitor: &VisitorRow,
    identity: Option<&Identity>,
    details: Details,
) -> rusqlite::Result<RoomRecord> {
    let mut record = RoomRecord {
        room: Room {
            id: Uuid::now_v7(),
            status: Status::Active,
            customer_name: None,
            customer_email: None,
            customer_phone: None,
            user: visitor.user.clone(),
            page_url: None,
            created_at: tx.now,
            updated_at: tx.now,
            last_message_at: None,
            last_seq: 0,
            customer_read_seq: 0,
            admin_read_seq: 0,
        },
        visitor_id: visitor.id,
        blocked: visitor.blocked,
        signed: SignedFields::default(),
        version: 0,
        change: 0,
        unread_count: 0,
        waiting_since: None,
        last_message: None,
    };
    if let Some(identity) = identity {
        record.set_details(
            DetailsPatch::from_identity(identity.details.clone()),
            tx.now,
        );
    }
    record.set_details(DetailsPatch::from_visitor(details), tx.now);
    // However many details it was made with, it is one room that has not changed yet.
    record.version = 0;
    room_rows::insert(tx, &record)?;
    Ok(record)
}
