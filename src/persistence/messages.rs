use rusqlite::{Connection, OptionalExtension, Row, params};

use super::codes::{self, int, uint};
use super::job::Tx;
use super::places::{Place, RoomPlaces, damage};
use super::{MessagePage, Store, StoreError, json_size};
use crate::chat::{Message, MessageId, Room, RoomId, SenderType, Timestamp};

const COLUMNS: &str = "room, seq, id, sender_type, sender_name, content, event, created_at";

/// What a message's shape needs of its room.
struct Marks {
    id: RoomId,
    customer_read_seq: u64,
    admin_read_seq: u64,
}

impl Marks {
    fn of(room: &Room) -> Self {
        Self {
            id: room.id,
            customer_read_seq: room.customer_read_seq,
            admin_read_seq: room.admin_read_seq,
        }
    }

    fn message(&self, row: &Row<'_>) -> rusqlite::Result<Message> {
        let seq = uint(row, 1)?;
        let sender_type = codes::sender(row, 3)?;
        let mark = match sender_type {
            SenderType::Customer => self.admin_read_seq,
            SenderType::Admin | SenderType::System => self.customer_read_seq,
        };
        Ok(Message {
            id: row.get(2)?,
            room_id: self.id,
            seq,
            sender_type,
            sender_name: row.get(4)?,
            content: row.get(5)?,
            event: codes::event(row, 6)?,
            is_read: seq <= mark,
            created_at: Timestamp(row.get(7)?),
        })
    }
}

/// A room whose log is read.
struct Log {
    marks: Marks,
    places: RoomPlaces,
}

impl Log {
    fn load(conn: &Connection, id: RoomId) -> rusqlite::Result<Option<Self>> {
        conn.prepare_cached(
            "SELECT pk, last_seq, customer_read_seq, admin_read_seq, tail FROM rooms
             WHERE id = ?1",
        )?
        .query_row([id], |row| {
            Ok(Self {
                marks: Marks {
                    id,
                    customer_read_seq: uint(row, 2)?,
                    admin_read_seq: uint(row, 3)?,
                },
                places: RoomPlaces::new(row.get(0)?, uint(row, 1)?, row.get(4)?)?,
            })
        })
        .optional()
    }

    /// Reads messages by their places until `items` or the bytes of a page are reached.
    fn page(
        &self,
        conn: &Connection,
        places: impl Iterator<Item = (Place, u64)>,
        items: usize,
    ) -> rusqlite::Result<Vec<Message>> {
        let mut by_n =
            conn.prepare_cached(&format!("SELECT {COLUMNS} FROM messages WHERE n = ?1"))?;
        let mut messages = Vec::new();
        let mut bytes = 0;
        for (place, seq) in places.take(items) {
            let message = by_n
                .query_row([place.n], |row| {
                    let is_here = (row.get(0)?, uint(row, 1)?) == (self.places.pk(), seq);
                    is_here.then(|| self.marks.message(row)).transpose()
                })
                .optional()?
                .flatten()
                .ok_or_else(|| damage(self.places.pk(), "a message is not in its place"))?;
            bytes += json_size::message(&message);
            if bytes > json_size::PAGE_BUDGET_BYTES && !messages.is_empty() {
                break;
            }
            messages.push(message);
        }
        Ok(messages)
    }
}

/// The message of a room with this id.
pub(super) fn by_id(
    conn: &Connection,
    pk: i64,
    room: &Room,
    id: MessageId,
) -> rusqlite::Result<Option<Message>> {
    conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM messages WHERE room = ?1 AND id = ?2"
    ))?
    .query_row(params![pk, id], |row| Marks::of(room).message(row))
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

/// As many messages as may be in a page: `items`, or what fits one by its bytes.
fn at_most(items: usize) -> u64 {
    items.min(json_size::PAGE_BUDGET_MESSAGES) as u64
}

fn after(conn: &Connection, id: RoomId, after: u64, items: usize) -> rusqlite::Result<MessagePage> {
    let Some(log) = Log::load(conn, id)? else {
        return Ok(MessagePage::default());
    };
    let head = log.places.head();
    let (first, last) = (
        after.saturating_add(1),
        after.saturating_add(at_most(items)),
    );
    let places = log.places.range(conn, first, last)?;
    let messages = log.page(conn, places.into_iter().zip(first..), items)?;
    Ok(MessagePage {
        more: after.saturating_add(messages.len() as u64) < head,
        messages,
        head,
    })
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
    let last = before.map_or(head, |before| before.saturating_sub(1).min(head));
    let first = last.saturating_sub(at_most(items)) + 1;
    let places = log.places.range(conn, first, last)?;
    let newest_first = places.into_iter().rev().zip((first..=last).rev());
    let mut messages = log.page(conn, newest_first, items)?;
    messages.reverse();
    Ok(MessagePage {
        more: (messages.len() as u64) < last,
        messages,
        head,
    })
}

impl Store {
    /// The newest seq of a room, or `None` when there is no such room.
    pub async fn room_head(&self, room_id: RoomId) -> Result<Option<u64>, StoreError> {
        self.readers()
            .read(move |conn| Ok(Log::load(conn, room_id)?.map(|log| log.places.head())))
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
