//! Canned replies: those that all agents share, and each agent's own.

use super::Store;
use crate::chat::{Agent, AgentId, CannedReply, ReplyId};
use crate::persistence::{NewReply, ReplyPatch, StoreError, WriteError};

impl Store {
    /// The shared replies and the agent's own ones, by shortcut.
    pub async fn replies(&self, agent: AgentId) -> Result<Vec<CannedReply>, StoreError> {
        match self {
            Self::Sqlite(store) => store.replies(agent).await,
            Self::Postgres(store) => store.replies(agent).await,
        }
    }

    /// Adds a reply. Refused with `ShortcutTaken`, `SharedReply` and `TooManyReplies`.
    pub async fn add_reply(
        &self,
        agent: Agent,
        reply: NewReply,
    ) -> Result<CannedReply, WriteError> {
        match self {
            Self::Sqlite(store) => store.add_reply(agent, reply).await,
            Self::Postgres(store) => store.add_reply(agent, reply).await,
        }
    }

    /// Changes a reply. Refused with `NotFound` and as [`add_reply`](Self::add_reply) is.
    pub async fn change_reply(
        &self,
        agent: Agent,
        id: ReplyId,
        patch: ReplyPatch,
    ) -> Result<CannedReply, WriteError> {
        match self {
            Self::Sqlite(store) => store.change_reply(agent, id, patch).await,
            Self::Postgres(store) => store.change_reply(agent, id, patch).await,
        }
    }

    /// Deletes a reply. Refused with `NotFound` and `SharedReply`.
    pub async fn delete_reply(&self, agent: Agent, id: ReplyId) -> Result<(), WriteError> {
        match self {
            Self::Sqlite(store) => store.delete_reply(agent, id).await,
            Self::Postgres(store) => store.delete_reply(agent, id).await,
        }
    }
}
