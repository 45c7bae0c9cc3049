//! Agents and their sessions.

use crate::chat::{Agent, Role, Timestamp};
use crate::persistence::TokenHash;

/// Stored instead of a hash for an agent without a password; see [`AgentCredentials::hash`].
pub const NO_PASSWORD: &str = "!";

/// A new agent.
#[derive(Debug, Clone)]
pub struct NewAgent {
    /// The name to sign in with; unique without case.
    pub username: String,
    /// The name that customers see.
    pub display_name: String,
    /// What the agent may do.
    pub role: Role,
    /// A PHC string.
    pub password_hash: String,
}

/// A change of an agent; absent fields stay.
#[derive(Debug, Clone, Default)]
pub struct AgentPatch {
    /// New display name.
    pub display_name: Option<String>,
    /// New PHC string; ends all sessions but `keep_session`.
    pub password_hash: Option<String>,
    /// New role.
    pub role: Option<Role>,
    /// Disabling ends all sessions.
    pub disabled: Option<bool>,
    /// Whether the agent is rung when a customer waits.
    pub on_duty: Option<bool>,
    /// The session that survives a change of the password: its own.
    pub keep_session: Option<TokenHash>,
}

/// An agent with the secret that sign-in needs.
#[derive(Debug, Clone)]
pub struct AgentCredentials {
    /// The agent.
    pub agent: Agent,
    /// A PHC string.
    pub password_hash: String,
}

impl AgentCredentials {
    /// The hash of the password, if the agent has one.
    pub fn hash(&self) -> Option<String> {
        (self.password_hash != NO_PASSWORD).then(|| self.password_hash.clone())
    }
}

/// A session to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewSession {
    /// Hash of its token.
    pub token: TokenHash,
    /// When it ends unless it is used.
    pub expires_at: Timestamp,
}
