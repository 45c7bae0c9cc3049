use crate::chat::{NewRating, RATING_CHANGEABLE_MS, Rating, RoomId, Sender, Status};
use crate::persistence::testing::*;
use crate::persistence::*;

async fn set_status(store: &TestStore, room: RoomId, status: Status) -> u64 {
    let by = Sender::Visitor;
    let commit = store.apply(room, RoomOp::SetStatus { status, by }).await;
    commit.expect("set").record.room.last_seq
}

async fn rate(
    store: &TestStore,
    room: RoomId,
    score: u8,
    comment: &str,
) -> Result<RoomCommit, WriteError> {
    let comment = Some(comment.to_owned());
    store
        .apply(room, RoomOp::Rate(NewRating { score, comment }))
        .await
}

fn rated(result: Result<RoomCommit, WriteError>) -> (Rating, bool) {
    match result.expect("rated").effect {
        Effect::Rated { rating, is_first } => (rating, is_first),
        other => panic!("a rating had the effect {other:?}"),
    }
}

async fn scores(store: &TestStore, room: RoomId) -> Vec<(u64, u8)> {
    let ratings = store.ratings(room).await.expect("they are read");
    let score = |rating: Rating| (rating.closing, rating.score);
    ratings.into_iter().map(score).collect()
}

#[tokio::test]
async fn each_closing_has_one_rating_which_moves_nothing_but_the_version() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    store.post_as_visitor(room, "hello").await;
    let nothing = Err(Refusal::NothingToRate.into());
    let early = rate(&store, room, 5, "").await;
    assert_eq!(early.map(|commit| commit.effect), nothing);
    set_status(&store, room, Status::Closed).await;
    let before = record(&store, room).await;
    let (first, is_first) = rated(rate(&store, room, 5, "quick").await);
    assert_eq!((first.closing, first.score, is_first), (2, 5, true));
    let after = record(&store, room).await;
    assert_eq!(after.version, before.version + 1);
    assert_ne!(after.change, before.change, "consoles learn of it");
    assert_eq!(after.room, before.room);
    assert_eq!(after.unread_count, before.unread_count);
    let (changed, is_first) = rated(rate(&store, room, 2, "after all").await);
    assert_eq!((changed.closing, changed.score, is_first), (2, 2, false));
    assert_eq!(changed.created_at, first.created_at);
    let stored = store.ratings(room).await.expect("read");
    assert_eq!(stored, [changed]);

    set_status(&store, room, Status::Active).await;
    let reopened = rate(&store, room, 5, "").await;
    assert_eq!(reopened.map(|commit| commit.effect), nothing);
    assert_eq!(set_status(&store, room, Status::Closed).await, 4);
    let (second, is_first) = rated(rate(&store, room, 4, "").await);
    assert_eq!((second.closing, is_first), (4, true));
    assert_eq!(scores(&store, room).await, [(2, 2), (4, 4)]);
    assert_eq!(store.contradictions().await, [""; 0]);
}

#[tokio::test]
async fn a_rating_is_final_a_day_after_it_was_given_first() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    store.post_as_visitor(room, "hello").await;
    set_status(&store, room, Status::Closed).await;
    rated(rate(&store, room, 5, "").await);
    // A minute more than a day.
    let by = RATING_CHANGEABLE_MS + 60_000;
    store.execute_from_outside(&format!(
        "UPDATE ratings SET created_at = created_at - {by}"
    ));
    let late = rate(&store, room, 1, "").await;
    assert_eq!(late.err(), Some(Refusal::NothingToRate.into()));
    assert_eq!(scores(&store, room).await, [(2, 5)]);
}

#[tokio::test]
async fn nothing_is_taken_from_a_blocked_visitor_and_unknown_rooms_have_nothing() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    store.post_as_visitor(room, "hello").await;
    set_status(&store, room, Status::Closed).await;
    store.apply(room, block()).await.expect("blocked");
    let refused = rate(&store, room, 5, "").await;
    assert_eq!(refused.err(), Some(Refusal::Blocked.into()));
    let unknown = uuid::Uuid::now_v7();
    let refused = rate(&store, unknown, 5, "").await;
    assert_eq!(refused.err(), Some(Refusal::NotFound.into()));
    assert_eq!(store.ratings(unknown).await, Ok(vec![]));
}

#[tokio::test]
async fn ratings_go_with_their_room() {
    let store = TestStore::new();
    let mut rooms = Vec::new();
    for name in ["Ann", "Bob", "Cid"] {
        let room = store.new_room(name).await;
        store.post_as_visitor(room, "hello").await;
        set_status(&store, room, Status::Closed).await;
        rated(rate(&store, room, 3, name).await);
        rooms.push(room);
    }
    let ann = record(&store, rooms[0]).await.visitor_id;
    let begun = store.begin_erasure(vec![ann], Principal::CommandLine).await;
    begun.expect("decided").expect("she was there");
    while store.erase_step().await.expect("it goes on").is_some() {}
    let comments = "SELECT comment FROM ratings ORDER BY comment";
    assert_eq!(store.rows(comments), ["Bob", "Cid"]);
    let before = crate::chat::Timestamp(crate::chat::Timestamp::now().0 + 1);
    let before = Expiry::of_closed(before);
    let run = uuid::Uuid::now_v7();
    let expired = store.expire_rooms(run, vec![rooms[1]], before).await;
    assert_eq!(expired, Ok(vec![rooms[1]]));
    assert_eq!(store.rows(comments), ["Cid"]);
}
