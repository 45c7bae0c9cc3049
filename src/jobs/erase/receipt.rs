//! What is asked of an erasure, and what it reports.

use serde::{Deserialize, Serialize};

use crate::chat::{RoomId, Timestamp, Who};
use crate::jobs::kept_backups::KeptBackup;
use crate::persistence::{
    Erasure, ErasureId, Principal, RewriteError, SeveralPeople, StoreError, WriteError,
};

/// Whom to erase, and how.
#[derive(Debug, Clone)]
pub struct EraseRequest {
    /// The person.
    pub who: Who,
    /// Only report what would be erased.
    pub dry_run: bool,
    /// Rewrite the file at once, and return when that is done.
    pub now: bool,
    /// On whose behalf, for the audit.
    pub by: Principal,
}

/// How far an erasure is, in rooms and messages together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EraseProgress {
    /// How many are erased.
    pub done: u64,
    /// How many there are.
    pub total: u64,
}

/// What an erasure has done. It has ids only, and nothing that names the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Receipt {
    /// Names the erasure in the audit; null when nothing was erased.
    pub erasure: Option<ErasureId>,
    /// Whether nothing was erased, and this is what would be.
    pub dry_run: bool,
    /// How much was erased.
    pub erased: ErasedCounts,
    /// The rooms that were erased.
    pub rooms: Vec<RoomId>,
    /// Rooms of others that mention the person's email address. They were not touched.
    pub mentioned_in: Vec<RoomId>,
    /// Whether there may be more rooms that mention it.
    pub mentioned_in_truncated: bool,
    /// Since when nobody can read any of it; null until then.
    pub unreachable_at: Option<Timestamp>,
    /// When the file was rewritten without it; null until then, and always with PostgreSQL, which
    /// overwrites the bytes in its own time.
    pub bytes_gone_at: Option<Timestamp>,
    /// On PostgreSQL, where `bytes_gone_at` stays null: what becomes of the bytes, and where they may
    /// still be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub bytes_note: Option<String>,
    /// Older copies of the database, which still hold it.
    pub backups: Vec<KeptBackup>,
}

/// How much was erased.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ErasedCounts {
    /// Visitors: an identity, or a browser that was never signed in.
    pub visitors: u64,
    /// Rooms.
    pub rooms: u64,
    /// Messages in them, of either side.
    pub messages: u64,
    /// Tokens that were ended.
    pub tokens: u64,
}

/// Why nobody was erased, or not completely.
#[derive(Debug, thiserror::Error)]
pub enum EraseFailure {
    /// Several users have the address or number.
    #[error(transparent)]
    Ambiguous(#[from] SeveralPeople),
    /// The database cannot be rewritten at once. Nothing was decided.
    #[error("nobody was erased, since --now was given: {0}; erase without it")]
    CannotRewrite(RewriteError),
    /// Nobody waited for it any more, and nothing was decided.
    #[error("the erasure was cancelled before anything was erased")]
    Cancelled,
    /// Everything is unreachable, but the file still has the bytes.
    #[error(
        "the person was erased and nothing of them can be read in the chat, but the file was not rewritten: {0}; a running server tries again when the chat is quiet"
    )]
    NotRewritten(RewriteError),
    /// The store failed when something may have been decided.
    #[error(
        "{so_far}: {cause}; a running server, or the next start, completes whatever was decided, and erasing again shows whether anything is left"
    )]
    Interrupted {
        /// How far it has come.
        so_far: &'static str,
        /// Why it went no further.
        cause: WriteError,
    },
    /// The store failed before anything was decided.
    #[error("nobody was erased: {0}")]
    Write(#[from] WriteError),
}

impl From<StoreError> for EraseFailure {
    fn from(error: StoreError) -> Self {
        Self::Write(error.into())
    }
}

impl EraseFailure {
    /// A failure of the store at this point.
    pub(super) fn interrupted<E: Into<WriteError>>(so_far: &'static str) -> impl FnOnce(E) -> Self {
        move |cause| Self::Interrupted {
            so_far,
            cause: cause.into(),
        }
    }

    /// A failure of the write that decides.
    pub(super) fn of_decision(cause: WriteError) -> Self {
        use WriteError::{Refused, Store};
        match cause {
            Refused(_) | Store(StoreError::Full | StoreError::Busy) => Self::Write(cause),
            // Its reply may have been lost.
            Store(_) => Self::interrupted("it is not known whether the erasure was decided")(cause),
        }
    }
}

impl Receipt {
    /// Takes over what an erasure has done so far.
    pub(super) fn take(&mut self, erasure: Option<&Erasure>) {
        let Some(erasure) = erasure else { return };
        self.erased = ErasedCounts {
            visitors: erasure.visitors,
            rooms: erasure.rooms,
            messages: erasure.messages,
            tokens: erasure.tokens,
        };
        self.unreachable_at = erasure.unreachable_at;
        self.bytes_gone_at = erasure.bytes_gone_at;
    }
}
