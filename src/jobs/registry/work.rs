//! What a job of each kind does.

use std::io;
use std::path::PathBuf;

use tokio::sync::watch;
use uuid::Uuid;

use super::files::{Entry, JobFiles, interrupted};
use super::{JobKind, JobRequest, JobState, Jobs};
use crate::chat::Who;
use crate::jobs::backup_space::free_bytes;
use crate::jobs::erase::{EraseFailure, EraseProgress, EraseRequest};
use crate::jobs::export::{Export, ExportFormat};
use crate::jobs::output::{OutputFile, why};
use crate::jobs::progress::follow;
use crate::persistence::{AuditAction, CopyProgress, ExportError, ExportScope, Principal};

/// What a job leaves.
struct Product {
    message: String,
    file: Option<PathBuf>,
}

impl Jobs {
    pub(super) async fn run(self, entry: Entry, request: JobRequest, by: Principal) {
        let (id, kind) = (entry.job.id, entry.job.kind);
        // What erases or rewrites stops by itself, where that leaves nothing half done.
        let stop = match kind {
            JobKind::Backup | JobKind::Export => &entry.cancel,
            JobKind::Erase | JobKind::Rewrite => &self.0.drain,
        };
        let working = stop.run_until_cancelled(self.work(&entry, request, by));
        let worked = match &self.0.shared {
            None => working.await,
            Some(shared) => tokio::select! {
                worked = working => worked,
                never = shared.report(&self, id) => match never {},
            },
        };
        let (state, message, file) = match worked {
            Some(Ok(Some(Product { message, file }))) => (JobState::Done, message, file),
            Some(Err(why)) => {
                tracing::warn!(job = %id, ?kind, error = why, "a job failed");
                (JobState::Failed, why, None)
            }
            None if self.0.drain.is_cancelled() => {
                (JobState::Failed, interrupted(kind).to_owned(), None)
            }
            None | Some(Ok(None)) => (JobState::Cancelled, "cancelled".to_owned(), None),
        };
        if file.is_none() {
            self.remove_results(id).await;
        }
        self.change(id, |entry| entry.end(state, message, file));
        if let Some(entry) = self.own(id) {
            self.record_end(entry).await;
        }
    }

    /// Removes what a job has left that has no result.
    async fn remove_results(&self, id: Uuid) {
        let files = self.0.files.clone();
        let removing = blocking(move || files.remove_results(id));
        if let Err(error) = removing.await {
            tracing::warn!(%error, job = %id, "cannot remove what a job has left");
        }
    }

    async fn record_end(&self, entry: Entry) {
        if let Some(shared) = &self.0.shared {
            // Its file may take long to store, during which it is no lost job.
            tokio::select! {
                () = shared.end(&entry, &self.0.files) => {}
                never = shared.report(self, entry.job.id) => match never {},
            }
            // The store has all of it now.
            self.lock().retain(|own| own.job.id != entry.job.id);
            let files = self.0.files.clone();
            let removing = tokio::task::spawn_blocking(move || files.remove(&entry));
            if let Err(error) = removing.await {
                tracing::warn!(%error, "cannot remove the files of a job");
            }
        } else if let Err(error) = self.0.files.write(&entry) {
            tracing::warn!(%error, job = %entry.job.id, "cannot record the end of a job");
        }
    }

    /// `None` when it was cancelled.
    async fn work(
        &self,
        entry: &Entry,
        request: JobRequest,
        by: Principal,
    ) -> Result<Option<Product>, String> {
        let id = entry.job.id;
        match request {
            JobRequest::Backup => self.back_up(entry, by).await.map(Some),
            JobRequest::Export(scope, format) => {
                self.export(entry, scope, format, by).await.map(Some)
            }
            JobRequest::Erase { who, dry_run } => self.erase(entry, who, dry_run, by).await,
            JobRequest::Rewrite => self.rewrite(id, by).await.map(Some),
        }
    }

    async fn back_up(&self, entry: &Entry, by: Principal) -> Result<Product, String> {
        let id = entry.job.id;
        let (progress, watched) = watch::channel(CopyProgress::default());
        let making = self.0.backups.make(progress);
        let made = follow(making, watched, |copied| {
            self.progress(id, copied.pages_done, copied.pages_total);
        });
        let made = made.await.map_err(|error| error.to_string())?;
        let name = made.backup.path.file_name().unwrap_or_default();
        self.audit(AuditAction::BackupMade, by, id)
            .await
            .map_err(|why| format!("the backup {} was made, but: {why}", name.display()))?;
        let files = self.0.files.clone();
        let keeping = self.last_step(entry, move || Ok(files.keep_backup(id, &made.backup.path)));
        let kept = keeping.await;
        Ok(Product {
            message: contents(made.rooms, made.messages),
            file: Some(kept.map_err(|error| error.to_string())?),
        })
    }

    async fn export(
        &self,
        entry: &Entry,
        scope: ExportScope,
        format: ExportFormat,
        by: Principal,
    ) -> Result<Product, String> {
        let id = entry.job.id;
        let failed = |error: io::Error| format!("cannot write the export: {}", why(&error));
        let erasures = self.0.eraser.decided();
        let begun = Export::begin(&self.0.store, scope, format).await;
        let mut export = begun.map_err(export_failed)?;
        self.progress(id, 0, export.total());
        let name = JobFiles::export(id, format.extension());
        // Nothing is seen of it until it is finished.
        let mut file = OutputFile::create(&self.0.files.path(&name)).map_err(failed)?;
        while let Some(text) = export.next().await.map_err(export_failed)? {
            self.check_space()?;
            file = blocking(move || {
                io::Write::write_all(file.file(), text.as_bytes())?;
                Ok(file)
            })
            .await
            .map_err(failed)?;
            self.progress(id, export.done(), export.total());
        }
        self.audit(AuditAction::Exported, by, id).await?;
        let finishing = self.last_step(entry, move || file.finish());
        finishing.await.map_err(failed)?;
        // An erasure that was decided meanwhile has removed the exports that were there then.
        if self.0.eraser.decided() != erasures {
            return Err(ERASED_MEANWHILE.to_owned());
        }
        Ok(Product {
            message: contents(export.rooms(), export.done()),
            file: Some(name),
        })
    }

    /// Does what makes a job's result appear. When the job is cancelled, nobody waits for it any more,
    /// so it removes the result itself; one that has appeared before is removed with the job's end.
    pub(super) async fn last_step<T: Send + 'static>(
        &self,
        entry: &Entry,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let (files, id, cancel) = (self.0.files.clone(), entry.job.id, entry.cancel.clone());
        blocking(move || {
            let done = work();
            if cancel.is_cancelled() {
                files.remove_results(id)?;
            }
            done
        })
        .await
    }

    /// An export must not fill the disk that the chat needs.
    fn check_space(&self) -> Result<(), String> {
        let kept = self.0.backups.settings().min_free_bytes;
        let free = free_bytes(self.data_dir()).map_err(|error| error.to_string())?;
        if free >= kept {
            return Ok(());
        }
        Err(format!(
            "the disk has {free} bytes free, and an export leaves {kept} (backup.min_free_bytes); \
             free some space, or use `shoptalk export` with --out on another disk"
        ))
    }

    /// Erases a person. Cancelled only until it is decided; after that it goes on. Its file is the
    /// receipt.
    async fn erase(
        &self,
        entry: &Entry,
        who: Who,
        dry_run: bool,
        by: Principal,
    ) -> Result<Option<Product>, String> {
        let id = entry.job.id;
        let request = EraseRequest {
            who,
            dry_run,
            now: false,
            by,
        };
        let (progress, watched) = watch::channel(EraseProgress::default());
        let mut erasing = std::pin::pin!(self.0.eraser.erase(&request, progress));
        let followed = follow(
            erasing.as_mut(),
            watched,
            |EraseProgress { done, total }| {
                self.progress(id, done, total);
            },
        );
        let erased = match entry.cancel.run_until_cancelled(followed).await {
            Some(erased) => erased,
            // Without a watcher it is given up, unless it is decided.
            None => erasing.await,
        };
        let receipt = match erased {
            Ok(receipt) => receipt,
            Err(EraseFailure::Cancelled) => return Ok(None),
            Err(EraseFailure::Ambiguous(_)) => return Err(AMBIGUOUS.into()),
            Err(failure) => return Err(failure.to_string()),
        };
        let verb = if dry_run { "would be erased" } else { "erased" };
        let counts = receipt.erased;
        if !dry_run {
            // The server's own task may have taken some of the steps.
            let total = counts.rooms + counts.messages;
            self.progress(id, total, total);
        }
        let message = format!("{} {verb}", contents(counts.rooms, counts.messages));
        let name = JobFiles::receipt(id);
        let json = serde_json::to_vec_pretty(&receipt).map_err(|error| error.to_string())?;
        let (files, target) = (self.0.files.clone(), name.clone());
        blocking(move || files.write_result(&target, &json))
            .await
            .map_err(|error| {
                let why = why(&error);
                format!("{message}, but the receipt cannot be written: {why}")
            })?;
        Ok(Some(Product {
            message,
            file: Some(name),
        }))
    }

    async fn rewrite(&self, id: Uuid, by: Principal) -> Result<Product, String> {
        let rewritten = self.0.eraser.rewrite().await;
        let at = rewritten.map_err(|error| error.to_string())?;
        self.audit(AuditAction::Rewritten, by, id)
            .await
            .map_err(|why| format!("the file was rewritten, but: {why}"))?;
        Ok(Product {
            message: format!("rewritten at {at}; no byte of what was erased before is left in it"),
            file: None,
        })
    }

    async fn audit(&self, action: AuditAction, by: Principal, id: Uuid) -> Result<(), String> {
        let recorded = self.0.store.audit(action, by, Some(id.to_string())).await;
        recorded.map_err(|error| format!("cannot record it in the audit: {error}"))
    }

    fn progress(&self, id: Uuid, done: u64, total: u64) {
        self.change(id, |entry| {
            entry.job.done = done;
            // The chat goes on: there may be more by now than when it began.
            entry.job.total = total.max(done);
        });
    }
}

/// Why an export is not kept.
pub(super) const ERASED_MEANWHILE: &str =
    "somebody was erased while it was made, so it was removed; start it again";

/// Jobs never name anybody. The names are in the refusal of the next request.
const AMBIGUOUS: &str = "several people match by now; start it again to see whom";

fn export_failed(error: ExportError) -> String {
    match error {
        ExportError::Ambiguous(_) => AMBIGUOUS.into(),
        error => error.to_string(),
    }
}

fn contents(rooms: u64, messages: u64) -> String {
    let count = |number: u64, unit: &str| match number {
        1 => format!("1 {unit}"),
        _ => format!("{number} {unit}s"),
    };
    let (rooms, messages) = (count(rooms, "conversation"), count(messages, "message"));
    format!("{rooms} with {messages}")
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}
