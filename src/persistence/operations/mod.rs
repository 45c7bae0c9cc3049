//! What the store can be asked, and what it replies, as data: a file per subject.

mod agents;
mod alerts;
mod api_tokens;
mod audit;
mod backups;
mod changes;
mod followers;
mod jobs;
mod lists;
mod mail;
mod notes;
mod push;
mod replies;
mod reports;
mod rooms;
mod settings;
mod stats;
mod tags;
mod visitors;

pub use self::agents::*;
pub use self::alerts::*;
pub use self::api_tokens::*;
pub use self::audit::*;
pub use self::backups::*;
pub use self::changes::*;
pub use self::followers::*;
pub use self::jobs::*;
pub use self::lists::*;
pub use self::mail::*;
pub use self::notes::*;
pub use self::push::*;
pub use self::replies::*;
pub use self::reports::*;
pub use self::rooms::*;
pub use self::settings::*;
pub use self::stats::*;
pub use self::tags::*;
pub use self::visitors::*;
use crate::chat::{ChangeVector, Counts};

/// Called exactly once with the outcome of a write, after its COMMIT returned.
/// It runs on the writer's thread (or, for a write that was never queued, on the
/// caller's), so it hands the outcome on and does nothing else.
pub type Completion<T> = Box<dyn FnOnce(Result<T, crate::persistence::WriteError>) + Send>;

/// SHA-256 of a token; the token itself is never stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl std::fmt::Debug for TokenHash {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("TokenHash(…)")
    }
}

/// What the last commit left behind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// All changes of listed rooms so far.
    pub changes: ChangeVector,
    /// Listed rooms by status.
    pub counts: Counts,
    /// Grows with every change of agents and sessions, those made by other
    /// processes included (noticed within a second).
    pub auth_version: u64,
    /// Grows when tokens of visitors end, if other processes share the store.
    pub token_version: u64,
}
