use std::path::Path;

use crate::chat::Side;
use crate::persistence::conformance::erasures::{
    assert_sound, details, erase, finds, identified, person,
};
use crate::persistence::testing::*;
use crate::persistence::*;

const WORD: &str = "zymurgist";

/// How often the bytes occur in the files of a directory, in any case.
fn hits(directory: &Path, word: &str) -> usize {
    let word = word.to_lowercase();
    let files = std::fs::read_dir(directory).expect("a directory");
    files
        .map(|entry| std::fs::read(entry.expect("an entry").path()).expect("a file"))
        .map(|bytes| {
            let bytes = bytes.to_ascii_lowercase();
            let windows = bytes.windows(word.len());
            windows.filter(|part| *part == word.as_bytes()).count()
        })
        .sum()
}

/// Words of a person in a database that has grown, been indexed, and shrunk.
async fn lived_in() -> TestStore {
    let store = TestStore::in_sqlite();
    let ann = identified("ann", details("Ann", "a@b"));
    let ann = store.open_room(ann).await.expect("it opens");
    let ann = ann.record.room.id;
    let bob = store.new_room("Bob").await;
    for round in 0..60 {
        let text = format!("{WORD} number{round} {}", "x".repeat(round * 20));
        // Few among many: FTS5 merges a segment by itself once a tenth of it is deleted.
        if round % 10 == 0 {
            store.post_as_visitor(ann, &text).await;
        }
        store
            .post_as_visitor(bob, &"filler words ".repeat(round))
            .await;
        if round == 30 {
            store.flush_search_index().await.expect("indexed");
        }
    }
    let mark = RoomOp::MarkRead {
        side: Side::Agent,
        seq: 3,
    };
    store.apply(ann, mark).await.expect("read");
    store.flush_search_index().await.expect("indexed");
    store
}

#[tokio::test]
async fn after_the_rewrite_no_file_has_a_word_of_theirs() {
    let store = lived_in().await;
    let directory = store.directory.path().to_owned();
    assert!(!store.is_rewrite_due().await.expect("it reads"));
    let (id, _) = erase(&store, person(&store, "user:ann").await).await;
    assert!(store.is_rewrite_due().await.expect("it reads"));
    // The control: what is only deleted is still there.
    assert!(hits(&directory, WORD) > 0);
    let at = store.rewrite(directory.clone()).await.expect("rewritten");
    assert_eq!(hits(&directory, WORD), 0);
    assert!(hits(&directory, "filler") > 0, "the search can see");
    let erasure = store.erasure(id).await.expect("it reads").expect("known");
    assert_eq!(erasure.bytes_gone_at, Some(at));
    assert!(!store.is_rewrite_due().await.expect("it reads"));
    let bob = finds(&store, "filler").await;
    assert_eq!(bob, 1, "what stays is found");
    assert_sound(&store).await;
    let store = store.reopened();
    assert_eq!(hits(&directory, WORD), 0);
    assert_eq!(finds(&store, "filler").await, 1);
}

#[tokio::test]
async fn without_the_merge_the_text_index_keeps_the_words() {
    let store = lived_in().await;
    let directory = store.directory.path().to_owned();
    erase(&store, person(&store, "user:ann").await).await;
    store.close().await;
    let conn = rusqlite::Connection::open(directory.join("shoptalk.db")).expect("it opens");
    conn.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
        .expect("rewritten");
    drop(conn);
    assert!(hits(&directory, WORD) > 0, "a rewrite alone is not enough");
}

#[tokio::test]
async fn posts_go_on_around_a_rewrite_and_a_reader_delays_no_commit() {
    let store = lived_in().await;
    let directory = store.directory.path().to_owned();
    let reader = rusqlite::Connection::open(directory.join("shoptalk.db")).expect("it opens");
    let room = store.new_room("Eve").await;
    let (rewritten, posts) = tokio::join!(
        async {
            reader
                .execute_batch("BEGIN; SELECT count(*) FROM messages")
                .expect("it reads");
            let rewriting = store.rewrite(directory.clone());
            let released = async { reader.execute_batch("COMMIT").expect("it ends") };
            tokio::join!(rewriting, released).0
        },
        async {
            for _ in 0..20 {
                store.post_as_visitor(room, "meanwhile").await;
            }
            store.room_head(room).await
        }
    );
    rewritten.expect("rewritten");
    assert_eq!(posts, Ok(Some(20)));
}
