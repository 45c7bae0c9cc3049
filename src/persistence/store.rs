use super::*;
use crate::chat::*;

/// The one way to the database. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {}

#[allow(unused_variables, clippy::todo, missing_docs)]
impl Store {
    /// Opens, locks, migrates. Blocking: call it before serving or in `spawn_blocking`.
    pub fn open(options: StoreOptions) -> Result<Self, OpenError> {
        todo!()
    }
    /// Commits what is queued, checkpoints (TRUNCATE), optimizes, ends the thread. Idempotent.
    pub async fn close(&self) {
        todo!()
    }
    /// Resolves when the writer has died without `close`.
    pub async fn writer_died(&self) {
        todo!()
    }
    pub fn epoch(&self) -> &str {
        todo!()
    }
    pub fn head(&self) -> Head {
        todo!()
    }
    /// Changes whenever `head()` does.
    pub fn watch_head(&self) -> tokio::sync::watch::Receiver<Head> {
        todo!()
    }
    /// Why writes are refused for good (damage), if they are.
    pub fn damage(&self) -> Option<String> {
        todo!()
    }

    // Rooms, for their actors alone.
    pub fn write_room(&self, room_id: RoomId, op: RoomOp, done: Completion<RoomCommit>) {
        todo!()
    }
    /// Reads a room through the writer's queue: behind all writes queued before.
    pub fn load_room(&self, room_id: RoomId, done: Completion<Option<Arc<RoomRecord>>>) {
        todo!()
    }

    // Reads.
    pub async fn room(&self, room_id: RoomId) -> Result<Option<RoomRecord>, StoreError> {
        todo!()
    }
    /// The newest seq of a room.
    pub async fn room_head(&self, room_id: RoomId) -> Result<Option<u64>, StoreError> {
        todo!()
    }
    pub async fn messages_after(
        &self,
        room_id: RoomId,
        after: u64,
        limit: usize,
    ) -> Result<MessagePage, StoreError> {
        todo!()
    }
    /// The newest messages with seq < before (all when None), in seq order; `more`: older ones exist.
    pub async fn messages_before(
        &self,
        room_id: RoomId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<MessagePage, StoreError> {
        todo!()
    }
    pub async fn list_rooms(&self, query: RoomQuery) -> Result<RoomPage, WriteError> {
        todo!()
    }
    pub async fn search(&self, query: SearchQuery) -> Result<SearchPage, WriteError> {
        todo!()
    }
    pub async fn lobby_snapshot(&self, max_rooms: usize) -> Result<LobbySnapshot, StoreError> {
        todo!()
    }
    pub async fn changed_since(
        &self,
        change: u64,
        limit: usize,
    ) -> Result<ChangedRooms, StoreError> {
        todo!()
    }

    // Visitors.
    pub async fn visitor_by_token(&self, token: TokenHash) -> Result<Option<Visitor>, StoreError> {
        todo!()
    }
    pub async fn visitor_by_user(&self, user: &str) -> Result<Option<Visitor>, StoreError> {
        todo!()
    }
    pub async fn open_room(&self, request: OpenRoom) -> Result<OpenedRoom, WriteError> {
        todo!()
    }
    /// Newest first.
    pub async fn visitor_rooms(
        &self,
        visitor_id: VisitorId,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<RoomPage, WriteError> {
        todo!()
    }
    /// Forgets a visitor's token.
    pub async fn end_visitor_token(&self, token: TokenHash) -> Result<bool, WriteError> {
        todo!()
    }

    // Agents and sessions.
    pub async fn agent_count(&self) -> Result<u64, StoreError> {
        todo!()
    }
    pub async fn agents(&self) -> Result<Vec<Agent>, StoreError> {
        todo!()
    }
    pub async fn agent(&self, id: AgentId) -> Result<Option<Agent>, StoreError> {
        todo!()
    }
    pub async fn agent_credentials(
        &self,
        username: &str,
    ) -> Result<Option<AgentCredentials>, StoreError> {
        todo!()
    }
    pub async fn add_agent(&self, agent: NewAgent, by: Actor) -> Result<Agent, WriteError> {
        todo!()
    }
    /// The first admin with a session; SetupNotNeeded when there is any agent.
    pub async fn set_up(&self, agent: NewAgent, session: NewSession) -> Result<Agent, WriteError> {
        todo!()
    }
    pub async fn change_agent(
        &self,
        id: AgentId,
        patch: AgentPatch,
        by: Actor,
    ) -> Result<Agent, WriteError> {
        todo!()
    }
    /// Signs in: stores the session and an audit row. Refused(NotFound) when the agent is gone or disabled.
    pub async fn start_session(
        &self,
        agent: AgentId,
        session: NewSession,
    ) -> Result<(), WriteError> {
        todo!()
    }
    /// The agent of a living session. Moves its end to 30 days from now, at most once an hour.
    pub async fn session_agent(&self, token: TokenHash) -> Result<Option<Agent>, StoreError> {
        todo!()
    }
    pub async fn end_session(&self, token: TokenHash) -> Result<(), WriteError> {
        todo!()
    }
    pub async fn end_sessions_of(&self, agent: AgentId) -> Result<(), WriteError> {
        todo!()
    }

    // Housekeeping.
    /// Commits a row through the whole way of a write.
    pub async fn canary(&self) -> Result<(), StoreError> {
        todo!()
    }
    /// Removes rooms without messages made before `before`, but for those in `keep`; at most 500 a call. Returns how many.
    pub async fn remove_empty_rooms(
        &self,
        before: Timestamp,
        keep: std::collections::HashSet<RoomId>,
    ) -> Result<usize, WriteError> {
        todo!()
    }
    /// Waits until the index holds every message committed before the call (tests; otherwise it follows by itself).
    pub async fn flush_search_index(&self) -> Result<(), WriteError> {
        todo!()
    }
}

use std::sync::Arc;
