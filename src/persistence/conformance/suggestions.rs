use crate::chat::{RoomId, RoomRecord, Suggestion};
use crate::persistence::testing::*;
use crate::persistence::*;

fn suggest(after_seq: u64, content: &str) -> RoomOp {
    RoomOp::Suggest(NewSuggestion {
        after_seq,
        content: content.into(),
        by: "Robot".into(),
    })
}

fn suggested(commit: Result<RoomCommit, WriteError>) -> (Suggestion, RoomRecord) {
    let commit = commit.expect("stored");
    match commit.effect {
        Effect::Suggested(Some(suggestion)) => (suggestion, RoomRecord::clone(&commit.record)),
        other => panic!("it is a suggestion, not {other:?}"),
    }
}

async fn stored(store: &Store, room: RoomId) -> Option<String> {
    let suggestion = store.suggestion(room).await.expect("it reads");
    suggestion.map(|suggestion| suggestion.content)
}

#[tokio::test]
async fn a_room_has_one_suggestion_which_moves_nothing_that_a_visitor_sees() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    store.post_as_visitor(room, "hello").await;
    let before = record(&store, room).await;
    let (first, after) = suggested(store.apply(room, suggest(1, "Good day")).await);
    assert_eq!((first.after_seq, first.by.as_str()), (1, "Robot"));
    assert_eq!(store.suggestion(room).await, Ok(Some(first)));
    assert_ne!(after.change, before.change, "other nodes learn of it");
    let same = RoomRecord {
        version: before.version + 1,
        change: after.change,
        ..RoomRecord::clone(&before)
    };
    assert_eq!(after, same);
    assert_eq!(*record(&store, room).await, same, "as it is stored");

    suggested(store.apply(room, suggest(1, "Good evening")).await);
    assert_eq!(stored(&store, room).await.as_deref(), Some("Good evening"));
    let removed = store.apply(room, RoomOp::Unsuggest).await.expect("removed");
    assert_eq!(removed.effect, Effect::Suggested(None));
    assert_eq!(stored(&store, room).await, None);
    let again = store.apply(room, RoomOp::Unsuggest).await.expect("done");
    assert_eq!(again.effect, Effect::Unchanged);
    assert_eq!(again.record.version, before.version + 3);
    assert_eq!(store.contradictions().await, [""; 0]);
}

#[tokio::test]
async fn a_suggestion_has_to_know_the_newest_message() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    store.post_as_visitor(room, "hello").await;
    suggested(store.apply(room, suggest(1, "Good day")).await);
    store.post_as_visitor(room, "are you there?").await;
    let stale = store.apply(room, suggest(1, "Good day!")).await;
    assert_eq!(stale.map(|_| ()), Err(Refusal::StaleSuggestion.into()));
    let past = store.apply(room, suggest(3, "Good day!")).await;
    let past = past.expect_err("there are two messages");
    let past_head = crate::chat::PastHead { asked: 3, head: 2 };
    assert_eq!(past, Refusal::PastHead(past_head).into());
    let kept = stored(&store, room).await;
    assert_eq!(kept.as_deref(), Some("Good day"), "it stays, and is stale");
    let unknown = store.apply(uuid::Uuid::now_v7(), RoomOp::Unsuggest).await;
    assert_eq!(unknown.map(|_| ()), Err(Refusal::NotFound.into()));
}

#[tokio::test]
async fn an_erased_room_leaves_no_suggestion() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    store.post_as_visitor(room, "hello").await;
    suggested(store.apply(room, suggest(1, "Dear Ann")).await);
    let visitor = record(&store, room).await.visitor_id;
    let begun = store.begin_erasure(vec![visitor], Principal::CommandLine);
    begun.await.expect("decided");
    while store.erase_step().await.expect("it goes on").is_some() {}
    assert_eq!(store.rows("SELECT room FROM drafts"), [""; 0]);
}
