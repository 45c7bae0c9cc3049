use std::sync::Arc;

use uuid::Uuid;

use crate::chat::{Details, RoomId, RoomRecord};
use crate::persistence::postgres::operations::visitor_changes;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::{room_rows, visitors};
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::{Failure, TxError};
use crate::persistence::rules::open_room::{self as rules, Credentials, OpenAs};
use crate::persistence::rules::visitors::{StoredVisitor, blocked_after_merge};
use crate::persistence::{Identity, OpenRoom, OpenedRoom, TokenHash, WriteError};

impl PostgresStore {
    pub(crate) async fn open_room(&self, request: OpenRoom) -> Result<OpenedRoom, WriteError> {
        self.write(move |tx| Box::pin(open(tx, request.clone())))
            .await
    }
}

/// What a merge of two visitors has changed.
#[derive(Default)]
struct Merged {
    rooms: Vec<RoomId>,
    ended_tokens: Vec<TokenHash>,
}

async fn open(tx: &mut Tx, request: OpenRoom) -> Result<OpenedRoom, TxError> {
    let identity = request.identity.as_ref();
    let (identified, by_token) = lock_named(tx, &request).await?;
    let credentials = Credentials {
        identity,
        identified,
        has_token: request.token.is_some(),
        by_token,
    };
    let mut merged = Merged::default();
    let visitor = find_or_make(tx, rules::open_as(credentials)?, &mut merged).await?;
    if let Some(attributes) = identity.and_then(|identity| identity.attributes.as_ref()) {
        visitors::set_attributes(tx, visitor.id, attributes).await?;
    }
    let found = room_rows::latest_open(tx, visitor.id).await?;
    let created = found.is_none();
    let record = match found {
        Some(row) => row.record,
        None => insert_room(tx, &visitor, identity, request.details.clone()).await?,
    };
    let token_issued = rules::issues_token(created, identity);
    let Merged {
        rooms,
        mut ended_tokens,
    } = merged;
    if token_issued {
        let ended = visitors::insert_token(tx, visitor.id, request.fresh_token).await?;
        ended_tokens.extend(ended);
    }
    Ok(OpenedRoom {
        record: Arc::new(record),
        created,
        token_issued,
        moved: rooms,
        ended: ended_tokens,
    })
}

/// The visitors of the identity and of the token, locked in the order of their ids: no other node
/// opens a room for them or ends their tokens meanwhile.
async fn lock_named(
    tx: &Tx,
    request: &OpenRoom,
) -> Result<(Option<StoredVisitor>, Option<StoredVisitor>), TxError> {
    let (identified, by_token) = find_named(tx, request).await?;
    let mut named: Vec<Uuid> = [&identified, &by_token]
        .into_iter()
        .filter_map(|visitor| Some(visitor.as_ref()?.id))
        .collect();
    named.sort_unstable();
    for id in named {
        visitors::lock(tx, id).await?;
    }
    // Once more, since a token may have ended, or its visitor merged, before the lock was there.
    let again = find_named(tx, request).await?;
    let ids = |found: &(Option<StoredVisitor>, Option<StoredVisitor>)| {
        let id = |visitor: &Option<StoredVisitor>| visitor.as_ref().map(|visitor| visitor.id);
        (id(&found.0), id(&found.1))
    };
    if again.0.is_some() && ids(&again).0 != identified.map(|visitor| visitor.id) {
        // Made by another node just now, and not locked yet.
        return Err(TxError::Failed(Failure::Conflict));
    }
    Ok(again)
}

async fn find_named(
    tx: &Tx,
    request: &OpenRoom,
) -> Result<(Option<StoredVisitor>, Option<StoredVisitor>), TxError> {
    let identified = match &request.identity {
        Some(identity) => visitors::by_user(tx, &identity.user).await?,
        None => None,
    };
    let by_token = match request.token {
        Some(token) => visitors::by_token(tx, token).await?,
        None => None,
    };
    Ok((identified, by_token))
}

async fn find_or_make(
    tx: &mut Tx,
    open_as: OpenAs,
    merged: &mut Merged,
) -> Result<StoredVisitor, TxError> {
    match open_as {
        OpenAs::Known(visitor) => Ok(visitor),
        OpenAs::New { user } => visitors::insert(tx, user).await,
        OpenAs::Merge { anonymous, user } => {
            let user = match *user {
                OpenAs::Known(visitor) => visitor,
                OpenAs::New { user } => visitors::insert(tx, user).await?,
                OpenAs::Merge { .. } => {
                    return Err(TxError::Bug("a merge into a merge".into()));
                }
            };
            merge(tx, &anonymous, user, merged).await
        }
    }
}

/// Gives an anonymous visitor's rooms to the user and ends the anonymous tokens.
async fn merge(
    tx: &mut Tx,
    anonymous: &StoredVisitor,
    mut user: StoredVisitor,
    merged: &mut Merged,
) -> Result<StoredVisitor, TxError> {
    let blocked = blocked_after_merge(anonymous, &user);
    let block = visitors::block(tx, if user.blocked { user.id } else { anonymous.id }).await?;
    if blocked && !user.blocked {
        visitors::set_block(tx, user.id, block).await?;
        let rooms = visitor_changes::block(tx, user.id).await?;
        merged.rooms.extend(rooms);
        user.blocked = true;
    }
    // The rooms that have not moved yet are blocked from now on as well.
    visitors::set_block(tx, anonymous.id, block).await?;
    let ended = visitors::end_tokens(tx, anonymous.id).await?;
    merged.ended_tokens.extend(ended);
    let moved = visitor_changes::change_owner(tx, anonymous.id, &user).await?;
    merged.rooms.extend(moved);
    Ok(user)
}

async fn insert_room(
    tx: &Tx,
    visitor: &StoredVisitor,
    identity: Option<&Identity>,
    details: Details,
) -> Result<RoomRecord, TxError> {
    let record = rules::new_room(Uuid::now_v7(), visitor, identity, details, tx.now);
    room_rows::insert(tx, &record).await?;
    Ok(record)
}
