//! Mail: the queue of what goes out, and what is remembered of what came in.

use uuid::Uuid;

use super::Store;
use crate::chat::{RoomId, Timestamp};
use crate::persistence::{
    AnswersMail, BouncedAddress, DueMail, MailBudget, MailOutcome, MailboxPosition, NewMail,
    Principal, QuarantinedMail, Queued, StoreError, WriteError,
};

macro_rules! of_either {
    ($store:expr, $inner:ident => $call:expr) => {
        match $store {
            Self::Sqlite($inner) => $call.await,
            Self::Postgres($inner) => $call.await,
        }
    };
}

/// Mail that goes out.
impl Store {
    /// The key that signs reply addresses: the first one that was offered to this database.
    pub async fn mail_key(&self, offered: [u8; 32]) -> Result<[u8; 32], WriteError> {
        of_either!(self, store => store.mail_key(offered))
    }

    /// Queues a mail, unless a budget is used up.
    pub async fn queue_mail(
        &self,
        mail: NewMail,
        budget: Option<MailBudget>,
    ) -> Result<Queued, WriteError> {
        of_either!(self, store => store.queue_mail(mail, budget))
    }

    /// What is known about mail with answers of a room.
    pub async fn answers_mail(&self, room: RoomId) -> Result<AnswersMail, StoreError> {
        of_either!(self, store => store.answers_mail(room))
    }

    /// Has a mail with a room's answers wait until `due`, unless one waits already. Messages up to
    /// `after_seq` are not in it.
    pub async fn await_answers(
        &self,
        id: Uuid,
        room: RoomId,
        after_seq: u64,
        due: Timestamp,
    ) -> Result<(), WriteError> {
        of_either!(self, store => store.await_answers(id, room, after_seq, due))
    }

    /// The mails that are due, those that have waited longest first.
    pub async fn due_mails(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<DueMail>, StoreError> {
        of_either!(self, store => store.due_mails(now, limit))
    }

    /// When the next mail is due, if any waits.
    pub async fn next_mail_due(&self) -> Result<Option<Timestamp>, StoreError> {
        of_either!(self, store => store.next_mail_due())
    }

    /// Decides to whom a mail goes and what is in it, before it is sent for the first time.
    pub async fn address_mail(
        &self,
        id: Uuid,
        recipient: String,
        until_seq: u64,
    ) -> Result<(), WriteError> {
        of_either!(self, store => store.address_mail(id, recipient, until_seq))
    }

    /// Has a mail wait until `due`; after a failed attempt with its cause.
    pub async fn postpone_mail(
        &self,
        id: Uuid,
        due: Timestamp,
        failure: Option<String>,
    ) -> Result<(), WriteError> {
        of_either!(self, store => store.postpone_mail(id, due, failure))
    }

    /// Records what came of a mail.
    pub async fn finish_mail(&self, id: Uuid, outcome: MailOutcome) -> Result<(), WriteError> {
        of_either!(self, store => store.finish_mail(id, outcome))
    }

    /// How many mails an address was sent since `since`.
    pub async fn mails_sent_to(
        &self,
        address: String,
        since: Timestamp,
    ) -> Result<u64, StoreError> {
        of_either!(self, store => store.mails_sent_to(address, since))
    }

    /// Forgets mail that was finished before `before`, and what was quarantined before then.
    pub async fn forget_mail(&self, before: Timestamp) -> Result<(), WriteError> {
        of_either!(self, store => store.forget_mail(before))
    }
}

/// Addresses, and mail that comes in.
impl Store {
    /// Mail to this address does not arrive.
    pub async fn mark_bounced(&self, address: String, reason: String) -> Result<(), WriteError> {
        of_either!(self, store => store.mark_bounced(address, reason))
    }

    /// Why mail to this address does not arrive, if so.
    pub async fn bounced(&self, address: String) -> Result<Option<String>, StoreError> {
        of_either!(self, store => store.bounced(address))
    }

    /// The addresses that mail does not reach, the newest ones first.
    pub async fn bounced_addresses(&self, limit: usize) -> Result<Vec<BouncedAddress>, StoreError> {
        of_either!(self, store => store.bounced_addresses(limit))
    }

    /// Mail to this address may go out again. One that was not marked is no error.
    pub async fn allow_address(&self, address: String, by: Principal) -> Result<(), WriteError> {
        of_either!(self, store => store.allow_address(address, by))
    }

    /// Whether answers of this room were mailed to this address, so that its owner may reply.
    pub async fn was_mailed(&self, room: RoomId, address: String) -> Result<bool, StoreError> {
        of_either!(self, store => store.was_mailed(room, address))
    }

    /// Whether any mail about this room went to this address.
    pub async fn is_recipient(&self, room: RoomId, address: String) -> Result<bool, StoreError> {
        of_either!(self, store => store.is_recipient(room, address))
    }

    /// Keeps a mail apart; of those that came before, the newest ones stay.
    pub async fn quarantine_mail(
        &self,
        digest: [u8; 32],
        mail: QuarantinedMail,
    ) -> Result<(), WriteError> {
        of_either!(self, store => store.quarantine_mail(digest, mail))
    }

    /// The newest mails that were kept apart.
    pub async fn quarantined_mail(&self, limit: usize) -> Result<Vec<QuarantinedMail>, StoreError> {
        of_either!(self, store => store.quarantined_mail(limit))
    }

    /// How far a mailbox was read.
    pub async fn mailbox_position(
        &self,
        mailbox: String,
    ) -> Result<Option<MailboxPosition>, StoreError> {
        of_either!(self, store => store.mailbox_position(mailbox))
    }

    /// Remembers how far a mailbox was read.
    pub async fn save_mailbox_position(
        &self,
        mailbox: String,
        position: MailboxPosition,
    ) -> Result<(), WriteError> {
        of_either!(self, store => store.save_mailbox_position(mailbox, position))
    }
}
