use proptest::prelude::*;
use uuid::Uuid;

use crate::chat::{Note, NoteDraft, NoteId, RoomId, RoomRecord, Timestamp};
use crate::persistence::testing::*;
use crate::persistence::*;

fn note(id: NoteId, content: &str) -> NoteDraft {
    NoteDraft {
        id,
        agent_id: Uuid::from_u128(7),
        agent_name: "Mia".into(),
        content: content.into(),
    }
}

async fn write(store: &TestStore, room: RoomId, content: &str) -> RoomCommit {
    let op = RoomOp::Note(note(Uuid::now_v7(), content));
    store.apply(room, op).await.expect("it is written")
}

fn noted(commit: RoomCommit) -> Note {
    match commit.effect {
        Effect::Noted(note) => note,
        other => panic!("a note was added, not {other:?}"),
    }
}

async fn all(store: &TestStore, room: RoomId) -> NotePage {
    let page = store.notes(room, NoteRange::After(0), 200, NOTE_PAGE_BYTES);
    page.await.expect("read")
}

#[tokio::test]
async fn notes_have_an_order_of_their_own_and_move_the_version_alone() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    let first = noted(write(&store, room, "known to be rude").await);
    assert_eq!((first.no, first.after_seq), (1, 0));
    store.post_as_visitor(room, "hello").await;
    store.post_as_visitor(room, "anybody?").await;
    let before = record(&store, room).await;
    let commit = write(&store, room, "mine").await;
    assert_eq!(commit.record.version, before.version + 1);
    assert_ne!(commit.record.change, before.change, "consoles learn of it");
    let mut unmoved = RoomRecord::clone(&commit.record);
    unmoved.version = before.version;
    unmoved.change = before.change;
    assert_eq!(unmoved, *before, "and nothing else has moved");
    assert_eq!(*record(&store, room).await, *commit.record);
    let second = noted(commit);
    assert_eq!((second.no, second.after_seq), (2, 2));
    assert_eq!(store.post_as_agent(room, "hello").await.seq, 3);
    let page = all(&store, room).await;
    assert_eq!(page.notes, [first, second]);
    assert_eq!((page.more, page.last, page.reached), (false, 2, 2));
    assert_eq!(store.last_note(room).await, Ok(2));
    assert_eq!(store.contradictions().await, [""; 0]);
}

#[tokio::test]
async fn a_repeated_note_is_a_duplicate_and_its_id_with_other_words_a_conflict() {
    let store = TestStore::new();
    let (room, other) = (store.new_room("Ann").await, store.new_room("Bob").await);
    let id = store.post_as_visitor(room, "hello").await.id;
    let add = |room, content| store.apply(room, RoomOp::Note(note(id, content)));
    let first = noted(
        add(room, "mine")
            .await
            .expect("a message's id is no note's"),
    );
    let before = record(&store, room).await;
    let again = add(room, "mine").await.expect("it is known");
    assert_eq!(again.effect, Effect::DuplicateNote(first.clone()));
    assert_eq!(*again.record, *before);
    let refused = add(room, "yours").await.err();
    assert_eq!(refused, Some(Refusal::Conflict.into()));
    let elsewhere = noted(add(other, "yours").await.expect("another room"));
    assert_eq!((elsewhere.no, elsewhere.after_seq), (1, 0));
    assert_eq!(all(&store, room).await.notes, [first]);
    let nowhere = add(Uuid::now_v7(), "mine").await.err();
    assert_eq!(nowhere, Some(Refusal::NotFound.into()));
}

#[tokio::test]
async fn notes_stand_among_messages_and_each_is_in_one_page_of_them() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    for count in 0..4 {
        // Notes 1 and 2 before any message, 3 and 4 after the first one, …
        for _ in 0..2 {
            write(&store, room, "a note").await;
        }
        if count < 3 {
            store.post_as_visitor(room, "hello").await;
        }
    }
    let numbers = async |first: Option<u64>, until| {
        let range = NoteRange::of_page(first, 3, until);
        let page = store.notes(room, range, 200, NOTE_PAGE_BYTES).await;
        let notes = page.expect("read").notes;
        notes.iter().map(|note| note.no).collect::<Vec<_>>()
    };
    assert_eq!(numbers(Some(3), None).await, [7, 8]);
    assert_eq!(numbers(Some(2), Some(2)).await, [5, 6]);
    assert_eq!(numbers(Some(1), Some(1)).await, [1, 2, 3, 4]);
    assert_eq!(numbers(Some(1), None).await, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(numbers(None, None).await, [0; 0], "an empty page of a log");
}

#[tokio::test]
async fn pages_of_notes_are_bounded_and_say_how_far_they_go() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    let long = "\u{1}".repeat(crate::chat::limits::CONTENT_CHARS);
    for content in ["one", &long, &long, &long] {
        write(&store, room, content).await;
    }
    let page = async |after, items, bytes| {
        let page = store.notes(room, NoteRange::After(after), items, bytes);
        let page = page.await.expect("read");
        let json = serde_json::to_vec(&page.notes).expect("json").len();
        assert!(json <= bytes.max(2) + 1_000, "{json}");
        assert_eq!(page.last, 4);
        (page.notes.len(), page.reached, page.more)
    };
    assert_eq!(page(0, 1, NOTE_PAGE_BYTES).await, (1, 1, true));
    assert_eq!(page(0, 200, NOTE_PAGE_BYTES).await, (3, 3, true));
    assert_eq!(page(3, 200, NOTE_PAGE_BYTES).await, (1, 4, false));
    assert_eq!(page(1, 200, 0).await, (0, 1, true), "none fits");
    assert_eq!(page(4, 200, 0).await, (0, 4, false));
    assert_eq!(page(9, 200, 0).await, (0, 4, false), "past the newest");
}

#[tokio::test]
async fn a_note_that_may_mention_somebody_is_to_be_rung_once() {
    let store = TestStore::new();
    let room = store.new_room("Ann").await;
    write(&store, room, "nobody").await;
    let mention = noted(write(&store, room, "ask @tom").await);
    assert_eq!(store.notes_to_ring(9).await, Ok(vec![mention.clone()]));
    let again = store.apply(room, RoomOp::Note(note(mention.id, "ask @tom")));
    again.await.expect("it is known");
    store.note_was_rung(room, 2).await.expect("recorded");
    assert_eq!(store.notes_to_ring(9).await, Ok(vec![]));
}

#[tokio::test]
async fn notes_go_with_their_room() {
    let store = TestStore::new();
    let (erased, empty) = (store.new_room("Ann").await, store.new_room("Bob").await);
    let kept = store.new_room("Cleo").await;
    store.post_as_visitor(erased, "hello").await;
    store.post_as_visitor(kept, "hello").await;
    for room in [erased, empty, kept] {
        write(&store, room, "a note").await;
    }
    let visitor = record(&store, erased).await.visitor_id;
    let by = Principal::CommandLine;
    store
        .begin_erasure(vec![visitor], by)
        .await
        .expect("decided");
    while store.erase_step().await.expect("it goes on").is_some() {}
    let now = Timestamp(Timestamp::now().0 + 1);
    let removed = store.remove_empty_rooms(now, Default::default()).await;
    assert_eq!(removed, Ok(1));
    assert_eq!(store.rows("SELECT count(*) FROM notes"), ["1"]);
    for room in [erased, empty] {
        assert_eq!(all(&store, room).await, NotePage::default());
    }
    assert_eq!(all(&store, kept).await.last, 1);
    assert_eq!(store.contradictions().await, [""; 0]);
}

/// What is done to a room.
#[derive(Debug, Clone, Copy)]
enum Step {
    Visitor,
    Agent,
    Close,
    VisitorReads,
    AgentReads,
    Note,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    use Step::*;
    let step = prop_oneof![
        Just(Visitor),
        Just(Agent),
        Just(Close),
        Just(VisitorReads),
        Just(AgentReads),
        Just(Note),
        Just(Note),
    ];
    prop::collection::vec(step, 1..40)
}

async fn take(store: &TestStore, room: RoomId, step: Step) -> RoomCommit {
    use crate::chat::{Sender, Side, Status};
    let seq = record(store, room).await.room.last_seq;
    let read = |side| RoomOp::MarkRead { side, seq };
    let op = match step {
        Step::Visitor => RoomOp::Post(visitor_draft("hello")),
        Step::Agent => RoomOp::Post(agent_draft("hello")),
        Step::Close => RoomOp::SetStatus {
            status: Status::Closed,
            by: Sender::Visitor,
        },
        Step::VisitorReads => read(Side::Visitor),
        Step::AgentReads => read(Side::Agent),
        Step::Note => RoomOp::Note(note(Uuid::now_v7(), "a note")),
    };
    store.apply(room, op).await.expect("it is written")
}

/// What a visitor, a list of conversations or an alert goes by.
fn visible(record: &RoomRecord) -> impl PartialEq + std::fmt::Debug + use<> {
    let room = &record.room;
    (
        (room.status, room.last_seq, room.updated_at),
        (room.customer_read_seq, room.admin_read_seq),
        (record.unread_count, record.waiting_since),
        record.last_message.clone(),
        room.last_message_at,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_notes_move_nothing_that_a_visitor_can_see(steps in steps()) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let store = TestStore::new();
            let room = store.new_room("Ann").await;
            let mut notes = 0;
            for step in steps {
                let before = record(&store, room).await;
                let commit = take(&store, room, step).await;
                let after = record(&store, room).await;
                assert_eq!(*commit.record, *after);
                if matches!(step, Step::Note) {
                    notes += 1;
                    assert_eq!(visible(&before), visible(&after));
                    assert_eq!(after.version, before.version + 1);
                    let note = noted(commit);
                    assert_eq!((note.no, note.after_seq), (notes, before.room.last_seq));
                }
            }
            assert_eq!(store.last_note(room).await, Ok(notes));
            assert_eq!(store.contradictions().await, [""; 0]);
        });
    }
}
