use std::ops::RangeInclusive;

use tokio_postgres::Row;

use crate::chat::RoomId;
use crate::persistence::message_page;
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
            let seqs = message_page::seqs_after(after, limit, log.head);
            let rows = range(db, &log, seqs).await?;
            let messages = rows.iter().map(|row| messages::read(row, &log.marks));
            let messages = message_page::fill(messages, limit)?;
            Ok(message_page::page_after(after, messages, log.head))
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
            let seqs = message_page::seqs_before(before, limit, log.head);
            let last = *seqs.end();
            let rows = range(db, &log, seqs).await?;
            let newest_first = rows.iter().rev();
            let messages = newest_first.map(|row| messages::read(row, &log.marks));
            let messages = message_page::fill(messages, limit)?;
            Ok(message_page::page_before(last, messages, log.head))
        })
        .await
    }
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

async fn range(db: &Session, log: &Log, seqs: RangeInclusive<u64>) -> Result<Vec<Row>, TxError> {
    let (first, last) = seqs.into_inner();
    db.query(MESSAGES, &[&log.pk, &int(first), &int(last)])
        .await
}
