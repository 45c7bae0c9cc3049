//! Agents and their sessions. What changes them is audited.

use super::Store;
use crate::chat::{Agent, AgentId};
use crate::persistence::{
    AgentCredentials, AgentPatch, NewAgent, NewSession, Principal, StoreError, TokenHash,
    WriteError,
};

impl Store {
    /// How many agents there are, disabled ones included.
    pub async fn agent_count(&self) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(store) => store.agent_count().await,
            Self::Postgres(store) => store.agent_count().await,
        }
    }

    /// All agents by user name.
    pub async fn agents(&self) -> Result<Vec<Agent>, StoreError> {
        match self {
            Self::Sqlite(store) => store.agents().await,
            Self::Postgres(store) => store.agents().await,
        }
    }

    /// One agent, or `None` when there is no such agent.
    pub async fn agent(&self, id: AgentId) -> Result<Option<Agent>, StoreError> {
        match self {
            Self::Sqlite(store) => store.agent(id).await,
            Self::Postgres(store) => store.agent(id).await,
        }
    }

    /// What sign-in has to check, for a user name in any case.
    pub async fn agent_credentials(
        &self,
        username: &str,
    ) -> Result<Option<AgentCredentials>, StoreError> {
        match self {
            Self::Sqlite(store) => store.agent_credentials(username).await,
            Self::Postgres(store) => store.agent_credentials(username).await,
        }
    }

    /// Adds an agent. Refused with `UsernameTaken`.
    pub async fn add_agent(&self, agent: NewAgent, by: Principal) -> Result<Agent, WriteError> {
        match self {
            Self::Sqlite(store) => store.add_agent(agent, by).await,
            Self::Postgres(store) => store.add_agent(agent, by).await,
        }
    }

    /// Adds the first admin, with a session. Refused with `SetupNotNeeded` when there is any
    /// agent.
    pub async fn set_up(&self, agent: NewAgent, session: NewSession) -> Result<Agent, WriteError> {
        match self {
            Self::Sqlite(store) => store.set_up(agent, session).await,
            Self::Postgres(store) => store.set_up(agent, session).await,
        }
    }

    /// Changes an agent. Refused with `NotFound`, or with `LastAdmin` when nobody could manage
    /// the agents any more.
    pub async fn change_agent(
        &self,
        id: AgentId,
        patch: AgentPatch,
        by: Principal,
    ) -> Result<Agent, WriteError> {
        match self {
            Self::Sqlite(store) => store.change_agent(id, patch, by).await,
            Self::Postgres(store) => store.change_agent(id, patch, by).await,
        }
    }

    /// Whether any agent has a password hash that another program made.
    pub async fn has_foreign_passwords(&self) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(store) => store.has_foreign_passwords().await,
            Self::Postgres(store) => store.has_foreign_passwords().await,
        }
    }

    /// Replaces the hash of a password that stays the same, unless it was changed since it was
    /// verified. Returns whether it did.
    pub async fn replace_password_hash(
        &self,
        verified: AgentCredentials,
        new_hash: String,
    ) -> Result<bool, WriteError> {
        match self {
            Self::Sqlite(store) => store.replace_password_hash(verified, new_hash).await,
            Self::Postgres(store) => store.replace_password_hash(verified, new_hash).await,
        }
    }

    /// Signs an agent in. Refused with `NotFound` when the agent is gone or disabled, or has
    /// another password than the one that was verified.
    pub async fn start_session(
        &self,
        verified: AgentCredentials,
        session: NewSession,
    ) -> Result<(), WriteError> {
        match self {
            Self::Sqlite(store) => store.start_session(verified, session).await,
            Self::Postgres(store) => store.start_session(verified, session).await,
        }
    }

    /// The agent of a session that has not ended. Moves its end, at most once an hour.
    pub async fn session_agent(&self, token: TokenHash) -> Result<Option<Agent>, StoreError> {
        match self {
            Self::Sqlite(store) => store.session_agent(token).await,
            Self::Postgres(store) => store.session_agent(token).await,
        }
    }

    /// Signs out: ends one session. An unknown one is no error.
    pub async fn end_session(&self, token: TokenHash) -> Result<(), WriteError> {
        match self {
            Self::Sqlite(store) => store.end_session(token).await,
            Self::Postgres(store) => store.end_session(token).await,
        }
    }

    /// Signs an agent out everywhere.
    pub async fn end_sessions_of(&self, agent: AgentId) -> Result<(), WriteError> {
        match self {
            Self::Sqlite(store) => store.end_sessions_of(agent).await,
            Self::Postgres(store) => store.end_sessions_of(agent).await,
        }
    }
}
