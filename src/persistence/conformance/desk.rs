//! Assignees, tags, spam, snoozes and blocks with an end.

use uuid::Uuid;

use crate::chat::{AgentId, AssigneeMoved, DeskPatch, RoomId, Sender, Status, TagId, Timestamp};
use crate::persistence::testing::*;
use crate::persistence::*;

fn assign(to: Option<AgentId>, expected: Option<Option<AgentId>>) -> RoomOp {
    RoomOp::set_desk(DeskPatch {
        assignee: Some(to),
        expect_assignee: expected,
        ..DeskPatch::default()
    })
}

fn spam(spam: bool) -> RoomOp {
    RoomOp::set_desk(DeskPatch {
        spam: Some(spam),
        ..DeskPatch::default()
    })
}

fn snooze(until: Option<Timestamp>) -> RoomOp {
    RoomOp::set_desk(DeskPatch {
        snoozed_until: Some(until),
        ..DeskPatch::default()
    })
}

fn tagged(tags: &[TagId]) -> RoomOp {
    RoomOp::set_desk(DeskPatch {
        tags: Some(tags.to_vec()),
        ..DeskPatch::default()
    })
}

async fn agent(store: &Store, username: &str) -> AgentId {
    let new = NewAgent {
        username: username.into(),
        display_name: username.into(),
        role: crate::chat::Role::Agent,
        password_hash: String::new(),
    };
    let added = store.add_agent(new, Principal::CommandLine).await;
    added.expect("added").id
}

async fn set_duty(store: &Store, id: AgentId, patch: AgentPatch) {
    let changed = store.change_agent(id, patch, Principal::CommandLine).await;
    changed.expect("changed");
}

fn post_as(id: AgentId, content: &str) -> RoomOp {
    let sender = Sender::Agent {
        id,
        display_name: "Mia".into(),
    };
    RoomOp::Post(draft(Uuid::now_v7(), sender, content))
}

async fn change(store: &TestStore, room: RoomId, op: RoomOp) {
    store.apply(room, op).await.expect("changed");
}

/// The rooms of a list, by the customers' names.
async fn list(store: &Store, status: Option<Status>, filter: RoomFilter) -> Vec<String> {
    let mut names = Vec::new();
    for order in [RoomOrder::Activity, RoomOrder::Waiting] {
        let query = RoomQuery {
            status,
            filter,
            order,
            cursor: None,
            limit: 50,
        };
        let page = store.list_rooms(query).await.expect("it lists");
        let records = page.records.into_iter();
        let mut listed: Vec<String> = records
            .map(|record| record.room.display_name().to_owned())
            .collect();
        listed.sort_unstable();
        if order == RoomOrder::Waiting {
            assert_eq!(listed, names, "both orders have the same rooms");
        }
        names = listed;
    }
    names
}

#[tokio::test]
async fn the_first_agent_who_answers_is_assigned() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    let (mia, tom) = (agent(&store, "mia").await, agent(&store, "tom").await);
    store.post_as_visitor(room, "hello").await;
    assert_eq!(record(&store, room).await.desk.assignee, None);
    change(&store, room, post_as(mia, "hi")).await;
    change(&store, room, post_as(tom, "me, too")).await;
    assert_eq!(record(&store, room).await.desk.assignee, Some(mia));
    let stored = store.room(room).await.expect("it reads").expect("a room");
    assert_eq!(stored.desk.assignee, Some(mia));
    assert!(store.contradictions().await.is_empty());
}

#[tokio::test]
async fn a_word_to_somebody_who_is_away_makes_the_room_nobody_s() {
    let store = TestStore::new();
    let mia = agent(&store, "mia").await;
    let off = AgentPatch {
        on_duty: Some(false),
        ..AgentPatch::default()
    };
    let disabled = AgentPatch {
        on_duty: Some(true),
        disabled: Some(true),
        ..AgentPatch::default()
    };
    for away in [off, disabled] {
        let room = store.new_room("Ann").await;
        store.post_as_visitor(room, "hello").await;
        change(&store, room, post_as(mia, "hi")).await;
        set_duty(&store, mia, away).await;
        assert_eq!(record(&store, room).await.desk.assignee, Some(mia));
        store.post_as_visitor(room, "one more thing").await;
        assert_eq!(record(&store, room).await.desk.assignee, None);
        let back = AgentPatch {
            disabled: Some(false),
            ..AgentPatch::default()
        };
        set_duty(&store, mia, back).await;
    }
    // Somebody who is there keeps it.
    let room = store.new_room("Ben").await;
    change(&store, room, assign(Some(mia), None)).await;
    store.post_as_visitor(room, "hello").await;
    assert_eq!(record(&store, room).await.desk.assignee, Some(mia));
}

#[tokio::test]
async fn of_many_who_claim_at_once_one_gets_the_room() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    store.post_as_visitor(room, "hello").await;
    let claims: Vec<_> = (1..=8)
        .map(|id| {
            let claim = assign(Some(Uuid::from_u128(id)), Some(None));
            store.submit_op(room, claim)
        })
        .collect();
    let mut winners = Vec::new();
    for claim in claims {
        match claim.await.expect("completed") {
            Ok(commit) => winners.push(commit.record.desk.assignee),
            Err(error) => assert_eq!(error, Refusal::AssigneeMoved(AssigneeMoved).into()),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(record(&store, room).await.desk.assignee, winners[0]);
}

#[tokio::test]
async fn the_desk_moves_the_version_and_nothing_that_a_visitor_sees() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    store.post_as_visitor(room, "hello").await;
    let tag = store
        .add_tag(NewTag {
            name: "order".into(),
            color: "#112233".into(),
        })
        .await
        .expect("added");
    let mut before = record(&store, room).await;
    for op in [
        assign(Some(Uuid::from_u128(7)), None),
        tagged(&[tag.id]),
        snooze(Some(Timestamp(9_000_000_000_000))),
        spam(true),
        spam(false),
    ] {
        let commit = store.apply(room, op).await.expect("changed");
        let after = commit.record;
        assert_eq!(after.version, before.version + 1);
        assert!(after.change.number > before.change.number);
        assert_eq!(after.room, before.room);
        assert_eq!(after.unread_count, before.unread_count);
        assert_eq!(after.waiting_since, before.waiting_since);
        let stored = store.room(room).await.expect("it reads").expect("a room");
        assert_eq!(stored, *after);
        before = after;
    }
    let again = store.apply(room, spam(false)).await.expect("no change");
    assert_eq!(again.effect, Effect::Unchanged);
    assert!(store.contradictions().await.is_empty());
}

#[tokio::test]
async fn lists_are_narrowed_by_assignee_tag_and_spam() {
    let store = TestStore::new();
    let (mia, tom) = (agent(&store, "mia").await, agent(&store, "tom").await);
    let tag = store
        .add_tag(NewTag {
            name: "order".into(),
            color: "#112233".into(),
        })
        .await
        .expect("added")
        .id;
    for (name, assignee, has_tag, closed, is_spam) in [
        ("a", Some(mia), true, false, false),
        ("b", Some(tom), true, true, false),
        ("c", None, true, false, true),
        ("d", None, false, false, false),
        ("e", Some(mia), false, true, false),
        ("f", None, false, true, false),
        ("g", Some(tom), false, false, true),
    ] {
        let room = store.new_room(name).await;
        store.post_as_visitor(room, "hello").await;
        change(&store, room, assign(assignee, None)).await;
        if has_tag {
            change(&store, room, tagged(&[tag])).await;
        }
        if closed {
            let by = Sender::Visitor;
            let status = Status::Closed;
            change(&store, room, RoomOp::SetStatus { status, by }).await;
        }
        if is_spam {
            change(&store, room, spam(true)).await;
        }
    }
    // Those without a message are in no list and no count.
    for assignee in [Some(mia), None] {
        let room = store.new_room("nothing yet").await;
        change(&store, room, assign(assignee, None)).await;
    }
    let of = |assignee| RoomFilter {
        assignee: Some(assignee),
        ..RoomFilter::default()
    };
    let with_tag = |filter| RoomFilter {
        tag: Some(tag),
        ..filter
    };
    let in_spam = |filter| RoomFilter {
        spam: true,
        ..filter
    };
    let all = RoomFilter::default();
    for (status, filter, expected) in [
        (None, all, "a b d e f"),
        (None, of(Some(mia)), "a e"),
        (Some(Status::Waiting), of(Some(mia)), "a"),
        (Some(Status::Closed), of(Some(mia)), "e"),
        (None, of(None), "d f"),
        (None, with_tag(all), "a b"),
        (None, with_tag(of(Some(tom))), "b"),
        (None, with_tag(of(None)), ""),
        (None, in_spam(all), "c g"),
        (None, in_spam(of(None)), "c"),
        (None, in_spam(with_tag(all)), "c"),
        (Some(Status::Closed), in_spam(all), ""),
    ] {
        let found = list(&store, status, filter).await.join(" ");
        assert_eq!(found, expected, "{status:?} {filter:?}");
    }
    let counts = store.head().counts;
    assert_eq!((counts.waiting, counts.active, counts.closed), (2, 0, 3));
    let assigned = store.assigned_counts(mia).await.expect("counted");
    assert_eq!((assigned.mine, assigned.unassigned), (1, 1));
    let snapshot = store.lobby_snapshot(50).await.expect("it reads");
    assert_eq!(snapshot.records.len(), 2, "no spam at first");
    store.flush_search_index().await.expect("indexed");
    let found = store.search(SearchQuery {
        words: "hello".into(),
        status: None,
        filter: with_tag(all),
        cursor: None,
        limit: 50,
    });
    assert_eq!(found.await.expect("it searches").hits.len(), 2);
    assert!(store.contradictions().await.is_empty());
}

#[tokio::test]
async fn a_deleted_tag_is_taken_off_all_rooms() {
    let store = TestStore::new();
    let new = |name: &str| NewTag {
        name: name.into(),
        color: "#112233".into(),
    };
    let order = store.add_tag(new("Order")).await.expect("added").id;
    let other = store.add_tag(new("returns")).await.expect("added").id;
    let taken = store.add_tag(new("ORDER")).await;
    assert_eq!(taken.err(), Some(Refusal::TagTaken.into()));
    let renamed = TagPatch {
        name: Some("RETURNS".into()),
        ..TagPatch::default()
    };
    let taken = store.change_tag(order, renamed.clone()).await;
    assert_eq!(taken.err(), Some(Refusal::TagTaken.into()));
    let renamed = store
        .change_tag(other, renamed)
        .await
        .expect("its own name");
    assert_eq!(renamed.name, "RETURNS");

    let mut rooms = Vec::new();
    for _ in 0..5 {
        let room = store.new_room("Ann").await;
        store.post_as_visitor(room, "hello").await;
        change(&store, room, tagged(&[order, other])).await;
        rooms.push(room);
    }
    store.delete_tag(order).await.expect("deleted");
    let again = store.delete_tag(order).await;
    assert_eq!(again.err(), Some(Refusal::NotFound.into()));
    let mut changed = Vec::new();
    loop {
        let some = store.remove_deleted_tags(2).await.expect("taken off");
        if some.is_empty() {
            break;
        }
        changed.extend(some);
    }
    changed.sort_unstable();
    assert_eq!(changed, rooms);
    for room in rooms {
        assert_eq!(record(&store, room).await.desk.tags, [other]);
    }
    assert!(store.contradictions().await.is_empty());
}

#[tokio::test]
async fn a_snooze_ends_with_the_customer_s_word_or_is_found_when_its_time_comes() {
    let store = TestStore::new();
    let (one, other) = (store.new_room("Ann").await, store.new_room("Ben").await);
    for room in [one, other] {
        store.post_as_visitor(room, "hello").await;
        change(&store, room, snooze(Some(Timestamp(5_000)))).await;
    }
    store.post_as_agent(one, "later").await;
    assert!(record(&store, one).await.desk.snoozed_until.is_some());
    store.post_as_visitor(one, "now, please").await;
    assert_eq!(record(&store, one).await.desk.snoozed_until, None);
    let ended = async |now| store.ended_snoozes(Timestamp(now), 9).await.expect("read");
    assert!(ended(4_999).await.is_empty());
    assert_eq!(ended(5_000).await, [other]);
    change(&store, other, snooze(None)).await;
    assert!(ended(5_000).await.is_empty());
}

#[tokio::test]
async fn a_block_may_have_an_end_which_a_sign_in_keeps() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    store.post_as_visitor(room, "hello").await;
    let blocked = |until| {
        RoomOp::set_block(SetBlock {
            blocked: true,
            until,
            by: Principal::CommandLine,
        })
    };
    change(&store, room, blocked(Some(Timestamp(7_000)))).await;
    let list = async || store.blocked_visitors(9).await.expect("read");
    let entry = BlockedVisitor {
        room_id: room,
        customer_name: Some("Ann".into()),
        user: None,
        until: Some(Timestamp(7_000)),
    };
    assert_eq!(list().await, [entry]);
    let ended = async |now| store.ended_blocks(Timestamp(now), 9).await.expect("read");
    assert!(ended(6_999).await.is_empty());
    assert_eq!(ended(7_000).await, [room]);
    change(&store, room, blocked(None)).await;
    assert_eq!(list().await[0].until, None, "the end alone has changed");
    assert!(ended(7_000).await.is_empty(), "it has no end");
    let lift = RoomOp::set_block(SetBlock {
        blocked: false,
        until: Some(Timestamp(9_000)),
        by: Principal::Server,
    });
    change(&store, room, lift).await;
    assert_eq!(list().await, []);
    assert!(!record(&store, room).await.blocked);
}
