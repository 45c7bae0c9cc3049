//! The rows of mail that goes out: what waits, and what was sent to whom.

use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use crate::chat::{RoomId, Timestamp};
use crate::persistence::rules::mail as rules;
use crate::persistence::sqlite::codes::{int, limit, mail_kind, optional_uint, uint};
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::{DueMail, MailOutcome, NewMail};

const COLUMNS: &str =
    "id, kind, room, recipient, after_seq, until_seq, subject, body, tries, due, created_at";

fn mail(row: &Row<'_>) -> rusqlite::Result<DueMail> {
    let subject: Option<String> = row.get(6)?;
    let body: Option<String> = row.get(7)?;
    Ok(DueMail {
        id: row.get(0)?,
        kind: mail_kind(row, 1)?,
        room: row.get(2)?,
        recipient: row.get(3)?,
        after_seq: uint(row, 4)?,
        until_seq: optional_uint(row, 5)?,
        text: subject.zip(body),
        tries: row.get(8)?,
        due: Timestamp(row.get(9)?),
        created_at: Timestamp(row.get(10)?),
    })
}

/// Adds a mail that is due now, unless its id is known.
pub(crate) fn insert(tx: &Tx<'_>, mail: &NewMail) -> rusqlite::Result<()> {
    let (subject, body) = mail.text.clone().unzip();
    tx.execute(
        "INSERT INTO mails (id, kind, room, recipient, after_seq, until_seq, subject, body, state,
                            due, tries, created_at)
         VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, 0, ?8, 0, ?8) ON CONFLICT DO NOTHING",
        params![
            mail.id,
            mail.kind.code(),
            mail.room,
            mail.recipient,
            int(mail.until_seq),
            subject,
            body,
            tx.now.0
        ],
    )?;
    Ok(())
}

/// Adds a mail with a room's answers, unless one waits.
pub(crate) fn insert_answers(
    tx: &Tx<'_>,
    id: Uuid,
    room: RoomId,
    after_seq: u64,
    due: Timestamp,
) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT INTO mails (id, kind, room, after_seq, state, due, tries, created_at)
         VALUES (?1, 0, ?2, ?3, 0, ?4, 0, ?5) ON CONFLICT DO NOTHING",
        params![id, room, int(after_seq), due.0, tx.now.0],
    )?;
    Ok(())
}

/// Whether a mail with this id was queued.
pub(crate) fn exists(conn: &Connection, id: Uuid) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM mails WHERE id = ?1")?
        .exists([id])
}

/// How many transcripts of a room were queued since `since`.
pub(crate) fn transcripts_of(
    conn: &Connection,
    room: Option<RoomId>,
    since: Timestamp,
) -> rusqlite::Result<u64> {
    conn.prepare_cached(
        "SELECT count(*) FROM mails WHERE room = ?1 AND kind = 1 AND created_at > ?2",
    )?
    .query_row(params![room, since.0], |row| uint(row, 0))
}

/// How many mails to an address were queued since `since` and not dropped.
pub(crate) fn to_address(
    conn: &Connection,
    address: &str,
    since: Timestamp,
) -> rusqlite::Result<u64> {
    conn.prepare_cached(
        "SELECT count(*) FROM mails WHERE recipient = ?1 AND created_at > ?2 AND state <> 2",
    )?
    .query_row(params![address, since.0], |row| uint(row, 0))
}

/// How many mails an address was sent since `since`.
pub(crate) fn sent_to(conn: &Connection, address: &str, since: Timestamp) -> rusqlite::Result<u64> {
    conn.prepare_cached(
        "SELECT count(*) FROM mails WHERE recipient = ?1 AND state = 1 AND finished_at > ?2",
    )?
    .query_row(params![address, since.0], |row| uint(row, 0))
}

/// The mail with a room's answers that waits.
pub(crate) fn waiting_answers(
    conn: &Connection,
    room: RoomId,
) -> rusqlite::Result<Option<DueMail>> {
    conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM mails WHERE room = ?1 AND kind = 0 AND state = 0"
    ))?
    .query_row([room], mail)
    .optional()
}

/// Up to which seq a room's answers were mailed, and when that was.
pub(crate) fn mailed(
    conn: &Connection,
    room: RoomId,
) -> rusqlite::Result<(u64, Option<Timestamp>)> {
    conn.prepare_cached("SELECT ifnull(max(seq), 0), max(at) FROM mailed WHERE room = ?1")?
        .query_row([room], |row| {
            Ok((uint(row, 0)?, row.get::<_, Option<i64>>(1)?.map(Timestamp)))
        })
}

/// The mails that are due.
pub(crate) fn due(
    conn: &Connection,
    now: Timestamp,
    items: usize,
) -> rusqlite::Result<Vec<DueMail>> {
    conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM mails WHERE state = 0 AND due <= ?1 ORDER BY due LIMIT ?2"
    ))?
    .query_map(params![now.0, limit(items, 0)], mail)?
    .collect()
}

/// When the next mail is due.
pub(crate) fn next_due(conn: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    conn.prepare_cached("SELECT min(due) FROM mails WHERE state = 0")?
        .query_row([], |row| Ok(row.get::<_, Option<i64>>(0)?.map(Timestamp)))
}

/// Decides to whom a waiting mail goes and what is in it.
pub(crate) fn address(
    tx: &Tx<'_>,
    id: Uuid,
    recipient: &str,
    until_seq: u64,
) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE mails SET recipient = ?2, until_seq = ?3 WHERE id = ?1 AND state = 0",
        params![id, recipient, int(until_seq)],
    )?;
    Ok(())
}

/// Has a waiting mail wait until `due`; after a failed attempt with its cause.
pub(crate) fn postpone(
    tx: &Tx<'_>,
    id: Uuid,
    due: Timestamp,
    failure: Option<&str>,
) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE mails SET due = ?2, tries = tries + (?3 IS NOT NULL), error = ifnull(?3, error)
         WHERE id = ?1 AND state = 0",
        params![id, due.0, failure],
    )?;
    Ok(())
}

/// Ends a mail that waits. If its answers have reached the relay, its recipient may reply.
pub(crate) fn finish(tx: &Tx<'_>, id: Uuid, outcome: &MailOutcome) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE mails SET state = ?2, finished_at = ?3, error = ?4, body = NULL
         WHERE id = ?1 AND state = 0",
        params![id, rules::state(outcome), tx.now.0, rules::failure(outcome)],
    )?;
    if *outcome == MailOutcome::Sent {
        tx.execute(
            "INSERT INTO mailed (room, address, seq, at)
             SELECT room, recipient, until_seq, ?2 FROM mails
             WHERE id = ?1 AND kind = 0 AND recipient IS NOT NULL AND until_seq IS NOT NULL
             ON CONFLICT (room, address) DO UPDATE
                 SET seq = max(seq, excluded.seq), at = excluded.at",
            params![id, tx.now.0],
        )?;
    }
    Ok(())
}

/// Deletes mails that were finished before `before`, and those kept apart before then.
pub(crate) fn forget(tx: &Tx<'_>, before: Timestamp) -> rusqlite::Result<()> {
    tx.execute("DELETE FROM mails WHERE finished_at < ?1", [before.0])?;
    tx.execute("DELETE FROM mail_quarantine WHERE at < ?1", [before.0])?;
    Ok(())
}

/// Deletes all that mail knows of a room, of its customer's address and of those that it was mailed
/// to.
pub(crate) fn forget_room(tx: &Tx<'_>, room: RoomId, email: Option<&str>) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM mail_quarantine WHERE room = ?1 OR sender = lower(?2)
             OR sender IN (SELECT recipient FROM mails WHERE room = ?1)",
        "DELETE FROM bounced_addresses WHERE address = lower(?2)
             OR address IN (SELECT recipient FROM mails WHERE room = ?1)",
    ] {
        tx.execute(sql, params![room, email])?;
    }
    tx.execute("DELETE FROM mailed WHERE room = ?1", [room])?;
    tx.execute("DELETE FROM mails WHERE room = ?1", [room])?;
    Ok(())
}
