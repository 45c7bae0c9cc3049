use crate::chat::{Counts, Sender, Side, Status};
use crate::persistence::testing::*;
use crate::persistence::*;
use shoptalk_local_servers::postgres_is_tested;
use uuid::Uuid;

fn refusal<T: std::fmt::Debug>(result: Result<T, WriteError>) -> Refusal {
    match result {
        Err(WriteError::Refused(refusal)) => refusal,
        other => panic!("it was refused, not {other:?}"),
    }
}

#[tokio::test]
async fn seqs_changes_and_counts_have_no_gap() {
    let store = TestStore::new();
    let (one, two) = (store.new_room("Ann").await, store.new_room("Bob").await);
    assert_eq!(store.head(), Head::default(), "an empty room is not listed");
    for (seq, room) in [(1, one), (2, one), (1, two), (3, one)] {
        assert_eq!(store.post_as_visitor(room, "hello").await.seq, seq);
    }
    assert_eq!(store.head().changes.single_writer(), 4);
    assert_eq!(store.head().counts.waiting, 2);
    store.post_as_agent(one, "hi").await;
    let closed = store
        .apply(
            two,
            RoomOp::SetStatus {
                status: Status::Closed,
                by: Sender::Visitor,
            },
        )
        .await
        .expect("it closes");
    assert!(matches!(closed.effect, Effect::StatusChanged(_)));
    let counts = Counts {
        waiting: 0,
        active: 1,
        closed: 1,
    };
    assert_eq!(
        (store.head().changes.single_writer(), store.head().counts),
        (6, counts)
    );
    let store = store.reopened();
    assert_eq!(
        (store.head().changes.single_writer(), store.head().counts),
        (6, counts)
    );
    let record = record(&store, one).await;
    assert_eq!((record.room.last_seq, record.version), (4, 4));
    assert_eq!(record.unread_count, 3);
    assert_eq!(
        record
            .last_message
            .as_ref()
            .map(|last| last.content.as_str()),
        Some("hi")
    );
}

#[tokio::test]
async fn a_retry_is_a_duplicate_and_a_reused_id_a_conflict() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    let id = Uuid::now_v7();
    let post = |sender, content| RoomOp::Post(draft(id, sender, content));
    let first = posted(store.apply(room, post(Sender::Visitor, "one")).await);
    let again = store
        .apply(room, post(Sender::Visitor, "one"))
        .await
        .expect("it is there");
    assert_eq!(again.effect, Effect::Duplicate(first.clone()));
    let other = store.apply(room, post(Sender::Visitor, "two")).await;
    assert_eq!(refusal(other), Refusal::Conflict);
    let side = Sender::Agent {
        id: Uuid::nil(),
        display_name: "Mia".into(),
    };
    assert_eq!(
        refusal(store.apply(room, post(side, "one")).await),
        Refusal::Conflict
    );
    assert_eq!(
        store.head().changes.single_writer(),
        1,
        "none of these changed anything"
    );

    store.apply(room, block()).await.expect("blocked");
    let retried = store.apply(room, post(Sender::Visitor, "one")).await;
    assert_eq!(
        retried.expect("what is stored stays").effect,
        Effect::Duplicate(first)
    );
    let new = store.apply(room, RoomOp::Post(visitor_draft("more"))).await;
    assert_eq!(refusal(new), Refusal::Blocked);
    assert_eq!(store.post_as_agent(room, "no").await.seq, 2);
}

#[tokio::test]
async fn a_block_reaches_all_rooms_of_the_visitor() {
    let store = TestStore::new();
    let mut request = anonymous(Default::default());
    let one = store.open_room(request.clone()).await.expect("it opens");
    let one = one.record.room.id;
    store.post_as_visitor(one, "hello").await;
    let close = RoomOp::SetStatus {
        status: Status::Closed,
        by: Sender::Visitor,
    };
    store.apply(one, close).await.expect("it closes");
    request.token = Some(request.fresh_token);
    request.fresh_token = token();
    let two = store.open_room(request.clone()).await.expect("it opens");
    assert!(two.created && two.token_issued);
    let two = two.record.room.id;
    let blocked = store.apply(two, block()).await.expect("blocked");
    assert_eq!(blocked.also_changed, [one]);
    assert!(blocked.record.blocked);
    // Other nodes, which PostgreSQL has, learn of a room that no console lists by its number.
    let changes = if postgres_is_tested() { 4 } else { 3 };
    assert_eq!(store.head().changes.single_writer(), changes);
    assert!(record(&store, one).await.blocked);
    let again = store.apply(one, block()).await;
    assert_eq!(again.expect("fine").effect, Effect::Unchanged);
}

#[tokio::test]
async fn reading_counts_the_unread_anew() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    for _ in 0..5 {
        store.post_as_visitor(room, "?").await;
        store.post_as_agent(room, "!").await;
    }
    let read = |seq| RoomOp::MarkRead {
        side: Side::Agent,
        seq,
    };
    for (seq, unread) in [(1, 4), (2, 4), (3, 3), (9, 0), (10, 0)] {
        let commit = store.apply(room, read(seq)).await.expect("it moves");
        assert_eq!(commit.record.unread_count, unread, "after {seq}");
        assert_eq!(
            commit.effect,
            Effect::ReadMoved {
                side: Side::Agent,
                seq
            }
        );
    }
    let back = store.apply(room, read(4)).await.expect("fine");
    assert_eq!(back.effect, Effect::Unchanged);
    assert!(matches!(
        refusal(store.apply(room, read(11)).await),
        Refusal::PastHead(_)
    ));
    let page = store.messages_after(room, 0, 50).await.expect("it reads");
    assert!(
        page.messages
            .iter()
            .all(|message| message.is_read == (message.sender_name == "Ann"))
    );
}

#[tokio::test]
async fn an_unknown_room_is_not_found() {
    let store = TestStore::new();
    let post = RoomOp::Post(visitor_draft("hello"));
    assert_eq!(
        refusal(store.apply(Uuid::now_v7(), post).await),
        Refusal::NotFound
    );
}
