//! Changes of a room in several respects: all of them or none.

use uuid::Uuid;

use crate::chat::{
    AgentId, AssigneeMoved, Counts, DeskPatch, Details, RoomRecord, Sender, Status, SystemEvent,
    Timestamp,
};
use crate::persistence::testing::*;
use crate::persistence::*;

async fn agent(store: &TestStore, name: &str) -> AgentId {
    store.new_agent(name).await.agent_id().expect("an agent")
}

#[tokio::test]
async fn a_change_in_every_respect_is_one_change() {
    let store = TestStore::new();
    let first = anonymous(Details::default());
    let by_token = OpenRoom {
        token: Some(first.fresh_token),
        ..anonymous(Details::default())
    };
    let open = async |request| {
        let opened = store.open_room(request).await.expect("it opens");
        opened.record.room.id
    };
    let other = open(first).await;
    store.post_as_visitor(other, "hello").await;
    let close = RoomOp::SetStatus {
        status: Status::Closed,
        by: Sender::Visitor,
    };
    store.apply(other, close).await.expect("closed");
    let room = open(by_token).await;
    let tag = store
        .add_tag(NewTag {
            name: "order".into(),
            color: "#112233".into(),
        })
        .await
        .expect("added")
        .id;
    let mia = agent(&store, "mia").await;
    store.post_as_visitor(room, "hello").await;
    store.post_as_visitor(room, "anybody?").await;
    let before = record(&store, room).await;
    let commit = store.apply(room, everything(mia, None, tag)).await;
    let RoomCommit {
        record: after,
        effect,
        also_changed,
    } = commit.expect("changed");
    let Effect::StatusChanged(message) = effect else {
        panic!("the status has changed: {effect:?}");
    };
    assert_eq!((message.seq, message.agent_id), (3, Some(mia)));
    assert_eq!(
        (after.room.last_seq, after.room.status),
        (3, Status::Closed)
    );
    assert_eq!(after.version, before.version + 1);
    // The other room has the one before.
    assert_eq!(after.change.number, before.change.number + 2);
    assert_eq!(after.room.customer_name.as_deref(), Some("Carla"));
    assert_eq!(
        (after.desk.assignee, &after.desk.tags),
        (Some(mia), &vec![tag])
    );
    assert_eq!((after.blocked, after.unread_count), (true, 2));
    assert_eq!(also_changed, [other], "a block reaches all rooms");
    let stored = store.room(room).await.expect("it reads").expect("a room");
    assert_eq!(stored, *after);
    assert_eq!(*record(&store, room).await, *after);
    let log = store
        .messages_before(room, None, 9)
        .await
        .expect("it reads");
    assert_eq!(log.messages.last(), Some(&message));
    let blocked = store.blocked_visitors(9).await.expect("read");
    assert_eq!(blocked[0].until, Some(Timestamp(8_000_000_000_000)));
    let tagged = RoomQuery {
        status: Some(Status::Closed),
        filter: RoomFilter {
            tag: Some(tag),
            ..RoomFilter::default()
        },
        order: RoomOrder::Activity,
        cursor: None,
        limit: 50,
    };
    let listed = store.list_rooms(tagged).await.expect("it lists").records;
    assert_eq!(listed, [RoomRecord::clone(&after)]);
    let counts = store.head().counts;
    assert_eq!((counts.waiting, counts.active, counts.closed), (0, 0, 2));

    // The same again changes nothing.
    let again = store.apply(room, everything(mia, Some(mia), tag)).await;
    let again = again.expect("no change");
    assert_eq!((again.effect, &again.record), (Effect::Unchanged, &after));
    let posted = store
        .apply(room, RoomOp::Post(visitor_draft("hello")))
        .await;
    assert_eq!(posted.err(), Some(Refusal::Blocked.into()));
    assert!(store.contradictions().await.is_empty());
}

#[tokio::test]
async fn a_change_that_is_refused_in_one_respect_changes_nothing() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    store.post_as_visitor(room, "hello").await;
    let (mia, tom) = (agent(&store, "mia").await, agent(&store, "tom").await);
    let to_tom = RoomOp::set_desk(DeskPatch {
        assignee: Some(Some(tom)),
        ..DeskPatch::default()
    });
    store.apply(room, to_tom).await.expect("given");
    let before = record(&store, room).await;
    let refused = store.apply(room, everything(mia, None, Uuid::nil())).await;
    assert_eq!(
        refused.err(),
        Some(Refusal::AssigneeMoved(AssigneeMoved).into())
    );
    assert_eq!(*record(&store, room).await, *before);
    let stored = store.room(room).await.expect("it reads").expect("a room");
    assert_eq!(stored, *before);
    assert_eq!(store.blocked_visitors(9).await.expect("read"), []);
    assert!(store.contradictions().await.is_empty());
}

#[tokio::test]
async fn a_room_that_becomes_spam_with_another_status_is_counted_as_what_it_is_afterwards() {
    let store = TestStore::new();
    let (room, other) = (store.new_room("Ann").await, store.new_room("Bob").await);
    store.post_as_visitor(room, "buy my pills").await;
    store.post_as_visitor(other, "hello").await;
    let counts = |waiting, active, closed| Counts {
        waiting,
        active,
        closed,
    };
    assert_eq!(store.head().counts, counts(2, 0, 0));
    let mut version = record(&store, room).await.version;
    for (spam, status, event, counted) in [
        (true, Status::Closed, SystemEvent::Closed, counts(1, 0, 0)),
        // It is none after all, and is reopened.
        (
            false,
            Status::Active,
            SystemEvent::Reopened,
            counts(1, 1, 0),
        ),
        (true, Status::Closed, SystemEvent::Closed, counts(1, 0, 0)),
        (true, Status::Active, SystemEvent::Reopened, counts(1, 0, 0)),
        (false, Status::Closed, SystemEvent::Closed, counts(1, 0, 1)),
    ] {
        let patch = RoomPatch {
            desk: DeskPatch {
                spam: Some(spam),
                ..DeskPatch::default()
            },
            status: Some((status, Sender::Visitor)),
            ..RoomPatch::default()
        };
        let commit = store.apply(room, RoomOp::Change(Box::new(patch))).await;
        let RoomCommit {
            record: after,
            effect,
            ..
        } = commit.expect("changed");
        let Effect::StatusChanged(message) = effect else {
            panic!("the status has changed: {effect:?}");
        };
        version += 1;
        assert_eq!((message.event, after.version), (Some(event), version));
        assert_eq!((after.desk.spam, after.room.status), (spam, status));
        let stored = store.room(room).await.expect("it reads").expect("a room");
        assert_eq!(stored, *after);
        assert_eq!(store.head().counts, counted, "{spam} {status:?}");
        assert_eq!(store.contradictions().await, [""; 0]);
    }
    let store = store.reopened();
    assert_eq!(store.head().counts, counts(1, 0, 1));
}

#[tokio::test]
async fn a_message_in_the_commit_of_a_patch_is_stored_with_what_it_changes_back() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    store.post_as_visitor(room, "hello").await;
    let mia = store.new_agent("mia").await;
    let answer = || RoomOp::Post(draft(Uuid::now_v7(), mia.clone(), "hi"));
    store.apply(room, answer()).await.expect("posted");
    // Whoever answers is the assignee, and the customer's next word ends a snooze.
    let desks = [
        DeskPatch {
            assignee: Some(None),
            ..DeskPatch::default()
        },
        DeskPatch {
            snoozed_until: Some(Some(Timestamp(9_000_000_000_000))),
            ..DeskPatch::default()
        },
    ];
    for (desk, message) in desks
        .into_iter()
        .zip([answer(), RoomOp::Post(visitor_draft("and?"))])
    {
        let before = record(&store, room).await;
        let pause = store.pause_writer().await;
        let patched = store.submit_op(room, RoomOp::set_desk(desk));
        let posted = store.submit_op(room, message);
        drop(pause);
        let patched = patched.await.expect("completed").expect("changed");
        assert_ne!(patched.record.desk, before.desk);
        let posted = posted.await.expect("completed").expect("posted");
        assert_eq!(posted.record.desk, before.desk);
        assert_eq!(record(&store, room).await, posted.record);
    }
}
