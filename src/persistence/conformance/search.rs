use crate::chat::{DetailsPatch, RoomId, Sender, Status};
use crate::persistence::search_words::MATCHES_MAX;
use crate::persistence::testing::*;
use crate::persistence::*;

fn query(words: &str) -> SearchQuery {
    SearchQuery {
        words: words.into(),
        status: None,
        filter: Default::default(),
        cursor: None,
        limit: 50,
    }
}

async fn find(store: &TestStore, words: &str) -> Vec<(RoomId, Option<u64>)> {
    let page = store.search(query(words)).await.expect("it searches");
    assert_eq!((page.next, page.truncated), (None, false));
    page.hits
        .into_iter()
        .map(|hit| (hit.record.room.id, hit.seq))
        .collect()
}

#[tokio::test]
async fn notes_are_found_at_their_place_until_they_are_erased() {
    let store = TestStore::new();
    let (room, other) = (store.new_room("Ann").await, store.new_room("Bob").await);
    let write = async |room: RoomId, content: &str| {
        let note = crate::chat::NoteDraft {
            id: uuid::Uuid::now_v7(),
            agent_id: uuid::Uuid::nil(),
            agent_name: "Mia".into(),
            content: content.into(),
        };
        let written = store.apply(room, RoomOp::Note(note)).await;
        written.expect("it is written");
    };
    write(room, "a zymurgist by trade").await;
    store.post_as_visitor(room, "hello").await;
    store.post_as_visitor(other, "hello").await;
    write(room, "wants a refund").await;
    store.flush_search_index().await.expect("indexed");
    write(other, "knows the zymurgist, ann@example.com").await;
    store.flush_search_index().await.expect("indexed");
    assert_eq!(
        find(&store, "zymurg").await,
        [(other, Some(1)), (room, None)]
    );
    assert_eq!(find(&store, "refund").await, [(room, Some(1))]);
    let page = store.search(query("a refu")).await.expect("it searches");
    assert!(page.hits[0].snippet.contains("wants a refund"));
    // Who erases Ann learns that it is written down elsewhere, too.
    let patch = DetailsPatch {
        email: Some(Some("ann@example.com".into())),
        ..DetailsPatch::default()
    };
    let named = store.apply(room, RoomOp::set_details(patch)).await;
    named.expect("it is changed");
    store.flush_search_index().await.expect("indexed");
    let who = "email:ann@example.com".parse().expect("a person");
    let person = store.find_person(&who).await.expect("found");
    let person = person.alone().expect("one");
    let mentions = store.mentions(&person).await.expect("searched");
    assert_eq!(mentions.rooms, [other]);
    store
        .begin_erasure(person.visitors, Principal::CommandLine)
        .await
        .expect("decided");
    while store.erase_step().await.expect("it goes on").is_some() {}
    assert_eq!(find(&store, "zymurg").await, [(other, Some(1))]);
    assert_eq!(find(&store, "refund").await, []);
}

#[tokio::test]
async fn words_are_found_all_of_them_and_the_last_as_a_prefix() {
    let store = TestStore::new();
    let one = store.new_room("Ann Smith").await;
    let two = store.new_room("Bob").await;
    store
        .post_as_visitor(one, "Where is my Päckchen? \"AND\" so on")
        .await;
    store.post_as_visitor(two, "my parcel, no. 4-711").await;
    store.post_as_agent(two, "it is on its way").await;
    store.flush_search_index().await.expect("indexed");
    assert_eq!(find(&store, "packchen").await, [(one, Some(1))]);
    assert_eq!(find(&store, "my").await, [(two, Some(1)), (one, Some(1))]);
    assert_eq!(find(&store, "my pac").await, [(one, Some(1))]);
    assert_eq!(
        find(&store, "pac my").await,
        [],
        "only the last is a prefix"
    );
    assert_eq!(find(&store, "AND").await, [(one, Some(1))]);
    assert_eq!(find(&store, "my OR").await, []);
    assert_eq!(find(&store, "parc").await, [(two, Some(1))]);
    assert_eq!(find(&store, "my PÄCK").await, [(one, Some(1))]);
    assert_eq!(find(&store, "my parcels").await, []);
    assert_eq!(find(&store, "4-71").await, [(two, Some(1))]);
    // Vowel signs separate words in the index, and letters that are newer than its tables too.
    store
        .post_as_visitor(one, "नमस्ते हिन्दी, cafe\u{301} re\u{301}sume\u{301}")
        .await;
    store.flush_search_index().await.expect("indexed");
    assert_eq!(find(&store, "हिन्दी").await, [(one, Some(2))]);
    assert_eq!(find(&store, "resume").await, [(one, Some(2))]);
    assert_eq!(find(&store, "re\u{301}sume\u{301}").await, [(one, Some(2))]);
    let _ = find(&store, "\u{10d4a}\u{10d4b}\u{10d4c}").await;
    assert_eq!(find(&store, "mia").await, [(two, Some(2))]);
    assert_eq!(find(&store, "smith").await.len(), 1);
    for odd in ["\"", "*", "NEAR(", "body:my", "^", "a\0b", "(((", ""] {
        let _ = find(&store, odd).await;
    }
}

#[tokio::test]
async fn changed_details_are_found_and_the_old_ones_are_not() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    store.post_as_agent(room, "hello").await;
    store.flush_search_index().await.expect("indexed");
    assert_eq!(find(&store, "ann").await, [(room, None)]);
    let patch = DetailsPatch {
        name: Some(Some("Zoe".into())),
        email: Some(Some("zoe@example.com".into())),
        ..DetailsPatch::default()
    };
    store
        .apply(room, RoomOp::set_details(patch))
        .await
        .expect("changed");
    store.flush_search_index().await.expect("indexed");
    assert_eq!(find(&store, "ann").await, []);
    let page = store.search(query("zoe@example.com")).await.expect("found");
    assert_eq!(page.hits[0].snippet, "Zoe · zoe@example.com");
}

#[tokio::test]
async fn pages_show_every_room_once_and_heed_the_status() {
    let store = TestStore::new();
    let mut rooms = Vec::new();
    for number in 0..7 {
        let room = store.new_room("Ann").await;
        store
            .post_as_visitor(room, &format!("needle {number}"))
            .await;
        rooms.push(room);
    }
    for room in &rooms {
        store.post_as_visitor(*room, "needle again").await;
    }
    let close = RoomOp::SetStatus {
        status: Status::Closed,
        by: Sender::Visitor,
    };
    store.apply(rooms[3], close).await.expect("closed");
    store.flush_search_index().await.expect("indexed");
    let mut found = Vec::new();
    let mut search = SearchQuery {
        status: Some(Status::Waiting),
        filter: Default::default(),
        limit: 2,
        ..query("needle")
    };
    loop {
        let page = store.search(search.clone()).await.expect("it searches");
        found.extend(page.hits.iter().map(|hit| hit.record.room.id));
        // What comes in between belongs to a new search.
        store.post_as_visitor(rooms[0], "needle in between").await;
        store.flush_search_index().await.expect("indexed");
        let Some(next) = page.next else { break };
        search.cursor = Some(next);
    }
    rooms.remove(3);
    rooms.reverse();
    assert_eq!(found, rooms);
    search.cursor = Some("nonsense".into());
    assert_eq!(
        store.search(search).await.err(),
        Some(Refusal::BadCursor.into())
    );
}

#[tokio::test]
async fn a_common_word_stops_at_the_bound() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    for number in 0..=MATCHES_MAX {
        drop(store.submit_op(room, RoomOp::Post(visitor_draft("same"))));
        if number % 500 == 0 {
            store.write_canary().await.expect("committed");
        }
    }
    store.flush_search_index().await.expect("indexed");
    let page = store.search(query("same")).await.expect("found");
    assert_eq!(page.hits.len(), 1);
    assert!(page.truncated);
}

#[tokio::test]
async fn the_index_follows_by_itself() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    store.post_as_visitor(room, "needle").await;
    let follows = async {
        while find(&store, "needle").await != [(room, Some(1))] {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let followed = tokio::time::timeout(std::time::Duration::from_secs(60), follows).await;
    followed.expect("it is found");
}
