use rusqlite::ErrorCode;
use rusqlite::ffi::{SQLITE_IOERR_GETTEMPPATH, SQLITE_IOERR_SHMSIZE};

use crate::persistence::{StoreError, tx_error};

/// Why one write or read failed, inside its transaction.
pub(crate) type TxError = tx_error::TxError<rusqlite::Error>;

impl From<rusqlite::Error> for TxError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        classify(&error)
    }
}

/// Tells a failing disk, a damaged file and a bug of this program apart.
pub(crate) fn classify(error: &rusqlite::Error) -> StoreError {
    if is_unreadable(error) {
        return StoreError::Corrupt(format!(
            "it holds values that were never written ({}); stop the server and restore a backup",
            first_line(error)
        ));
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        // The log has grown, and there is no space for its index.
        Some(ErrorCode::SystemIoFailure) if extended_code(error) == Some(SQLITE_IOERR_SHMSIZE) => {
            StoreError::Full
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            StoreError::Unavailable(format!("the database cannot be written: {error}"))
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StoreError::Unavailable("another process keeps the database locked".into())
        }
        Some(ErrorCode::SystemIoFailure) if has_no_temporary_directory(error) => {
            StoreError::Unavailable(
                "there is no directory for temporary files; set TMPDIR to one that can be written"
                    .into(),
            )
        }
        Some(
            ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::OutOfMemory
            | ErrorCode::FileLockingProtocolFailed,
        ) => {
            let code = extended_code(error).unwrap_or(0);
            StoreError::Unavailable(format!("the disk fails: {error} (SQLite's code {code})"))
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt(format!(
            "{}; stop the server and restore a backup",
            first_line(error)
        )),
        _ => StoreError::Internal(error.to_string()),
    }
}

/// SQLite looks in TMPDIR, /var/tmp, /tmp and the working directory. A container may have none.
fn has_no_temporary_directory(error: &rusqlite::Error) -> bool {
    extended_code(error) == Some(SQLITE_IOERR_GETTEMPPATH)
}

fn extended_code(error: &rusqlite::Error) -> Option<i32> {
    let failure = error.sqlite_error()?;
    Some(failure.extended_code)
}

/// SQLite's message without the statement that it may quote at length.
fn first_line(error: &rusqlite::Error) -> String {
    let message = error.to_string();
    message.lines().next().unwrap_or_default().to_owned()
}

/// Whether the file holds something that this program never writes, though SQLite could read it:
/// another program wrote it, or bits have flipped inside a value or a name of the schema.
fn is_unreadable(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::Utf8Error(..)
        // Every statement fits the schema that the migrations make, so it is another one.
        | rusqlite::Error::SqlInputError { .. } => true,
        // FTS5 reports damage by a message only, without a code of its own.
        rusqlite::Error::SqliteFailure(_, Some(message)) => {
            message.starts_with("invalid fts5 file format")
                || message.starts_with("no such fts5 table")
        }
        _ => false,
    }
}

/// Whether the connection cannot be trusted any more.
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

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    fn classified(code: i32) -> StoreError {
        classify(&rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
    }

    #[test]
    fn a_missing_directory_for_temporary_files_is_no_failure_of_the_disk() {
        let reason = |code| classified(code).to_string();
        assert!(reason(SQLITE_IOERR_GETTEMPPATH).contains("set TMPDIR"));
        assert!(reason(ffi::SQLITE_IOERR_READ).contains("the disk fails"));
    }

    #[test]
    fn a_disk_without_space_for_the_index_of_the_log_is_full() {
        assert_eq!(classified(SQLITE_IOERR_SHMSIZE), StoreError::Full);
    }
}
