//! The jobs that admins start in a running server: their progress, and their files.
//!
//! Each job has a small file beside its result in the directory `jobs` of the data directory
//! (`files.rs`). So the list is right even after the server was killed: a job that was
//! running then has failed. Several nodes keep their jobs and the files in the store they share
//! (`shared.rs`). Nothing here names who was exported or erased.
//!
//! Read next: `registry/job.rs`, what a job is, and `registry/work.rs`, what a job of each kind does.

mod files;
mod job;
mod shared;
mod work;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::files::{Entry, JobFiles, download_name, end_of};
use self::shared::SharedJobs;
use super::erase::Eraser;
use super::schedule::Backups;
use crate::chat::Timestamp;
use crate::persistence::{POSTGRES_BACKUPS, POSTGRES_BYTES, Principal, Store, StoreError};

pub(super) use self::files::{KEPT_MS, directory, is_backup, remove_exports};
pub use self::job::{Job, JobFile, JobFilePlace, JobKind, JobRefused, JobRequest, JobState};

/// The time between two checks for jobs that are past their time.
const SWEEP: Duration = Duration::from_secs(600);
/// Jobs that are kept, at most: as many as one page lists.
const JOBS_MAX: usize = 200;

/// The jobs of a server. Clones share them.
#[derive(Debug, Clone)]
pub struct Jobs(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Store,
    backups: Backups,
    eraser: Eraser,
    files: JobFiles,
    drain: CancellationToken,
    /// All jobs that are kept; with a shared store, those that run on this node.
    entries: Mutex<Vec<Entry>>,
    shared: Option<SharedJobs>,
}

impl Jobs {
    /// The jobs of a data directory, with those that earlier servers have left. Blocking.
    pub fn open(store: Store, backups: Backups, eraser: Eraser, drain: CancellationToken) -> Self {
        let files = JobFiles::in_data_dir(&backups.settings().data_dir);
        let shared = SharedJobs::of(&store);
        let loaded = match &shared {
            None => files.load(),
            // What a killed node has left half done.
            Some(_) => files.clear().map(|()| Vec::new()),
        };
        let entries = loaded.unwrap_or_else(|error| {
            let path = files.directory().display();
            tracing::warn!(%error, %path, "cannot read the jobs of earlier servers; check the directory's owner and mode");
            Vec::new()
        });
        Self(Arc::new(Shared {
            store,
            backups,
            eraser,
            files,
            drain,
            entries: Mutex::new(entries),
            shared,
        }))
    }

    /// What makes backups.
    pub fn backups(&self) -> &Backups {
        &self.0.backups
    }

    /// What erases people.
    pub fn eraser(&self) -> &Eraser {
        &self.0.eraser
    }

    /// All jobs, the newest first.
    ///
    /// # Errors
    ///
    /// When nodes share the store and it fails.
    pub async fn list(&self) -> Result<Vec<Job>, StoreError> {
        let mut jobs = match &self.0.shared {
            Some(shared) => shared.list().await?,
            None => self.lock().iter().map(|entry| entry.job.clone()).collect(),
        };
        jobs.reverse();
        Ok(jobs)
    }

    /// One job, if it is still kept.
    ///
    /// # Errors
    ///
    /// As for [`list`](Self::list).
    pub async fn get(&self, id: Uuid) -> Result<Option<Job>, StoreError> {
        Ok(match &self.0.shared {
            Some(shared) => shared.get(id).await?.map(|(job, _)| job),
            None => self.own(id).map(|entry| entry.job),
        })
    }

    /// The file of a job that has one.
    ///
    /// # Errors
    ///
    /// As for [`list`](Self::list).
    pub async fn file(&self, id: Uuid) -> Result<Option<JobFile>, StoreError> {
        if let Some(shared) = &self.0.shared {
            let found = shared.get(id).await?;
            return Ok(found.and_then(|(job, file)| {
                let file = file?;
                Some(JobFile {
                    name: download_name(&job, &file.end),
                    place: JobFilePlace::Store(file.bytes),
                })
            }));
        }
        Ok(self.own(id).and_then(|entry| {
            let file = entry.file.as_deref()?;
            Some(JobFile {
                name: download_name(&entry.job, end_of(file)),
                place: JobFilePlace::Disk(self.0.files.path(file)),
            })
        }))
    }

    /// A part of a file in the store, counted from 0; `None` past the last one, and when the file was
    /// removed.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn file_part(&self, id: Uuid, part: u32) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.store.job_part(id, part).await
    }

    fn own(&self, id: Uuid) -> Option<Entry> {
        let entries = self.lock();
        entries.iter().find(|entry| entry.job.id == id).cloned()
    }

    /// Starts a job.
    ///
    /// # Errors
    ///
    /// When one of its kind is running, several people match, or a file cannot be written.
    pub async fn start(&self, request: JobRequest, by: Principal) -> Result<Job, JobRefused> {
        if self.0.store.is_shared() {
            match request {
                JobRequest::Backup => return Err(JobRefused::OfPostgres(POSTGRES_BACKUPS)),
                JobRequest::Rewrite => return Err(JobRefused::OfPostgres(POSTGRES_BYTES)),
                JobRequest::Export(..) | JobRequest::Erase { .. } => {}
            }
        }
        if let Some(who) = request.person() {
            self.0.store.find_person(who).await?.alone()?;
        }
        let entry = Entry::begin(request.kind(), self.0.drain.child_token());
        self.admit(&entry).await?;
        let job = entry.job.clone();
        tokio::spawn(self.clone().run(entry, request, by));
        Ok(job)
    }

    async fn admit(&self, entry: &Entry) -> Result<(), JobRefused> {
        if let Some(shared) = &self.0.shared {
            self.0.files.make_directory()?;
            shared.begin(entry).await?;
            self.lock().push(entry.clone());
            return Ok(());
        }
        let mut entries = self.lock();
        let is_same = |other: &Entry| other.is_running() && other.job.kind == entry.job.kind;
        if entries.iter().any(is_same) {
            return Err(JobRefused::Running);
        }
        if entries.len() >= JOBS_MAX {
            return Err(JobRefused::Full);
        }
        self.0.files.write(entry)?;
        entries.push(entry.clone());
        Ok(())
    }

    /// Cancels a job at its next step. It does not change one that has ended, and an erasure that is
    /// decided and a rewrite continue.
    ///
    /// # Errors
    ///
    /// As for [`list`](Self::list).
    pub async fn cancel(&self, id: Uuid) -> Result<Option<Job>, StoreError> {
        if let Some(entry) = self.own(id) {
            entry.cancel.cancel();
        }
        // It may be running on another node.
        self.0.store.cancel_job(id).await?;
        self.get(id).await
    }

    /// Removes jobs and files that are past their time, until the server drains.
    pub async fn sweep(self) {
        let mut tick = tokio::time::interval(SWEEP);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let drain = &self.0.drain;
        while drain.run_until_cancelled(tick.tick()).await.is_some() {
            let before = Timestamp(Timestamp::now().0 - KEPT_MS);
            match &self.0.shared {
                None => self.remove_before(before),
                Some(shared) => {
                    if let Err(error) = shared.forget(before).await {
                        tracing::warn!(%error, "cannot remove jobs that are past their time, retrying");
                    }
                }
            }
        }
    }

    fn remove_before(&self, before: Timestamp) {
        self.lock().retain(|entry| {
            let stays = entry.ended_at.is_none_or(|at| at >= before);
            if !stays {
                self.0.files.remove(entry);
            }
            stays
        });
    }

    fn change(&self, id: Uuid, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.lock().iter_mut().find(|entry| entry.job.id == id) {
            change(entry);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        let entries = &self.0.entries;
        entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn data_dir(&self) -> &Path {
        &self.0.backups.settings().data_dir
    }
}

#[cfg(test)]
mod tests;
