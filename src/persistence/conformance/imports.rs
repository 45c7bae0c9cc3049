use uuid::Uuid;

use crate::chat::{Details, PastMessage, SenderType, Status, Timestamp};
use crate::persistence::testing::*;
use crate::persistence::*;

fn message(number: u128, sender_type: SenderType, content: &str) -> ImportedMessage {
    ImportedMessage {
        message: PastMessage {
            id: Uuid::from_u128(number),
            sender_type,
            sender_name: "Ann".into(),
            content: content.into(),
            via: None,
            event: None,
            agent_id: None,
            created_at: Timestamp(i64::try_from(number).expect("small")),
        },
        also_known_as: Uuid::from_u128(number + 1_000_000),
        is_read: number.is_multiple_of(2),
    }
}

fn room(number: u128, messages: Vec<ImportedMessage>) -> ImportedRoom {
    ImportedRoom {
        id: Uuid::from_u128(number),
        visitor: ImportedVisitor {
            id: Uuid::from_u128(number + 500),
            user: None,
            token: Some(TokenHash([7; 32])),
        },
        details: Details {
            name: Some("Ann".into()),
            ..Details::default()
        },
        created_at: Timestamp(1),
        closed: false,
        messages,
    }
}

fn log(numbers: std::ops::Range<u128>) -> Vec<ImportedMessage> {
    numbers
        .map(|number| {
            let sender = if number % 3 == 0 {
                SenderType::Admin
            } else {
                SenderType::Customer
            };
            message(number, sender, &format!("text {number}"))
        })
        .collect()
}

#[tokio::test]
async fn an_imported_room_is_like_any_other_and_goes_on() {
    let store = TestStore::new();
    let imported = store.import_room(room(9, log(10..80))).await;
    let all = RoomImport {
        erased: false,
        created: true,
        added: 70,
        present: 0,
    };
    assert_eq!(imported, Ok(all));
    assert_eq!(store.contradictions().await, [""; 0]);
    let id = Uuid::from_u128(9);
    assert_eq!(store.post_as_visitor(id, "and on").await.seq, 71);
    assert_eq!(store.post_as_agent(id, "yes").await.seq, 72);
    assert_eq!(store.contradictions().await, [""; 0]);
    let visitor = store.visitor_by_token(TokenHash([7; 32])).await;
    let visitor = visitor.expect("read").expect("the token opens the room");
    assert_eq!(visitor.id, record(&store, id).await.visitor_id);
    store.flush_search_index().await.expect("indexed");
    let query = SearchQuery {
        words: "text 42".into(),
        status: None,
        filter: Default::default(),
        cursor: None,
        limit: 5,
    };
    let found = store.search(query).await.expect("it searches");
    assert_eq!(found.hits[0].record.room.id, id);
}

#[tokio::test]
async fn a_second_import_changes_nothing_and_appends_what_is_new() {
    let store = TestStore::new();
    let first = room(9, log(10..20));
    store.import_room(first.clone()).await.expect("imported");
    let before = (
        store.head(),
        record(&store, Uuid::from_u128(9)).await,
        store.messages_after(first.id, 0, 50).await.expect("read"),
    );
    let again = store.import_room(first.clone()).await.expect("imported");
    assert_eq!((again.created, again.added, again.present), (false, 0, 10));
    let now = (
        store.head(),
        record(&store, Uuid::from_u128(9)).await,
        store.messages_after(first.id, 0, 50).await.expect("read"),
    );
    assert_eq!(before.0, now.0);
    assert_eq!(before.1, now.1);
    assert_eq!(before.2.messages, now.2.messages);

    store.post_as_agent(first.id, "in between").await;
    let later = room(9, log(8..22));
    let preview = store.preview_import(later.clone()).await.expect("read");
    let appended = store.import_room(later).await.expect("imported");
    assert_eq!(appended, preview);
    assert_eq!((appended.added, appended.present), (4, 10));
    let page = store.messages_after(first.id, 10, 50).await.expect("read");
    let contents: Vec<&str> = page
        .messages
        .iter()
        .map(|message| message.content.as_str())
        .collect();
    assert_eq!(
        contents,
        ["in between", "text 8", "text 9", "text 20", "text 21"],
        "what comes later is appended"
    );
    assert_eq!(store.contradictions().await, [""; 0]);
}

#[tokio::test]
async fn a_message_is_known_by_either_of_its_ids_and_a_room_without_any_is_not_made() {
    let store = TestStore::new();
    let first = room(9, log(10..12));
    store.import_room(first.clone()).await.expect("imported");
    let mut split = first.clone();
    for entry in &mut split.messages {
        std::mem::swap(&mut entry.message.id, &mut entry.also_known_as);
        entry.message.content = "edited since".into();
    }
    let again = store.import_room(split).await.expect("imported");
    assert_eq!((again.added, again.present), (0, 2));
    let empty = store.import_room(room(10, Vec::new())).await;
    assert_eq!(empty.map(|it| it.created), Ok(false));
    assert_eq!(store.room(Uuid::from_u128(10)).await, Ok(None));
}

#[tokio::test]
async fn rooms_of_a_user_get_the_same_visitor_and_closed_ones_are_counted() {
    let store = TestStore::new();
    for number in [1, 2] {
        let mut imported = room(number, log(number * 10..number * 10 + 2));
        imported.visitor.user = Some("42".into());
        imported.visitor.token = None;
        imported.closed = number == 1;
        store.import_room(imported).await.expect("imported");
    }
    let (one, two) = (
        record(&store, Uuid::from_u128(1)).await,
        record(&store, Uuid::from_u128(2)).await,
    );
    assert_eq!(one.visitor_id, two.visitor_id);
    assert_eq!(one.room.user.as_deref(), Some("42"));
    assert_eq!(one.room.status, Status::Closed);
    let counts = store.head().counts;
    assert_eq!((counts.closed, counts.waiting + counts.active), (1, 1));
    assert_eq!(store.contradictions().await, [""; 0]);
}
