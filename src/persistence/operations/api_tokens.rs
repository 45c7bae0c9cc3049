//! API tokens.

use crate::chat::{AgentId, Right, Timestamp};
use crate::persistence::TokenHash;

/// A token to be made.
#[derive(Debug, Clone)]
pub struct NewApiToken {
    /// Hash of its secret.
    pub token: TokenHash,
    /// The name of what writes with it.
    pub name: String,
    /// What it may do.
    pub rights: Vec<Right>,
    /// The admin who makes it.
    pub created_by: AgentId,
    /// When it ends by itself, if ever.
    pub expires_at: Option<Timestamp>,
}
