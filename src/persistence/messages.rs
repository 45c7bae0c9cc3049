use rusqlite::{Connection, OptionalExtension, Row, params};

use super::codes::{self, int, limit, uint};
use super::job::Tx;
use super::{MessagePage, Store, StoreError, json_size};
use crate::chat::{Message, MessageId, Room, RoomId, SenderType, Timestamp};

const COLUMNS: &str = "seq, id, sender_type, sender_name, content, event, created_at";

/// What a message's shape needs of its room.
struct RoomHead {
    pk: i64,
    id: RoomId,
    head: u64,
    customer_read_seq: u64,
    admin_read_seq: u64,
}

impl RoomHead {
    fn load(conn: &Connection, id: RoomId) -> rusqlite::Result<Option<Self>> {
        conn.prepare_cached(
            "SELECT pk, last_seq, customer_read_seq, admin_read_seq FROM rooms WHERE id = ?1",
        )?
        .query_row([id], |row| {
            Ok(Self {
                pk: row.get(0)?,
                id,
                head: uint(row, 1)?,
                customer_read_seq: uint(row, 2)?,
                admin_read_seq: uint(row, 3)?,
            })
        })
        .optional()
    }

    fn of(pk: i64, room: &Room) -> Self {
        Self {
            pk,
            id: room.id,
            head: room.last_seq,
            customer_read_seq: room.customer_read_seq,
            admin_read_seq: room.admin_read_seq,
        }
    }

    fn message(&self, row: &Row<'_>) -> rusqlite::Result<Message> {
        let seq = uint(row, 0)?;
        let sender_type = codes::sender(row, 2)?;
        let mark = match sender_type {
            SenderType::Customer => self.admin_read_seq,
            SenderType::Admin | SenderType::System => self.customer_read_seq,
        };
        Ok(Message {
            id: row.get(1)?,
            room_id: self.id,
            seq,
            sender_type,
            sender_name: row.get(3)?,
            content: row.get(4)?,
            event: codes::event(row, 5)?,
            is_read: seq <= mark,
            created_at: Timestamp(row.get(6)?),
        })
    }

    /// Reads rows until `items` or the bytes of a page are reached. Returns
    /// whether rows were left.
    fn page(
        &self,
        rows: &mut rusqlite::Rows<'_>,
        items: usize,
    ) -> rusqlite::Result<(Vec<Message>, bool)> {
        let mut messages = Vec::new();
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            if messages.len() == items {
                return Ok((messages, true));
            }
            let message = self.message(row)?;
            bytes += json_size::message(&message);
            if bytes > json_size::PAGE_BUDGET_BYTES && !messages.is_empty() {
                return Ok((messages, true));
            }
            messages.push(message);
        }
        Ok((messages, false))
    }
}

/// The message of a room with this id.
pub(super) fn by_id(
    conn: &Connection,
    pk: i64,
    room: &Room,
    id: MessageId,
) -> rusqlite::Result<Option<Message>> {
    let head = RoomHead::of(pk, room);
    conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM messages WHERE room = ?1 AND id = ?2"
    ))?
    .query_row(params![pk, id], |row| head.message(row))
    .optional()
}

/// Adds a message that has got its place, and returns its global number; none, and nothing is
/// added, when the room has a message with its id. Nearly none has, so the unique key is what
/// says it, and nobody asks before.
pub(super) fn insert(tx: &mut Tx<'_>, pk: i64, message: &Message) -> rusqlite::Result<Option<i64>> {
    let n = int(tx.state.n + 1);
    let added = tx.execute(
        "INSERT INTO messages
             (n, room, seq, id, sender_type, sender_name, content, event, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (id, room) DO NOTHING",
        params![
            n,
            pk,
            int(message.seq),
            message.id,
            codes::sender_code(message.sender_type),
            message.sender_name,
            message.content,
            message.event.map(codes::event_code),
            message.created_at.0,
        ],
    )?;
    if added == 0 {
        return Ok(None);
    }
    tx.state.next_n();
    Ok(Some(n))
}

/// How many messages of the customer have a seq in `after + 1 ..= until`.
pub(super) fn count_of_customer(
    conn: &Connection,
    pk: i64,
    after: u64,
    until: u64,
) -> rusqlite::Result<u64> {
    conn.prepare_cached(
        "SELECT count(*) FROM messages
         WHERE room = ?1 AND seq > ?2 AND seq <= ?3 AND sender_type = ?4",
    )?
    .query_row(
        params![
            pk,
            int(after),
            int(until),
            codes::sender_code(SenderType::Customer)
        ],
        |row| uint(row, 0),
    )
}

fn after(conn: &Connection, id: RoomId, after: u64, items: usize) -> rusqlite::Result<MessagePage> {
    let Some(room) = RoomHead::load(conn, id)? else {
        return Ok(MessagePage::default());
    };
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM messages WHERE room = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3"
    ))?;
    let mut rows = statement.query(params![room.pk, int(after), limit(items, 1)])?;
    let (messages, more) = room.page(&mut rows, items)?;
    Ok(MessagePage {
        messages,
        more,
        head: room.head,
    })
}

fn before(
    conn: &Connection,
    id: RoomId,
    before: Option<u64>,
    items: usize,
) -> rusqlite::Result<MessagePage> {
    let Some(room) = RoomHead::load(conn, id)? else {
        return Ok(MessagePage::default());
    };
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM messages WHERE room = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3"
    ))?;
    let before = before.map_or(i64::MAX, int);
    let mut rows = statement.query(params![room.pk, before, limit(items, 1)])?;
    let (mut messages, more) = room.page(&mut rows, items)?;
    messages.reverse();
    Ok(MessagePage {
        messages,
        more,
        head: room.head,
    })
}

impl Store {
    /// The newest seq of a room, or `None` when there is no such room.
    pub async fn room_head(&self, room_id: RoomId) -> Result<Option<u64>, StoreError> {
        self.readers()
            .read(move |conn| Ok(RoomHead::load(conn, room_id)?.map(|room| room.head)))
            .await
    }

    /// The oldest messages with seq > `after`, in seq order; `more`: newer ones
    /// exist. An unknown room has none.
    pub async fn messages_after(
        &self,
        room_id: RoomId,
        after: u64,
        limit: usize,
    ) -> Result<MessagePage, StoreError> {
        self.readers()
            .read(move |conn| self::after(conn, room_id, after, limit))
            .await
    }

    /// The newest messages with seq < before (all when None), in seq order; `more`: older ones exist.
    pub async fn messages_before(
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
    use super::super::testing::*;
    use super::super::*;
    use crate::chat::limits;

    fn seqs(page: &MessagePage) -> Vec<u64> {
        page.messages.iter().map(|message| message.seq).collect()
    }

    #[tokio::test]
    async fn pages_go_both_ways_and_say_what_is_left() {
        let bench = Bench::new();
        let room = bench.new_room("Ann").await;
        for _ in 0..7 {
            bench.ask(room, "hello").await;
        }
        for (after, limit, expected, more) in [
            (0, 3, vec![1, 2, 3], true),
            (4, 3, vec![5, 6, 7], false),
            (7, 3, vec![], false),
            (u64::MAX, 3, vec![], false),
        ] {
            let page = bench
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
            let page = bench
                .messages_before(room, before, limit)
                .await
                .expect("read");
            assert_eq!((seqs(&page), page.more, page.head), (expected, more, 7));
        }
        let nowhere = uuid::Uuid::now_v7();
        let page = bench.messages_after(nowhere, 0, 5).await.expect("read");
        assert_eq!((seqs(&page), page.more, page.head), (vec![], false, 0));
        assert_eq!(bench.room_head(nowhere).await, Ok(None));
    }

    #[tokio::test]
    async fn a_page_fits_a_frame_and_the_pages_are_the_log() {
        let bench = Bench::new();
        let room = bench.new_room("Ann").await;
        for content in ["\u{1}", "\"", "ä", "😀"] {
            for _ in 0..4 {
                bench
                    .ask(room, &content.repeat(limits::CONTENT_CHARS))
                    .await;
            }
        }
        let mut forward = Vec::new();
        loop {
            let after = forward.last().copied().unwrap_or(0);
            let page = bench.messages_after(room, after, 200).await.expect("read");
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
            let page = bench
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
