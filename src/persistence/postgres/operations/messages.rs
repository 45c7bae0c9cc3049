use tokio_postgres::Row;

use crate::chat::{Message, RoomId};
use crate::persistence::json_size;
use crate::persistence::postgres::codes::{int, uint};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::messages::{self, Marks, message_columns};
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::{MessagePage, StoreError};

const MESSAGES: &str = concat!(
    "SELECT ",
    message_columns!(),
    " FROM messages m WHERE m.room = $1 AND m.seq BETWEEN $2 AND $3 ORDER BY m.seq"
);

/// What a page needs of its room.
struct Log {
    pk: i64,
    head: u64,
    marks: Marks,
}

impl PostgresStore {
    pub(crate) async fn room_head(&self, room_id: RoomId) -> Result<Option<u64>, StoreError> {
        self.read(async |db| Ok(log(db, room_id).await?.map(|log| log.head)))
            .await
    }

    pub(crate) async fn redacted(
        &self,
        room_id: RoomId,
        until: u64,
    ) -> Result<Vec<u64>, StoreError> {
        self.read(async |db| {
            let rows = db
                .query(
                    "SELECT d.seq FROM redactions d JOIN rooms r ON r.pk = d.room
                     WHERE r.id = $1 AND d.seq <= $2 ORDER BY d.seq",
                    &[&room_id, &int(until)],
                )
                .await?;
            rows.iter().map(|row| uint(row, 0)).collect()
        })
        .await
    }

    pub(crate) async fn messages_after(
        &self,
        room_id: RoomId,
        after: u64,
        limit: usize,
    ) -> Result<MessagePage, StoreError> {
        self.read(async |db| {
            let Some(log) = log(db, room_id).await? else {
                return Ok(MessagePage::default());
            };
            let first = after.saturating_add(1);
            let last = after.saturating_add(at_most(limit)).min(log.head);
            let rows = range(db, &log, first, last).await?;
            let messages = page(rows.iter(), &log, limit)?;
            Ok(MessagePage {
                more: after.saturating_add(messages.len() as u64) < log.head,
                messages,
                head: log.head,
            })
        })
        .await
    }

    pub(crate) async fn messages_before(
        &self,
        room_id: RoomId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<MessagePage, StoreError> {
        self.read(async |db| {
            let Some(log) = log(db, room_id).await? else {
                return Ok(MessagePage::default());
            };
            let last = before.map_or(log.head, |before| before.saturating_sub(1).min(log.head));
            let first = last.saturating_sub(at_most(limit)) + 1;
            let rows = range(db, &log, first, last).await?;
            let mut messages = page(rows.iter().rev(), &log, limit)?;
            messages.sort_by_key(|message| message.seq);
            Ok(MessagePage {
                more: (messages.len() as u64) < last,
                messages,
                head: log.head,
            })
        })
        .await
    }
}

/// The largest number of messages in a page: `items`, or as many as can fit into its bytes.
fn at_most(items: usize) -> u64 {
    items.min(json_size::PAGE_BUDGET_MESSAGES) as u64
}

/// Read before the messages, so that there are at least as many as the head says.
async fn log(db: &Session, id: RoomId) -> Result<Option<Log>, TxError> {
    let row = db
        .query_opt(
            "SELECT r.pk, h.last_seq, h.customer_read_seq, h.admin_read_seq
             FROM rooms r JOIN room_heads h ON h.room = r.pk WHERE r.id = $1",
            &[&id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Log {
        pk: row.try_get(0)?,
        head: uint(&row, 1)?,
        marks: Marks::new(id, uint(&row, 2)?, uint(&row, 3)?),
    }))
}

async fn range(db: &Session, log: &Log, first: u64, last: u64) -> Result<Vec<Row>, TxError> {
    db.query(MESSAGES, &[&log.pk, &int(first), &int(last)])
        .await
}

/// The messages of these rows, until there are `items` of them or the page is full.
fn page<'r>(
    rows: impl Iterator<Item = &'r Row>,
    log: &Log,
    items: usize,
) -> Result<Vec<Message>, TxError> {
    let mut messages = Vec::new();
    let mut bytes = 0;
    for row in rows.take(items) {
        let message = messages::read(row, &log.marks)?;
        bytes += json_size::message(&message);
        if bytes > json_size::PAGE_BUDGET_BYTES && !messages.is_empty() {
            break;
        }
        messages.push(message);
    }
    Ok(messages)
}
