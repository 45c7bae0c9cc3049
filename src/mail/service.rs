//! Mail, as the rest of the server sees it.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::address::ReplyAddresses;
use super::compose::SenderIdentity;
use super::follower::MailFollower;
use super::imap::Reader;
use super::incoming::{AcceptError, Accepted, Incoming};
use super::metrics::MailMetrics;
use super::outgoing::Outgoing;
use super::plan;
use super::relay::Relay;
use crate::actors::{Presence, Rooms};
use crate::chat::RoomId;
use crate::config::MailConfig;
use crate::current_settings::CurrentSettings;
use crate::followers::Waker;
use crate::persistence::{MailBudget, MailKind, NewMail, Queued, Store, StoreError, WriteError};

/// Mail of a server. Clones share it. A server without `mail.from` has none.
#[derive(Clone)]
pub(crate) struct Mail {
    store: Store,
    incoming: Option<Arc<Incoming>>,
    outgoing: Option<Arc<Outgoing>>,
    /// Woken when a mail was queued, so that it is sent at once.
    queued: Waker,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Mail")
            .field("sends", &self.sends())
            .finish_non_exhaustive()
    }
}

/// Who asks for a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// The room's visitor, who may ask a few times a day.
    Visitor,
    /// An agent.
    Agent,
}

impl Mail {
    /// Mail as it is configured. It makes the key of reply addresses if there is none.
    ///
    /// # Errors
    ///
    /// When the store does not give the key.
    pub(crate) async fn open(
        config: &MailConfig,
        store: Store,
        rooms: Rooms,
        presence: Presence,
        settings: CurrentSettings,
        metrics: MailMetrics,
    ) -> Result<Self, StoreError> {
        let mut mail = Self {
            store: store.clone(),
            incoming: None,
            outgoing: None,
            queued: Waker::default(),
        };
        let Some(from) = config.from.clone() else {
            return Ok(mail);
        };
        let key = match store.mail_key(rand::random()).await {
            Ok(key) => key,
            Err(WriteError::Store(error)) => return Err(error),
            Err(WriteError::Refused(refusal)) => {
                return Err(StoreError::Internal(refusal.to_string()));
            }
        };
        let addresses = ReplyAddresses::new(key, from.email.clone(), store.epoch());
        mail.incoming = Some(Arc::new(Incoming::new(
            store.clone(),
            rooms,
            addresses.clone(),
            metrics.clone(),
        )));
        if let Some(server) = config.smtp.clone() {
            let relay = Relay::new(server, from.email.domain());
            let takes_replies = config.imap.is_some() || config.hook_token.is_some();
            mail.outgoing = Some(Arc::new(Outgoing {
                store,
                presence,
                settings,
                identity: SenderIdentity {
                    from,
                    addresses,
                    takes_replies,
                },
                relay,
                metrics,
                state: Default::default(),
            }));
        }
        Ok(mail)
    }

    /// Whether this server sends mail.
    pub(crate) fn sends(&self) -> bool {
        self.outgoing.is_some()
    }

    /// Handles a mail that has come in, as it was transmitted. `None` if the server takes none.
    pub(crate) async fn accept(&self, raw: Vec<u8>) -> Option<Result<Accepted, AcceptError>> {
        let incoming = self.incoming.as_ref()?;
        Some(incoming.accept(raw).await)
    }

    /// Queues a room's messages up to `until_seq`.
    pub(crate) async fn queue_transcript(
        &self,
        room: RoomId,
        until_seq: u64,
        recipient: &str,
        asker: Asker,
    ) -> Result<Queued, WriteError> {
        let mail = NewMail {
            id: Uuid::now_v7(),
            kind: MailKind::Transcript,
            room: Some(room),
            recipient: recipient.to_lowercase(),
            until_seq,
            text: None,
        };
        let budget = match asker {
            Asker::Visitor => Some(plan::TRANSCRIPTS),
            Asker::Agent => None,
        };
        self.queue(mail, budget).await
    }

    /// Queues a notice to the shop. One with an id that is known is queued once, and its mail has the
    /// same id.
    pub(crate) async fn queue_alert(
        &self,
        id: Uuid,
        room: Option<RoomId>,
        recipient: &str,
        subject: String,
        body: String,
    ) -> Result<Queued, WriteError> {
        let mail = NewMail {
            id,
            kind: MailKind::Alert,
            room,
            recipient: recipient.to_lowercase(),
            until_seq: 0,
            text: Some((subject, body)),
        };
        self.queue(mail, None).await
    }

    async fn queue(&self, mail: NewMail, budget: Option<MailBudget>) -> Result<Queued, WriteError> {
        let queued = self.store.queue_mail(mail, budget).await?;
        self.queued.wake();
        Ok(queued)
    }

    /// What sends mail, for as long as the server runs; `None` if it sends none.
    pub(crate) fn follower(&self) -> Option<MailFollower> {
        Some(MailFollower::new(self.outgoing.clone()?))
    }

    /// Has the follower look at once at what is due.
    pub(crate) fn waker(&self) -> Waker {
        self.queued.clone()
    }

    /// Reads the mailbox, if one is configured, until `stop`.
    pub(crate) async fn read_mailbox(
        self,
        config: MailConfig,
        metrics: MailMetrics,
        stop: CancellationToken,
    ) {
        if let (Some(server), Some(incoming)) = (config.imap, self.incoming) {
            let reader = Reader {
                server,
                store: self.store,
                incoming,
                metrics,
            };
            reader.run(stop).await;
        }
    }
}
