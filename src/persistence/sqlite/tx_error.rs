use rusqlite::ErrorCode;

use crate::chat::PastHead;
use crate::persistence::{Refusal, StoreError, WriteError};

/// Why one write came to nothing, inside its transaction.
#[derive(Debug)]
pub(crate) enum TxError {
    /// It may not happen.
    Refused(Refusal),
    /// SQLite failed.
    Sqlite(rusqlite::Error),
    /// A rule of ours was broken by ourselves.
    Bug(String),
}

impl From<rusqlite::Error> for TxError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Refusal> for TxError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<PastHead> for TxError {
    fn from(error: PastHead) -> Self {
        Self::Refused(error.into())
    }
}

impl From<TxError> for WriteError {
    fn from(error: TxError) -> Self {
        match error {
            TxError::Refused(refusal) => Self::Refused(refusal),
            TxError::Sqlite(error) => Self::Store(classify(&error)),
            TxError::Bug(bug) => Self::Store(StoreError::Internal(bug)),
        }
    }
}

/// Tells a failing disk from a damaged file from a bug of ours.
pub(crate) fn classify(error: &rusqlite::Error) -> StoreError {
    if is_unreadable(error) {
        return StoreError::Corrupt(format!(
            "it holds what was never written ({}); stop the server and restore a backup",
            in_a_line(error)
        ));
    }
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
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt(format!(
            "{}; stop the server and restore a backup",
            in_a_line(error)
        )),
        _ => StoreError::Internal(error.to_string()),
    }
}

/// What SQLite says, without the statement that it may quote at length.
fn in_a_line(error: &rusqlite::Error) -> String {
    let said = error.to_string();
    said.lines().next().unwrap_or_default().to_owned()
}

/// Whether the file holds what this program never writes, though SQLite could read it: somebody
/// else wrote it, or the disk has rotted inside a value or a name of the schema.
fn is_unreadable(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::Utf8Error(..)
        // Every statement fits the schema that the migrations make, so it is another one.
        | rusqlite::Error::SqlInputError { .. } => true,
        // The text index says so itself, and not by a code of its own.
        rusqlite::Error::SqliteFailure(_, Some(said)) => {
            said.starts_with("invalid fts5 file format") || said.starts_with("no such fts5 table")
        }
        _ => false,
    }
}

/// Whether the connection itself is to be trusted no more.
pub(crate) fn breaks_connection(error: &rusqlite::Error) -> bool {
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
