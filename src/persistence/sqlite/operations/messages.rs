use rusqlite::Connection;

use crate::chat::RoomId;
use crate::persistence::message_page;
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::messages::{self, Log};
use crate::persistence::{MessagePage, StoreError};

fn after(conn: &Connection, id: RoomId, after: u64, items: usize) -> rusqlite::Result<MessagePage> {
    let Some(log) = Log::load(conn, id)? else {
        return Ok(MessagePage::default());
    };
    let head = log.places.head();
    let (first, last) = message_page::seqs_after(after, items, head).into_inner();
    let places = log.places.range(conn, first, last)?;
    let messages = log.page(conn, places.into_iter().zip(first..), items)?;
    Ok(message_page::page_after(after, messages, head))
}

fn before(
    conn: &Connection,
    id: RoomId,
    before: Option<u64>,
    items: usize,
) -> rusqlite::Result<MessagePage> {
    let Some(log) = Log::load(conn, id)? else {
        return Ok(MessagePage::default());
    };
    let head = log.places.head();
    let (first, last) = message_page::seqs_before(before, items, head).into_inner();
    let places = log.places.range(conn, first, last)?;
    let newest_first = places.into_iter().rev().zip((first..=last).rev());
    let messages = log.page(conn, newest_first, items)?;
    Ok(message_page::page_before(last, messages, head))
}

impl SqliteStore {
    pub(crate) async fn room_head(&self, room_id: RoomId) -> Result<Option<u64>, StoreError> {
        self.readers()
            .read(move |conn| Ok(Log::load(conn, room_id)?.map(|log| log.places.head())))
            .await
    }

    pub(crate) async fn redacted(
        &self,
        room_id: RoomId,
        until: u64,
    ) -> Result<Vec<u64>, StoreError> {
        self.readers()
            .read(move |conn| messages::redacted(conn, room_id, until))
            .await
    }

    pub(crate) async fn messages_after(
        &self,
        room_id: RoomId,
        after: u64,
        limit: usize,
    ) -> Result<MessagePage, StoreError> {
        self.readers()
            .read(move |conn| self::after(conn, room_id, after, limit))
            .await
    }

    pub(crate) async fn messages_before(
        &self,
        room_id: RoomId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<MessagePage, StoreError> {
        self.readers()
            .read(move |conn| self::before(conn, room_id, before, limit))
            .await
    }
}

#[cfg(test)]
mod tests {
    use crate::chat::limits;
    use crate::persistence::testing::*;
    use crate::persistence::*;

    fn seqs(page: &MessagePage) -> Vec<u64> {
        page.messages.iter().map(|message| message.seq).collect()
    }

    #[tokio::test]
    async fn pages_go_both_ways_and_report_whether_there_are_more() {
        let store = TestStore::new();
        let room = store.new_room("Ann").await;
        for _ in 0..7 {
            store.post_as_visitor(room, "hello").await;
        }
        for (after, limit, expected, more) in [
            (0, 3, vec![1, 2, 3], true),
            (4, 3, vec![5, 6, 7], false),
            (7, 3, vec![], false),
            (u64::MAX, 3, vec![], false),
        ] {
            let page = store
                .messages_after(room, after, limit)
                .await
                .expect("read");
            assert_eq!((seqs(&page), page.more, page.head), (expected, more, 7));
        }
        for (before, limit, expected, more) in [
            (None, 3, vec![5, 6, 7], true),
            (Some(5), 9, vec![1, 2, 3, 4], false),
            (Some(1), 3, vec![], false),
            (None, 0, vec![], true),
            (Some(u64::MAX), 7, vec![1, 2, 3, 4, 5, 6, 7], false),
        ] {
            let page = store
                .messages_before(room, before, limit)
                .await
                .expect("read");
            assert_eq!((seqs(&page), page.more, page.head), (expected, more, 7));
        }
        let nowhere = uuid::Uuid::now_v7();
        let page = store.messages_after(nowhere, 0, 5).await.expect("read");
        assert_eq!((seqs(&page), page.more, page.head), (vec![], false, 0));
        assert_eq!(store.room_head(nowhere).await, Ok(None));
    }

    #[tokio::test]
    async fn a_page_fits_a_frame_and_the_pages_are_the_log() {
        let store = TestStore::new();
        let room = store.new_room("Ann").await;
        for content in ["\u{1}", "\"", "ä", "😀"] {
            for _ in 0..4 {
                store
                    .post_as_visitor(room, &content.repeat(limits::CONTENT_CHARS))
                    .await;
            }
        }
        let mut forward = Vec::new();
        loop {
            let after = forward.last().copied().unwrap_or(0);
            let page = store.messages_after(room, after, 200).await.expect("read");
            let bytes = serde_json::to_vec(&page.messages).expect("json").len();
            assert!(bytes < limits::FRAME_BYTES, "{bytes}");
            assert!(!page.messages.is_empty());
            forward.extend(seqs(&page));
            if !page.more {
                break;
            }
        }
        assert_eq!(forward, (1..=16).collect::<Vec<_>>());
        let mut before = None;
        let mut backward = Vec::new();
        loop {
            let page = store
                .messages_before(room, before, 200)
                .await
                .expect("read");
            before = page.messages.first().map(|message| message.seq);
            backward.splice(0..0, seqs(&page));
            if !page.more {
                break;
            }
        }
        assert_eq!(backward, forward);
    }
}
