//! Errors of the store and of password hashing as problems.

use super::Problem;
use crate::passwords::HashError;
use crate::persistence::{Refusal, StoreError, WriteError};
use crate::protocol::ErrorCode;

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let detail = match &error {
            StoreError::Busy => return Self::busy("too many writes are queued; try again"),
            StoreError::Internal(_) => {
                tracing::error!(%error, "request failed: bug in the storage");
                return Self::internal();
            }
            StoreError::Full => "the server's disk is full; free some space there",
            StoreError::Corrupt(_) => {
                "the server's database is damaged; stop it and restore a backup"
            }
            StoreError::Unavailable(_) | StoreError::Closed => {
                "the storage does not work at the moment; GET /readyz has the reason"
            }
        };
        tracing::warn!(%error, "request failed: storage unavailable");
        Self::new(ErrorCode::StorageUnavailable, detail)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::NotFound => Self::not_found(),
            Refusal::BadToken => Self::unauthorized(detail),
            Refusal::Blocked | Refusal::SharedReply => Self::forbidden(detail),
            Refusal::Conflict
            | Refusal::NothingToRate
            | Refusal::AssigneeMoved(_)
            | Refusal::TagTaken
            | Refusal::TooManyTags
            | Refusal::UsernameTaken
            | Refusal::ShortcutTaken
            | Refusal::TooManyReplies
            | Refusal::TooManyTokens
            | Refusal::StaleSuggestion
            | Refusal::LastAdmin
            | Refusal::SettingsMoved => Self::new(ErrorCode::Conflict, detail),
            Refusal::PastHead(past) => {
                Self::invalid_field("seq", format!("must be at most {}", past.head))
            }
            Refusal::BadCursor => Self::invalid_field("cursor", "is not a cursor of this list"),
            Refusal::SetupNotNeeded => Self::new(ErrorCode::Gone, detail),
        }
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Refused(refusal) => refusal.into(),
            WriteError::Store(error) => error.into(),
        }
    }
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::busy(error.to_string()),
            HashError::Damaged => {
                tracing::error!(%error, "a password cannot be verified");
                Self::new(ErrorCode::StorageUnavailable, error.to_string())
            }
            HashError::Failed(_) => {
                tracing::error!(%error, "a password cannot be hashed or verified");
                Self::internal()
            }
        }
    }
}
