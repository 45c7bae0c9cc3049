use serde_json::json;

use crate::chat::{Attributes, Details, Language, PAGES_KEPT, RoomId, RoomRecord, Timestamp};
use crate::persistence::testing::*;
use crate::persistence::*;

fn signed(attributes: Option<&serde_json::Value>) -> OpenRoom {
    OpenRoom {
        identity: Some(Identity {
            user: "ann".into(),
            details: Details::default(),
            attributes: attributes.map(Attributes::check),
        }),
        ..anonymous(Details::default())
    }
}

async fn facts(store: &Store, room: RoomId) -> VisitorFacts {
    let facts = store.visitor_facts(room).await.expect("it reads");
    facts.expect("there is such a room")
}

async fn visit(store: &TestStore, room: RoomId, url: &str) -> RoomRecord {
    let url = url.to_owned();
    let commit = store.apply(room, RoomOp::Visit { url }).await;
    let commit = commit.expect("noted");
    assert!(matches!(commit.effect, Effect::Visited(_)));
    RoomRecord::clone(&commit.record)
}

#[tokio::test]
async fn signed_attributes_are_kept_until_others_are_signed() {
    let store = TestStore::new();
    let gold = json!({"tier": "gold"});
    let opened = store.open_room(signed(Some(&gold))).await.expect("opened");
    let room = opened.record.room.id;
    let kept = Some(Attributes::check(&gold));
    assert_eq!(facts(&store, room).await.attributes, kept);
    store.open_room(signed(None)).await.expect("opened");
    assert_eq!(
        facts(&store, room).await.attributes,
        kept,
        "none are signed"
    );
    let dropped = json!("gold");
    store
        .open_room(signed(Some(&dropped)))
        .await
        .expect("opened");
    let reason = facts(&store, room).await.attributes;
    assert!(matches!(reason, Some(Attributes::Dropped(_))), "{reason:?}");
    let nobody = store.visitor_facts(uuid::Uuid::now_v7()).await;
    assert_eq!(nobody, Ok(None));
}

#[tokio::test]
async fn a_visitor_is_written_to_in_the_language_of_their_chat_or_the_signed_one() {
    let store = TestStore::new();
    let language = async |room| store.visitor_language(room).await.expect("it reads");
    let request = anonymous(Details::default());
    let token = request.fresh_token;
    let opened = store.open_room(request).await.expect("opened");
    let (room, ann) = (opened.record.room.id, opened.record.visitor_id);
    assert_eq!(language(room).await, None);
    for spoken in [Language::Arabic, Language::French] {
        store.set_visitor_language(ann, spoken);
        // Whoever writes afterwards has waited for it.
        store.post_as_visitor(room, "hello").await;
        assert_eq!(language(room).await, Some(spoken));
        let caller = store.visitor_by_token(token).await.expect("it reads");
        assert_eq!(caller.expect("known").language, Some(spoken));
    }
    let said = json!({"language": "es-MX"});
    let opened = store.open_room(signed(Some(&said))).await.expect("opened");
    let (room, bob) = (opened.record.room.id, opened.record.visitor_id);
    assert_eq!(language(room).await, Some(Language::Spanish));
    let caller = store.visitor_by_user("ann").await.expect("it reads");
    assert_eq!(
        caller.expect("known").language,
        None,
        "the chat's is not known"
    );
    store.set_visitor_language(bob, Language::German);
    store.post_as_visitor(room, "hello").await;
    assert_eq!(language(room).await, Some(Language::German));
    assert_eq!(language(uuid::Uuid::now_v7()).await, None);
}

#[tokio::test]
async fn the_newest_pages_are_kept_and_nothing_of_the_room_moves() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    store.post_as_visitor(room, "hello").await;
    let before = record(&store, room).await;
    let after = visit(&store, room, "https://a/0").await;
    let same = RoomRecord {
        version: before.version + 1,
        change: after.change,
        ..RoomRecord::clone(&before)
    };
    assert_eq!(after, same);
    visit(&store, room, "https://a/0").await;
    for number in 0..PAGES_KEPT + 3 {
        visit(&store, room, &format!("https://a/{number}")).await;
    }
    let seen = facts(&store, room).await;
    let urls: Vec<&str> = seen.pages.iter().map(|page| page.url.as_str()).collect();
    let newest = (3..PAGES_KEPT + 3).rev().map(|n| format!("https://a/{n}"));
    assert_eq!(urls, newest.collect::<Vec<_>>());
    let times: Vec<Timestamp> = seen.pages.iter().map(|page| page.at).collect();
    assert!(times.is_sorted_by(|one, next| one > next), "{times:?}");
    assert_eq!(seen.last_page_at, Some(times[0]));
    assert!(seen.first_seen_at <= times[0]);
    assert_eq!(store.contradictions().await, [""; 0]);
}

#[tokio::test]
async fn an_erased_person_leaves_no_page_and_no_attribute() {
    let store = TestStore::new();
    let opened = store.open_room(signed(Some(&json!({"a": "secret"})))).await;
    let record = opened.expect("opened").record;
    let room = record.room.id;
    store.post_as_visitor(room, "hello").await;
    visit(&store, room, "https://a/secret").await;
    store.set_visitor_language(record.visitor_id, Language::French);
    let begun = store.begin_erasure(vec![record.visitor_id], Principal::CommandLine);
    begun.await.expect("decided");
    while store.erase_step().await.expect("it goes on").is_some() {}
    assert_eq!(store.rows("SELECT url FROM pages"), [""; 0]);
    let left = "SELECT id FROM visitors WHERE attributes IS NOT NULL OR language IS NOT NULL";
    assert_eq!(store.rows(left), [""; 0]);
}

#[tokio::test]
async fn an_empty_room_that_is_removed_leaves_no_page_to_another_one() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    visit(&store, room, "https://a/1").await;
    let now = Timestamp(Timestamp::now().0 + 1);
    let removed = store.remove_empty_rooms(now, Default::default()).await;
    assert_eq!(removed, Ok(1));
    assert_eq!(store.rows("SELECT url FROM pages"), [""; 0]);
}
