//! The directory that holds the database: made private, locked by the one process that serves
//! it, and its names fsynced.

use std::fs::File;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use crate::persistence::OpenError;

/// The database's name in the data directory.
pub(crate) const DATABASE_FILE: &str = "shoptalk.db";
/// The file that is locked while a server runs on the directory.
pub(crate) const LOCK_FILE: &str = "shoptalk.lock";
/// How often a lock that somebody has is tried again, and after which time.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(25);

/// Makes the directory if it is missing, closed to other users.
pub fn create(directory: &Path) -> Result<(), OpenError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|cause| OpenError::Io {
            path: directory.to_owned(),
            cause: match cause.kind() {
                // The system says only that something is there.
                ErrorKind::AlreadyExists => {
                    Error::new(ErrorKind::NotADirectory, "it is not a directory")
                }
                _ => cause,
            },
        })
}

/// Makes an empty database file if there is none, closed to other users, and makes its name
/// durable.
pub(crate) fn create_database(path: &Path) -> Result<(), OpenError> {
    open_private(path)
        .and_then(|_| path.parent().map_or(Ok(()), fsync_directory))
        .map_err(|cause| OpenError::Io {
            path: path.to_owned(),
            cause,
        })
}

/// Takes the directory's lock, which the returned file holds. `Locked` when another process has
/// it, and keeps it for longer than the moment in which a process that was just started still has
/// what its parent has closed.
pub(crate) fn lock(directory: &Path) -> Result<File, OpenError> {
    for _ in 0..LOCK_TRIES {
        match try_lock(directory) {
            Err(OpenError::Locked(_)) => std::thread::sleep(LOCK_PAUSE),
            taken => return taken,
        }
    }
    try_lock(directory)
}

/// Takes the directory's lock, as [`lock`] does, without a second try.
pub(crate) fn try_lock(directory: &Path) -> Result<File, OpenError> {
    let path = directory.join(LOCK_FILE);
    let failed = |cause| OpenError::Io {
        path: path.clone(),
        cause,
    };
    let file = open_private(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::Locked(directory.to_owned())),
        Err(std::fs::TryLockError::Error(cause)) => Err(failed(cause)),
    }
}

/// Opens a file, made if it is missing, and makes sure that no other user may read it. SQLite
/// gives its write-ahead log the same mode as the database.
fn open_private(path: &Path) -> std::io::Result<File> {
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    if mode != 0o600 {
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// Makes the names of the files durable: after a power cut a commit counts only if its file is
/// still found.
fn fsync_directory(directory: &Path) -> std::io::Result<()> {
    File::open(directory)?.sync_all()?;
    // The directory's own name is in its parent, which we may not be allowed to open; then
    // the directory is older than this process.
    if let Some(parent) = directory.canonicalize()?.parent()
        && let Ok(parent) = File::open(parent)
    {
        parent.sync_all()?;
    }
    Ok(())
}
