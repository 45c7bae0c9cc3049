//! What a job is: its kind and state, and how it is asked for, refused and shown.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::JOBS_MAX;
use crate::chat::{Timestamp, Who};
use crate::jobs::export::ExportFormat;
use crate::persistence::{ExportScope, SeveralPeople, StoreError};

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum JobKind {
    /// A backup.
    Backup,
    /// Conversations as text.
    Export,
    /// One person, everywhere.
    Erase,
    /// The database's file, without what was erased.
    Rewrite,
}

impl JobKind {
    const ALL: [Self; 4] = [Self::Backup, Self::Export, Self::Erase, Self::Rewrite];

    /// As it is stored and transmitted.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Export => "export",
            Self::Erase => "erase",
            Self::Rewrite => "rewrite",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Whether a job is running, and how it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// It is running.
    Running,
    /// It is complete.
    Done,
    /// It failed; `message` has the reason.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

impl JobState {
    const ALL: [Self; 4] = [Self::Running, Self::Done, Self::Failed, Self::Cancelled];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Job {
    /// Its id.
    pub id: Uuid,
    /// What it does.
    pub kind: JobKind,
    /// Whether it is running, and how it has ended.
    pub state: JobState,
    /// Units that are done: pages of a backup, messages of an export, rooms and messages of an
    /// erasure.
    pub done: u64,
    /// Units in all; 0 while that is not known.
    pub total: u64,
    /// For people: its result, or why it failed and what to do.
    pub message: Option<String>,
    /// When it was started.
    pub created_at: Timestamp,
}

/// What a job is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobRequest {
    /// A backup.
    Backup,
    /// Conversations as text.
    Export(ExportScope, ExportFormat),
    /// One person, everywhere.
    Erase {
        /// The person.
        who: Who,
        /// Only report what would be erased.
        dry_run: bool,
    },
    /// The database's file, without what was erased.
    Rewrite,
}

impl JobRequest {
    pub(super) fn kind(&self) -> JobKind {
        match self {
            Self::Backup => JobKind::Backup,
            Self::Export(..) => JobKind::Export,
            Self::Erase { .. } => JobKind::Erase,
            Self::Rewrite => JobKind::Rewrite,
        }
    }

    pub(super) fn person(&self) -> Option<&Who> {
        match self {
            Self::Export(ExportScope::Person(who), _) | Self::Erase { who, .. } => Some(who),
            _ => None,
        }
    }
}

/// Why a job was not started.
#[derive(Debug, thiserror::Error)]
pub enum JobRefused {
    /// One of its kind is running.
    #[error("a job of this kind is running already; wait for it, or cancel it")]
    Running,
    /// Several users have the address or number. Only the caller gets their names: a job never names
    /// anybody.
    #[error(transparent)]
    Ambiguous(#[from] SeveralPeople),
    /// PostgreSQL's own tools do that.
    #[error("this server does not do that: {0}")]
    OfPostgres(&'static str),
    /// Too many jobs of the last day are kept.
    #[error("{JOBS_MAX} jobs of the last 24 hours are kept; wait until the oldest is past that")]
    Full,
    /// The directory cannot be written.
    #[error("cannot write the jobs' directory: {0}")]
    Io(#[from] io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The file of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFile {
    /// Where it is, if nothing has removed it since.
    pub place: JobFilePlace,
    /// The name to save it under.
    pub name: String,
}

/// Where the file of a job is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobFilePlace {
    /// On the disk.
    Disk(PathBuf),
    /// In the store that nodes share, with so many bytes: read its parts with [`Jobs::file_part`].
    Store(u64),
}
