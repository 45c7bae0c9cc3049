//! Checks that the disks have the space that a backup takes.

use std::io;
use std::path::{Path, PathBuf};

use super::backup::BackupFailure;
use super::backup_directory;
use super::schedule::BackupSettings;

/// Why a scheduled backup was not made.
#[derive(Debug, thiserror::Error)]
pub enum ScheduledBackupError {
    /// It would take space that has to stay free.
    #[error(
        "{path} has {free_bytes} bytes free, and a backup needs {needed_bytes} besides the {min_free_bytes} of backup.min_free_bytes; \
         free some space, or set backup.directory to a larger disk"
    )]
    NoSpace {
        /// A directory on the disk.
        path: PathBuf,
        /// What is free.
        free_bytes: u64,
        /// What the backup takes.
        needed_bytes: u64,
        /// What has to stay.
        min_free_bytes: u64,
    },
    /// The directory of backups cannot be used.
    #[error("cannot use {path}: {cause}; check its owner and mode, or set backup.directory")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The system's error.
        cause: io::Error,
    },
    /// The backup itself failed.
    #[error(transparent)]
    Backup(#[from] BackupFailure),
}

pub(super) fn directory_failed(path: &Path) -> impl Fn(io::Error) -> ScheduledBackupError {
    let path = path.to_owned();
    move |cause| ScheduledBackupError::Directory {
        path: path.clone(),
        cause,
    }
}

/// Makes sure that the directory is there and that both disks have the space. Makes room by
/// removing the oldest backups, if that is enough. `is_rewritten`: the copy still has bytes of what was
/// erased.
pub(super) fn prepare(
    settings: &BackupSettings,
    is_rewritten: bool,
) -> Result<(), ScheduledBackupError> {
    let directory = &settings.directory;
    backup_directory::prepare(directory).map_err(directory_failed(directory))?;
    let database_bytes = database_bytes(&settings.data_dir);
    let same_disk =
        is_same_disk(&settings.data_dir, directory).map_err(directory_failed(directory))?;
    // The copy is made beside the database, and moved if it can be; one that is rewritten or
    // encrypted is for a while a further file beside it.
    let files = if settings.recipients.is_empty() && !is_rewritten {
        1
    } else {
        2
    };
    check_space(&settings.data_dir, database_bytes * files, settings)?;
    if !same_disk {
        check_space(directory, database_bytes, settings)?;
    }
    Ok(())
}

/// The size of a copy of the database, at most.
fn database_bytes(data_dir: &Path) -> u64 {
    // The files are not opened: closing one would drop SQLite's locks.
    let bytes = |name| std::fs::metadata(data_dir.join(name)).map_or(0, |metadata| metadata.len());
    bytes("shoptalk.db") + bytes("shoptalk.db-wal")
}

fn check_space(
    path: &Path,
    needed_bytes: u64,
    settings: &BackupSettings,
) -> Result<(), ScheduledBackupError> {
    let failed = directory_failed(path);
    let missing =
        |free_bytes: u64| (needed_bytes + settings.min_free_bytes).saturating_sub(free_bytes);
    let mut free = free_bytes(path).map_err(&failed)?;
    if missing(free) > 0 && is_same_disk(path, &settings.directory).map_err(&failed)? {
        let gone = backup_directory::make_room(&settings.directory, missing(free))
            .map_err(directory_failed(&settings.directory))?;
        for backup in gone {
            tracing::warn!(
                path = %backup.path.display(),
                "removed the oldest backup: the disk has no space for another one (backup.min_free_bytes)"
            );
        }
        free = free_bytes(path).map_err(&failed)?;
    }
    if missing(free) == 0 {
        return Ok(());
    }
    Err(ScheduledBackupError::NoSpace {
        path: path.to_owned(),
        free_bytes: free,
        needed_bytes,
        min_free_bytes: settings.min_free_bytes,
    })
}

/// Bytes that this user can still write on the disk of a path.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn is_same_disk(one: &Path, other: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    Ok(std::fs::metadata(one)?.dev() == std::fs::metadata(other)?.dev())
}
