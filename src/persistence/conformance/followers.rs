use std::time::Duration;

use uuid::Uuid;

use crate::persistence::testing::*;
use crate::persistence::*;

fn lease(name: &'static str) -> FollowerLease {
    FollowerLease {
        name,
        node: Uuid::now_v7(),
        time: Duration::from_secs(600),
    }
}

#[tokio::test]
async fn a_new_follower_begins_at_the_head_and_an_old_one_where_it_was() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    store.post_as_visitor(room, "hello").await;
    let lease = lease("first");
    let begun = store.take_follower(lease).await.expect("it writes");
    assert_eq!(begun, Some(store.head().changes));
    store.post_as_visitor(room, "anybody there?").await;
    let again = store.take_follower(lease).await.expect("it reads");
    assert_eq!(again, begun);
    let head = store.head().changes;
    assert_ne!(Some(&head), begun.as_ref());
    assert_eq!(store.save_follower(lease, &head).await, Ok(true));
    assert_eq!(store.take_follower(lease).await, Ok(Some(head)));
}

#[tokio::test]
async fn followers_do_not_share_a_cursor() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    let (one, other) = (lease("one"), lease("other"));
    let begun = store.take_follower(one).await.expect("it writes");
    store.post_as_visitor(room, "hello").await;
    let later = store.take_follower(other).await.expect("it writes");
    assert_ne!(begun, later);
    assert_eq!(store.take_follower(one).await, Ok(begun));
}
