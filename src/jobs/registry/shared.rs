//! The jobs of several nodes: the store keeps them and their files, so that any node shows, cancels
//! and hands out what another one does.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use super::files::{Entry, JobFiles, end_of, interrupted};
use super::work::{ERASED_MEANWHILE, blocking};
use super::{JOBS_MAX, Job, JobKind, JobRefused, JobState, Jobs};
use crate::chat::Timestamp;
use crate::persistence::{
    Interrupted, JobBegun, JobOrder, SharedJob, SharedJobFile, Store, StoreError,
};

/// The time between two reports of a running job.
const REPORT: Duration = Duration::from_secs(1);
/// Bytes of a part of a file.
const PART_BYTES: u64 = 1024 * 1024;
/// Kinds of jobs that nodes with a shared store do.
const KINDS: [JobKind; 2] = [JobKind::Export, JobKind::Erase];

/// The jobs of all nodes.
#[derive(Debug)]
pub(super) struct SharedJobs {
    store: Store,
}

impl SharedJobs {
    /// None if nobody shares the store.
    pub(super) fn of(store: &Store) -> Option<Self> {
        store.is_shared().then(|| Self {
            store: store.clone(),
        })
    }

    /// All jobs, the oldest first.
    pub(super) async fn list(&self) -> Result<Vec<Job>, StoreError> {
        self.fail_lost().await?;
        let jobs = self.store.shared_jobs().await?;
        // A newer node may know other kinds.
        Ok(jobs.iter().filter_map(known).collect())
    }

    /// One job, and its file.
    pub(super) async fn get(
        &self,
        id: Uuid,
    ) -> Result<Option<(Job, Option<SharedJobFile>)>, StoreError> {
        self.fail_lost().await?;
        let job = self.store.shared_job(id).await?;
        Ok(job.and_then(|job| Some((known(&job)?, job.file))))
    }

    pub(super) async fn begin(&self, entry: &Entry) -> Result<(), JobRefused> {
        self.fail_lost().await?;
        match self.store.begin_job(&stored(entry), JOBS_MAX).await? {
            JobBegun::Begun => Ok(()),
            JobBegun::Running => Err(JobRefused::Running),
            JobBegun::Full => Err(JobRefused::Full),
        }
    }

    /// Reports how far a job of this node is, and cancels it when somebody wants that.
    pub(super) async fn report(&self, jobs: &Jobs, id: Uuid) -> Infallible {
        let mut due = interval(REPORT);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            due.tick().await;
            let Some(entry) = jobs.own(id) else { continue };
            let Job { done, total, .. } = entry.job;
            match self.store.report_job(id, done, total).await {
                Ok(JobOrder::Continue) => {}
                Ok(JobOrder::Cancel) => entry.cancel.cancel(),
                // The next report may arrive.
                Err(error) => tracing::debug!(%error, job = %id, "cannot report a job"),
            }
        }
    }

    /// Records how a job of this node has ended, and keeps its file.
    pub(super) async fn end(&self, entry: &Entry, files: &JobFiles) {
        let mut job = stored(entry);
        if let Some(file) = &entry.file {
            match self.keep(entry.job.id, &files.path(file)).await {
                Ok(bytes) => {
                    let end = end_of(file).to_owned();
                    job.file = Some(SharedJobFile { end, bytes });
                }
                Err(error) => fail(&mut job, format!("cannot store its file: {error}")),
            }
        }
        if let Err(error) = self.record(job).await {
            tracing::warn!(%error, job = %entry.job.id, "cannot record the end of a job");
        }
    }

    async fn record(&self, mut job: SharedJob) -> Result<(), StoreError> {
        if !self.store.end_job(&job).await? {
            fail(&mut job, ERASED_MEANWHILE.to_owned());
            self.store.end_job(&job).await?;
        }
        if job.file.is_none() {
            self.store.remove_job_parts(job.id).await?;
        }
        Ok(())
    }

    /// Stores a file in parts. Returns its size.
    async fn keep(&self, id: Uuid, path: &Path) -> Result<u64, KeepError> {
        let path = path.to_owned();
        let mut file = blocking(move || File::open(path)).await?;
        let (mut bytes, mut part) = (0, 0);
        loop {
            let read;
            (file, read) = blocking(move || {
                let mut read = Vec::new();
                (&mut file).take(PART_BYTES).read_to_end(&mut read)?;
                Ok((file, read))
            })
            .await?;
            // An empty file has one empty part, by which it is told from a removed one.
            if read.is_empty() && part > 0 {
                return Ok(bytes);
            }
            if !self.store.put_job_part(id, part, &read).await? {
                return Err(KeepError::Lost);
            }
            bytes += read.len() as u64;
            part += 1;
        }
    }

    /// Forgets jobs that have ended before.
    pub(super) async fn forget(&self, before: Timestamp) -> Result<(), StoreError> {
        self.fail_lost().await?;
        self.store.forget_jobs(before).await
    }

    /// Jobs have failed whose nodes were killed.
    async fn fail_lost(&self) -> Result<(), StoreError> {
        for kind in KINDS {
            let lost = Interrupted {
                kind: kind.name(),
                message: interrupted(kind),
            };
            let failed = JobState::Failed.name();
            let now = Timestamp::now();
            self.store.fail_lost_jobs(failed, now, lost).await?;
        }
        Ok(())
    }
}

/// Why the file of a job was not kept.
#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the job passed for one whose node is gone")]
    Lost,
}

/// As the store has it, without its file.
fn stored(entry: &Entry) -> SharedJob {
    let job = entry.job.clone();
    SharedJob {
        id: job.id,
        kind: job.kind.name().to_owned(),
        state: job.state.name().to_owned(),
        done: job.done,
        total: job.total,
        message: job.message,
        created_at: job.created_at,
        ended_at: entry.ended_at,
        file: None,
    }
}

/// A job whose kind and state this node knows.
fn known(job: &SharedJob) -> Option<Job> {
    Some(Job {
        id: job.id,
        kind: JobKind::named(&job.kind)?,
        state: JobState::named(&job.state)?,
        done: job.done,
        total: job.total,
        message: job.message.clone(),
        created_at: job.created_at,
    })
}

fn fail(job: &mut SharedJob, why: String) {
    job.state = JobState::Failed.name().to_owned();
    job.message = Some(why);
    job.file = None;
}
