use tokio::sync::oneshot;

use super::*;
use crate::actors::LiveSwitch;
use crate::actors::ids::SubscriptionId;
use crate::actors::outbox::Outbox;
use crate::actors::subscriber::{ReplyPort, Subscriber};
use crate::chat::{Draft, Message, Room, Sender, SignedFields, Status, Timestamp};
use crate::persistence::{Effect, RoomOp};

const GRACE: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(60);
const NOBODY: Audience = Audience {
    is_empty: true,
    has_visitor: false,
};
const AN_AGENT: Audience = Audience {
    is_empty: false,
    has_visitor: false,
};
const THE_VISITOR: Audience = Audience {
    is_empty: false,
    has_visitor: true,
};

fn owner() -> Uuid {
    Uuid::from_u128(1)
}

/// A record at a version; from `last_seq` 1 on it is listed, and its change is its version.
fn record(version: u64, last_seq: u64) -> Arc<RoomRecord> {
    Arc::new(RoomRecord {
        room: Room {
            id: Uuid::nil(),
            status: Status::Active,
            customer_name: None,
            customer_email: None,
            customer_phone: None,
            user: None,
            page_url: None,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            last_message_at: None,
            last_seq,
            customer_read_seq: 0,
            admin_read_seq: 0,
        },
        visitor_id: owner(),
        blocked: false,
        signed: SignedFields::default(),
        version,
        change: ChangeId::of_single_writer(if last_seq == 0 { 0 } else { version }),
        unread_count: 0,
        waiting_since: None,
        last_message: None,
        desk: Default::default(),
    })
}

fn message(seq: u64) -> Message {
    Message {
        id: Uuid::nil(),
        room_id: Uuid::nil(),
        seq,
        sender_type: Side::Visitor.into(),
        sender_name: "Ann".into(),
        content: "hello".into(),
        event: None,
        is_read: false,
        redacted: false,
        via: None,
        agent_id: None,
        created_at: Timestamp(0),
    }
}

fn outcome(record: Arc<RoomRecord>, effect: Effect) -> Result<RoomCommit, WriteError> {
    Ok(RoomCommit {
        record,
        effect,
        also_changed: Vec::new(),
    })
}

fn posted(version: u64, seq: u64) -> Result<RoomCommit, WriteError> {
    outcome(record(version, seq), Effect::Posted(message(seq)))
}

fn join_message() -> RoomMsg {
    RoomMsg::Join {
        subscriber: Subscriber {
            id: SubscriptionId(1),
            room_id: Uuid::nil(),
            side: Side::Visitor,
            participant_id: owner(),
            display_name: None,
            outbox: Outbox::new(1, 1),
            live: LiveSwitch::default(),
            last_typing: None,
        },
        reply: oneshot::channel().0,
    }
}

fn write_message() -> RoomMsg {
    RoomMsg::Write {
        op: RoomOp::Post(Draft {
            id: Uuid::nil(),
            sender: Sender::Visitor,
            content: "hello".into(),
            via: None,
        }),
        reply: ReplyPort::to_caller(oneshot::channel().0),
    }
}

struct TestRoom {
    state: RoomState,
    now: Instant,
}

impl TestRoom {
    /// A room that has started to read its record.
    fn loading(visitor_online: bool) -> Self {
        let now = Instant::now();
        let timing = Timing {
            idle_timeout: IDLE,
            presence_grace: GRACE,
        };
        let mut state = RoomState::new(visitor_online, timing, now);
        state.read_started();
        Self { state, now }
    }

    fn live(record: Arc<RoomRecord>) -> Self {
        let mut room = Self::loading(false);
        let loaded = room.read(Ok(Some(record)));
        assert_eq!(loaded, Loaded::First { presence: None });
        room
    }

    fn read(&mut self, outcome: Result<Option<Arc<RoomRecord>>, StoreError>) -> Loaded {
        self.state.read_finished(outcome, &mut Vec::new())
    }

    fn commit(&mut self, outcome: &Result<RoomCommit, WriteError>) -> Option<Committed> {
        self.state.write_started();
        self.state.write_finished(outcome)
    }

    fn after(&mut self, time: Duration) -> &mut Self {
        self.now += time;
        self
    }

    fn follow_ups(&mut self, audience: Audience) -> FollowUps {
        self.state.follow_ups(self.now, audience)
    }

    fn reported(&mut self) -> Option<Vec<u64>> {
        self.follow_ups(THE_VISITOR)
            .report
            .map(|report| report.changes.iter().map(|change| change.number).collect())
    }

    fn rests(&mut self, audience: Audience) -> bool {
        self.state.rest_timer_fired(self.now, audience)
    }

    fn version(&self) -> Option<u64> {
        self.state.record().map(|record| record.version)
    }
}

#[test]
fn joins_and_writes_wait_until_the_record_is_read() {
    let mut room = TestRoom::loading(false);
    for message in [join_message(), write_message(), RoomMsg::TakeElsewhere] {
        assert_eq!(room.state.route(&message), Route::Defer);
        room.state.defer(message);
    }
    assert_eq!(room.state.route(&RoomMsg::AllowReport), Route::Handle);
    assert!(room.state.take_deferred().is_empty(), "not yet");
    room.read(Ok(Some(record(1, 0))));
    assert_eq!(room.state.take_deferred().len(), 3);
    assert_eq!(room.state.route(&join_message()), Route::Handle);
}

#[test]
fn joins_and_writes_wait_for_every_read_in_progress() {
    let mut room = TestRoom::live(record(1, 0));
    room.state.read_started();
    room.state.read_started();
    assert_eq!(room.state.route(&write_message()), Route::Defer);
    room.state.defer(write_message());
    room.read(Ok(Some(record(2, 0))));
    assert_eq!(room.state.route(&write_message()), Route::Defer);
    assert!(room.state.take_deferred().is_empty());
    room.read(Ok(Some(record(3, 0))));
    assert_eq!(room.state.take_deferred().len(), 1);
}

#[test]
fn a_missing_or_unreadable_room_is_gone_and_refuses_what_was_deferred() {
    let unreadable = StoreError::Unavailable("test".into());
    for (outcome, reason) in [
        (Ok(None), GoneReason::NotFound),
        (
            Err(unreadable.clone()),
            GoneReason::LoadFailed(unreadable.clone()),
        ),
    ] {
        let mut room = TestRoom::loading(false);
        room.state.defer(join_message());
        let mut refused = Vec::new();
        let loaded = room.state.read_finished(outcome, &mut refused);
        assert_eq!((loaded, refused.len()), (Loaded::Gone, 1));
        assert_eq!(room.state.gone(), Some(&reason));
        assert_eq!(room.state.route(&write_message()), Route::TurnAway);
        assert_eq!(room.follow_ups(NOBODY), FollowUps::default());
    }
}

#[test]
fn a_room_that_could_not_be_read_ignores_a_later_read() {
    let mut room = TestRoom::loading(false);
    room.state.read_started();
    assert_eq!(room.read(Ok(None)), Loaded::Gone);
    assert_eq!(room.read(Ok(Some(record(1, 0)))), Loaded::Unchanged);
    assert_eq!(room.state.gone(), Some(&GoneReason::NotFound));
}

#[test]
fn visitors_join_their_own_room_and_agents_any() {
    let mut room = TestRoom::loading(false);
    assert_eq!(
        room.state.admit(Side::Agent, Uuid::nil()),
        Err(JoinError::Resting)
    );
    room.read(Ok(Some(record(4, 0))));
    let admitted = |side, id| room.state.admit(side, id).map(|record| record.version);
    assert_eq!(admitted(Side::Visitor, owner()), Ok(4));
    assert_eq!(
        admitted(Side::Visitor, Uuid::nil()),
        Err(JoinError::NotFound)
    );
    assert_eq!(admitted(Side::Agent, Uuid::nil()), Ok(4));
}

#[test]
fn a_record_replaces_another_only_if_its_version_is_higher() {
    let mut room = TestRoom::live(record(5, 1));
    let committed = room.commit(&posted(7, 3)).expect("it changed the room");
    assert_eq!(committed.before, Some(record(5, 1)));
    // A commit whose record a read has overtaken is pushed and reported all the same.
    let late = room.commit(&posted(6, 2)).expect("it changed the room");
    assert_eq!((late.before, room.version()), (None, Some(7)));
    room.state.read_started();
    assert_eq!(room.read(Ok(Some(record(7, 3)))), Loaded::Unchanged);
    assert_eq!(room.version(), Some(7));
    assert_eq!(room.reported(), Some(vec![7, 6]));
}

#[test]
fn a_record_changed_elsewhere_is_taken_and_reported() {
    let mut room = TestRoom::live(record(5, 1));
    room.state.read_started();
    let before = record(5, 1);
    assert_eq!(
        room.read(Ok(Some(record(8, 1)))),
        Loaded::Changed { before }
    );
    assert_eq!((room.version(), room.reported()), (Some(8), Some(vec![8])));
    // A change of an unlisted room has no number that the lobby waits for.
    let mut unlisted = TestRoom::live(record(1, 0));
    unlisted.state.read_started();
    let before = record(1, 0);
    assert_eq!(
        unlisted.read(Ok(Some(record(2, 0)))),
        Loaded::Changed { before }
    );
    assert_eq!(unlisted.reported(), None);
}

#[test]
fn failed_duplicate_and_unchanging_writes_change_nothing() {
    let mut room = TestRoom::live(record(3, 1));
    for outcome in [
        Err(StoreError::Busy.into()),
        outcome(record(3, 1), Effect::Duplicate(message(1))),
        outcome(record(3, 1), Effect::Unchanged),
    ] {
        assert_eq!(room.commit(&outcome), None);
    }
    assert_eq!((room.version(), room.reported()), (Some(3), None));
    assert!(room.after(IDLE).rests(NOBODY), "and leave nothing open");
}

#[test]
fn the_lobby_gets_a_report_only_when_it_has_allowed_one() {
    let mut room = TestRoom::live(record(1, 0));
    room.commit(&posted(2, 1));
    assert_eq!(room.reported(), Some(vec![2]), "the first is allowed");
    room.commit(&posted(3, 2));
    room.commit(&posted(4, 3));
    assert_eq!(room.reported(), None);
    room.state.allow_report();
    assert_eq!(room.reported(), Some(vec![3, 4]));
    room.state.allow_report();
    assert_eq!(room.reported(), None, "nothing has changed");
    assert!(!room.rests(AN_AGENT));
}

#[test]
fn unlisted_rooms_are_not_reported() {
    let mut room = TestRoom::live(record(1, 0));
    room.commit(&outcome(record(2, 0), Effect::DetailsChanged));
    assert_eq!((room.version(), room.reported()), (Some(2), None));
}

#[test]
fn a_visitor_is_online_from_the_first_socket_until_the_grace_is_over() {
    let mut room = TestRoom::live(record(1, 1));
    assert_eq!(room.state.joined(Side::Agent), None);
    let online = |online| {
        Some(PresenceChange {
            online,
            listed: true,
        })
    };
    assert_eq!(room.state.joined(Side::Visitor), online(true));
    assert_eq!(room.state.joined(Side::Visitor), None, "a second tab");
    assert_eq!(room.follow_ups(THE_VISITOR).presence_timer, None);
    assert_eq!(room.follow_ups(AN_AGENT).presence_timer, Some(GRACE));
    assert_eq!(room.follow_ups(AN_AGENT).presence_timer, None, "once");
    // Back before the grace is over, and gone again: the grace starts again.
    room.after(GRACE / 2).follow_ups(THE_VISITOR);
    room.follow_ups(NOBODY);
    room.after(GRACE / 2);
    assert_eq!(room.state.presence_timer_fired(room.now), None);
    assert_eq!(room.follow_ups(NOBODY).presence_timer, Some(GRACE / 2));
    room.after(GRACE / 2);
    assert_eq!(room.state.presence_timer_fired(room.now), online(false));
}

#[test]
fn a_first_message_publishes_that_the_visitor_is_online() {
    let mut room = TestRoom::live(record(1, 0));
    let unlisted = PresenceChange {
        online: true,
        listed: false,
    };
    assert_eq!(room.state.joined(Side::Visitor), Some(unlisted));
    let listed = Some(PresenceChange {
        online: true,
        listed: true,
    });
    let first = room.commit(&posted(2, 1)).expect("it changed the room");
    assert_eq!(first.presence, listed);
    let second = room.commit(&posted(3, 2)).expect("it changed the room");
    assert_eq!(second.presence, None);
}

#[test]
fn a_visitor_whom_an_earlier_incarnation_left_online_is_published_again() {
    let mut room = TestRoom::loading(true);
    // While the room loads, it is not known whether consoles list it.
    assert_eq!(room.follow_ups(NOBODY).presence_timer, None);
    assert_eq!(
        room.after(GRACE).state.presence_timer_fired(Instant::now()),
        None
    );
    let presence = Some(PresenceChange {
        online: true,
        listed: true,
    });
    assert_eq!(
        room.read(Ok(Some(record(1, 1)))),
        Loaded::First { presence }
    );
    assert_eq!(room.follow_ups(NOBODY).presence_timer, Some(GRACE));
    room.after(GRACE);
    let offline = Some(PresenceChange {
        online: false,
        listed: true,
    });
    assert_eq!(room.state.presence_timer_fired(room.now), offline);
}

#[test]
fn a_room_rests_when_nobody_has_needed_it_for_the_idle_timeout() {
    let mut room = TestRoom::live(record(1, 0));
    assert_eq!(room.follow_ups(AN_AGENT).rest_timer, None);
    // The last subscriber leaves only now.
    room.after(IDLE).follow_ups(AN_AGENT);
    assert_eq!(room.follow_ups(NOBODY).rest_timer, Some(IDLE));
    assert_eq!(room.follow_ups(NOBODY).rest_timer, None, "once");
    assert!(!room.after(IDLE / 2).rests(NOBODY));
    assert_eq!(room.follow_ups(NOBODY).rest_timer, Some(IDLE));
    assert!(!room.after(IDLE / 2).rests(AN_AGENT), "somebody has joined");
    assert!(room.rests(NOBODY));
    assert_eq!(room.state.route(&write_message()), Route::TurnAway);
    assert_eq!(room.state.route(&join_message()), Route::TurnAway);
    assert_eq!(room.state.gone(), None, "a next incarnation handles them");
    assert_eq!(room.follow_ups(NOBODY), FollowUps::default());
}

#[test]
fn a_room_does_not_rest_over_unfinished_work() {
    let idle = |prepare: fn(&mut TestRoom)| {
        let mut room = TestRoom::live(record(1, 0));
        prepare(&mut room);
        room.after(IDLE).rests(NOBODY)
    };
    assert!(idle(|_| {}));
    assert!(!idle(|room| room.state.write_started()));
    assert!(!idle(|room| room.state.read_started()));
    assert!(!idle(|room| {
        room.state.joined(Side::Visitor);
    }));
    assert!(!idle(|room| {
        room.commit(&posted(2, 1));
    }));
    let mut loading = TestRoom::loading(false);
    assert!(!loading.after(IDLE).rests(NOBODY));
}

#[test]
fn a_room_that_has_just_started_can_be_reached() {
    let timing = Timing {
        idle_timeout: Duration::ZERO,
        presence_grace: GRACE,
    };
    let mut state = RoomState::new(false, timing, Instant::now());
    let due = state.follow_ups(Instant::now(), NOBODY);
    assert_eq!(due.rest_timer, Some(FIRST_REST_MIN));
}
