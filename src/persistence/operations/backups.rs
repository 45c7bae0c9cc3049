//! Backups and restores.

use crate::chat::Timestamp;
use crate::persistence::ErasedAgain;

/// How far a copy of the database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CopyProgress {
    /// Pages of 4 KiB that were copied.
    pub pages_done: u64,
    /// Pages of the database; it may grow meanwhile.
    pub pages_total: u64,
}

/// What a backup contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupManifest {
    /// The version of the program that made it.
    pub version: String,
    /// The number of the schema.
    pub schema: u64,
    /// The epoch of the database that it is a copy of.
    pub epoch: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Rooms in it.
    pub rooms: u64,
    /// Messages in it.
    pub messages: u64,
    /// Visitors in it.
    pub visitors: u64,
    /// Agents in it, disabled ones included.
    pub agents: u64,
}

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreReport {
    /// What is in the database now.
    pub manifest: BackupManifest,
    /// Where the former files are, if there were any.
    pub set_aside: Option<std::path::PathBuf>,
    /// Whether the former database could say which passwords were changed, which agents were
    /// disabled and which visitors' tokens have ended since the backup.
    pub kept_from_present: bool,
    /// Whether the former database could say what was erased since the backup.
    pub erasures_from_present: bool,
    /// What the backup still had of that.
    pub erased_again: ErasedAgain,
}
