//! Mail that goes out, and what is remembered of mail that came in.

use rusqlite::{OptionalExtension, params};
use uuid::Uuid;

use crate::chat::{RoomId, Timestamp};
use crate::persistence::rules::mail as rules;
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::audit;
use crate::persistence::sqlite::tables::mail;
use crate::persistence::sqlite::tables::mail_addresses as addresses;
use crate::persistence::sqlite::tables::room_rows;
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::TxError;
use crate::persistence::{
    AnswersMail, AuditAction, BouncedAddress, DueMail, MailBudget, MailOutcome, MailboxPosition,
    NewMail, Principal, QuarantinedMail, Queued, Refusal, StoreError, WriteError,
};

impl SqliteStore {
    pub(crate) async fn mail_key(&self, offered: [u8; 32]) -> Result<[u8; 32], WriteError> {
        self.write(move |tx| addresses::key(tx, offered)).await
    }

    pub(crate) async fn queue_mail(
        &self,
        new: NewMail,
        budget: Option<MailBudget>,
    ) -> Result<Queued, WriteError> {
        self.write(move |tx| queue(tx, &new, budget)).await
    }

    pub(crate) async fn answers_mail(&self, room: RoomId) -> Result<AnswersMail, StoreError> {
        self.readers()
            .read(move |conn| {
                let (mailed_seq, mailed_at) = mail::mailed(conn, room)?;
                Ok(AnswersMail {
                    waiting: mail::waiting_answers(conn, room)?,
                    mailed_seq,
                    mailed_at,
                })
            })
            .await
    }

    pub(crate) async fn await_answers(
        &self,
        id: Uuid,
        room: RoomId,
        after_seq: u64,
        due: Timestamp,
    ) -> Result<(), WriteError> {
        self.write(move |tx| Ok(mail::insert_answers(tx, id, room, after_seq, due)?))
            .await
    }

    pub(crate) async fn due_mails(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<DueMail>, StoreError> {
        self.readers()
            .read(move |conn| mail::due(conn, now, limit))
            .await
    }

    pub(crate) async fn next_mail_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.readers().read(mail::next_due).await
    }

    pub(crate) async fn address_mail(
        &self,
        id: Uuid,
        recipient: String,
        until_seq: u64,
    ) -> Result<(), WriteError> {
        self.write(move |tx| Ok(mail::address(tx, id, &recipient, until_seq)?))
            .await
    }

    pub(crate) async fn postpone_mail(
        &self,
        id: Uuid,
        due: Timestamp,
        failure: Option<String>,
    ) -> Result<(), WriteError> {
        self.write(move |tx| Ok(mail::postpone(tx, id, due, failure.as_deref())?))
            .await
    }

    pub(crate) async fn finish_mail(
        &self,
        id: Uuid,
        outcome: MailOutcome,
    ) -> Result<(), WriteError> {
        self.write(move |tx| Ok(mail::finish(tx, id, &outcome)?))
            .await
    }

    pub(crate) async fn mails_sent_to(
        &self,
        address: String,
        since: Timestamp,
    ) -> Result<u64, StoreError> {
        self.readers()
            .read(move |conn| mail::sent_to(conn, &address, since))
            .await
    }

    pub(crate) async fn forget_mail(&self, before: Timestamp) -> Result<(), WriteError> {
        self.write(move |tx| Ok(mail::forget(tx, before)?)).await
    }

    pub(crate) async fn mark_bounced(
        &self,
        address: String,
        reason: String,
    ) -> Result<(), WriteError> {
        self.write(move |tx| Ok(addresses::mark_bounced(tx, &address, &reason)?))
            .await
    }

    pub(crate) async fn bounced(&self, address: String) -> Result<Option<String>, StoreError> {
        self.readers()
            .read(move |conn| {
                conn.prepare_cached("SELECT reason FROM bounced_addresses WHERE address = ?1")?
                    .query_row([address], |row| row.get(0))
                    .optional()
            })
            .await
    }

    pub(crate) async fn bounced_addresses(
        &self,
        limit: usize,
    ) -> Result<Vec<BouncedAddress>, StoreError> {
        self.readers()
            .read(move |conn| addresses::all_bounced(conn, limit))
            .await
    }

    pub(crate) async fn allow_address(
        &self,
        address: String,
        by: Principal,
    ) -> Result<(), WriteError> {
        self.write(move |tx| {
            if addresses::allow(tx, &address)? {
                // The audit keeps nobody's address.
                audit::insert(tx, AuditAction::AddressAllowed, Some(by), None)?;
            }
            Ok(())
        })
        .await
    }

    pub(crate) async fn was_mailed(
        &self,
        room: RoomId,
        address: String,
    ) -> Result<bool, StoreError> {
        self.readers()
            .read(move |conn| {
                conn.prepare_cached("SELECT 1 FROM mailed WHERE room = ?1 AND address = ?2")?
                    .exists(params![room, address])
            })
            .await
    }

    pub(crate) async fn is_recipient(
        &self,
        room: RoomId,
        address: String,
    ) -> Result<bool, StoreError> {
        self.readers()
            .read(move |conn| {
                conn.prepare_cached("SELECT 1 FROM mails WHERE room = ?1 AND recipient = ?2")?
                    .exists(params![room, address])
            })
            .await
    }

    pub(crate) async fn quarantine_mail(
        &self,
        digest: [u8; 32],
        quarantined: QuarantinedMail,
    ) -> Result<(), WriteError> {
        self.write(move |tx| Ok(addresses::insert_quarantined(tx, digest, &quarantined)?))
            .await
    }

    pub(crate) async fn quarantined_mail(
        &self,
        limit: usize,
    ) -> Result<Vec<QuarantinedMail>, StoreError> {
        self.readers()
            .read(move |conn| addresses::quarantined(conn, limit))
            .await
    }

    pub(crate) async fn mailbox_position(
        &self,
        mailbox: String,
    ) -> Result<Option<MailboxPosition>, StoreError> {
        self.readers()
            .read(move |conn| addresses::position(conn, &mailbox))
            .await
    }

    pub(crate) async fn save_mailbox_position(
        &self,
        mailbox: String,
        position: MailboxPosition,
    ) -> Result<(), WriteError> {
        self.write(move |tx| Ok(addresses::save_position(tx, &mailbox, position)?))
            .await
    }
}

fn queue(tx: &mut Tx<'_>, new: &NewMail, budget: Option<MailBudget>) -> Result<Queued, TxError> {
    if mail::exists(tx.conn, new.id)? {
        return Ok(Queued::Yes);
    }
    if let Some(budget) = budget {
        let since = rules::budget_since(tx.now);
        let by_room = mail::transcripts_of(tx.conn, new.room, since)?;
        let by_address = mail::to_address(tx.conn, &new.recipient, since)?;
        if rules::is_over(budget, by_room, by_address) {
            return Ok(Queued::OverBudget);
        }
    }
    if let Some(room) = new.room
        && room_rows::by_id(tx.conn, room)?.is_none()
    {
        return Err(Refusal::NotFound.into());
    }
    mail::insert(tx, new)?;
    Ok(Queued::Yes)
}
