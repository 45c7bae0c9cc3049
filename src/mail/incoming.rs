//! What takes mail in: a reply becomes a message of its room, in the same way as any other message;
//! everything else is kept apart with a reason.
//!
//! The id of the message follows from the mail's own, so a mail that arrives twice is one message.

use tokio::sync::Semaphore;

use super::address::ReplyAddresses;
use super::judge::{self, Verdict};
use super::metrics::MailMetrics;
use super::quotes;
use super::received::{self, MAIL_BYTES, ReceivedMail};
use crate::actors::Rooms;
use crate::chat::{Draft, RoomId, Sender, Via};
use crate::persistence::{
    QuarantineReason, QuarantinedMail, Refusal, RoomOp, Store, StoreError, WriteError,
};

/// Mails that are read at the same time; each may take memory of several times its size.
const READERS: usize = 2;
/// Characters of the text of a mail that was kept apart.
const QUARANTINED_CHARS: usize = 2_000;

/// What became of a mail that was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// It is in this room now, or was already.
    Posted(RoomId),
    /// It was kept apart.
    Quarantined(QuarantineReason),
}

/// Why a mail could not be handled now. It is to be handed in again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AcceptError {
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// The store cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Takes mail in.
pub(crate) struct Incoming {
    store: Store,
    rooms: Rooms,
    addresses: ReplyAddresses,
    metrics: MailMetrics,
    readers: Semaphore,
}

impl Incoming {
    pub(crate) fn new(
        store: Store,
        rooms: Rooms,
        addresses: ReplyAddresses,
        metrics: MailMetrics,
    ) -> Self {
        Self {
            store,
            rooms,
            addresses,
            metrics,
            readers: Semaphore::new(READERS),
        }
    }

    /// Handles a mail as it was transmitted.
    pub(crate) async fn accept(&self, raw: Vec<u8>) -> Result<Accepted, AcceptError> {
        if raw.len() > MAIL_BYTES {
            return self.too_large(&raw, raw.len()).await;
        }
        // The semaphore is never closed.
        let _permit = self.readers.acquire().await.ok();
        let reading = tokio::task::spawn_blocking(move || (received::read(&raw), raw));
        let (mail, raw) = reading
            .await
            .map_err(|error| StoreError::Internal(error.to_string()))?;
        let Some(mail) = mail else {
            let digest = received::digest(&raw);
            let unreadable = unknown(QuarantineReason::Unreadable, raw.len());
            return self.quarantine(digest, unreadable).await;
        };
        match judge::judge(&mail, &self.addresses) {
            Verdict::Reply { room, from } => self.reply(&mail, room, from).await,
            Verdict::Report { room, failed } => {
                self.report(room, failed).await?;
                let reason = QuarantineReason::DeliveryReport;
                self.keep_apart(&mail, reason, Some(room)).await
            }
            Verdict::Quarantine { reason, room } => self.keep_apart(&mail, reason, room).await,
        }
    }

    /// Handles a mail of which only the beginning was read.
    pub(crate) async fn too_large(
        &self,
        beginning: &[u8],
        size: usize,
    ) -> Result<Accepted, AcceptError> {
        let digest = received::digest(beginning);
        let too_large = unknown(QuarantineReason::TooLarge, size);
        self.quarantine(digest, too_large).await
    }

    async fn reply(
        &self,
        mail: &ReceivedMail,
        room: RoomId,
        from: String,
    ) -> Result<Accepted, AcceptError> {
        let Some(record) = self.store.room(room).await? else {
            return self
                .keep_apart(mail, QuarantineReason::NoRoom, Some(room))
                .await;
        };
        if !self.store.was_mailed(room, from).await? {
            let reason = QuarantineReason::ForeignSender;
            return self.keep_apart(mail, reason, Some(room)).await;
        }
        if record.blocked {
            return self
                .keep_apart(mail, QuarantineReason::Blocked, Some(room))
                .await;
        }
        let contents = quotes::contents(&mail.text, &mail.attachments);
        if contents.is_empty() {
            return self
                .keep_apart(mail, QuarantineReason::Empty, Some(room))
                .await;
        }
        for (part, content) in contents.into_iter().enumerate() {
            let draft = Draft {
                id: judge::message_id(mail, room, part),
                sender: Sender::Visitor,
                content,
                via: Some(Via::Mail),
            };
            match self.rooms.write(room, RoomOp::Post(draft)).await {
                Ok(_) => {}
                // The same mail by another way, where its text was changed a little.
                Err(WriteError::Refused(Refusal::Conflict)) => {}
                Err(WriteError::Refused(Refusal::NotFound)) => {
                    return self
                        .keep_apart(mail, QuarantineReason::NoRoom, Some(room))
                        .await;
                }
                Err(WriteError::Refused(Refusal::Blocked)) => {
                    return self
                        .keep_apart(mail, QuarantineReason::Blocked, Some(room))
                        .await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.metrics.received.increment(1);
        Ok(Accepted::Posted(room))
    }

    /// Marks the addresses that mail about a room did not reach.
    async fn report(&self, room: RoomId, failed: Vec<(String, String)>) -> Result<(), AcceptError> {
        for (address, status) in failed {
            if self.store.is_recipient(room, address.clone()).await? {
                tracing::info!(%room, status, "mail about a room did not reach its customer");
                self.store.mark_bounced(address, status).await?;
            }
        }
        Ok(())
    }

    async fn keep_apart(
        &self,
        mail: &ReceivedMail,
        reason: QuarantineReason,
        room: Option<RoomId>,
    ) -> Result<Accepted, AcceptError> {
        // Of a person who may have been erased, no words are kept.
        let text = match reason {
            QuarantineReason::NoRoom => None,
            _ => Some(
                mail.text
                    .chars()
                    .filter(|char| *char != '\0')
                    .take(QUARANTINED_CHARS)
                    .collect(),
            ),
        };
        let kept = QuarantinedMail {
            from: mail.from.first().map(|from| without_nul(from)),
            subject: Some(mail.subject.clone()).filter(|subject| !subject.is_empty()),
            room_id: room,
            text,
            ..unknown(reason, mail.size)
        };
        self.quarantine(mail.digest, kept).await
    }

    async fn quarantine(
        &self,
        digest: [u8; 32],
        mail: QuarantinedMail,
    ) -> Result<Accepted, AcceptError> {
        let reason = mail.reason;
        self.store.quarantine_mail(digest, mail).await?;
        self.metrics.quarantined(reason);
        Ok(Accepted::Quarantined(reason))
    }
}

/// PostgreSQL takes no NUL in a text.
fn without_nul(text: &str) -> String {
    text.chars()
        .filter(|char| *char != '\0')
        .take(320)
        .collect()
}

/// A mail of which nothing is known.
fn unknown(reason: QuarantineReason, size: usize) -> QuarantinedMail {
    QuarantinedMail {
        id: String::new(),
        reason,
        from: None,
        subject: None,
        room_id: None,
        size: size as u64,
        text: None,
        at: crate::chat::Timestamp::now(),
    }
}
