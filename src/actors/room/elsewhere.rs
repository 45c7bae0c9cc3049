//! What a room does when another node has changed it.

use super::RoomActorState;
use crate::actors::ElsewhereCommit;
use crate::actors::elsewhere::Untaken;
use crate::actors::faults::FaultPoint;
use crate::actors::messages::RoomMsg;
use crate::chat::RoomRecord;
use crate::persistence::{RoomCommit, Store};

/// Reads of which messages' texts were removed. One runs at a time.
#[derive(Default)]
pub(super) struct RedactionReads {
    is_reading: bool,
    /// Another one has to follow, up to this seq.
    next_until: Option<u64>,
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
        let broadcast = self.subscribers.encode_elsewhere(commit, before.as_deref());
        self.subscribers
            .broadcast_to_all(&broadcast, &self.context.faults);
        if commit.effect.is_none() && !self.subscribers.audience().is_empty {
            self.read_redactions(commit.record.room.last_seq);
        }
    }

    /// Nobody has said which messages' texts were removed, so all of them are looked for.
    fn read_redactions(&mut self, until: u64) {
        if self.redactions.is_reading {
            self.redactions.next_until = Some(until);
            return;
        }
        self.redactions.is_reading = true;
        let (store, room_id) = (self.context.store.clone(), self.room_id);
        let myself = self.myself.clone();
        tokio::spawn(async move {
            let seqs = store.redacted(room_id, until).await;
            let seqs = seqs.unwrap_or_else(|error| {
                // Clients that resume get them, and the next change looks again.
                tracing::warn!(%room_id, %error, "cannot read what was removed");
                Vec::new()
            });
            let _ = myself.cast(RoomMsg::RedactionsRead(seqs));
        });
    }

    pub(super) fn redactions_read(&mut self, seqs: &[u64]) {
        self.redactions.is_reading = false;
        self.subscribers.broadcast_redactions(self.room_id, seqs);
        if let Some(until) = self.redactions.next_until.take() {
            self.read_redactions(until);
        }
    }
}

/// What other nodes have done in the room between its last known state and its own commit. Their
/// notices may be lost, and the store shows a room's newest change alone.
pub(super) fn hidden_changes(
    store: &Store,
    before: Option<&RoomRecord>,
    commit: &RoomCommit,
) -> Option<ElsewhereCommit> {
    let version = before?.version + 1;
    (store.is_shared() && commit.record.version > version).then(|| ElsewhereCommit {
        record: commit.record.clone(),
        effect: None,
    })
}
