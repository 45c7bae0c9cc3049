use crate::chat::{Counts, Details, RoomId, Sender, Status, Who};
use crate::persistence::testing::*;
use crate::persistence::*;

const STEP_ROOMS: usize = ErasureStep::ROOMS_MAX;
const STEP_MESSAGES: u64 = ErasureStep::MESSAGES_MAX;

pub(crate) fn details(name: &str, email: &str) -> Details {
    Details {
        name: Some(name.into()),
        email: Some(email.into()),
        ..Details::default()
    }
}

fn who(text: &str) -> Who {
    text.parse().expect("a person")
}

pub(crate) async fn person(store: &TestStore, text: &str) -> Person {
    store.find_person(&who(text)).await.expect("it looks")
}

pub(crate) fn identified(user: &str, details: Details) -> OpenRoom {
    OpenRoom {
        identity: Some(Identity {
            user: user.into(),
            details,
            attributes: None,
        }),
        ..anonymous(Details::default())
    }
}

async fn close(store: &TestStore, room: RoomId) {
    let close = RoomOp::SetStatus {
        status: Status::Closed,
        by: Sender::Visitor,
    };
    store.apply(room, close).await.expect("it closes");
}

pub(crate) async fn erase(store: &TestStore, person: Person) -> (ErasureId, Vec<RoomId>) {
    let begun = store
        .begin_erasure(person.visitors, Principal::CommandLine)
        .await
        .expect("it is decided")
        .expect("somebody was there");
    (begun.id, finish(store).await)
}

async fn finish(store: &TestStore) -> Vec<RoomId> {
    let mut removed = Vec::new();
    while let Some(step) = store.erase_step().await.expect("it goes on") {
        assert!(step.removed.len() <= STEP_ROOMS && step.messages <= STEP_MESSAGES);
        removed.extend(step.removed);
    }
    removed
}

pub(crate) async fn finds(store: &TestStore, words: &str) -> usize {
    let query = SearchQuery {
        words: words.into(),
        status: None,
        filter: Default::default(),
        cursor: None,
        limit: 50,
    };
    store.search(query).await.expect("it searches").hits.len()
}

pub(crate) async fn assert_sound(store: &TestStore) {
    assert_eq!(store.contradictions().await, [""; 0]);
}

#[tokio::test]
async fn everything_of_a_person_is_erased_and_nothing_of_others() {
    let store = TestStore::new();
    let ann = identified("ann", details("Ann", "Ann@Example.com"));
    let token = ann.fresh_token;
    let first = store.open_room(ann).await.expect("it opens");
    let first = first.record.room.id;
    for _ in 0..40 {
        store.post_as_visitor(first, "it is about my parcel").await;
    }
    close(&store, first).await;
    let second = identified("ann", details("Ann", "ann@example.com "));
    let second = store.open_room(second).await.expect("it opens");
    let second = second.record.room.id;
    store.post_as_agent(second, "hello parcel").await;
    let bob = store.new_room("Bob").await;
    store.post_as_visitor(bob, "my parcel, too").await;
    store.post_as_visitor(bob, "ask ann@example.com").await;
    store.flush_search_index().await.expect("indexed");

    let ann = person(&store, "email: ann@EXAMPLE.com").await;
    assert_eq!(ann.users, ["ann"]);
    assert_eq!(ann, person(&store, "user:ann").await);
    let held = store.holdings(&ann).await.expect("it counts");
    assert_eq!((held.rooms.len(), held.messages, held.tokens), (2, 42, 2));
    let mentions = store.mentions(&ann).await.expect("it looks");
    assert_eq!((mentions.rooms, mentions.truncated), (vec![bob], false));

    let before = store.head().changes;
    let (id, removed) = erase(&store, ann).await;
    assert_eq!(removed, [first, second]);
    let erasure = store.erasure(id).await.expect("it reads").expect("known");
    assert_eq!((erasure.visitors, erasure.rooms), (1, 2));
    assert_eq!((erasure.messages, erasure.tokens), (42, 2));
    assert!(erasure.unreachable_at.is_some() && erasure.finished_at.is_some());
    assert_eq!(erasure.bytes_gone_at, None);
    for room in [first, second] {
        assert_eq!(store.room(room).await, Ok(None));
        let post = store
            .apply(room, RoomOp::Post(visitor_draft("still here?")))
            .await;
        assert_eq!(
            post.err(),
            Some(Refusal::NotFound.into()),
            "nothing revives it"
        );
    }
    assert_eq!(store.visitor_by_token(token).await, Ok(None));
    assert_eq!(store.visitor_by_user("ann").await, Ok(None));
    assert_eq!(finds(&store, "parcel").await, 1, "Bob's");
    assert_eq!(finds(&store, "ann").await, 1, "Bob's");
    let counts = Counts {
        waiting: 1,
        ..Counts::default()
    };
    assert_eq!(store.head().counts, counts);
    let page = store.changed_since(&before, 10).await.expect("it reads");
    let gone: Vec<RoomId> = page.removed.iter().map(|gone| gone.room_id).collect();
    assert_eq!((gone, page.records.len()), (vec![first, second], 0));
    assert_eq!(page.changes, store.head().changes);
    let one = store.changed_since(&before, 1).await.expect("it reads");
    assert!(one.more && one.removed.len() == 1);
    let rest = store
        .changed_since(&one.changes, 10)
        .await
        .expect("it reads");
    assert_eq!((rest.removed.len(), rest.more), (1, false));
    assert_sound(&store).await;
    let again = person(&store, "user:ann").await;
    assert_eq!(again, Person::default());

    let back = identified("ann", Details::default());
    let back = store.open_room(back).await.expect("it opens");
    assert!(back.created, "who comes back is somebody new");
}

#[tokio::test]
async fn a_long_room_and_many_rooms_go_in_steps_and_go_on_after_a_kill() {
    let store = TestStore::new();
    let mut request = anonymous(details("Ann", "a@b"));
    let token = request.fresh_token;
    for _ in 0..STEP_ROOMS + 3 {
        let room = store.open_room(request).await.expect("it opens");
        let room = room.record.room.id;
        store.post_as_visitor(room, "hello").await;
        close(&store, room).await;
        request = OpenRoom {
            token: Some(token),
            ..anonymous(Details::default())
        };
    }
    let long = store.open_room(request).await.expect("it opens");
    let long = long.record.room.id;
    for _ in 0..STEP_MESSAGES + 70 {
        drop(store.submit_op(long, RoomOp::Post(visitor_draft("and more"))));
    }
    let other = store.new_room("Bob").await;
    store.post_as_visitor(other, "mine").await;
    let ann = person(&store, "email:a@b").await;
    let begun = store.begin_erasure(ann.visitors, Principal::CommandLine);
    let id = begun.await.expect("decided").expect("somebody").id;
    // Killed after any of its steps, it goes on with the next one.
    let mut store = store;
    let mut removed = 0;
    loop {
        store = store.reopened();
        match store.erase_step().await.expect("it goes on") {
            Some(step) => removed += step.removed.len(),
            None => break,
        }
        assert_sound(&store).await;
    }
    assert_eq!(removed, STEP_ROOMS + 4);
    let erasure = store.erasure(id).await.expect("it reads").expect("known");
    assert_eq!(erasure.rooms as usize, STEP_ROOMS + 4);
    assert_eq!(
        erasure.messages as usize,
        2 * (STEP_ROOMS + 3) + STEP_MESSAGES as usize + 70
    );
    assert!(erasure.finished_at.is_some());
    assert_eq!(store.room_head(other).await, Ok(Some(1)));
}

#[tokio::test]
async fn a_person_whose_sign_in_is_unfinished_is_erased_whole() {
    let store = TestStore::new();
    let mut request = anonymous(details("Ann", "a@b"));
    let token = request.fresh_token;
    for _ in 0..3 * STEP_ROOMS {
        let room = store.open_room(request).await.expect("it opens");
        let room = room.record.room.id;
        store.post_as_visitor(room, "hello").await;
        close(&store, room).await;
        request = OpenRoom {
            token: Some(token),
            ..anonymous(Details::default())
        };
    }
    let signed_in = OpenRoom {
        token: Some(token),
        ..identified("ann", Details::default())
    };
    store.open_room(signed_in).await.expect("it opens");
    let ann = person(&store, "user:ann").await;
    assert_eq!(ann.visitors.len(), 2, "not all rooms have moved");
    let (_, removed) = erase(&store, ann).await;
    assert_eq!(removed.len(), 3 * STEP_ROOMS + 1);
    assert_eq!(store.apply_next_visitor_change().await, Ok(None));
    assert_sound(&store).await;
}

#[tokio::test]
async fn an_address_that_several_users_share_finds_all_of_them() {
    let store = TestStore::new();
    for user in ["ann", "bob"] {
        let request = identified(user, details("A", "family@example.com"));
        store.open_room(request).await.expect("it opens");
    }
    let family = person(&store, "email:family@example.com").await;
    assert_eq!(family.users.len(), 2);
}

#[tokio::test]
async fn what_a_ledger_lists_is_erased_again_and_nothing_else() {
    let store = TestStore::new();
    let ann = identified("ann", details("Ann", "ann@example.com"));
    let token = ann.fresh_token;
    let ann = store.open_room(ann).await.expect("it opens").record;
    store.post_as_visitor(ann.room.id, "my parcel").await;
    // Hers from before she signed in.
    let before = store.new_room("Guest").await;
    store.post_as_visitor(before, "a parcel").await;
    let bob = store.new_room("Bob").await;
    let removed = visitor_draft("my secret parcel");
    let message = removed.id;
    store
        .apply(bob, RoomOp::Post(removed))
        .await
        .expect("it is posted");
    store.post_as_visitor(bob, "a parcel, too").await;
    store.flush_search_index().await.expect("indexed");
    let listed = Erased {
        visitors: vec![ann.visitor_id, uuid::Uuid::new_v4()],
        rooms: vec![ann.room.id, before, uuid::Uuid::new_v4()],
        messages: vec![(bob, message), (bob, uuid::Uuid::new_v4())],
    };

    let again = store.repeat_erasures(listed.clone()).await.expect("erased");
    assert_eq!((again.rooms, again.redacted), (2, 1));
    assert!(again.visitors >= 1);
    finish(&store).await;
    for room in [ann.room.id, before] {
        assert_eq!(store.room(room).await, Ok(None));
    }
    assert_eq!(store.visitor_by_token(token).await, Ok(None));
    assert_eq!(store.visitor_by_user("ann").await, Ok(None));
    assert_eq!(finds(&store, "parcel").await, 1, "Bob's");
    assert_eq!(finds(&store, "secret").await, 0);
    assert_eq!(store.redacted(bob, 2).await, Ok(vec![1]));
    assert_sound(&store).await;

    let head = store.head().changes;
    let again = store
        .repeat_erasures(listed)
        .await
        .expect("nothing is left");
    assert_eq!(again, ErasedAgain::default());
    assert_eq!(store.head().changes, head, "nothing was written");
}
