use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use ractor::{Actor, ActorProcessingErr, Message};
use uuid::Uuid;

use super::*;
use crate::actors::messages::LobbyMsg;
use crate::actors::{
    ActorMetrics, ActorOptions, Actors, Event, Faults, Joiner, LobbyHandle, Outbox, Rooms,
};
use crate::chat::{ChangeId, Room, Side, SignedFields, Status, Timestamp};
use crate::persistence::testing::{TestStore, visitor_draft};
use crate::persistence::{Effect, RoomOp};

const NOTICES: u64 = 5_000;

/// In place of a room or the lobby: counts what it is sent, and takes nothing from its inbox.
struct Counter<T>(Arc<AtomicUsize>, std::marker::PhantomData<fn(T)>);

impl<T: Message> Actor for Counter<T> {
    type Msg = T;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<T>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(&self, _: ActorRef<T>, _: T, (): &mut ()) -> Result<(), ActorProcessingErr> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// An actor that counts, and how many messages it was sent once its mailbox is empty.
async fn counter<T: Message>() -> (ActorRef<T>, impl AsyncFn() -> usize) {
    let received = Arc::new(AtomicUsize::new(0));
    let counter = Counter(received.clone(), std::marker::PhantomData);
    let (actor, _) = Counter::spawn(None, counter, ()).await.expect("it starts");
    let counted = actor.clone();
    let count = async move || {
        let drained = counted.drain_and_wait(None).await;
        drained.expect("it has handled everything");
        received.load(Ordering::Relaxed)
    };
    (actor, count)
}

struct TestActors {
    actors: Actors,
    store: TestStore,
}

impl TestActors {
    async fn start() -> Self {
        let store = TestStore::in_sqlite();
        let options = ActorOptions {
            store: store.store.clone(),
            idle_timeout: std::time::Duration::from_secs(60),
            presence_grace: std::time::Duration::from_secs(10),
            metrics: ActorMetrics::default(),
            faults: Faults::default(),
        };
        let actors = Actors::start(options).await.expect("they start");
        Self { actors, store }
    }

    fn rooms(&self) -> Rooms {
        self.actors.rooms()
    }

    fn lobby(&self) -> LobbyHandle {
        self.actors.lobby()
    }

    fn inboxes(&self) -> &Elsewhere {
        &self.actors.context.elsewhere
    }
}

fn record(room_id: RoomId, version: u64) -> Arc<RoomRecord> {
    Arc::new(RoomRecord {
        room: Room {
            id: room_id,
            status: Status::Active,
            customer_name: None,
            customer_email: None,
            customer_phone: None,
            user: None,
            page_url: None,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            last_message_at: None,
            last_seq: 1,
            customer_read_seq: version,
            admin_read_seq: 0,
        },
        visitor_id: Uuid::nil(),
        blocked: false,
        signed: SignedFields::default(),
        version,
        change: ChangeId {
            slot: 3,
            number: version,
        },
        unread_count: 0,
        waiting_since: None,
        last_message: None,
        desk: Default::default(),
    })
}

fn commit(room_id: RoomId, version: u64) -> ElsewhereCommit {
    let effect = Effect::ReadMoved {
        side: Side::Visitor,
        seq: version,
    };
    ElsewhereCommit {
        record: record(room_id, version),
        effect: Some(effect),
    }
}

#[tokio::test]
async fn a_room_that_takes_nothing_has_one_notice_in_its_mailbox() {
    let test = TestActors::start().await;
    let (room, received) = counter().await;
    let room_id = Uuid::from_u128(1);
    test.inboxes().add_room(room_id, room);
    for version in 1..=NOTICES {
        test.rooms().committed_elsewhere([commit(room_id, version)]);
    }
    assert_eq!(received().await, 1);
    let Some(Untaken::Commits(commits)) = test.inboxes().take(room_id) else {
        panic!("the inbox has commits");
    };
    assert!(commits.len() <= COMMITS_MAX, "{}", commits.len());
    let newest = commits.last().expect("one at least");
    assert_eq!(newest.record.version, NOTICES);
    let first = &commits[0];
    assert!(first.effect.is_none(), "the store is to be read");
}

#[tokio::test]
async fn a_few_commits_say_what_was_done_and_a_removal_stands_for_all() {
    let test = TestActors::start().await;
    let (room, received) = counter().await;
    let (room_id, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    test.inboxes().add_room(room_id, room.clone());
    let commits = (1..=3).map(|version| commit(room_id, version));
    test.rooms().committed_elsewhere(commits);
    test.rooms().committed_elsewhere([commit(other, 1)]);
    assert!(test.inboxes().take(other).is_none(), "it has no actor");
    let Some(Untaken::Commits(commits)) = test.inboxes().take(room_id) else {
        panic!("the inbox has commits");
    };
    assert!(commits.iter().all(|commit| commit.effect.is_some()));
    assert_eq!(commits.len(), 3);
    test.rooms().committed_elsewhere([commit(room_id, 4)]);
    test.rooms().removed_elsewhere([room_id, room_id]);
    test.rooms().committed_elsewhere([commit(room_id, 5)]);
    let untaken = test.inboxes().take(room_id);
    assert!(matches!(untaken, Some(Untaken::Removed)), "{untaken:?}");
    assert_eq!(received().await, 2, "one for each time that it was empty");
    test.inboxes().remove_room(room_id, room.get_id());
    test.rooms().committed_elsewhere([commit(room_id, 6)]);
    assert!(test.inboxes().take(room_id).is_none(), "it has ended");
}

#[tokio::test]
async fn a_lobby_that_takes_nothing_has_one_notice_in_its_mailbox() {
    let test = TestActors::start().await;
    let (lobby, received) = counter::<LobbyMsg>().await;
    test.actors.context.lobby.send_replace(Some(lobby));
    for version in 1..=NOTICES {
        let room_id = Uuid::from_u128(u128::from(version));
        test.lobby()
            .committed_elsewhere(vec![record(room_id, version)]);
    }
    test.lobby().missed_elsewhere();
    assert_eq!(received().await, 1);
    let untaken = test.inboxes().take_for_lobby();
    assert!(untaken.resync && untaken.records.is_empty(), "{untaken:?}");
}

#[tokio::test]
async fn the_lobby_gets_the_records_while_they_are_few() {
    let test = TestActors::start().await;
    let records = |test: &TestActors| test.inboxes().take_for_lobby().records.len();
    let put = |count: u128| {
        let records = (0..count).map(|id| record(Uuid::from_u128(id), 1));
        let notified = test.inboxes().put_for_lobby(records.collect());
        assert!(notified, "it was empty");
    };
    put(RECORDS_MAX as u128);
    assert_eq!(records(&test), RECORDS_MAX);
    put(RECORDS_MAX as u128 + 1);
    let untaken = test.inboxes().take_for_lobby();
    assert!(untaken.resync && untaken.records.is_empty(), "{untaken:?}");
}

#[tokio::test]
async fn typing_that_no_room_takes_is_dropped() {
    let test = TestActors::start().await;
    let (room, received) = counter().await;
    let room_id = Uuid::from_u128(1);
    test.inboxes().add_room(room_id, room);
    let typing = Typing {
        room_id,
        side: Side::Agent,
        participant_id: Uuid::nil(),
        name: None,
    };
    for _ in 0..NOTICES {
        test.rooms().typing_elsewhere(typing.clone());
    }
    assert_eq!(received().await, TYPING_MAX);
    assert_eq!(
        test.inboxes().typing.available_permits(),
        TYPING_MAX,
        "there is room again once they were taken"
    );
}

/// The seqs of the messages that a room pushes when the third comes before the second.
async fn pushed_when_the_third_comes_first(notices_come: bool) -> Vec<u64> {
    let test = TestActors::start().await;
    let (store, rooms) = (&test.store, test.rooms());
    rooms.set_notices_come(notices_come);
    let room_id = store.new_room("Ann").await;
    store.post_as_visitor(room_id, "first").await;
    let outbox = Outbox::new(100, 100_000);
    let joiner = Joiner {
        side: Side::Agent,
        participant_id: Uuid::from_u128(1),
        display_name: None,
        outbox: outbox.clone(),
    };
    let subscription = rooms.join(room_id, &joiner).await.expect("it joins");
    subscription.live.turn_on();
    let mut commits = Vec::new();
    for content in ["second", "third"] {
        let op = RoomOp::Post(visitor_draft(content));
        let commit = store.apply(room_id, op).await.expect("it is stored");
        commits.push(ElsewhereCommit {
            record: commit.record,
            effect: Some(commit.effect),
        });
    }
    commits.reverse();
    rooms.committed_elsewhere(commits);
    let (mut seqs, mut events) = (Vec::new(), VecDeque::new());
    while seqs.len() < 2 {
        outbox.recv(&mut events).await.expect("it is open");
        seqs.extend(events.drain(..).filter_map(|event| match event {
            Event::Message { seq, .. } => Some(seq),
            _ => None,
        }));
    }
    seqs
}

#[tokio::test]
async fn a_room_pushes_messages_in_the_order_of_the_log_while_notices_come() {
    assert_eq!(pushed_when_the_third_comes_first(true).await, [2, 3]);
    assert_eq!(pushed_when_the_third_comes_first(false).await, [3, 2]);
}
