use std::path::PathBuf;

use crate::encryption::Recipients;

/// Whether a commit waits until it is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synchronous {
    /// An fsync for every commit: what was acked survives a power cut.
    Full,
    /// No fsync for a commit. Acked messages may be lost in a power cut; for
    /// experiments only.
    Normal,
}

/// How to open a store.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The PostgreSQL database; without it, the SQLite file in `data_dir`.
    pub url: Option<String>,
    /// The directory that holds the database; made when missing.
    pub data_dir: PathBuf,
    /// Where the backup goes that is made before an upgrade; made when missing.
    pub backup_dir: PathBuf,
    /// To whom that backup is encrypted.
    pub backup_recipients: Recipients,
    /// Called about once a second while an upgrade goes on, and never otherwise. It must not
    /// block.
    pub still_upgrading: fn(),
    /// Whether a commit waits until it is on disk.
    pub synchronous: Synchronous,
    /// Take the directory's lock. A server does; the `agent` commands do not.
    pub exclusive: bool,
    /// Writes waiting at most; the next one is [`StoreError::Busy`](crate::persistence::StoreError::Busy).
    pub queue_items: usize,
    /// Writes that share one commit at most.
    pub batch_items: usize,
    /// Connections that read.
    pub readers: u32,
    /// What the rules are configured to.
    pub rules: super::RuleSettings,
}

/// Metrics of the store; no-ops by default.
#[derive(Debug, Clone)]
pub struct StoreMetrics {
    /// Seconds from BEGIN to the end of COMMIT.
    pub commit_seconds: metrics::Histogram,
    /// Writes that shared a commit.
    pub commit_items: metrics::Histogram,
    /// Commits that failed.
    pub commit_failures: metrics::Counter,
}

impl Default for StoreMetrics {
    fn default() -> Self {
        Self {
            commit_seconds: metrics::Histogram::noop(),
            commit_items: metrics::Histogram::noop(),
            commit_failures: metrics::Counter::noop(),
        }
    }
}
