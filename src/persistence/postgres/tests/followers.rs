use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::persistence::FollowerLease;

fn lease(time: Duration) -> FollowerLease {
    FollowerLease {
        name: "one",
        node: Uuid::now_v7(),
        time,
    }
}

#[tokio::test]
async fn one_node_at_a_time_does_a_follower_s_work() {
    if left_out_on_sqlite() {
        return;
    }
    let first = TestStore::new();
    let other = first.another_node();
    let (held, asked) = (lease(Duration::from_secs(600)), lease(Duration::ZERO));
    let begun = first.take_follower(held).await.expect("it writes");
    assert!(begun.is_some());
    assert_eq!(other.take_follower(asked).await, Ok(None));
    assert_eq!(
        other.save_follower(asked, &other.head().changes).await,
        Ok(false)
    );
}

#[tokio::test]
async fn a_lease_that_has_ended_is_taken_over_and_its_cursor_goes_on() {
    if left_out_on_sqlite() {
        return;
    }
    let first = TestStore::new();
    let other = first.another_node();
    let (ended, taken) = (lease(Duration::ZERO), lease(Duration::from_secs(600)));
    let begun = first.take_follower(ended).await.expect("it writes");
    first
        .post_as_visitor(open_room(&first).await, "hello")
        .await;
    assert_eq!(other.take_follower(taken).await, Ok(begun));
    let late = first.save_follower(ended, &first.head().changes).await;
    assert_eq!(late, Ok(false), "it was taken over");
    assert_eq!(first.take_follower(ended).await, Ok(None));
}
