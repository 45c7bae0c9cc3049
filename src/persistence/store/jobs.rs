//! The jobs of all nodes. A store that is not shared has none here: its server keeps its own.

use uuid::Uuid;

use super::Store;
use crate::chat::Timestamp;
use crate::persistence::{Interrupted, JobBegun, JobOrder, SharedJob, StoreError};

impl Store {
    /// Begins a job unless one of its kind is running, or `max` are kept.
    pub async fn begin_job(&self, job: &SharedJob, max: usize) -> Result<JobBegun, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(JobBegun::Begun),
            Self::Postgres(store) => store.begin_job(job, max).await,
        }
    }

    /// Says how far a running job is. Without reports, it passes for one whose node is gone.
    pub async fn report_job(
        &self,
        id: Uuid,
        done: u64,
        total: u64,
    ) -> Result<JobOrder, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(JobOrder::Continue),
            Self::Postgres(store) => store.report_job(id, done, total).await,
        }
    }

    /// Records how a job has ended. Returns `false` when nothing was recorded: it passed for one whose
    /// node is gone, or has a file and somebody was erased since it began.
    pub async fn end_job(&self, job: &SharedJob) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(true),
            Self::Postgres(store) => store.end_job(job).await,
        }
    }

    /// All jobs, the oldest first.
    pub async fn shared_jobs(&self) -> Result<Vec<SharedJob>, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(Vec::new()),
            Self::Postgres(store) => store.shared_jobs().await,
        }
    }

    /// One job.
    pub async fn shared_job(&self, id: Uuid) -> Result<Option<SharedJob>, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(store) => store.shared_job(id).await,
        }
    }

    /// Has a job cancelled by its node, with the next report.
    pub async fn cancel_job(&self, id: Uuid) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(store) => store.cancel_job(id).await,
        }
    }

    /// Stores a part of a job's file, counted from 0. Returns `false` when the job has ended: it
    /// passed for one whose node is gone.
    pub async fn put_job_part(
        &self,
        id: Uuid,
        part: u32,
        bytes: &[u8],
    ) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(true),
            Self::Postgres(store) => store.put_job_part(id, part, bytes).await,
        }
    }

    /// A part of a job's file; `None` past the last one, and when the file was removed.
    pub async fn job_part(&self, id: Uuid, part: u32) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(store) => store.job_part(id, part).await,
        }
    }

    /// Removes the file of a job.
    pub async fn remove_job_parts(&self, id: Uuid) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(store) => store.remove_job_parts(id).await,
        }
    }

    /// Removes the files of all jobs of a kind, also of those that run now.
    pub async fn remove_job_files(&self, kind: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(store) => store.remove_job_files(kind).await,
        }
    }

    /// Gives running jobs of a kind this state whose nodes have not reported for 30 seconds, and
    /// removes the parts of files that nobody has stored to the end.
    pub async fn fail_lost_jobs(
        &self,
        failed_state: &str,
        now: Timestamp,
        interrupted: Interrupted,
    ) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(store) => store.fail_lost_jobs(failed_state, now, interrupted).await,
        }
    }

    /// Forgets jobs that have ended before, and their files.
    pub async fn forget_jobs(&self, before: Timestamp) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(store) => store.forget_jobs(before).await,
        }
    }
}
