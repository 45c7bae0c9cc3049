//! What a room does when another node has changed it.

use std::ops::Range;

use tokio::time::Instant;

use super::RoomActorState;
use super::unexplained::Due;
use crate::actors::ElsewhereCommit;
use crate::actors::elsewhere::Untaken;
use crate::actors::faults::FaultPoint;
use crate::actors::messages::RoomMsg;
use crate::actors::subscriber::{Broadcast, FrameBySide};
use crate::chat::{PageVisit, RoomId, Suggestion};
use crate::persistence::{Store, StoreError};

/// Reads of what a notice would have said: which messages' texts were removed, how far the notes go,
/// and what is suggested to agents. One runs at a time.
#[derive(Default)]
pub(super) struct MissedReads {
    is_reading: bool,
    /// Another one has to follow, up to this seq.
    next_until: Option<u64>,
}

/// What the store says where no notice came.
pub(in crate::actors) struct Missed {
    redacted: Vec<u64>,
    last_note: u64,
    suggestion: Option<Suggestion>,
    page: Option<PageVisit>,
}

impl RoomActorState {
    /// Takes what is in the inbox.
    pub(super) fn take_elsewhere(&mut self) {
        self.reach(FaultPoint::RoomElsewhere);
        match self.context.elsewhere.take(self.room_id) {
            Some(Untaken::Commits(commits)) => {
                for commit in &commits {
                    self.committed_elsewhere(commit);
                }
            }
            Some(Untaken::Removed) => self.load(),
            None => {}
        }
    }

    /// Another node has changed the room. What it did is broadcast as if it had been done here; a
    /// frame that a client has already does no harm.
    pub(super) fn committed_elsewhere(&mut self, commit: &ElsewhereCommit) {
        let before = self.state.committed_elsewhere(&commit.record);
        if before.is_some() {
            self.subscribers
                .close_former_owners(commit.record.visitor_id);
        }
        let mut broadcast = self.subscribers.encode_elsewhere(commit, before.as_deref());
        self.hold_back_early(&mut broadcast);
        self.subscribers
            .broadcast_to_all(&broadcast, &self.context.faults);
        self.push_what_waited(&broadcast);
        let version = commit.record.version;
        if commit.effect.is_some() {
            if let Some(before) = before {
                self.expect_notices(before.version + 1..version);
            }
            self.unexplained.explain(version);
            return;
        }
        self.unexplained.explain_up_to(version);
        if !self.subscribers.audience().is_empty {
            self.read_missed(commit.record.room.last_seq);
        }
    }

    /// Keeps a message that has come before an older one, while other nodes tell what they commit.
    /// What else is pushed may be about it, so that never overtakes it.
    pub(super) fn hold_back_early(&mut self, broadcast: &mut Broadcast) {
        if broadcast.is_message_alone() && self.context.elsewhere.notices_come() {
            let timer = self.early.hold_back(broadcast, Instant::now());
            self.send_after(timer, || RoomMsg::EarlyTimerFired);
        } else if !broadcast.is_empty() {
            self.release_early();
        }
    }

    /// Pushes the messages that have waited for what was broadcast.
    pub(super) fn push_what_waited(&mut self, broadcast: &Broadcast) {
        let message = broadcast.message.as_ref().map(|(seq, _)| *seq);
        if let Some(seq) = message.max(broadcast.log_end) {
            self.early.pushed(seq, Instant::now());
        }
        while let Some(message) = self.early.next() {
            self.push_early(message);
        }
    }

    /// If a message has waited too long, pushes all.
    pub(super) fn early_timer_fired(&mut self) {
        match self.early.timer_fired(Instant::now()) {
            Some(left) => self.send_after(Some(left), || RoomMsg::EarlyTimerFired),
            None => self.release_early(),
        }
    }

    fn release_early(&mut self) {
        while let Some(message) = self.early.release() {
            self.push_early(message);
        }
    }

    fn push_early(&mut self, message: (u64, FrameBySide)) {
        let seq = message.0;
        let broadcast = Broadcast {
            message: Some(message),
            ..Broadcast::default()
        };
        self.subscribers
            .broadcast_to_all(&broadcast, &self.context.faults);
        self.early.pushed(seq, Instant::now());
    }

    /// These changes were made by others, whose notices may still be on their way, or lost.
    pub(super) fn expect_notices(&mut self, versions: Range<u64>) {
        if !self.context.store.is_shared() || self.subscribers.audience().is_empty {
            return;
        }
        let timer = self.unexplained.expect(versions, Instant::now());
        self.send_after(timer, || RoomMsg::NoticeTimerFired);
    }

    /// If a notice is overdue, reads the store.
    pub(super) fn notice_timer_fired(&mut self) {
        match self.unexplained.timer_fired(Instant::now()) {
            Due::Nothing => {}
            Due::Later(wait) => self.send_after(Some(wait), || RoomMsg::NoticeTimerFired),
            Due::Read => {
                if let Some(record) = self.state.record() {
                    let record = record.clone();
                    self.committed_elsewhere(&ElsewhereCommit {
                        record,
                        effect: None,
                    });
                }
            }
        }
    }

    /// Nobody has said what was done, so what the record does not show is looked for.
    fn read_missed(&mut self, until: u64) {
        if self.missed.is_reading {
            self.missed.next_until = Some(until);
            return;
        }
        self.missed.is_reading = true;
        let (store, room_id) = (self.context.store.clone(), self.room_id);
        let myself = self.myself.clone();
        tokio::spawn(async move {
            let read = async {
                Ok::<_, StoreError>(Missed {
                    redacted: store.redacted(room_id, until).await?,
                    last_note: store.last_note(room_id).await?,
                    suggestion: store.suggestion(room_id).await?,
                    page: newest_page(&store, room_id).await?,
                })
            };
            let missed = read.await.inspect_err(|error| {
                tracing::warn!(%room_id, %error, "cannot read what another node has changed");
            });
            let _ = myself.cast(RoomMsg::MissedRead(missed.ok()));
        });
    }

    pub(super) fn missed_read(&mut self, missed: Option<&Missed>) {
        self.missed.is_reading = false;
        if missed.is_none() {
            let timer = self.unexplained.read_failed(Instant::now());
            self.send_after(timer, || RoomMsg::NoticeTimerFired);
        }
        if let Some(missed) = missed {
            self.subscribers
                .broadcast_redactions(self.room_id, &missed.redacted);
            self.subscribers.push_notes_end(missed.last_note);
            self.subscribers
                .broadcast_suggestion(self.room_id, missed.suggestion.as_ref());
            if let Some(page) = &missed.page {
                self.subscribers.broadcast_page(self.room_id, page);
            }
        }
        if let Some(until) = self.missed.next_until.take() {
            self.read_missed(until);
        }
    }
}

async fn newest_page(store: &Store, room_id: RoomId) -> Result<Option<PageVisit>, StoreError> {
    let facts = store.visitor_facts(room_id).await?;
    Ok(facts.and_then(|facts| facts.pages.into_iter().next()))
}
