//! Erasing a person: the person is found, the erasure is decided, done in bounded steps, and recorded
//! in the ledger.
//!
//! Once it is decided, it is completed even if the caller goes away: the server does the rest.
//! Read next: `persistence/sqlite/operations/erasures.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, watch};

use super::kept_backups::{self, KeptBackup};
use super::ledger::{LEDGER_FILE, Ledger};
use super::quiet::Quiet;
use super::registry;
use super::schedule::BackupSettings;
use crate::actors::Rooms;
use crate::chat::{RoomId, Timestamp, Who};
use crate::persistence::{
    Erasure, ErasureId, Holdings, POSTGRES_BYTES, Person, Principal, RewriteError, SeveralPeople,
    Store, StoreError, WriteError,
};

/// Whom to erase, and how.
#[derive(Debug, Clone)]
pub struct EraseRequest {
    /// The person.
    pub who: Who,
    /// Only report what would be erased.
    pub dry_run: bool,
    /// Rewrite the file at once, and return when that is done.
    pub now: bool,
    /// On whose behalf, for the audit.
    pub by: Principal,
}

/// How far an erasure is, in rooms and messages together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EraseProgress {
    /// How many are erased.
    pub done: u64,
    /// How many there are.
    pub total: u64,
}

/// What an erasure has done. It has ids only, and nothing that names the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Receipt {
    /// Names the erasure in the audit; null when nothing was erased.
    pub erasure: Option<ErasureId>,
    /// Whether nothing was erased, and this is what would be.
    pub dry_run: bool,
    /// How much was erased.
    pub erased: ErasedCounts,
    /// The rooms that were erased.
    pub rooms: Vec<RoomId>,
    /// Rooms of others that mention the person's e-mail address. They were not touched.
    pub mentioned_in: Vec<RoomId>,
    /// Whether there may be more rooms that mention it.
    pub mentioned_in_truncated: bool,
    /// Since when nobody can read any of it; null until then.
    pub unreachable_at: Option<Timestamp>,
    /// When the file was rewritten without it; null until then, and always with PostgreSQL, which
    /// overwrites the bytes in its own time.
    pub bytes_gone_at: Option<Timestamp>,
    /// On PostgreSQL, where `bytes_gone_at` stays null: what becomes of the bytes, and where they may
    /// still be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub bytes_note: Option<String>,
    /// Older copies of the database, which still hold it.
    pub backups: Vec<KeptBackup>,
}

/// How much was erased.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ErasedCounts {
    /// Visitors: an identity, or a browser that was never signed in.
    pub visitors: u64,
    /// Rooms.
    pub rooms: u64,
    /// Messages in them, of either side.
    pub messages: u64,
    /// Tokens that were ended.
    pub tokens: u64,
}

/// Why nobody was erased, or not completely.
#[derive(Debug, thiserror::Error)]
pub enum EraseFailure {
    /// Several users have the address or number.
    #[error(transparent)]
    Ambiguous(#[from] SeveralPeople),
    /// The database cannot be rewritten at once. Nothing was decided.
    #[error("nobody was erased, since --now was given: {0}; erase without it")]
    CannotRewrite(RewriteError),
    /// Nobody waited for it any more, and nothing was decided.
    #[error("the erasure was cancelled before anything was erased")]
    Cancelled,
    /// Everything is unreachable, but the file still has the bytes.
    #[error(
        "the person was erased and nothing of them can be read in the chat, but the file was not rewritten: {0}; a running server tries again when the chat is quiet"
    )]
    NotRewritten(RewriteError),
    /// The store failed.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<StoreError> for EraseFailure {
    fn from(error: StoreError) -> Self {
        Self::Write(error.into())
    }
}

/// Erases people. Clones share its state.
#[derive(Debug, Clone)]
pub struct Eraser {
    store: Store,
    /// The live rooms, which have to notice; none without a server.
    rooms: Option<Rooms>,
    /// Where the files are, and the backups.
    backups: BackupSettings,
    /// Held while the ledger is written, so that nothing is recorded twice.
    recording: Arc<Mutex<()>>,
    /// How many erasures were decided.
    decided: Arc<AtomicU64>,
}

impl Eraser {
    /// An eraser for a database, with the server's live rooms if one runs.
    pub fn new(store: Store, rooms: Option<Rooms>, backups: BackupSettings) -> Self {
        Self {
            store,
            rooms,
            backups,
            recording: Arc::default(),
            decided: Arc::default(),
        }
    }

    /// How many erasures were decided so far. If the number has changed during an export, the export
    /// may hold somebody who was erased.
    pub fn decided(&self) -> u64 {
        self.decided.load(Ordering::SeqCst)
    }

    /// Erases a person. If nobody watches the progress any more, it is cancelled before the erasure
    /// is decided. After that, dropping this future leaves the rest to [`Self::finish`].
    ///
    /// # Errors
    ///
    /// When several people match, or the store fails.
    pub async fn erase(
        &self,
        request: &EraseRequest,
        progress: watch::Sender<EraseProgress>,
    ) -> Result<Receipt, EraseFailure> {
        if request.now && self.store.is_shared() {
            return Err(EraseFailure::CannotRewrite(RewriteError::NotOneFile));
        }
        let person = self.store.find_person(&request.who).await?.alone()?;
        let held = self.store.holdings(&person).await?;
        let mut receipt = self.prepare_receipt(&person, &held).await?;
        receipt.dry_run = request.dry_run;
        if progress.is_closed() {
            return Err(EraseFailure::Cancelled);
        }
        if request.dry_run {
            return Ok(receipt);
        }
        self.remove_exports().await;
        let begun = self
            .store
            .begin_erasure(person.visitors, request.by)
            .await?;
        if let Some(begun) = begun {
            self.decided.fetch_add(1, Ordering::SeqCst);
            // Exports that were finished since.
            self.remove_exports().await;
            receipt.erasure = Some(begun.id);
            let mut shown = EraseProgress {
                done: 0,
                total: held.rooms.len() as u64 + held.messages,
            };
            // A total means that it is decided.
            progress.send_replace(shown);
            self.record().await;
            self.finish(|done| {
                shown.done = (shown.done + done).min(shown.total);
                progress.send_replace(shown);
            })
            .await?;
            let erasure = self.store.erasure(begun.id).await?;
            receipt.take(erasure.as_ref());
        } else {
            // Somebody else may have decided it a moment ago: nothing is left when this returns.
            self.finish(|_| {}).await?;
        }
        receipt.backups = self.kept_backups();
        if request.now {
            let at = self.rewrite().await.map_err(EraseFailure::NotRewritten)?;
            receipt.bytes_gone_at = Some(at);
        }
        Ok(receipt)
    }

    /// Removes what jobs have exported.
    async fn remove_exports(&self) {
        let data_dir = self.backups.data_dir.clone();
        let removing = tokio::task::spawn_blocking(move || registry::remove_exports(&data_dir));
        let removed = removing.await.map_err(std::io::Error::other).flatten();
        if let Err(error) = removed {
            tracing::warn!(%error, "cannot remove the exports in the directory `jobs` of the data directory, which may hold somebody who is erased; they go within 24 hours");
        }
    }

    async fn prepare_receipt(
        &self,
        person: &Person,
        held: &Holdings,
    ) -> Result<Receipt, EraseFailure> {
        // Messages of the last seconds have to be searched, too.
        self.store.flush_search_index().await?;
        let mentions = self.store.mentions(person).await?;
        Ok(Receipt {
            erasure: None,
            dry_run: false,
            erased: ErasedCounts {
                visitors: person.visitors.len() as u64,
                rooms: held.rooms.len() as u64,
                messages: held.messages,
                tokens: held.tokens,
            },
            rooms: held.rooms.clone(),
            mentioned_in: mentions.rooms,
            mentioned_in_truncated: mentions.truncated,
            unreachable_at: None,
            bytes_gone_at: None,
            bytes_note: self.store.is_shared().then(|| POSTGRES_BYTES.to_owned()),
            backups: self.kept_backups(),
        })
    }

    /// Does the rest of all decided erasures, a step at a time. Calls `done` after each step with the
    /// number of rooms and messages that it has erased.
    ///
    /// # Errors
    ///
    /// When the store fails. It can be called again.
    pub async fn finish(&self, mut done: impl FnMut(u64)) -> Result<(), WriteError> {
        while let Some(step) = self.store.erase_step().await? {
            done(step.removed.len() as u64 + step.messages);
            if let Some(rooms) = &self.rooms {
                rooms.reload(step.removed);
            }
        }
        Ok(())
    }

    /// Writes to the ledger what it lacks. A failure is logged, and a later call tries again: the
    /// database knows what is missing.
    pub async fn record(&self) {
        if let Err(error) = self.try_record().await {
            tracing::warn!(
                path = %self.backups.directory.join(LEDGER_FILE).display(), %error,
                "cannot record what was erased beside the backups, retrying; it lists what to erase again after a restore of an older backup"
            );
        }
    }

    async fn try_record(&self) -> std::io::Result<()> {
        let _recording = self.recording.lock().await;
        let unrecorded = self
            .store
            .unrecorded()
            .await
            .map_err(std::io::Error::other)?;
        if unrecorded.is_empty() {
            return Ok(());
        }
        let ledger = Ledger::in_directory(&self.backups.directory);
        let erased = unrecorded.erased.clone();
        tokio::task::spawn_blocking(move || ledger.append(&erased)).await??;
        let marked = self.store.mark_recorded(unrecorded).await;
        marked.map_err(std::io::Error::other)
    }

    /// Makes sure that no byte of what was erased is left in the live files.
    ///
    /// # Errors
    ///
    /// When the disk is too small or the store fails.
    pub async fn rewrite(&self) -> Result<Timestamp, RewriteError> {
        self.store.rewrite(self.backups.data_dir.clone()).await
    }

    /// Rewrites the file if the bytes of something erased may still be in it, and the chat is quiet.
    /// Returns the time of the rewrite, if it did.
    ///
    /// # Errors
    ///
    /// When the disk is too small or the store fails.
    pub async fn rewrite_if_quiet(&self, quiet: Quiet) -> Result<Option<Timestamp>, RewriteError> {
        if !self.store.is_rewrite_due().await? {
            return Ok(None);
        }
        if !self.is_quiet(quiet).await? {
            return Ok(None);
        }
        self.rewrite().await.map(Some)
    }

    /// Whether the chat is quiet.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn is_quiet(&self, quiet: Quiet) -> Result<bool, StoreError> {
        Ok(quiet.is_quiet(self.store.stats().await?.newest_at))
    }

    /// Deletes closed rooms without a message since `before`, some at a time, with one entry in the
    /// audit if there are any. Returns how many.
    ///
    /// # Errors
    ///
    /// When the store fails. What is left goes with the next call.
    pub async fn expire(&self, before: Timestamp) -> Result<usize, WriteError> {
        let run = uuid::Uuid::now_v7();
        let mut expired = 0;
        loop {
            let found = self.store.expired_rooms(before).await?;
            if found.is_empty() {
                return Ok(expired);
            }
            let removed = self.store.expire_rooms(run, found, before).await?;
            expired += removed.len();
            if let Some(rooms) = &self.rooms {
                rooms.reload(removed);
            }
            self.finish(|_| {}).await?;
        }
    }

    fn kept_backups(&self) -> Vec<KeptBackup> {
        kept_backups::list(&self.backups, Timestamp::now())
    }
}

impl Receipt {
    fn take(&mut self, erasure: Option<&Erasure>) {
        let Some(erasure) = erasure else { return };
        self.erased = ErasedCounts {
            visitors: erasure.visitors,
            rooms: erasure.rooms,
            messages: erasure.messages,
            tokens: erasure.tokens,
        };
        self.unreachable_at = erasure.unreachable_at;
        self.bytes_gone_at = erasure.bytes_gone_at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Details, Sender, Status};
    use crate::persistence::RoomOp;
    use crate::persistence::testing::*;

    fn backups_in(directory: &std::path::Path) -> BackupSettings {
        BackupSettings {
            data_dir: directory.to_owned(),
            directory: directory.to_owned(),
            every: std::time::Duration::ZERO,
            min_free_bytes: 0,
            recipients: Vec::new(),
            is_postgres: false,
        }
    }

    #[tokio::test]
    async fn the_file_is_rewritten_when_the_chat_is_quiet_and_only_after_an_erasure() {
        let store = TestStore::in_sqlite();
        let directory = tempfile::tempdir().expect("a directory");
        let eraser = Eraser::new((*store).clone(), None, backups_in(directory.path()));
        let quiet = |hour| Quiet {
            hour,
            now: Timestamp::now(),
            has_visitors: false,
        };
        let opened = store
            .open_room(anonymous(Details::default()))
            .await
            .expect("it opens");
        store.post_as_visitor(opened.record.room.id, "hello").await;
        let other = store.new_room("Bob").await;
        store.post_as_visitor(other, "hello").await;
        assert_eq!(eraser.rewrite_if_quiet(quiet(3)).await, Ok(None));
        let begun = store
            .begin_erasure(vec![opened.record.visitor_id], Principal::CommandLine)
            .await
            .expect("it is decided")
            .expect("known");
        eraser.finish(|_| {}).await.expect("it is done");
        assert_eq!(eraser.rewrite_if_quiet(quiet(12)).await, Ok(None));
        let at = eraser.rewrite_if_quiet(quiet(3)).await.expect("rewritten");
        let erasure = store.erasure(begun.id).await.expect("it reads");
        assert!(at.is_some());
        assert_eq!(erasure.expect("known").bytes_gone_at, at);
        assert_eq!(eraser.rewrite_if_quiet(quiet(3)).await, Ok(None));
    }

    #[tokio::test]
    async fn who_was_just_decided_to_be_erased_is_gone_when_a_second_request_returns() {
        let store = TestStore::new();
        let directory = tempfile::tempdir().expect("a directory");
        let eraser = Eraser::new((*store).clone(), None, backups_in(directory.path()));
        let details = Details {
            email: Some("ann@example.com".into()),
            ..Details::default()
        };
        let opened = store.open_room(anonymous(details)).await.expect("it opens");
        let (room, visitor) = (opened.record.room.id, opened.record.visitor_id);
        store.post_as_visitor(room, "hello").await;
        let begun = store.begin_erasure(vec![visitor], Principal::CommandLine);
        begun.await.expect("decided").expect("known");
        let request = EraseRequest {
            who: "email:ann@example.com".parse().expect("a person"),
            dry_run: false,
            now: false,
            by: Principal::CommandLine,
        };
        let (progress, _watched) = watch::channel(EraseProgress::default());
        let receipt = eraser.erase(&request, progress).await.expect("it is done");
        assert_eq!(receipt.erasure, None, "it was the first one's");
        assert_eq!(store.room(room).await, Ok(None));
        assert_eq!(store.erase_step().await, Ok(None));
    }

    #[tokio::test]
    async fn closed_rooms_past_their_time_go_in_steps_until_none_is_left() {
        let store = TestStore::new();
        let directory = tempfile::tempdir().expect("a directory");
        let eraser = Eraser::new((*store).clone(), None, backups_in(directory.path()));
        for _ in 0..65 {
            let room = store.new_room("Ann").await;
            store.post_as_visitor(room, "hello").await;
            let close = RoomOp::SetStatus {
                status: Status::Closed,
                by: Sender::Visitor,
            };
            store.apply(room, close).await.expect("it closes");
        }
        let open = store.new_room("Bob").await;
        store.post_as_visitor(open, "hello").await;
        assert_eq!(eraser.expire(Timestamp(0)).await, Ok(0));
        let before = Timestamp(Timestamp::now().0 + 1);
        assert_eq!(eraser.expire(before).await, Ok(65));
        assert_eq!(eraser.expire(before).await, Ok(0));
        assert!(store.room(open).await.expect("it reads").is_some());
        assert_eq!(store.erase_step().await, Ok(None));
    }
}
