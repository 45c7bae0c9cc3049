//! What a message costs, counted in pages that its commit writes to the write-ahead log, which
//! no clock influences. A further index, a wider row or a text index written in small pieces shows
//! here.

use uuid::Uuid;

use crate::chat::RoomId;
use crate::persistence::testing::*;
use crate::persistence::*;

/// A frame of the write-ahead log: a page and its header.
const FRAME_BYTES: u64 = 4_096 + 24;
/// 80 characters, as a customer writes.
const CONTENT: &str =
    "Hello, I ordered the blue kettle last week and it has not arrived yet. Any news?";

impl TestStore {
    fn wal_pages(&self) -> u64 {
        let path = self.directory.path().join("shoptalk.db-wal");
        std::fs::metadata(path).expect("the log is there").len() / FRAME_BYTES
    }

    async fn rooms_that_wait(&self, count: usize) -> Vec<RoomId> {
        let mut rooms = Vec::new();
        for _ in 0..count {
            let room = self.new_room("Ann").await;
            self.post_as_visitor(room, CONTENT).await;
            rooms.push(room);
        }
        rooms
    }

    /// One message to each room, all in one commit.
    async fn ask_all(&self, rooms: &[RoomId]) {
        let pause = self.pause_writer().await;
        let replies: Vec<_> = rooms
            .iter()
            .map(|room| self.submit_op(*room, RoomOp::Post(visitor_draft(CONTENT))))
            .collect();
        drop(pause);
        for reply in replies {
            posted(reply.await.expect("it is completed"));
        }
    }
}

#[tokio::test]
async fn a_lone_message_writes_few_pages() {
    let store = TestStore::in_sqlite();
    store.sqlite().hooks().pause_index();
    let rooms = store.rooms_that_wait(10).await;
    let before = store.wal_pages();
    for _ in 0..10 {
        store.post_as_visitor(rooms[3], CONTENT).await;
    }
    // The message, its id, the room, its place by change and by status, the state.
    let pages = store.wal_pages() - before;
    assert!(pages <= 10 * 6, "{pages} pages for 10 messages");
}

#[tokio::test]
async fn a_conversation_writes_few_pages() {
    let store = TestStore::in_sqlite();
    store.sqlite().hooks().pause_index();
    let rooms = store.rooms_that_wait(10).await;
    let sender = store.new_agent("Mia").await;
    // The first answer also makes the agent the assignee.
    let first = draft(Uuid::now_v7(), sender.clone(), CONTENT);
    posted(store.apply(rooms[3], RoomOp::Post(first)).await);
    store.post_as_visitor(rooms[3], CONTENT).await;
    let before = store.wal_pages();
    for _ in 0..5 {
        let answer = draft(Uuid::now_v7(), sender.clone(), CONTENT);
        posted(store.apply(rooms[3], RoomOp::Post(answer)).await);
        store.post_as_visitor(rooms[3], CONTENT).await;
    }
    // The same, and its place among those that wait.
    let pages = store.wal_pages() - before;
    assert!(pages <= 10 * 7, "{pages} pages for 10 messages");
}

#[tokio::test]
async fn messages_of_one_commit_share_pages() {
    let store = TestStore::in_sqlite();
    store.sqlite().hooks().pause_index();
    let rooms = store.rooms_that_wait(64).await;
    for _ in 0..48 {
        store.ask_all(&rooms).await;
    }
    let before = store.wal_pages();
    store.ask_all(&rooms).await;
    // The rows of messages, ids, rooms and their orders share pages: an index by room
    // would need a page for each.
    let pages = store.wal_pages() - before;
    assert!(pages <= 20, "{pages} pages for 64 messages in 64 rooms");
}

#[tokio::test]
async fn a_backlog_of_the_text_index_shares_pages() {
    let store = TestStore::in_sqlite();
    store.sqlite().hooks().pause_index();
    let rooms = store.rooms_that_wait(64).await;
    for _ in 0..8 {
        store.ask_all(&rooms).await;
    }
    let before = store.wal_pages();
    store.flush_search_index().await.expect("indexed");
    // 576 messages and 64 names; room by room it would be hundreds.
    let pages = store.wal_pages() - before;
    assert!(pages <= 30, "{pages} pages for 640 entries");
    assert_eq!(
        store
            .search(SearchQuery {
                words: "kettle".into(),
                status: None,
                filter: Default::default(),
                cursor: None,
                limit: 100
            })
            .await
            .expect("it searches")
            .hits
            .len(),
        64
    );
}
