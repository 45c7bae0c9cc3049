use crate::chat::{RoomId, Timestamp};
use crate::persistence::testing::*;
use crate::persistence::*;

/// What is due within the next quarter of an hour.
async fn due(store: &TestStore) -> Vec<DueAlert> {
    let soon = Timestamp(Timestamp::now().0 + 900_000);
    store.due_alerts(soon, 100).await.expect("read")
}

async fn follow(store: &TestStore, room: RoomId) {
    store.follow_waiting(vec![room]).await.expect("followed");
}

/// A room whose customer waits, and the follower has seen it.
async fn waiting_room(store: &TestStore, name: &str, content: &str) -> RoomId {
    let room = store.new_room(name).await;
    store.post_as_visitor(room, content).await;
    follow(store, room).await;
    room
}

fn progress(rung: u8, mailed: bool, next_at: Option<i64>) -> AlertProgress {
    AlertProgress {
        rung,
        mailed,
        next_at: next_at.map(Timestamp),
    }
}

#[tokio::test]
async fn a_wait_begins_with_the_first_message_and_ends_with_an_answer() {
    let store = TestStore::new();
    let room = waiting_room(&store, "Ann", "Hello?").await;
    let begun = due(&store).await;
    let [alert] = &begun[..] else {
        panic!("one: {begun:?}");
    };
    let since = record(&store, room).await.waiting_since.expect("it waits");
    assert_eq!((alert.room_id, alert.since), (room, since));
    assert_eq!(alert.progress, progress(0, false, Some(since.0)));
    assert_eq!(alert.customer_name.as_deref(), Some("Ann"));
    assert_eq!(alert.content, "Hello?");
    assert_eq!(store.next_alert_after(Timestamp(0)).await, Ok(Some(since)));
    assert_eq!(store.next_alert_after(since).await, Ok(None));

    // A further message is the same wait.
    let rung = progress(1, false, Some(since.0 + 60_000));
    store
        .record_alert(room, alert.wait, rung)
        .await
        .expect("recorded");
    store.post_as_visitor(room, "Anybody?").await;
    follow(&store, room).await;
    let [alert] = &due(&store).await[..] else {
        panic!("one");
    };
    assert_eq!((alert.progress, &*alert.content), (rung, "Anybody?"));
    let first_wait = alert.wait;

    // An answer ends it before the follower has seen it, and for good after.
    store.post_as_agent(room, "Here I am").await;
    assert_eq!(due(&store).await, []);
    follow(&store, room).await;
    assert_eq!(store.rows("SELECT count(*) FROM alerts"), ["0"]);
    assert_eq!(store.next_alert_after(Timestamp(0)).await, Ok(None));

    // The next wait begins anew, also if the follower saw nothing in between.
    store.post_as_visitor(room, "One more thing").await;
    follow(&store, room).await;
    store.post_as_agent(room, "Yes?").await;
    store.post_as_visitor(room, "And another").await;
    follow(&store, room).await;
    let [alert] = &due(&store).await[..] else {
        panic!("one");
    };
    assert_ne!(alert.wait, first_wait);
    assert_eq!(alert.progress.rung, 0);
    // What was done about an earlier wait says nothing about this one.
    let done = progress(2, true, None);
    store
        .record_alert(room, first_wait, done)
        .await
        .expect("ignored");
    assert_eq!(due(&store).await.len(), 1);
    assert_eq!(store.contradictions().await, Vec::<String>::new());
}

#[tokio::test]
async fn nobody_waits_who_is_blocked_or_whose_room_is_closed_or_gone() {
    let store = TestStore::new();
    let blocked = waiting_room(&store, "Ann", "Hello?").await;
    store.apply(blocked, block()).await.expect("blocked");
    assert_eq!(due(&store).await, []);
    follow(&store, blocked).await;

    let closed = waiting_room(&store, "Bob", "Hello?").await;
    assert_eq!(due(&store).await.len(), 1);
    let close = RoomOp::SetStatus {
        status: crate::chat::Status::Closed,
        by: crate::chat::Sender::Visitor,
    };
    store.apply(closed, close).await.expect("closed");
    assert_eq!(due(&store).await, []);
    follow(&store, closed).await;
    assert_eq!(store.rows("SELECT count(*) FROM alerts"), ["0"]);
}

#[tokio::test]
async fn what_is_done_is_not_due_and_the_longest_due_comes_first() {
    let store = TestStore::new();
    let (mut rooms, now) = (Vec::new(), Timestamp::now().0);
    for name in ["Ann", "Bob", "Cem"] {
        rooms.push(waiting_room(&store, name, "Hello?").await);
    }
    let waits: Vec<i64> = due(&store).await.iter().map(|alert| alert.wait).collect();
    for (at, next_at) in [Some(now + 2_000), None, Some(now + 1_000)]
        .into_iter()
        .enumerate()
    {
        let progress = progress(2, next_at.is_none(), next_at);
        let recording = store.record_alert(rooms[at], waits[at], progress);
        recording.await.expect("recorded");
    }
    let order: Vec<RoomId> = due(&store).await.iter().map(|due| due.room_id).collect();
    assert_eq!(order, [rooms[2], rooms[0]]);
    let one = store.due_alerts(Timestamp(now + 5_000), 1).await;
    assert_eq!(one.expect("read").len(), 1);
    assert_eq!(
        store.due_alerts(Timestamp(now + 500), 100).await,
        Ok(vec![])
    );
    let next = store.next_alert_after(Timestamp(now)).await;
    assert_eq!(next, Ok(Some(Timestamp(now + 1_000))));
}

#[tokio::test]
async fn somebody_is_on_duty_who_is_not_disabled() {
    let store = TestStore::new();
    assert_eq!(store.is_anybody_on_duty().await, Ok(false));
    let new = NewAgent {
        username: "mia".into(),
        display_name: "Mia".into(),
        role: crate::chat::Role::Agent,
        password_hash: "hash".into(),
    };
    let mia = store.add_agent(new, Principal::CommandLine).await;
    let mia = mia.expect("added").id;
    for (on_duty, disabled) in [(true, false), (false, false), (true, true)] {
        let patch = AgentPatch {
            on_duty: Some(on_duty),
            disabled: Some(disabled),
            ..AgentPatch::default()
        };
        let changing = store.change_agent(mia, patch, Principal::CommandLine);
        changing.await.expect("changed");
        assert_eq!(store.is_anybody_on_duty().await, Ok(on_duty && !disabled));
    }
}
