//! The rows of mail that goes out: what waits, and what was sent to whom.

use tokio_postgres::Row;
use uuid::Uuid;

use crate::chat::{RoomId, Timestamp};
use crate::persistence::postgres::codes::{
    int, limit, mail_kind, optional_time, optional_uint, time, uint,
};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::rules::mail as rules;
use crate::persistence::{DueMail, MailOutcome, NewMail};

macro_rules! columns {
    () => {
        "id, kind, room, recipient, after_seq, until_seq, subject, body, tries, due, created_at"
    };
}

fn mail(row: &Row) -> Result<DueMail, TxError> {
    let subject: Option<String> = row.try_get(6)?;
    let body: Option<String> = row.try_get(7)?;
    Ok(DueMail {
        id: row.try_get(0)?,
        kind: mail_kind(row, 1)?,
        room: row.try_get(2)?,
        recipient: row.try_get(3)?,
        after_seq: uint(row, 4)?,
        until_seq: optional_uint(row, 5)?,
        text: subject.zip(body),
        tries: u32::try_from(uint(row, 8)?).unwrap_or(u32::MAX),
        due: time(row, 9)?,
        created_at: time(row, 10)?,
    })
}

/// Adds a mail that is due now, unless its id is known.
pub(crate) async fn insert(tx: &Tx, mail: &NewMail) -> Result<(), TxError> {
    let (subject, body) = mail.text.clone().unzip();
    tx.execute(
        "INSERT INTO mails (id, kind, room, recipient, after_seq, until_seq, subject, body, state,
                            due, tries, created_at)
         VALUES ($1, $2, $3, $4, 0, $5, $6, $7, 0, $8, 0, $8) ON CONFLICT DO NOTHING",
        &[
            &mail.id,
            &mail.kind.code(),
            &mail.room,
            &mail.recipient,
            &int(mail.until_seq),
            &subject,
            &body,
            &tx.now.0,
        ],
    )
    .await?;
    Ok(())
}

/// Adds a mail with a room's answers, unless one waits.
pub(crate) async fn insert_answers(
    tx: &Tx,
    id: Uuid,
    room: RoomId,
    after_seq: u64,
    due: Timestamp,
) -> Result<(), TxError> {
    tx.execute(
        "INSERT INTO mails (id, kind, room, after_seq, state, due, tries, created_at)
         VALUES ($1, 0, $2, $3, 0, $4, 0, $5) ON CONFLICT DO NOTHING",
        &[&id, &room, &int(after_seq), &due.0, &tx.now.0],
    )
    .await?;
    Ok(())
}

/// Whether a mail with this id was queued.
pub(crate) async fn exists(db: &Session, id: Uuid) -> Result<bool, TxError> {
    let sql = "SELECT 1 FROM mails WHERE id = $1";
    Ok(db.query_opt(sql, &[&id]).await?.is_some())
}

/// How many transcripts of a room were queued since `since`.
pub(crate) async fn transcripts_of(
    db: &Session,
    room: Option<RoomId>,
    since: Timestamp,
) -> Result<u64, TxError> {
    let sql = "SELECT count(*) FROM mails WHERE room = $1 AND kind = 1 AND created_at > $2";
    uint(&db.query_one(sql, &[&room, &since.0]).await?, 0)
}

/// How many mails to an address were queued since `since` and not dropped.
pub(crate) async fn to_address(
    db: &Session,
    address: &str,
    since: Timestamp,
) -> Result<u64, TxError> {
    let sql = "SELECT count(*) FROM mails WHERE recipient = $1 AND created_at > $2 AND state <> 2";
    uint(&db.query_one(sql, &[&address, &since.0]).await?, 0)
}

/// How many mails an address was sent since `since`.
pub(crate) async fn sent_to(db: &Session, address: &str, since: Timestamp) -> Result<u64, TxError> {
    let sql = "SELECT count(*) FROM mails WHERE recipient = $1 AND state = 1 AND finished_at > $2";
    uint(&db.query_one(sql, &[&address, &since.0]).await?, 0)
}

/// The mail with a room's answers that waits.
pub(crate) async fn waiting_answers(
    db: &Session,
    room: RoomId,
) -> Result<Option<DueMail>, TxError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM mails WHERE room = $1 AND kind = 0 AND state = 0"
    );
    db.query_opt(SQL, &[&room])
        .await?
        .as_ref()
        .map(mail)
        .transpose()
}

/// Up to which seq a room's answers were mailed, and when that was.
pub(crate) async fn mailed(
    db: &Session,
    room: RoomId,
) -> Result<(u64, Option<Timestamp>), TxError> {
    let sql = "SELECT coalesce(max(seq), 0), max(at) FROM mailed WHERE room = $1";
    let row = db.query_one(sql, &[&room]).await?;
    Ok((uint(&row, 0)?, optional_time(&row, 1)?))
}

/// The mails that are due.
pub(crate) async fn due(
    db: &Session,
    now: Timestamp,
    items: usize,
) -> Result<Vec<DueMail>, TxError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM mails WHERE state = 0 AND due <= $1 ORDER BY due LIMIT $2"
    );
    let rows = db.query(SQL, &[&now.0, &limit(items, 0)]).await?;
    rows.iter().map(mail).collect()
}

/// When the next mail is due.
pub(crate) async fn next_due(db: &Session) -> Result<Option<Timestamp>, TxError> {
    let sql = "SELECT min(due) FROM mails WHERE state = 0";
    optional_time(&db.query_one(sql, &[]).await?, 0)
}

/// Decides to whom a waiting mail goes and what is in it.
pub(crate) async fn address(
    tx: &Tx,
    id: Uuid,
    recipient: &str,
    until_seq: u64,
) -> Result<(), TxError> {
    tx.execute(
        "UPDATE mails SET recipient = $2, until_seq = $3 WHERE id = $1 AND state = 0",
        &[&id, &recipient, &int(until_seq)],
    )
    .await?;
    Ok(())
}

/// Has a waiting mail wait until `due`; after a failed attempt with its cause.
pub(crate) async fn postpone(
    tx: &Tx,
    id: Uuid,
    due: Timestamp,
    failure: Option<&str>,
) -> Result<(), TxError> {
    let failed = i64::from(failure.is_some());
    tx.execute(
        "UPDATE mails SET due = $2, tries = tries + $3, error = coalesce($4, error)
         WHERE id = $1 AND state = 0",
        &[&id, &due.0, &failed, &failure],
    )
    .await?;
    Ok(())
}

/// Ends a mail that waits. If its answers have reached the relay, its recipient may reply.
pub(crate) async fn finish(tx: &Tx, id: Uuid, outcome: &MailOutcome) -> Result<(), TxError> {
    let (state, failure) = (rules::state(outcome), rules::failure(outcome));
    tx.execute(
        "UPDATE mails SET state = $2, finished_at = $3, error = $4, body = NULL
         WHERE id = $1 AND state = 0",
        &[&id, &state, &tx.now.0, &failure],
    )
    .await?;
    if *outcome == MailOutcome::Sent {
        tx.execute(
            "INSERT INTO mailed (room, address, seq, at)
             SELECT room, recipient, until_seq, $2 FROM mails
             WHERE id = $1 AND kind = 0 AND recipient IS NOT NULL AND until_seq IS NOT NULL
             ON CONFLICT (room, address) DO UPDATE
                 SET seq = greatest(mailed.seq, excluded.seq), at = excluded.at",
            &[&id, &tx.now.0],
        )
        .await?;
    }
    Ok(())
}

/// Deletes mails that were finished before `before`, and those kept apart before then.
pub(crate) async fn forget(tx: &Tx, before: Timestamp) -> Result<(), TxError> {
    tx.execute("DELETE FROM mails WHERE finished_at < $1", &[&before.0])
        .await?;
    tx.execute("DELETE FROM mail_quarantine WHERE at < $1", &[&before.0])
        .await?;
    Ok(())
}

/// Deletes all that mail knows of rooms, of their customers' addresses and of those that they were
/// mailed to. The rooms are still there.
pub(crate) async fn forget_rooms(tx: &Tx, rooms: &[RoomId]) -> Result<(), TxError> {
    for sql in [
        "DELETE FROM mail_quarantine WHERE room = ANY($1)
             OR sender IN (SELECT lower(customer_email) FROM rooms WHERE id = ANY($1))
             OR sender IN (SELECT recipient FROM mails WHERE room = ANY($1))",
        "DELETE FROM bounced_addresses
             WHERE address IN (SELECT lower(customer_email) FROM rooms WHERE id = ANY($1))
             OR address IN (SELECT recipient FROM mails WHERE room = ANY($1))",
        "DELETE FROM mailed WHERE room = ANY($1)",
        "DELETE FROM mails WHERE room = ANY($1)",
    ] {
        tx.execute(sql, &[&rooms]).await?;
    }
    Ok(())
}
