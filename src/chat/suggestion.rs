use serde::{Deserialize, Serialize};

use super::Timestamp;

/// A suggestion for an agent's next message. A room has one at most, and no visitor ever gets it. It is
/// stale once the room has a message past `after_seq`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Suggestion {
    /// The room's newest message when it was made.
    pub after_seq: u64,
    /// The text.
    pub content: String,
    /// Who or what made it, as agents see it.
    pub by: String,
    /// When it was stored.
    pub created_at: Timestamp,
}
