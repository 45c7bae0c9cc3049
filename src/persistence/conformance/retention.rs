use uuid::Uuid;

use crate::chat::{Details, RoomId, Sender, Status, Timestamp};
use crate::persistence::testing::*;
use crate::persistence::*;

async fn closed_room(store: &TestStore) -> (RoomId, TokenHash) {
    let request = anonymous(Details::default());
    let token = request.fresh_token;
    let room = store.open_room(request).await.expect("it opens");
    let room = room.record.room.id;
    store.post_as_visitor(room, "hello").await;
    let close = RoomOp::SetStatus {
        status: Status::Closed,
        by: Sender::Visitor,
    };
    store.apply(room, close).await.expect("it closes");
    (room, token)
}

#[tokio::test]
async fn old_closed_rooms_go_and_those_that_were_opened_again_stay() {
    let store = TestStore::new();
    let (old, token) = closed_room(&store).await;
    let (reopened, other) = closed_room(&store).await;
    let open = store.new_room("Bob").await;
    store.post_as_visitor(open, "hello").await;
    let before = Expiry::of_closed(Timestamp(Timestamp::now().0 + 1));
    let none = store
        .expired_rooms(Expiry::of_closed(Timestamp(0)))
        .await
        .expect("it reads");
    assert!(none.is_empty());
    let mut found = store.expired_rooms(before).await.expect("it reads");
    found.sort();
    let mut both = vec![old, reopened];
    both.sort();
    assert_eq!(found, both);
    store.post_as_visitor(reopened, "one more thing").await;
    let run = Uuid::now_v7();
    let removed = store.expire_rooms(run, found, before).await;
    assert_eq!(removed, Ok(vec![old]));
    while store.erase_step().await.expect("it goes on").is_some() {}
    let run = store.erasure(run).await.expect("it reads").expect("known");
    assert_eq!((run.rooms, run.messages), (1, 2));
    assert!(run.finished_at.is_some());
    assert_eq!(store.room(old).await, Ok(None));
    assert_eq!(store.visitor_by_token(token).await, Ok(None));
    assert!(
        store
            .visitor_by_token(other)
            .await
            .expect("it reads")
            .is_some()
    );
    assert!(store.room(reopened).await.expect("it reads").is_some());
    assert!(!store.is_rewrite_due().await.expect("it reads"));
    let unrecorded = store.unrecorded().await.expect("it reads");
    assert_eq!(unrecorded.erased.rooms, [old]);
}

#[tokio::test]
async fn old_spam_goes_whatever_its_status() {
    let store = TestStore::new();
    let (spam, open) = (store.new_room("Spam").await, store.new_room("Ann").await);
    for room in [spam, open] {
        store.post_as_visitor(room, "hello").await;
    }
    let marked = crate::chat::DeskPatch {
        spam: Some(true),
        ..Default::default()
    };
    let marked = RoomOp::set_desk(marked);
    store.apply(spam, marked).await.expect("marked");
    let now = Timestamp(Timestamp::now().0 + 1);
    let closed = Expiry::of_closed(now);
    assert_eq!(store.expired_rooms(closed).await, Ok(Vec::new()));
    let expiry = Expiry {
        closed_before: None,
        spam_before: Some(now),
    };
    let found = store.expired_rooms(expiry).await.expect("it reads");
    assert_eq!(found, [spam]);
    let removed = store.expire_rooms(Uuid::now_v7(), found, expiry).await;
    assert_eq!(removed, Ok(vec![spam]));
    assert!(store.room(open).await.expect("it reads").is_some());
    assert!(store.contradictions().await.is_empty());
}
