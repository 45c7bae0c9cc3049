//! Mail that goes out, and what is remembered of mail that came in.

use uuid::Uuid;

use crate::chat::{RoomId, Timestamp};
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::audit;
use crate::persistence::postgres::tables::mail;
use crate::persistence::postgres::tables::mail_addresses as addresses;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::rules::mail as rules;
use crate::persistence::{
    AnswersMail, AuditAction, BouncedAddress, DueMail, MailBudget, MailOutcome, MailboxPosition,
    NewMail, Principal, QuarantinedMail, Queued, Refusal, StoreError, WriteError,
};

impl PostgresStore {
    pub(crate) async fn mail_key(&self, offered: [u8; 32]) -> Result<[u8; 32], WriteError> {
        self.write(move |tx| Box::pin(key(tx, offered))).await
    }

    pub(crate) async fn queue_mail(
        &self,
        new: NewMail,
        budget: Option<MailBudget>,
    ) -> Result<Queued, WriteError> {
        self.write(move |tx| Box::pin(queue(tx, new.clone(), budget)))
            .await
    }

    pub(crate) async fn answers_mail(&self, room: RoomId) -> Result<AnswersMail, StoreError> {
        self.read_snapshot(async |db| {
            let (mailed_seq, mailed_at) = mail::mailed(db, room).await?;
            Ok(AnswersMail {
                waiting: mail::waiting_answers(db, room).await?,
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
        self.write(move |tx| {
            Box::pin(async move { mail::insert_answers(tx, id, room, after_seq, due).await })
        })
        .await
    }

    pub(crate) async fn due_mails(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<DueMail>, StoreError> {
        self.read(async |db| mail::due(db, now, limit).await).await
    }

    pub(crate) async fn next_mail_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(mail::next_due).await
    }

    pub(crate) async fn address_mail(
        &self,
        id: Uuid,
        recipient: String,
        until_seq: u64,
    ) -> Result<(), WriteError> {
        self.write(move |tx| {
            let recipient = recipient.clone();
            Box::pin(async move { mail::address(tx, id, &recipient, until_seq).await })
        })
        .await
    }

    pub(crate) async fn postpone_mail(
        &self,
        id: Uuid,
        due: Timestamp,
        failure: Option<String>,
    ) -> Result<(), WriteError> {
        self.write(move |tx| {
            let failure = failure.clone();
            Box::pin(async move { mail::postpone(tx, id, due, failure.as_deref()).await })
        })
        .await
    }

    pub(crate) async fn finish_mail(
        &self,
        id: Uuid,
        outcome: MailOutcome,
    ) -> Result<(), WriteError> {
        self.write(move |tx| {
            let outcome = outcome.clone();
            Box::pin(async move { mail::finish(tx, id, &outcome).await })
        })
        .await
    }

    pub(crate) async fn mails_sent_to(
        &self,
        address: String,
        since: Timestamp,
    ) -> Result<u64, StoreError> {
        self.read(async |db| mail::sent_to(db, &address, since).await)
            .await
    }

    pub(crate) async fn forget_mail(&self, before: Timestamp) -> Result<(), WriteError> {
        self.write(move |tx| Box::pin(async move { mail::forget(tx, before).await }))
            .await
    }

    pub(crate) async fn mark_bounced(
        &self,
        address: String,
        reason: String,
    ) -> Result<(), WriteError> {
        self.write(move |tx| {
            let (address, reason) = (address.clone(), reason.clone());
            Box::pin(async move { addresses::mark_bounced(tx, &address, &reason).await })
        })
        .await
    }

    pub(crate) async fn bounced(&self, address: String) -> Result<Option<String>, StoreError> {
        self.read(async |db| {
            let sql = "SELECT reason FROM bounced_addresses WHERE address = $1";
            let row = db.query_opt(sql, &[&address]).await?;
            Ok(row.map(|row| row.try_get(0)).transpose()?)
        })
        .await
    }

    pub(crate) async fn bounced_addresses(
        &self,
        limit: usize,
    ) -> Result<Vec<BouncedAddress>, StoreError> {
        self.read(async |db| addresses::all_bounced(db, limit).await)
            .await
    }

    pub(crate) async fn allow_address(
        &self,
        address: String,
        by: Principal,
    ) -> Result<(), WriteError> {
        self.write(move |tx| {
            let address = address.clone();
            Box::pin(async move {
                if addresses::allow(tx, &address).await? {
                    // The audit keeps nobody's address.
                    audit::insert(tx, AuditAction::AddressAllowed, Some(by), None).await?;
                }
                Ok(())
            })
        })
        .await
    }

    pub(crate) async fn was_mailed(
        &self,
        room: RoomId,
        address: String,
    ) -> Result<bool, StoreError> {
        self.read(async |db| {
            let sql = "SELECT 1 FROM mailed WHERE room = $1 AND address = $2";
            Ok(db.query_opt(sql, &[&room, &address]).await?.is_some())
        })
        .await
    }

    pub(crate) async fn is_recipient(
        &self,
        room: RoomId,
        address: String,
    ) -> Result<bool, StoreError> {
        self.read(async |db| {
            let sql = "SELECT 1 FROM mails WHERE room = $1 AND recipient = $2 LIMIT 1";
            Ok(db.query_opt(sql, &[&room, &address]).await?.is_some())
        })
        .await
    }

    pub(crate) async fn quarantine_mail(
        &self,
        digest: [u8; 32],
        quarantined: QuarantinedMail,
    ) -> Result<(), WriteError> {
        self.write(move |tx| {
            let quarantined = quarantined.clone();
            Box::pin(async move { addresses::insert_quarantined(tx, digest, &quarantined).await })
        })
        .await
    }

    pub(crate) async fn quarantined_mail(
        &self,
        limit: usize,
    ) -> Result<Vec<QuarantinedMail>, StoreError> {
        self.read(async |db| addresses::quarantined(db, limit).await)
            .await
    }

    pub(crate) async fn mailbox_position(
        &self,
        mailbox: String,
    ) -> Result<Option<MailboxPosition>, StoreError> {
        self.read(async |db| addresses::position(db, &mailbox).await)
            .await
    }

    pub(crate) async fn save_mailbox_position(
        &self,
        mailbox: String,
        position: MailboxPosition,
    ) -> Result<(), WriteError> {
        self.write(move |tx| {
            let mailbox = mailbox.clone();
            Box::pin(async move { addresses::save_position(tx, &mailbox, position).await })
        })
        .await
    }
}

async fn key(tx: &mut Tx, offered: [u8; 32]) -> Result<[u8; 32], TxError> {
    addresses::key(tx, offered).await
}

async fn queue(tx: &mut Tx, new: NewMail, budget: Option<MailBudget>) -> Result<Queued, TxError> {
    // The lock counts the mails of a room one after the other, and keeps the room from being erased.
    if let Some(room) = new.room {
        let sql = "SELECT 1 FROM rooms WHERE id = $1 FOR NO KEY UPDATE";
        if tx.query_opt(sql, &[&room]).await?.is_none() {
            return Err(Refusal::NotFound.into());
        }
    }
    if mail::exists(tx, new.id).await? {
        return Ok(Queued::Yes);
    }
    if let Some(budget) = budget {
        let since = rules::budget_since(tx.now);
        let by_room = mail::transcripts_of(tx, new.room, since).await?;
        let by_address = mail::to_address(tx, &new.recipient, since).await?;
        if rules::is_over(budget, by_room, by_address) {
            return Ok(Queued::OverBudget);
        }
    }
    mail::insert(tx, &new).await?;
    Ok(Queued::Yes)
}
