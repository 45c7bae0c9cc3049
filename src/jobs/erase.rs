//! Erasing a person: the person is found, the erasure is decided, done in bounded steps, and recorded
//! in the ledger.
//!
//! Once it is decided, it is completed even if the caller goes away: the server does the rest.
//! Read next: `persistence/sqlite/operations/erasures.rs`.

mod receipt;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Mutex, watch};

pub use self::receipt::{EraseFailure, EraseProgress, EraseRequest, ErasedCounts, Receipt};
use super::kept_backups::{self, KeptBackup};
use super::ledger::{LEDGER_FILE, Ledger, LedgerContents};
use super::quiet::Quiet;
use super::registry::{self, JobKind};
use super::schedule::BackupSettings;
use crate::actors::Rooms;
use crate::chat::Timestamp;
use crate::persistence::{
    ErasedAgain, Expiry, Holdings, POSTGRES_BYTES, Person, RewriteError, Store, StoreError,
    WriteError,
};

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
            .await
            .map_err(EraseFailure::of_decision)?;
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
            .await
            .map_err(EraseFailure::interrupted(
                "the erasure is decided, but not complete",
            ))?;
            let erasure = self.store.erasure(begun.id).await;
            let erasure = erasure.map_err(EraseFailure::interrupted(
                "the erasure is complete, but its counts cannot be read",
            ))?;
            receipt.take(erasure.as_ref());
        } else {
            // Somebody else may have decided it a moment ago: nothing is left when this returns.
            let finished = self.finish(|_| {}).await;
            finished.map_err(EraseFailure::interrupted(
                "nothing new was decided, but earlier erasures are not complete",
            ))?;
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
        // Those of all nodes.
        let removed = self.store.remove_job_files(JobKind::Export.name()).await;
        if let Err(error) = removed {
            tracing::warn!(%error, "cannot remove the exports in the database, which may hold somebody who is erased; they go within 24 hours");
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

    /// Erases again what the ledger lists and the database has, because it is a copy from before that
    /// somebody has put in the place of the present one. `restore` does the same; nothing else may
    /// bring anybody back. A failure is logged, and the next start tries again.
    pub async fn repeat_listed(&self) {
        match self.try_repeat_listed().await {
            Ok(again) if again == ErasedAgain::default() => {}
            Ok(again) => tracing::warn!(
                visitors = again.visitors,
                rooms = again.rooms,
                texts = again.redacted,
                "the database is a copy from before an erasure: what {LEDGER_FILE} lists was erased again"
            ),
            Err(error) => tracing::error!(
                error = %error,
                "cannot find out whether the database has anything that was erased before, as after an older copy of it was put here; \
                 repeat what is missing with: shoptalk erase"
            ),
        }
    }

    async fn try_repeat_listed(
        &self,
    ) -> Result<ErasedAgain, Box<dyn std::error::Error + Send + Sync>> {
        let settings = self.backups.clone();
        let reading = tokio::task::spawn_blocking(move || {
            LedgerContents::read_kept(&settings.data_dir, &settings.directory)
        });
        let listed = reading.await??;
        Ok(self.store.repeat_erasures(listed.erased).await?)
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

    /// Deletes rooms past their time, some at a time, with one entry in the
    /// audit if there are any. Returns how many.
    ///
    /// # Errors
    ///
    /// When the store fails. What is left goes with the next call.
    pub async fn expire(&self, expiry: Expiry) -> Result<usize, WriteError> {
        let run = uuid::Uuid::now_v7();
        let mut expired = 0;
        loop {
            let found = self.store.expired_rooms(expiry).await?;
            if found.is_empty() {
                return Ok(expired);
            }
            let removed = self.store.expire_rooms(run, found, expiry).await?;
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

#[cfg(test)]
mod tests;
