//! Restores a backup, and erases from it again what was erased since, by the ledgers beside the
//! backups.

use std::path::{Path, PathBuf};

use super::backup::{self, ReadableBackup};
use super::ledger::{LedgerContents, LedgerError};
use crate::chat::Timestamp;
use crate::encryption::DecryptionError;
use crate::persistence::{self, OpenError, RestoreError, RestoreReport};

/// What is restored, and where.
#[derive(Debug, Clone, Copy)]
pub struct RestoreRequest<'p> {
    /// The backup.
    pub file: &'p Path,
    /// What decrypts it, if it is encrypted.
    pub identity: Option<&'p Path>,
    /// Where the database is.
    pub data_dir: &'p Path,
    /// Where backups are made.
    pub backup_dir: &'p Path,
}

/// What a restore did.
#[derive(Debug)]
pub struct Restored {
    /// What the store reports.
    pub report: RestoreReport,
    /// When the newest line of the ledgers was written, if there is one.
    pub ledger_until: Option<Timestamp>,
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreFailure {
    /// The data directory cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The backup cannot be decrypted.
    #[error(transparent)]
    Decryption(#[from] DecryptionError),
    /// A ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The backup could not take the place of the database.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// It was restored, but what a killed backup has left in the data directory could not be removed.
    #[error("the backup was restored, but {} cannot be cleaned up: {cause}", path.display())]
    CleanUp {
        /// The data directory.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
}

/// Puts a backup in the place of the database, on which no server may run.
///
/// # Errors
///
/// When the backup or a ledger cannot be read, or the data directory cannot be written. Then the
/// database is unchanged.
pub fn restore(request: RestoreRequest<'_>) -> Result<Restored, RestoreFailure> {
    let data_dir = request.data_dir;
    persistence::create_data_directory(data_dir)?;
    let listed = LedgerContents::read_all(data_dir, request.backup_dir, request.file)?;
    let plain = ReadableBackup::open(request.file, request.identity, data_dir)?;
    let report = persistence::restore(data_dir, plain.path(), &listed.erased)?;
    // Files that a server left behind that was stopped in the middle of a backup.
    backup::remove_unfinished(data_dir).map_err(|cause| RestoreFailure::CleanUp {
        path: data_dir.to_owned(),
        cause,
    })?;
    Ok(Restored {
        report,
        ledger_until: listed.newest,
    })
}
