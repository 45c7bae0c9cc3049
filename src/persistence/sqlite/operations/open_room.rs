use std::sync::Arc;

use uuid::Uuid;

use crate::chat::{Details, RoomId, RoomRecord};
use crate::persistence::rules::open_room::{self as rules, Credentials, OpenAs};
use crate::persistence::rules::visitors::{StoredVisitor, blocked_after_merge};
use crate::persistence::sqlite::operations::visitor_changes;
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::{room_rows, visitors};
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::TxError;
use crate::persistence::{Identity, OpenRoom, OpenedRoom, TokenHash, WriteError};

impl SqliteStore {
    pub(crate) async fn open_room(&self, request: OpenRoom) -> Result<OpenedRoom, WriteError> {
        self.write(move |tx| open(tx, request.clone())).await
    }
}

/// What a merge of two visitors has changed.
#[derive(Default)]
struct Merged {
    rooms: Vec<RoomId>,
    ended_tokens: Vec<TokenHash>,
}

fn open(tx: &mut Tx<'_>, request: OpenRoom) -> Result<OpenedRoom, TxError> {
    let identity = request.identity.as_ref();
    let credentials = Credentials {
        identity,
        identified: match identity {
            Some(identity) => visitors::by_user(tx.conn, &identity.user)?,
            None => None,
        },
        has_token: request.token.is_some(),
        by_token: match request.token {
            Some(token) => visitors::by_token(tx.conn, token)?,
            None => None,
        },
    };
    let mut merged = Merged::default();
    let visitor = find_or_make(tx, rules::open_as(credentials)?, &mut merged)?;
    if let Some(attributes) = identity.and_then(|identity| identity.attributes.as_ref()) {
        visitors::set_attributes(tx, visitor.id, attributes)?;
    }
    let found = room_rows::latest_open(tx.conn, visitor.id)?;
    let created = found.is_none();
    let record = match found {
        Some(row) => row.record,
        None => insert_room(tx, &visitor, identity, request.details)?,
    };
    let token_issued = rules::issues_token(created, identity);
    let Merged {
        rooms,
        mut ended_tokens,
    } = merged;
    if token_issued {
        ended_tokens.extend(visitors::insert_token(tx, visitor.id, request.fresh_token)?);
    }
    Ok(OpenedRoom {
        record: Arc::new(record),
        created,
        token_issued,
        moved: rooms,
        ended: ended_tokens,
    })
}

fn find_or_make(
    tx: &mut Tx<'_>,
    open_as: OpenAs,
    merged: &mut Merged,
) -> rusqlite::Result<StoredVisitor> {
    match open_as {
        OpenAs::Known(visitor) => Ok(visitor),
        OpenAs::New { user } => visitors::insert(tx, user),
        OpenAs::Merge { anonymous, user } => {
            let user = find_or_make(tx, *user, merged)?;
            merge(tx, &anonymous, user, merged)
        }
    }
}

/// Gives an anonymous visitor's rooms to the user and ends the anonymous tokens.
fn merge(
    tx: &mut Tx<'_>,
    anonymous: &StoredVisitor,
    mut user: StoredVisitor,
    merged: &mut Merged,
) -> rusqlite::Result<StoredVisitor> {
    let blocked = blocked_after_merge(anonymous, &user);
    let block = visitors::block(tx.conn, if user.blocked { user.id } else { anonymous.id })?;
    if blocked && !user.blocked {
        visitors::set_block(tx, user.id, block)?;
        merged.rooms.extend(visitor_changes::block(tx, user.id)?);
        user.blocked = true;
    }
    // The rooms that have not moved yet are blocked from now on as well.
    visitors::set_block(tx, anonymous.id, block)?;
    merged
        .ended_tokens
        .extend(visitors::end_tokens(tx, anonymous.id)?);
    merged
        .rooms
        .extend(visitor_changes::change_owner(tx, anonymous.id, &user)?);
    Ok(user)
}

fn insert_room(
    tx: &Tx<'_>,
    visitor: &StoredVisitor,
    identity: Option<&Identity>,
    details: Details,
) -> rusqlite::Result<RoomRecord> {
    let record = rules::new_room(Uuid::now_v7(), visitor, identity, details, tx.now);
    room_rows::insert(tx, &record)?;
    Ok(record)
}

#[cfg(test)]
mod tests {
    use crate::chat::{Details, Sender, Side, Status};
    use crate::persistence::testing::*;
    use crate::persistence::*;

    fn named(name: &str) -> Details {
        Details {
            name: Some(name.into()),
            ..Details::default()
        }
    }

    fn by_token(token_known: TokenHash) -> OpenRoom {
        OpenRoom {
            token: Some(token_known),
            ..anonymous(Details::default())
        }
    }

    fn identified(user: &str, token_known: Option<TokenHash>) -> OpenRoom {
        OpenRoom {
            token: token_known,
            identity: Some(Identity {
                user: user.into(),
                details: named("Signed"),
                attributes: None,
            }),
            ..anonymous(named("Typed"))
        }
    }

    fn close() -> RoomOp {
        RoomOp::SetStatus {
            status: Status::Closed,
            by: Sender::Visitor,
        }
    }

    async fn open(store: &TestStore, request: &OpenRoom) -> OpenedRoom {
        store.open_room(request.clone()).await.expect("it opens")
    }

    #[tokio::test]
    async fn the_oldest_tokens_of_a_user_go_when_there_are_very_many() {
        let store = TestStore::new();
        let mut tokens = Vec::new();
        for _ in 0..220 {
            let request = identified("ann", None);
            tokens.push(request.fresh_token);
            open(&store, &request).await;
        }
        let mut good = 0;
        for token in &tokens {
            good += usize::from(
                store
                    .visitor_by_token(*token)
                    .await
                    .expect("readable")
                    .is_some(),
            );
        }
        assert!((200..=201).contains(&good), "{good}");
        let newest = tokens.last().expect("there are tokens");
        let found = store.visitor_by_token(*newest).await.expect("readable");
        assert_eq!(
            found.and_then(|visitor| visitor.user).as_deref(),
            Some("ann")
        );
    }

    #[tokio::test]
    async fn a_token_finds_the_open_room_and_a_new_one_after_it_was_closed() {
        let store = TestStore::new();
        let first = anonymous(named("Ann"));
        let opened = open(&store, &first).await;
        assert!(opened.created && opened.token_issued);
        assert_eq!(opened.record.version, 0);
        let room = opened.record.room.id;
        let found = open(&store, &by_token(first.fresh_token)).await;
        assert!(!found.created && !found.token_issued);
        assert_eq!(found.record.room.id, room);
        store.apply(room, close()).await.expect("it closes");
        let again = by_token(first.fresh_token);
        let second = open(&store, &again).await;
        assert!(second.created && second.token_issued);
        let visitor = |token| store.visitor_by_token(token);
        assert_eq!(
            visitor(first.fresh_token).await,
            visitor(again.fresh_token).await,
            "the old token goes on"
        );
        let rooms = store
            .visitor_rooms(second.record.visitor_id, None, 1)
            .await
            .expect("it lists");
        assert_eq!(rooms.records[0].room.id, second.record.room.id);
        let rest = store
            .visitor_rooms(second.record.visitor_id, rooms.next, 1)
            .await
            .expect("it lists");
        assert_eq!(rest.records[0].room.id, room);
        assert_eq!(rest.next, None);
    }

    #[tokio::test]
    async fn the_room_of_latest_activity_is_found() {
        let store = TestStore::new();
        let opened = open(&store, &identified("ann", None)).await;
        let old = opened.record.room.id;
        store.post_as_visitor(old, "hello").await;
        store.apply(old, close()).await.expect("it closes");
        let new = open(&store, &identified("ann", None)).await.record.room.id;
        assert_ne!(new, old);
        store.post_as_visitor(new, "hello").await;
        store.post_as_visitor(old, "once more").await;
        let found = open(&store, &identified("ann", None)).await;
        assert_eq!(found.record.room.id, old, "its message is the newest");
        assert!(!found.created && found.token_issued);
    }

    #[tokio::test]
    async fn a_wrong_token_alone_is_refused_and_beside_an_identity_ignored() {
        let store = TestStore::new();
        let refused = store.open_room(by_token(token())).await;
        assert_eq!(refused.err(), Some(Refusal::BadToken.into()));
        let bob = identified("bob", Some(token()));
        let bobs = open(&store, &bob).await;
        assert!(bobs.created && bobs.token_issued);
        let name = bobs.record.room.customer_name.as_deref();
        assert_eq!((name, bobs.record.signed.name), (Some("Signed"), true));

        let ann = open(&store, &identified("ann", Some(bob.fresh_token))).await;
        assert!(ann.created && ann.moved.is_empty(), "two users never merge");
        let kept = store.visitor_by_token(bob.fresh_token).await.expect("read");
        assert_eq!(kept.and_then(|visitor| visitor.user), Some("bob".into()));
        assert!(
            store
                .end_visitor_token(bob.fresh_token)
                .await
                .expect("ended")
        );
        assert!(
            !store
                .end_visitor_token(bob.fresh_token)
                .await
                .expect("gone")
        );
    }

    #[tokio::test]
    async fn signing_in_moves_the_anonymous_rooms() {
        let store = TestStore::new();
        let before = anonymous(named("Guest"));
        let room = open(&store, &before).await.record.room.id;
        store.post_as_visitor(room, "hello").await;
        let change = store.head().changes.single_writer();
        let signed = identified("ann", Some(before.fresh_token));
        let merged = open(&store, &signed).await;
        assert_eq!(merged.record.room.id, room);
        assert_eq!(merged.moved, [room]);
        assert_eq!(merged.record.room.user.as_deref(), Some("ann"));
        assert_eq!(store.head().changes.single_writer(), change + 1);
        assert_eq!(
            store.visitor_by_token(before.fresh_token).await,
            Ok(None),
            "the anonymous token has ended"
        );
        let user = store.visitor_by_user("ann").await.expect("read");
        assert_eq!(user.map(|user| user.id), Some(merged.record.visitor_id));
        assert_eq!(
            record(&store, room).await.as_ref(),
            merged.record.as_ref(),
            "the reply is what is stored"
        );
    }

    #[tokio::test]
    async fn a_block_survives_signing_in_on_both_sides() {
        let store = TestStore::new();
        let users = open(&store, &identified("ann", None)).await.record.room.id;
        store.post_as_visitor(users, "hello").await;
        let before = anonymous(named("Guest"));
        let guests = open(&store, &before).await.record.room.id;
        store.apply(guests, block()).await.expect("blocked");
        let merged = open(&store, &identified("ann", Some(before.fresh_token))).await;
        assert_eq!(merged.moved, [users, guests]);
        assert!(record(&store, users).await.blocked && record(&store, guests).await.blocked);
        for room in [users, guests] {
            store.apply(room, close()).await.expect("it closes");
        }
        let new = open(&store, &identified("ann", None)).await;
        assert!(
            new.created && new.record.blocked,
            "a new room is no way out"
        );
        assert_eq!(new.record.room.read_seq(Side::Agent), 0);
    }
}
