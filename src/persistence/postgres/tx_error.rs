use tokio_postgres::error::SqlState;

use crate::persistence::{StoreError, tx_error};

/// What to say of [`TxError::Forgotten`].
const FORGOTTEN: &str = "the database has lost commits, so a new epoch begins with the next start";

/// Why one write or read failed, inside its transaction.
pub(crate) type TxError = tx_error::TxError<Failure>;

/// How PostgreSQL, or what is expected of it, fails.
#[derive(Debug)]
pub(crate) enum Failure {
    /// PostgreSQL, or the connection to it, failed.
    Postgres(tokio_postgres::Error),
    /// A row holds what this program never writes.
    Unreadable(String),
    /// Another transaction has changed what this one has read; it has to be run again.
    Conflict,
    /// PostgreSQL cannot be reached.
    Away(String),
    /// The database has forgotten what it had committed: it is an older copy.
    Forgotten,
    /// The slot belongs to another node now.
    LostSlot,
}

impl From<tokio_postgres::Error> for TxError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Failed(Failure::Postgres(error))
    }
}

impl From<Failure> for TxError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Postgres(error) => classify(&error),
            Failure::Unreadable(cause) => Self::Corrupt(cause),
            Failure::Conflict => {
                Self::Unavailable("other nodes keep changing the same rows".into())
            }
            Failure::Away(cause) => Self::Unavailable(cause),
            Failure::Forgotten => Self::Unavailable(FORGOTTEN.into()),
            Failure::LostSlot => Self::Unavailable(
                "another node has taken over what this one was writing; it starts again".into(),
            ),
        }
    }
}

impl TxError {
    /// A row holds what this program never writes.
    pub(crate) fn unreadable(cause: impl Into<String>) -> Self {
        Self::Failed(Failure::Unreadable(cause.into()))
    }

    /// What to say of it while a store is opened.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Refused(refusal) => refusal.to_string(),
            Self::Bug(cause) => cause.clone(),
            Self::Failed(failure) => failure.message(),
        }
    }

    /// Whether the same transaction may succeed at once when it is run again: it met another one.
    pub(crate) fn is_conflict(&self) -> bool {
        let error = match self {
            Self::Failed(Failure::Conflict) => return true,
            Self::Failed(Failure::Postgres(error)) => error,
            _ => return false,
        };
        matches!(
            error.code(),
            Some(
                &SqlState::T_R_SERIALIZATION_FAILURE
                    | &SqlState::T_R_DEADLOCK_DETECTED
                    | &SqlState::LOCK_NOT_AVAILABLE
            )
        )
    }

    /// Whether somebody has held a lock for longer than it was waited for.
    pub(crate) fn is_lock_timeout(&self) -> bool {
        matches!(self, Self::Failed(Failure::Postgres(error))
            if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE))
    }

    /// Whether the user lacks a right.
    pub(crate) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Failed(Failure::Postgres(error))
            if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE))
    }

    /// Whether a row with this key was there already. The transaction may be run again: it sees
    /// that row then.
    pub(crate) fn is_duplicate(&self) -> bool {
        matches!(self, Self::Failed(Failure::Postgres(error)) if error.code() == Some(&SqlState::UNIQUE_VIOLATION))
    }
}

impl Failure {
    fn message(&self) -> String {
        match self {
            Self::Postgres(error) => reason(error),
            Self::Away(cause) | Self::Unreadable(cause) => cause.clone(),
            Self::Conflict => "other nodes keep changing the same rows".into(),
            Self::Forgotten => FORGOTTEN.into(),
            Self::LostSlot => "another node has taken over its slot".into(),
        }
    }
}

/// Tells a database that is away for a while, a full disk and a bug of this program apart.
pub(crate) fn classify(error: &tokio_postgres::Error) -> StoreError {
    let Some(code) = error.code() else {
        return StoreError::Unavailable(format!("PostgreSQL does not reply: {}", reason(error)));
    };
    match code.code() {
        "53100" => StoreError::Full,
        // Too many connections, memory, shutting down, starting up, read-only, locks, timeouts.
        "25006" | "25P03" | "40001" | "40P01" | "55P03" | "57014" => {
            StoreError::Unavailable(format!("PostgreSQL refuses: {}", reason(error)))
        }
        other if ["08", "53", "57", "58"].contains(&&other[..2]) => {
            StoreError::Unavailable(format!("PostgreSQL refuses: {}", reason(error)))
        }
        "XX001" | "XX002" => StoreError::Corrupt(format!(
            "{}; see PostgreSQL's log and restore a backup",
            reason(error)
        )),
        _ => StoreError::Internal(reason(error)),
    }
}

/// The server's own message, or the error with its cause.
pub(crate) fn reason(error: &tokio_postgres::Error) -> String {
    if let Some(server) = error.as_db_error() {
        return format!("{} ({})", server.message(), server.code().code());
    }
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
