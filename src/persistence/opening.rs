use std::sync::Arc;

use uuid::Uuid;

use super::failure::Trouble;
use super::job::Tx;
use super::room_rows::{self, RoomRow};
use super::visitors::{self, VisitorRow};
use super::{
    Identity, OpenRoom, OpenedRoom, Refusal, Store, TokenHash, WriteError, visitor_changes,
};
use crate::chat::{Details, DetailsPatch, Room, RoomId, RoomRecord, SignedFields, Status};

impl Store {
    /// Finds the visitor's open room of latest activity, or makes one. Refused with
    /// `BadToken` when there is no identity and the token is unknown or has ended.
    pub async fn open_room(&self, request: OpenRoom) -> Result<OpenedRoom, WriteError> {
        self.write(move |tx| open(tx, request.clone())).await
    }
}

fn open(tx: &mut Tx<'_>, request: OpenRoom) -> Result<OpenedRoom, Trouble> {
    let (mut moved, mut ended) = (Vec::new(), Vec::new());
    let visitor = match (&request.identity, request.token) {
        (Some(identity), token) => {
            let user = find_or_make_user(tx, identity)?;
            match token {
                Some(token) => match visitors::by_token(tx.conn, token)? {
                    // Only an anonymous visitor may become a user; two users never merge.
                    Some(anonymous) if anonymous.user.is_none() => {
                        merge(tx, &anonymous, user, &mut moved, &mut ended)?
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
        ended.extend(visitors::insert_token(tx, visitor.id, request.fresh_token)?);
    }
    Ok(OpenedRoom {
        record: Arc::new(record),
        created,
        token_issued,
        moved,
        ended,
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
    ended: &mut Vec<TokenHash>,
) -> rusqlite::Result<VisitorRow> {
    let blocked = user.blocked || anonymous.blocked;
    if blocked && !user.blocked {
        visitors::set_blocked(tx, user.id, true)?;
        moved.extend(visitor_changes::blocked(tx, user.id)?);
        user.blocked = true;
    }
    // Rooms that are still to move are blocked from now on as well.
    visitors::set_blocked(tx, anonymous.id, blocked)?;
    ended.extend(visitors::end_tokens(tx, anonymous.id)?);
    moved.extend(visitor_changes::moved(tx, anonymous.id, &user)?);
    Ok(user)
}

/// The newest message decides; rooms without any come after those with, newest first.
fn latest_open(tx: &Tx<'_>, visitor: &VisitorRow) -> rusqlite::Result<Option<RoomRow>> {
    room_rows::latest_open(tx.conn, visitor.id)
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

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::*;
    use crate::chat::{Details, Sender, Side, Status};

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

    async fn open(bench: &Bench, request: &OpenRoom) -> OpenedRoom {
        bench.open_room(request.clone()).await.expect("it opens")
    }

    #[tokio::test]
    async fn the_oldest_tokens_of_a_user_go_when_there_are_very_many() {
        let bench = Bench::new();
        let mut tokens = Vec::new();
        for _ in 0..220 {
            let request = identified("ann", None);
            tokens.push(request.fresh_token);
            open(&bench, &request).await;
        }
        let mut good = 0;
        for token in &tokens {
            good += usize::from(
                bench
                    .visitor_by_token(*token)
                    .await
                    .expect("readable")
                    .is_some(),
            );
        }
        assert!((200..=201).contains(&good), "{good}");
        let newest = tokens.last().expect("there are tokens");
        let found = bench.visitor_by_token(*newest).await.expect("readable");
        assert_eq!(
            found.and_then(|visitor| visitor.user).as_deref(),
            Some("ann")
        );
    }

    #[tokio::test]
    async fn a_token_finds_the_open_room_and_a_new_one_after_it_was_closed() {
        let bench = Bench::new();
        let first = anonymous(named("Ann"));
        let opened = open(&bench, &first).await;
        assert!(opened.created && opened.token_issued);
        assert_eq!(opened.record.version, 0);
        let room = opened.record.room.id;
        let found = open(&bench, &by_token(first.fresh_token)).await;
        assert!(!found.created && !found.token_issued);
        assert_eq!(found.record.room.id, room);
        bench.apply(room, close()).await.expect("it closes");
        let again = by_token(first.fresh_token);
        let second = open(&bench, &again).await;
        assert!(second.created && second.token_issued);
        let visitor = |token| bench.visitor_by_token(token);
        assert_eq!(
            visitor(first.fresh_token).await,
            visitor(again.fresh_token).await,
            "the old token goes on"
        );
        let rooms = bench
            .visitor_rooms(second.record.visitor_id, None, 1)
            .await
            .expect("it lists");
        assert_eq!(rooms.records[0].room.id, second.record.room.id);
        let rest = bench
            .visitor_rooms(second.record.visitor_id, rooms.next, 1)
            .await
            .expect("it lists");
        assert_eq!(rest.records[0].room.id, room);
        assert_eq!(rest.next, None);
    }

    #[tokio::test]
    async fn the_room_of_latest_activity_is_found() {
        let bench = Bench::new();
        let opened = open(&bench, &identified("ann", None)).await;
        let old = opened.record.room.id;
        bench.ask(old, "hello").await;
        bench.apply(old, close()).await.expect("it closes");
        let new = open(&bench, &identified("ann", None)).await.record.room.id;
        assert_ne!(new, old);
        bench.ask(new, "hello").await;
        bench.ask(old, "once more").await;
        let found = open(&bench, &identified("ann", None)).await;
        assert_eq!(found.record.room.id, old, "its message is the newest");
        assert!(!found.created && found.token_issued);
    }

    #[tokio::test]
    async fn a_wrong_token_alone_is_refused_and_beside_an_identity_ignored() {
        let bench = Bench::new();
        let refused = bench.open_room(by_token(token())).await;
        assert_eq!(refused.err(), Some(Refusal::BadToken.into()));
        let bob = identified("bob", Some(token()));
        let bobs = open(&bench, &bob).await;
        assert!(bobs.created && bobs.token_issued);
        let name = bobs.record.room.customer_name.as_deref();
        assert_eq!((name, bobs.record.signed.name), (Some("Signed"), true));

        let ann = open(&bench, &identified("ann", Some(bob.fresh_token))).await;
        assert!(ann.created && ann.moved.is_empty(), "two users never merge");
        let kept = bench.visitor_by_token(bob.fresh_token).await.expect("read");
        assert_eq!(kept.and_then(|visitor| visitor.user), Some("bob".into()));
        assert!(
            bench
                .end_visitor_token(bob.fresh_token)
                .await
                .expect("ended")
        );
        assert!(
            !bench
                .end_visitor_token(bob.fresh_token)
                .await
                .expect("gone")
        );
    }

    #[tokio::test]
    async fn signing_in_moves_the_anonymous_rooms() {
        let bench = Bench::new();
        let before = anonymous(named("Guest"));
        let room = open(&bench, &before).await.record.room.id;
        bench.ask(room, "hello").await;
        let change = bench.head().change;
        let signed = identified("ann", Some(before.fresh_token));
        let merged = open(&bench, &signed).await;
        assert_eq!(merged.record.room.id, room);
        assert_eq!(merged.moved, [room]);
        assert_eq!(merged.record.room.user.as_deref(), Some("ann"));
        assert_eq!(bench.head().change, change + 1);
        assert_eq!(
            bench.visitor_by_token(before.fresh_token).await,
            Ok(None),
            "the anonymous token has ended"
        );
        let user = bench.visitor_by_user("ann").await.expect("read");
        assert_eq!(user.map(|user| user.id), Some(merged.record.visitor_id));
        assert_eq!(
            record(&bench, room).await.as_ref(),
            merged.record.as_ref(),
            "what was answered is what is stored"
        );
    }

    #[tokio::test]
    async fn a_block_survives_signing_in_on_both_sides() {
        let bench = Bench::new();
        let users = open(&bench, &identified("ann", None)).await.record.room.id;
        bench.ask(users, "hello").await;
        let before = anonymous(named("Guest"));
        let guests = open(&bench, &before).await.record.room.id;
        bench.apply(guests, block()).await.expect("blocked");
        let merged = open(&bench, &identified("ann", Some(before.fresh_token))).await;
        assert_eq!(merged.moved, [users, guests]);
        assert!(record(&bench, users).await.blocked && record(&bench, guests).await.blocked);
        for room in [users, guests] {
            bench.apply(room, close()).await.expect("it closes");
        }
        let new = open(&bench, &identified("ann", None)).await;
        assert!(
            new.created && new.record.blocked,
            "a new room is no way out"
        );
        assert_eq!(new.record.room.read_seq(Side::Agent), 0);
    }
}
