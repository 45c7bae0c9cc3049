use rusqlite::ErrorCode;

use super::{Refusal, StoreError, WriteError};
use crate::chat::PastHead;

/// Why one write came to nothing, inside its transaction.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It may not happen.
    Refused(Refusal),
    /// SQLite failed.
    Sqlite(rusqlite::Error),
    /// A rule of ours was broken by ourselves.
    Bug(String),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<PastHead> for Trouble {
    fn from(error: PastHead) -> Self {
        Self::Refused(error.into())
    }
}

impl From<Trouble> for WriteError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Refused(refusal) => Self::Refused(refusal),
            Trouble::Sqlite(error) => Self::Store(classify(&error)),
            Trouble::Bug(bug) => Self::Store(StoreError::Internal(bug)),
        }
    }
}

/// Tells a failing disk from a damaged file from a bug of ours.
pub(super) fn classify(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            StoreError::Unavailable(format!("the database cannot be written: {error}"))
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StoreError::Unavailable("another process keeps the database locked".into())
        }
        Some(
            ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::OutOfMemory
            | ErrorCode::FileLockingProtocolFailed,
        ) => StoreError::Unavailable(format!("the disk fails: {error}")),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Corrupt(format!("{error}; stop the server and restore a backup"))
        }
        Some(_) => StoreError::Internal(error.to_string()),
        None if is_unreadable(error) => StoreError::Corrupt(format!(
            "it holds what was never written ({error}); stop the server and restore a backup"
        )),
        None => StoreError::Internal(error.to_string()),
    }
}

/// Whether a row holds what this program never writes, though SQLite could read it: somebody
/// else wrote it, or the disk has rotted inside a value.
fn is_unreadable(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..)
    )
}

/// Whether the connection itself is to be trusted no more.
pub(super) fn breaks_connection(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::OutOfMemory
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
        )
    )
}
