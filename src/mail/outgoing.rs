//! What sends mail: it decides what is due and records each mail right after the relay has taken it.
//!
//! A mail waits in the store from before its first attempt until its outcome. What is in it and to
//! whom it goes is decided once, before the first attempt, so a kill at any moment repeats at most one
//! mail, with the same content under the same id.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use super::compose::{Content, SenderIdentity};
use super::metrics::MailMetrics;
use super::plan::{self, CustomerAddress};
use super::relay::{Relay, SendFailure};
use super::words;
use crate::actors::Presence;
use crate::chat::{Language, Message, RoomId, RoomRecord, Timestamp};
use crate::current_settings::CurrentSettings;
use crate::followers::FollowerError;
use crate::persistence::{DueMail, MailKind, MailOutcome, Store};

/// Mails that are read from the store at once.
const PAGE: usize = 20;
/// Messages of a page of a room's log.
const LOG_PAGE: usize = 200;
/// Messages of a transcript, at most: the newest ones.
const TRANSCRIPT_MAX: usize = 1_000;
/// How long to wait after the relay could not be used, at first and at most.
const RELAY_PAUSE: Duration = Duration::from_secs(10);
const RELAY_PAUSE_MAX: Duration = Duration::from_secs(5 * 60);
/// How long what was finished is remembered.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Sends what is due.
pub(crate) struct Outgoing {
    pub(crate) store: Store,
    pub(crate) presence: Presence,
    pub(crate) settings: CurrentSettings,
    pub(crate) identity: SenderIdentity,
    pub(crate) relay: Relay,
    pub(crate) metrics: MailMetrics,
    pub(crate) state: Mutex<OutgoingState>,
}

/// What it remembers until it ends.
#[derive(Default)]
pub(crate) struct OutgoingState {
    /// When customers for whom a mail waits were seen online.
    last_online: HashMap<RoomId, Timestamp>,
    relay_failures: u32,
    relay_paused_until: Option<Timestamp>,
}

/// What becomes of a mail that is due.
enum Step {
    /// There is no reason to send it any more.
    Drop,
    /// It is not time yet.
    Wait(Timestamp),
    /// It goes to this address with these messages.
    Send {
        recipient: String,
        messages: Vec<Message>,
        takes_reply: bool,
    },
}

fn is_ahead(at: &Timestamp) -> bool {
    *at > Timestamp::now()
}

/// Whether an attempt succeeded.
enum Attempt {
    Sent,
    NotSent,
}

impl Outgoing {
    /// A room has changed: has a mail wait if there are answers that its customer has not read.
    pub(crate) async fn changed(&self, record: &RoomRecord) -> Result<(), FollowerError> {
        if !plan::may_have_answers(record) {
            return Ok(());
        }
        let room = record.room.id;
        let known = self.store.answers_mail(room).await?;
        if let Some((seen, due)) = plan::answers_due(record, &known, self.after()) {
            let id = Uuid::now_v7();
            self.store.await_answers(id, room, seen, due).await?;
        }
        Ok(())
    }

    /// Sends the next mails that are due. Returns when to come back.
    pub(crate) async fn due(&self) -> Result<Option<Timestamp>, FollowerError> {
        for mail in self.store.due_mails(Timestamp::now(), PAGE).await? {
            if self.relay_pause().is_some() {
                break;
            }
            self.handle(&mail).await?;
        }
        let next = self.store.next_mail_due().await?;
        let paused = self.relay_pause();
        Ok(next.map(|next| paused.map_or(next, |paused| paused.max(next))))
    }

    /// Forgets what was finished long ago.
    pub(crate) async fn sweep(&self) -> Result<(), FollowerError> {
        let before = Timestamp::now() - REMEMBERED;
        Ok(self.store.forget_mail(before).await?)
    }

    async fn handle(&self, mail: &DueMail) -> Result<(), FollowerError> {
        let step = match mail.kind {
            MailKind::Answers => self.answers(mail).await?,
            MailKind::Transcript => self.transcript(mail).await?,
            MailKind::Alert => match &mail.recipient {
                Some(recipient) => Step::Send {
                    recipient: recipient.clone(),
                    messages: Vec::new(),
                    takes_reply: false,
                },
                None => Step::Drop,
            },
        };
        match step {
            Step::Drop => {
                self.metrics.dropped.increment(1);
                self.finish(mail, MailOutcome::Dropped).await
            }
            Step::Wait(until) => Ok(self.store.postpone_mail(mail.id, until, None).await?),
            Step::Send {
                recipient,
                messages,
                takes_reply,
            } => {
                let outcome = self.send(mail, &recipient, &messages, takes_reply).await?;
                match outcome {
                    Attempt::Sent => self.plan_rest(mail).await,
                    Attempt::NotSent => Ok(()),
                }
            }
        }
    }

    /// Decides about a mail with answers.
    async fn answers(&self, mail: &DueMail) -> Result<Step, FollowerError> {
        let Some(record) = self.record(mail).await? else {
            return Ok(Step::Drop);
        };
        let Some(customer) = CustomerAddress::of(&record).filter(|_| !record.blocked) else {
            return Ok(Step::Drop);
        };
        let read = record.room.customer_read_seq;
        if mail.until_seq.is_some_and(|until| until <= read) {
            return Ok(Step::Drop);
        }
        let recipient = mail.recipient.as_ref().unwrap_or(&customer.address).clone();
        if self.store.bounced(recipient.clone()).await?.is_some() {
            return Ok(Step::Drop);
        }
        // What was decided before the first attempt stays.
        let is_first = mail.until_seq.is_none();
        if is_first && let Some(until) = self.online_until(record.room.id) {
            return Ok(Step::Wait(until));
        }
        let seen = match is_first {
            true => mail.after_seq.max(read),
            false => mail.after_seq,
        };
        let is_signed = customer.is_signed && recipient == customer.address;
        let page = self
            .store
            .messages_after(record.room.id, seen, LOG_PAGE)
            .await?;
        let mut messages = plan::answers(page.messages, is_signed);
        if let Some(until) = mail.until_seq {
            messages.retain(|message| message.seq <= until);
        }
        let Some(last) = messages.last() else {
            return Ok(Step::Drop);
        };
        if is_first {
            // One mail may have waited for answers that were read since; these wait as long.
            if let Some(ripe) = plan::ripe_at(&messages, self.after()).filter(is_ahead) {
                return Ok(Step::Wait(ripe));
            }
            if !is_signed && self.is_over_typed(&recipient).await? {
                return Ok(Step::Wait(Timestamp::now() + Duration::from_secs(60 * 60)));
            }
            let until = last.seq;
            self.store
                .address_mail(mail.id, recipient.clone(), until)
                .await?;
        }
        Ok(Step::Send {
            recipient,
            messages,
            takes_reply: self.identity.takes_replies,
        })
    }

    async fn is_over_typed(&self, address: &str) -> Result<bool, FollowerError> {
        let since = Timestamp::now() - Duration::from_secs(24 * 60 * 60);
        let sent = self.store.mails_sent_to(address.to_owned(), since).await?;
        Ok(sent >= plan::TYPED_PER_DAY)
    }

    /// Until when to wait for a customer who is here, or has not been away for long enough.
    fn online_until(&self, room: RoomId) -> Option<Timestamp> {
        let after = self.after();
        let now = Timestamp::now();
        let mut state = self.lock();
        if self.presence.is_online(room) {
            state.last_online.insert(room, now);
            return Some(now + plan::look_again(after));
        }
        let away_for_long = state.last_online.get(&room).copied()? + after;
        if away_for_long > now {
            return Some(away_for_long);
        }
        state.last_online.remove(&room);
        None
    }

    async fn transcript(&self, mail: &DueMail) -> Result<Step, FollowerError> {
        let (Some(record), Some(recipient)) = (self.record(mail).await?, &mail.recipient) else {
            return Ok(Step::Drop);
        };
        if self.store.bounced(recipient.clone()).await?.is_some() {
            return Ok(Step::Drop);
        }
        let mut messages: Vec<Message> = Vec::new();
        let mut before = mail.until_seq.map(|until| until + 1);
        while messages.len() < TRANSCRIPT_MAX {
            let page = self
                .store
                .messages_before(record.room.id, before, LOG_PAGE)
                .await?;
            before = page.messages.first().map(|message| message.seq);
            let is_last = !page.more || page.messages.is_empty();
            messages.splice(0..0, page.messages);
            if is_last {
                break;
            }
        }
        messages.retain(|message| !message.redacted);
        if messages.is_empty() {
            return Ok(Step::Drop);
        }
        // Whoever asked for it may have named somebody else's address, who is not the customer.
        Ok(Step::Send {
            recipient: recipient.clone(),
            messages,
            takes_reply: false,
        })
    }

    async fn send(
        &self,
        mail: &DueMail,
        recipient: &str,
        messages: &[Message],
        takes_reply: bool,
    ) -> Result<Attempt, FollowerError> {
        let language = self.language(mail).await?;
        let content = self.content(mail, messages, takes_reply, language);
        let attempt = match self.identity.write(mail, recipient, &content, takes_reply) {
            Ok(written) => self.relay.send(&written).await,
            Err(error) => Err(SendFailure::Never(error.to_string())),
        };
        match attempt {
            Ok(()) => {
                self.lock().relay_failures = 0;
                self.finish(mail, MailOutcome::Sent).await?;
                self.metrics.sent(mail.kind);
                return Ok(Attempt::Sent);
            }
            Err(SendFailure::Relay(words)) => {
                self.pause_relay();
                tracing::warn!(error = %words, "cannot use the relay of mail.smtp_url; mail waits; `shoptalk doctor` says what to change");
                self.try_again(mail, words).await?;
            }
            Err(SendFailure::Later(words)) => self.try_again(mail, words).await?,
            Err(SendFailure::Address(words)) => {
                if mail.kind != MailKind::Alert {
                    let address = recipient.to_owned();
                    self.store.mark_bounced(address, words.clone()).await?;
                }
                self.fail(mail, &words).await?;
            }
            Err(SendFailure::Never(words)) => self.fail(mail, &words).await?,
        }
        Ok(Attempt::NotSent)
    }

    fn content<'m>(
        &self,
        mail: &DueMail,
        messages: &'m [Message],
        takes_reply: bool,
        language: Language,
    ) -> Content<'m> {
        let settings = self.settings.now();
        let shop = &settings.shop;
        let name = match shop.name.as_str() {
            "" => self.identity.name(),
            name => name,
        };
        let words = match (mail.kind, &mail.text) {
            (MailKind::Answers, _) => words::answers(language, name, takes_reply),
            (MailKind::Transcript, _) => words::transcript(language, name),
            (MailKind::Alert, text) => {
                let (subject, body) = text.clone().unwrap_or_default();
                words::alert(name, subject, body)
            }
        };
        Content {
            words,
            messages,
            time_zone: shop.time_zone.clone(),
        }
    }

    async fn try_again(&self, mail: &DueMail, words: String) -> Result<(), FollowerError> {
        let now = Timestamp::now();
        if mail.created_at + plan::GIVE_UP_AFTER < now {
            return self.fail(mail, &words).await;
        }
        self.metrics.postponed.increment(1);
        let due = now + plan::back_off(mail.tries);
        Ok(self.store.postpone_mail(mail.id, due, Some(words)).await?)
    }

    async fn fail(&self, mail: &DueMail, words: &str) -> Result<(), FollowerError> {
        self.metrics.failed.increment(1);
        tracing::warn!(mail = %mail.id, room = ?mail.room, error = %words, "a mail was refused for good");
        self.finish(mail, MailOutcome::Failed(words.to_owned()))
            .await
    }

    async fn finish(&self, mail: &DueMail, outcome: MailOutcome) -> Result<(), FollowerError> {
        if let Some(room) = mail.room {
            self.lock().last_online.remove(&room);
        }
        Ok(self.store.finish_mail(mail.id, outcome).await?)
    }

    /// Has the next mail wait if this one did not hold all answers.
    async fn plan_rest(&self, mail: &DueMail) -> Result<(), FollowerError> {
        if mail.kind == MailKind::Answers
            && let Some(record) = self.record(mail).await?
        {
            self.changed(&record).await?;
        }
        Ok(())
    }

    /// The language of the customer; English while none is known.
    async fn language(&self, mail: &DueMail) -> Result<Language, FollowerError> {
        let known = match mail.room {
            Some(room) => self.store.visitor_language(room).await?,
            None => None,
        };
        Ok(known.unwrap_or(Language::English))
    }

    async fn record(&self, mail: &DueMail) -> Result<Option<RoomRecord>, FollowerError> {
        Ok(match mail.room {
            Some(room) => self.store.room(room).await?,
            None => None,
        })
    }

    /// How long a customer is away before an answer goes by mail.
    fn after(&self) -> Duration {
        Duration::from_millis(self.settings.now().mail.after_ms)
    }

    /// Until when the relay is left alone.
    fn relay_pause(&self) -> Option<Timestamp> {
        let now = Timestamp::now();
        self.lock().relay_paused_until.filter(|until| *until > now)
    }

    fn pause_relay(&self) {
        let mut state = self.lock();
        let pause = RELAY_PAUSE
            .saturating_mul(1 << state.relay_failures.min(10))
            .min(RELAY_PAUSE_MAX);
        state.relay_failures += 1;
        state.relay_paused_until = Some(Timestamp::now() + pause);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, OutgoingState> {
        // Each change is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
