use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::sqlite::SqliteStore;
use super::{
    AgentCredentials, AgentPatch, AuditAction, BegunErasure, ChangedRooms, Completion, CopyError,
    CopyProgress, Erasure, ErasureId, ErasureStep, ExportCursor, ExportError, ExportScope, Head,
    Holdings, ImportedRoom, LobbySnapshot, Mentions, MessagePage, NewAgent, NewSession, OpenError,
    OpenRoom, OpenedRoom, Person, Principal, RewriteError, RoomCommit, RoomImport, RoomOp,
    RoomPage, RoomQuery, SearchPage, SearchQuery, StoreError, StoreMetrics, StoreOptions,
    StoreStats, TokenHash, TransferCounts, TransferItem, TransferLine, Unrecorded, Visitor,
    WriteError,
};
use crate::chat::{Agent, AgentId, ChangeVector, RoomId, RoomRecord, Timestamp, VisitorId, Who};

/// The one way to the database: every operation, whatever stands behind it. Clones share it.
///
/// Reads may run at once with writes and see what was committed before they began. Writes of one
/// handle are committed in the order of the calls; each is committed whole or not at all, and is
/// completed only after its COMMIT has returned.
///
/// When the last clone is dropped without [`close`](Self::close), what is queued is still
/// committed.
#[derive(Clone)]
pub enum Store {
    /// One SQLite file.
    Sqlite(SqliteStore),
}

impl std::fmt::Debug for Store {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Store")
            .field("head", &self.head())
            .finish_non_exhaustive()
    }
}

/// The store as a whole.
impl Store {
    /// Opens, locks, migrates. Blocking: call it before serving or in `spawn_blocking`.
    pub fn open(options: StoreOptions) -> Result<Self, OpenError> {
        SqliteStore::open(&options).map(Self::Sqlite)
    }

    /// Dates what is written from now on by a clock that is this much behind. It fills a demo
    /// with a past; nothing is ordered by the clock.
    pub fn set_clock_back(&self, by: Duration) {
        match self {
            Self::Sqlite(store) => store.set_clock_back(by),
        }
    }

    /// Measures commits with these from now on. The first call counts.
    pub fn use_metrics(&self, metrics: StoreMetrics) {
        match self {
            Self::Sqlite(store) => store.use_metrics(metrics),
        }
    }

    /// Commits what is queued, then ends everything that works for the store. Idempotent.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
        }
    }

    /// Gives up waiting for the writer, which hangs on a disk that does not reply, and leaves it
    /// to end with the process. What was acked is on disk.
    pub fn abandon(&self) {
        match self {
            Self::Sqlite(store) => store.abandon(),
        }
    }

    /// Resolves when the writer has died without `close`.
    pub async fn writer_died(&self) {
        match self {
            Self::Sqlite(store) => store.writer_died().await,
        }
    }

    /// The opaque string made with the database; seqs, versions and cursors of another one mean
    /// nothing.
    pub fn epoch(&self) -> &str {
        match self {
            Self::Sqlite(store) => store.epoch(),
        }
    }

    /// What the last commit left behind.
    pub fn head(&self) -> Head {
        match self {
            Self::Sqlite(store) => store.head(),
        }
    }

    /// Changes whenever `head()` does.
    pub fn watch_head(&self) -> watch::Receiver<Head> {
        match self {
            Self::Sqlite(store) => store.watch_head(),
        }
    }

    /// Why writes are refused for good (damage), if they are.
    pub fn damage(&self) -> Option<String> {
        match self {
            Self::Sqlite(store) => store.damage(),
        }
    }

    /// Copies the database to the empty file `target`, which must exist, while everything goes on;
    /// what is committed meanwhile reaches the copy. It is given up when nobody watches the progress
    /// any more. The target is not fsynced.
    pub async fn copy_to(
        &self,
        target: PathBuf,
        progress: watch::Sender<CopyProgress>,
    ) -> Result<(), CopyError> {
        match self {
            Self::Sqlite(store) => store.copy_to(target, progress).await,
        }
    }

    /// Writes the canary's row through the writer's queue, like any write. Returns what it holds.
    pub async fn write_canary(&self) -> Result<i64, StoreError> {
        match self {
            Self::Sqlite(store) => store.write_canary().await,
        }
    }

    /// What the canary's row holds, read on a reader's connection, like any read.
    pub async fn read_canary(&self) -> Result<Option<i64>, StoreError> {
        match self {
            Self::Sqlite(store) => store.read_canary().await,
        }
    }
}

/// Rooms and their logs.
impl Store {
    /// Finds the visitor's open room of latest activity, or makes one. Refused with `BadToken`
    /// when there is no identity and the token is unknown or has ended.
    pub async fn open_room(&self, request: OpenRoom) -> Result<OpenedRoom, WriteError> {
        match self {
            Self::Sqlite(store) => store.open_room(request).await,
        }
    }

    /// Queues what is to be done to a room. `done` gets the commit, `NotFound` for an unknown
    /// room, or another refusal.
    pub fn write_room(&self, room_id: RoomId, op: RoomOp, done: Completion<RoomCommit>) {
        match self {
            Self::Sqlite(store) => store.write_room(room_id, op, done),
        }
    }

    /// Reads a room behind all writes of it that were queued before.
    pub fn load_room(&self, room_id: RoomId, done: Completion<Option<Arc<RoomRecord>>>) {
        match self {
            Self::Sqlite(store) => store.load_room(room_id, done),
        }
    }

    /// Reads a room, or `None` when there is no such room.
    pub async fn room(&self, room_id: RoomId) -> Result<Option<RoomRecord>, StoreError> {
        match self {
            Self::Sqlite(store) => store.room(room_id).await,
        }
    }

    /// The newest seq of a room, or `None` when there is no such room.
    pub async fn room_head(&self, room_id: RoomId) -> Result<Option<u64>, StoreError> {
        match self {
            Self::Sqlite(store) => store.room_head(room_id).await,
        }
    }

    /// The oldest messages with seq > `after`, in seq order; `more`: newer ones follow.
    pub async fn messages_after(
        &self,
        room_id: RoomId,
        after: u64,
        limit: usize,
    ) -> Result<MessagePage, StoreError> {
        match self {
            Self::Sqlite(store) => store.messages_after(room_id, after, limit).await,
        }
    }

    /// The newest messages with seq < `before` (or the newest of all), in seq order; `more`:
    /// older ones exist.
    pub async fn messages_before(
        &self,
        room_id: RoomId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<MessagePage, StoreError> {
        match self {
            Self::Sqlite(store) => store.messages_before(room_id, before, limit).await,
        }
    }

    /// Imports a room whole: makes it if it is missing, and appends the messages that it does not
    /// have, in their order. What is there stays as it is. Only while no server runs: nobody is
    /// notified.
    pub async fn import_room(&self, room: ImportedRoom) -> Result<RoomImport, WriteError> {
        match self {
            Self::Sqlite(store) => store.import_room(room).await,
        }
    }

    /// What [`import_room`](Self::import_room) would do.
    pub async fn preview_import(&self, room: ImportedRoom) -> Result<RoomImport, StoreError> {
        match self {
            Self::Sqlite(store) => store.preview_import(Arc::new(room)).await,
        }
    }

    /// Begins an export: what it holds is fixed now.
    pub async fn begin_export(&self, scope: ExportScope) -> Result<ExportCursor, ExportError> {
        match self {
            Self::Sqlite(store) => store.begin_export(scope).await,
        }
    }

    /// Reads the next lines of an export, about 256 KiB of them; none when it is complete.
    pub async fn export_step(
        &self,
        cursor: ExportCursor,
    ) -> Result<(ExportCursor, Vec<TransferLine>), ExportError> {
        match self {
            Self::Sqlite(store) => store.export_step(cursor).await,
        }
    }

    /// Imports what an export has written, in one transaction. Rooms and agents that are there stay
    /// as they are. Rooms have passed [`check_room`](super::check_room), and their visitors come
    /// before them. Only while no server runs: nobody is notified.
    pub async fn import_items(
        &self,
        items: Vec<TransferItem>,
    ) -> Result<TransferCounts, WriteError> {
        match self {
            Self::Sqlite(store) => store.import_items(items).await,
        }
    }

    /// How large the database is, and what is in it.
    pub async fn stats(&self) -> Result<StoreStats, StoreError> {
        match self {
            Self::Sqlite(store) => store.stats().await,
        }
    }

    /// Records in the audit what an operator or admin has asked for.
    pub async fn audit(
        &self,
        action: AuditAction,
        by: Principal,
        subject: Option<String>,
    ) -> Result<(), WriteError> {
        match self {
            Self::Sqlite(store) => store.audit(action, by, subject).await,
        }
    }

    /// Removes rooms without messages made before `before`, but for those in `keep`; at most
    /// 500 per call. Returns how many.
    pub async fn remove_empty_rooms(
        &self,
        before: Timestamp,
        keep: HashSet<RoomId>,
    ) -> Result<usize, WriteError> {
        match self {
            Self::Sqlite(store) => store.remove_empty_rooms(before, keep).await,
        }
    }
}

/// What consoles list and search.
impl Store {
    /// A page of the console's list: listed rooms only.
    pub async fn list_rooms(&self, query: RoomQuery) -> Result<RoomPage, WriteError> {
        match self {
            Self::Sqlite(store) => store.list_rooms(query).await,
        }
    }

    /// The rooms that wait, the longest first, then the newest active ones, at most `max_rooms`
    /// in all.
    pub async fn lobby_snapshot(&self, max_rooms: usize) -> Result<LobbySnapshot, StoreError> {
        match self {
            Self::Sqlite(store) => store.lobby_snapshot(max_rooms).await,
        }
    }

    /// Listed rooms whose newest change is not among `changes`, in the order of changes, at most
    /// `limit` and as many as fit into a frame.
    pub async fn changed_since(
        &self,
        changes: &ChangeVector,
        limit: usize,
    ) -> Result<ChangedRooms, StoreError> {
        match self {
            Self::Sqlite(store) => store.changed_since(changes, limit).await,
        }
    }

    /// Rooms in which one message, or the customer's name and address, has every word, by their
    /// newest match. A message is findable within 2 s of its commit. Refused with `BadCursor`.
    pub async fn search(&self, query: SearchQuery) -> Result<SearchPage, WriteError> {
        match self {
            Self::Sqlite(store) => store.search(query).await,
        }
    }

    /// Waits until the text index holds every message committed before the call. For tests; the
    /// index follows by itself.
    pub async fn flush_search_index(&self) -> Result<(), WriteError> {
        match self {
            Self::Sqlite(store) => store.flush_search_index().await,
        }
    }
}

/// Visitors and their tokens.
impl Store {
    /// The visitor of a token, or `None` when it is unknown or has ended.
    pub async fn visitor_by_token(&self, token: TokenHash) -> Result<Option<Visitor>, StoreError> {
        match self {
            Self::Sqlite(store) => store.visitor_by_token(token).await,
        }
    }

    /// The visitor of a signed identity, if there has been one.
    pub async fn visitor_by_user(&self, user: &str) -> Result<Option<Visitor>, StoreError> {
        match self {
            Self::Sqlite(store) => store.visitor_by_user(user).await,
        }
    }

    /// A visitor's rooms, newest first, those without messages included.
    pub async fn visitor_rooms(
        &self,
        visitor_id: VisitorId,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<RoomPage, WriteError> {
        match self {
            Self::Sqlite(store) => store.visitor_rooms(visitor_id, cursor, limit).await,
        }
    }

    /// Deletes a visitor's token. Returns whether it was known.
    pub async fn end_visitor_token(&self, token: TokenHash) -> Result<bool, WriteError> {
        match self {
            Self::Sqlite(store) => store.end_visitor_token(token).await,
        }
    }

    /// Waits until there may be rooms to which a change of their visitor has not been applied.
    pub async fn wait_for_visitor_changes(&self) {
        match self {
            Self::Sqlite(store) => store.wait_for_visitor_changes().await,
        }
    }

    /// Applies a block or a sign-in to the next few of a visitor's rooms. Returns those, or `None`
    /// when no change is pending.
    pub async fn apply_next_visitor_change(&self) -> Result<Option<Vec<RoomId>>, WriteError> {
        match self {
            Self::Sqlite(store) => store.apply_next_visitor_change().await,
        }
    }
}

/// Erasing people.
impl Store {
    /// The visitors that one person is.
    pub async fn find_person(&self, who: &Who) -> Result<Person, StoreError> {
        match self {
            Self::Sqlite(store) => store.find_person(who).await,
        }
    }

    /// What there is of a person.
    pub async fn holdings(&self, person: &Person) -> Result<Holdings, StoreError> {
        match self {
            Self::Sqlite(store) => store.holdings(person).await,
        }
    }

    /// Rooms of others in which one of the person's e-mail addresses occurs. Messages of the last
    /// two seconds may be missing; see [`flush_search_index`](Self::flush_search_index).
    pub async fn mentions(&self, person: &Person) -> Result<Mentions, StoreError> {
        match self {
            Self::Sqlite(store) => store.mentions(person).await,
        }
    }

    /// Decides that these visitors are erased: their tokens end at once, and
    /// [`erase_step`](Self::erase_step) does the rest. `None` when none of them exists any more.
    pub async fn begin_erasure(
        &self,
        visitors: Vec<VisitorId>,
        by: Principal,
    ) -> Result<Option<BegunErasure>, WriteError> {
        match self {
            Self::Sqlite(store) => store.begin_erasure(visitors, by).await,
        }
    }

    /// Does the next bounded part of whatever erasures were decided. `None` when nothing is left.
    pub async fn erase_step(&self) -> Result<Option<ErasureStep>, WriteError> {
        match self {
            Self::Sqlite(store) => store.erase_step().await,
        }
    }

    /// Resolves when an erasure was decided and may have steps left.
    pub async fn wait_for_erasures(&self) {
        match self {
            Self::Sqlite(store) => store.wait_for_erasures().await,
        }
    }

    /// What the ledger beside the backups does not have yet.
    pub async fn unrecorded(&self) -> Result<Unrecorded, StoreError> {
        match self {
            Self::Sqlite(store) => store.unrecorded().await,
        }
    }

    /// The ledger has this now.
    pub async fn mark_recorded(&self, recorded: Unrecorded) -> Result<(), WriteError> {
        match self {
            Self::Sqlite(store) => store.mark_recorded(recorded).await,
        }
    }

    /// Whether something was erased whose bytes may still stand in the file.
    pub async fn is_rewrite_due(&self) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(store) => store.is_rewrite_due().await,
        }
    }

    /// How large the database is.
    pub async fn database_bytes(&self) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(store) => store.database_bytes().await,
        }
    }

    /// Merges the text index, rewrites the file and empties its log: no byte of what was erased
    /// before is left in them. While the file is rewritten nothing is committed. Needs twice the
    /// database's size on the disk of `data_dir`.
    pub async fn rewrite(&self, data_dir: PathBuf) -> Result<Timestamp, RewriteError> {
        match self {
            Self::Sqlite(store) => store.rewrite(data_dir).await,
        }
    }

    /// Closed rooms without a message since `before`, as many as one step deletes.
    pub async fn expired_rooms(&self, before: Timestamp) -> Result<Vec<RoomId>, StoreError> {
        match self {
            Self::Sqlite(store) => store.expired_rooms(before).await,
        }
    }

    /// Deletes those of these rooms that are still closed and without a message since `before`.
    /// Returns which; [`erase_step`](Self::erase_step) deletes their messages. `run` names all that
    /// one run deletes.
    pub async fn expire_rooms(
        &self,
        run: ErasureId,
        rooms: Vec<RoomId>,
        before: Timestamp,
    ) -> Result<Vec<RoomId>, WriteError> {
        match self {
            Self::Sqlite(store) => store.expire_rooms(run, rooms, before).await,
        }
    }

    /// How far an erasure is.
    pub async fn erasure(&self, id: ErasureId) -> Result<Option<Erasure>, StoreError> {
        match self {
            Self::Sqlite(store) => store.erasure(id).await,
        }
    }
}

/// Agents and their sessions. What changes them is audited.
impl Store {
    /// How many agents there are, disabled ones included.
    pub async fn agent_count(&self) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(store) => store.agent_count().await,
        }
    }

    /// All agents by user name.
    pub async fn agents(&self) -> Result<Vec<Agent>, StoreError> {
        match self {
            Self::Sqlite(store) => store.agents().await,
        }
    }

    /// One agent, or `None` when there is no such agent.
    pub async fn agent(&self, id: AgentId) -> Result<Option<Agent>, StoreError> {
        match self {
            Self::Sqlite(store) => store.agent(id).await,
        }
    }

    /// What sign-in has to check, for a user name in any case.
    pub async fn agent_credentials(
        &self,
        username: &str,
    ) -> Result<Option<AgentCredentials>, StoreError> {
        match self {
            Self::Sqlite(store) => store.agent_credentials(username).await,
        }
    }

    /// Adds an agent. Refused with `UsernameTaken`.
    pub async fn add_agent(&self, agent: NewAgent, by: Principal) -> Result<Agent, WriteError> {
        match self {
            Self::Sqlite(store) => store.add_agent(agent, by).await,
        }
    }

    /// Adds the first admin, with a session. Refused with `SetupNotNeeded` when there is any
    /// agent.
    pub async fn set_up(&self, agent: NewAgent, session: NewSession) -> Result<Agent, WriteError> {
        match self {
            Self::Sqlite(store) => store.set_up(agent, session).await,
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
        }
    }

    /// Whether any agent has a password hash that another program made.
    pub async fn has_foreign_passwords(&self) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(store) => store.has_foreign_passwords().await,
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
        }
    }

    /// The agent of a session that has not ended. Moves its end, at most once an hour.
    pub async fn session_agent(&self, token: TokenHash) -> Result<Option<Agent>, StoreError> {
        match self {
            Self::Sqlite(store) => store.session_agent(token).await,
        }
    }

    /// Signs out: ends one session. An unknown one is no error.
    pub async fn end_session(&self, token: TokenHash) -> Result<(), WriteError> {
        match self {
            Self::Sqlite(store) => store.end_session(token).await,
        }
    }

    /// Signs an agent out everywhere.
    pub async fn end_sessions_of(&self, agent: AgentId) -> Result<(), WriteError> {
        match self {
            Self::Sqlite(store) => store.end_sessions_of(agent).await,
        }
    }
}

#[cfg(test)]
impl Store {
    /// What only a store of this kind can be asked.
    pub(crate) fn sqlite(&self) -> &SqliteStore {
        match self {
            Self::Sqlite(store) => store,
        }
    }
}
