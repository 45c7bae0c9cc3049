use crate::chat::{RoomId, Side};
use crate::persistence::testing::*;
use crate::persistence::*;

async fn redact(store: &TestStore, room: RoomId, seq: u64) -> Result<RoomCommit, WriteError> {
    let by = Principal::CommandLine;
    store.apply(room, RoomOp::Redact { seq, by }).await
}

#[tokio::test]
async fn a_redacted_message_keeps_its_place_and_loses_its_text() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    let first = store.post_as_visitor(room, "my card is 4111").await;
    store.post_as_agent(room, "please do not write that").await;
    let before = record(&store, room).await;
    let commit = redact(&store, room, 1).await.expect("redacted");
    assert_eq!(commit.effect, Effect::Redacted { seq: 1 });
    assert_eq!(commit.record.version, before.version + 1);
    assert_ne!(commit.record.change, before.change, "consoles learn of it");
    let page = store.messages_after(room, 0, 10).await.expect("read");
    let texts: Vec<(&str, bool)> = page
        .messages
        .iter()
        .map(|message| (message.content.as_str(), message.redacted))
        .collect();
    assert_eq!(texts, [("", true), ("please do not write that", false)]);
    assert_eq!(store.redacted(room, 2).await, Ok(vec![1]));
    assert_eq!(store.redacted(room, 0).await, Ok(vec![]));
    let again = redact(&store, room, 1).await.expect("it is done");
    assert_eq!(again.effect, Effect::Unchanged);
    let retry = draft(first.id, crate::chat::Sender::Visitor, "my card is 4111");
    let retry = store.apply(room, RoomOp::Post(retry)).await;
    let Effect::Duplicate(stored) = retry.expect("known").effect else {
        panic!("its id is known");
    };
    assert_eq!(stored.content, "");
    let unrecorded = store.unrecorded().await.expect("it reads");
    assert_eq!(unrecorded.erased.messages, [(room, first.id)]);
    store.mark_recorded(unrecorded).await.expect("marked");
    assert!(store.unrecorded().await.expect("it reads").is_empty());
    assert_eq!(store.contradictions().await, [""; 0]);
}

#[tokio::test]
async fn the_summary_of_a_room_does_not_show_a_redacted_text() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    store.post_as_visitor(room, "one").await;
    store.post_as_visitor(room, "two").await;
    redact(&store, room, 1).await.expect("redacted");
    let last = |record: &crate::chat::RoomRecord| {
        let last = record.last_message.as_ref().expect("it has one");
        last.content.clone()
    };
    assert_eq!(last(&*record(&store, room).await), "two");
    redact(&store, room, 2).await.expect("redacted");
    assert_eq!(last(&*record(&store, room).await), "");
    let mark = RoomOp::MarkRead {
        side: Side::Agent,
        seq: 2,
    };
    let read = store.apply(room, mark).await.expect("it moves");
    assert_eq!(last(&read.record), "");
}

#[tokio::test]
async fn what_is_not_there_cannot_be_redacted() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    store.post_as_visitor(room, "one").await;
    for (room, seq) in [
        (room, 0),
        (room, 2),
        (room, u64::MAX),
        (uuid::Uuid::now_v7(), 1),
    ] {
        let refused = redact(&store, room, seq).await;
        assert_eq!(refused.err(), Some(Refusal::NotFound.into()), "{seq}");
    }
}
