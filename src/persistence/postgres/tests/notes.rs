//! Notes that several nodes write at once.

use uuid::Uuid;

use super::{apply, left_out_on_sqlite, nodes, open_room};
use crate::chat::NoteDraft;
use crate::persistence::testing::*;
use crate::persistence::*;

#[tokio::test(flavor = "multi_thread")]
async fn each_note_is_stored_once_and_numbered_without_a_gap() {
    if left_out_on_sqlite() {
        return;
    }
    let first = TestStore::new();
    let nodes: [Store; 2] = nodes(&first);
    let room = open_room(&first).await;
    let tasks: Vec<_> = (0..8)
        .map(|task: usize| {
            let node = nodes[task % 2].clone();
            // Every note is written by four tasks.
            let ids = (0..20).map(move |count| Uuid::from_u128(count * 2 + task as u128 / 4 + 1));
            tokio::spawn(async move {
                for id in ids {
                    let draft = NoteDraft {
                        id,
                        agent_id: Uuid::nil(),
                        agent_name: "Mia".into(),
                        content: format!("note {id}"),
                    };
                    let written = apply(&node, room, RoomOp::Note(draft)).await;
                    written.expect("it is written");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("it ends");
    }
    let page = first.notes(room, NoteRange::After(0), 200, NOTE_PAGE_BYTES);
    let page = page.await.expect("read");
    let numbers: Vec<u64> = page.notes.iter().map(|note| note.no).collect();
    assert_eq!(numbers, (1..=40).collect::<Vec<_>>());
    let version = first.room(room).await.expect("read").expect("there");
    assert_eq!(version.version, 40, "a duplicate changes nothing");
}
