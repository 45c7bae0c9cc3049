//! What is remembered beside the mail itself: the key of reply addresses, addresses that mail does
//! not reach, mail that was kept apart, and how far a mailbox was read.

use rusqlite::{Connection, OptionalExtension, params};

use crate::chat::Timestamp;
use crate::persistence::rules::mail::QUARANTINED_MAX;
use crate::persistence::sqlite::codes::{int, limit, uint};
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::TxError;
use crate::persistence::{BouncedAddress, MailboxPosition, QuarantineReason, QuarantinedMail};

/// The key that signs reply addresses; `offered` if there was none.
pub(crate) fn key(tx: &Tx<'_>, offered: [u8; 32]) -> Result<[u8; 32], TxError> {
    tx.execute(
        "INSERT INTO mail_keys (id, key) VALUES (1, ?1) ON CONFLICT DO NOTHING",
        [offered.as_slice()],
    )?;
    let key: Vec<u8> = tx
        .conn
        .prepare_cached("SELECT key FROM mail_keys")?
        .query_row([], |row| row.get(0))?;
    key.try_into()
        .map_err(|_| TxError::Bug("the key of reply addresses has another length".into()))
}

/// Mail to this address does not arrive.
pub(crate) fn mark_bounced(tx: &Tx<'_>, address: &str, reason: &str) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT INTO bounced_addresses (address, at, reason) VALUES (?1, ?2, ?3)
         ON CONFLICT (address) DO UPDATE SET at = excluded.at, reason = excluded.reason",
        params![address, tx.now.0, reason],
    )?;
    Ok(())
}

/// Keeps a mail apart.
pub(crate) fn insert_quarantined(
    tx: &Tx<'_>,
    digest: [u8; 32],
    mail: &QuarantinedMail,
) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT INTO mail_quarantine (digest, at, reason, sender, subject, room, size, text)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
        params![
            digest.as_slice(),
            tx.now.0,
            mail.reason.code(),
            mail.from,
            mail.subject,
            mail.room_id,
            int(mail.size),
            mail.text
        ],
    )?;
    tx.execute(
        "DELETE FROM mail_quarantine WHERE digest IN
             (SELECT digest FROM mail_quarantine ORDER BY at DESC, digest LIMIT -1 OFFSET ?1)",
        [limit(QUARANTINED_MAX, 0)],
    )?;
    Ok(())
}

/// The addresses that mail does not reach, the newest ones first.
pub(crate) fn all_bounced(
    conn: &Connection,
    items: usize,
) -> rusqlite::Result<Vec<BouncedAddress>> {
    conn.prepare_cached(
        "SELECT b.address, b.at, b.reason,
                (SELECT m.room FROM mails m WHERE m.recipient = b.address AND m.room IS NOT NULL
                 ORDER BY m.created_at DESC LIMIT 1)
         FROM bounced_addresses b ORDER BY b.at DESC, b.address LIMIT ?1",
    )?
    .query_map([limit(items, 0)], |row| {
        Ok(BouncedAddress {
            address: row.get(0)?,
            at: Timestamp(row.get(1)?),
            reason: row.get(2)?,
            room_id: row.get(3)?,
        })
    })?
    .collect()
}

/// Mail to this address may go out again. Returns whether it was marked.
pub(crate) fn allow(tx: &Tx<'_>, address: &str) -> rusqlite::Result<bool> {
    let sql = "DELETE FROM bounced_addresses WHERE address = ?1";
    Ok(tx.execute(sql, [address])? > 0)
}

/// The newest mails that were kept apart.
pub(crate) fn quarantined(
    conn: &Connection,
    items: usize,
) -> rusqlite::Result<Vec<QuarantinedMail>> {
    conn.prepare_cached(
        "SELECT digest, at, reason, sender, subject, room, size, text FROM mail_quarantine
         ORDER BY at DESC, digest LIMIT ?1",
    )?
    .query_map([limit(items, 0)], |row| {
        let digest: Vec<u8> = row.get(0)?;
        let reason = QuarantineReason::of_code(row.get(2)?);
        Ok(QuarantinedMail {
            id: data_encoding::HEXLOWER.encode(&digest),
            at: Timestamp(row.get(1)?),
            reason: reason.unwrap_or(QuarantineReason::Unreadable),
            from: row.get(3)?,
            subject: row.get(4)?,
            room_id: row.get(5)?,
            size: uint(row, 6)?,
            text: row.get(7)?,
        })
    })?
    .collect()
}

/// How far a mailbox was read.
pub(crate) fn position(
    conn: &Connection,
    mailbox: &str,
) -> rusqlite::Result<Option<MailboxPosition>> {
    conn.prepare_cached("SELECT uid_validity, uid FROM mail_positions WHERE mailbox = ?1")?
        .query_row([mailbox], |row| {
            Ok(MailboxPosition {
                uid_validity: row.get(0)?,
                uid: row.get(1)?,
            })
        })
        .optional()
}

/// Remembers how far a mailbox was read.
pub(crate) fn save_position(
    tx: &Tx<'_>,
    mailbox: &str,
    position: MailboxPosition,
) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT INTO mail_positions (mailbox, uid_validity, uid) VALUES (?1, ?2, ?3)
         ON CONFLICT (mailbox) DO UPDATE
             SET uid_validity = excluded.uid_validity, uid = excluded.uid",
        params![mailbox, position.uid_validity, position.uid],
    )?;
    Ok(())
}
