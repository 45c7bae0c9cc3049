//! What is remembered beside the mail itself: the key of reply addresses, addresses that mail does
//! not reach, mail that was kept apart, and how far a mailbox was read.

use tokio_postgres::Row;

use crate::persistence::postgres::codes::{int, limit, time, uint};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::rules::mail::QUARANTINED_MAX;
use crate::persistence::{BouncedAddress, MailboxPosition, QuarantineReason, QuarantinedMail};

/// The key that signs reply addresses; `offered` if there was none. Of nodes that offer one at the
/// same time, the first wins.
pub(crate) async fn key(tx: &Tx, offered: [u8; 32]) -> Result<[u8; 32], TxError> {
    tx.execute(
        "INSERT INTO mail_keys (id, key) VALUES (1, $1) ON CONFLICT DO NOTHING",
        &[&offered.as_slice()],
    )
    .await?;
    let row = tx.query_one("SELECT key FROM mail_keys", &[]).await?;
    let key: Vec<u8> = row.try_get(0)?;
    key.try_into()
        .map_err(|_| TxError::unreadable("the key of reply addresses has another length"))
}

/// Mail to this address does not arrive.
pub(crate) async fn mark_bounced(tx: &Tx, address: &str, reason: &str) -> Result<(), TxError> {
    tx.execute(
        "INSERT INTO bounced_addresses (address, at, reason) VALUES ($1, $2, $3)
         ON CONFLICT (address) DO UPDATE SET at = excluded.at, reason = excluded.reason",
        &[&address, &tx.now.0, &reason],
    )
    .await?;
    Ok(())
}

/// Keeps a mail apart.
pub(crate) async fn insert_quarantined(
    tx: &Tx,
    digest: [u8; 32],
    mail: &QuarantinedMail,
) -> Result<(), TxError> {
    tx.execute(
        "INSERT INTO mail_quarantine (digest, at, reason, sender, subject, room, size, text)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        &[
            &digest.as_slice(),
            &tx.now.0,
            &mail.reason.code(),
            &mail.from,
            &mail.subject,
            &mail.room_id,
            &int(mail.size),
            &mail.text,
        ],
    )
    .await?;
    tx.execute(
        "DELETE FROM mail_quarantine WHERE digest IN
             (SELECT digest FROM mail_quarantine ORDER BY at DESC, digest OFFSET $1)",
        &[&limit(QUARANTINED_MAX, 0)],
    )
    .await?;
    Ok(())
}

/// The addresses that mail does not reach, the newest ones first.
pub(crate) async fn all_bounced(
    db: &Session,
    items: usize,
) -> Result<Vec<BouncedAddress>, TxError> {
    let rows = db
        .query(
            "SELECT b.address, b.at, b.reason,
                    (SELECT m.room FROM mails m WHERE m.recipient = b.address AND m.room IS NOT NULL
                     ORDER BY m.created_at DESC LIMIT 1)
             FROM bounced_addresses b ORDER BY b.at DESC, b.address LIMIT $1",
            &[&limit(items, 0)],
        )
        .await?;
    let bounced = rows.iter().map(|row| {
        Ok(BouncedAddress {
            address: row.try_get(0)?,
            at: time(row, 1)?,
            reason: row.try_get(2)?,
            room_id: row.try_get(3)?,
        })
    });
    bounced.collect()
}

/// Mail to this address may go out again. Returns whether it was marked.
pub(crate) async fn allow(tx: &Tx, address: &str) -> Result<bool, TxError> {
    let sql = "DELETE FROM bounced_addresses WHERE address = $1";
    Ok(tx.execute(sql, &[&address]).await? > 0)
}

/// The newest mails that were kept apart.
pub(crate) async fn quarantined(
    db: &Session,
    items: usize,
) -> Result<Vec<QuarantinedMail>, TxError> {
    let rows = db
        .query(
            "SELECT digest, at, reason, sender, subject, room, size, text FROM mail_quarantine
             ORDER BY at DESC, digest LIMIT $1",
            &[&limit(items, 0)],
        )
        .await?;
    rows.iter().map(quarantined_mail).collect()
}

fn quarantined_mail(row: &Row) -> Result<QuarantinedMail, TxError> {
    let digest: Vec<u8> = row.try_get(0)?;
    let reason = QuarantineReason::of_code(row.try_get::<_, i16>(2)?.into());
    Ok(QuarantinedMail {
        id: data_encoding::HEXLOWER.encode(&digest),
        at: time(row, 1)?,
        reason: reason.unwrap_or(QuarantineReason::Unreadable),
        from: row.try_get(3)?,
        subject: row.try_get(4)?,
        room_id: row.try_get(5)?,
        size: uint(row, 6)?,
        text: row.try_get(7)?,
    })
}

/// How far a mailbox was read.
pub(crate) async fn position(
    db: &Session,
    mailbox: &str,
) -> Result<Option<MailboxPosition>, TxError> {
    let row = db
        .query_opt(
            "SELECT uid_validity, uid FROM mail_positions WHERE mailbox = $1",
            &[&mailbox],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let number = |column| Ok::<_, TxError>(u32::try_from(uint(&row, column)?).unwrap_or(u32::MAX));
    Ok(Some(MailboxPosition {
        uid_validity: number(0)?,
        uid: number(1)?,
    }))
}

/// Remembers how far a mailbox was read.
pub(crate) async fn save_position(
    tx: &Tx,
    mailbox: &str,
    position: MailboxPosition,
) -> Result<(), TxError> {
    tx.execute(
        "INSERT INTO mail_positions (mailbox, uid_validity, uid) VALUES ($1, $2, $3)
         ON CONFLICT (mailbox) DO UPDATE
             SET uid_validity = excluded.uid_validity, uid = excluded.uid",
        &[
            &mailbox,
            &i64::from(position.uid_validity),
            &i64::from(position.uid),
        ],
    )
    .await?;
    Ok(())
}
