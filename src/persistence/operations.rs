use std::sync::Arc;

use crate::chat::{
    Agent, AgentId, ChangeId, ChangeVector, Counts, Details, DetailsPatch, Draft, Message, Role,
    RoomId, RoomRecord, Sender, Side, Status, Timestamp, VisitorId,
};
use crate::persistence::RemovedRoom;

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
}

/// What can be done to a room.
#[derive(Debug, Clone)]
pub enum RoomOp {
    /// Append a message.
    Post(Draft),
    /// Move a side's read mark forward.
    MarkRead {
        /// Whose mark.
        side: Side,
        /// How far it moves.
        seq: u64,
    },
    /// Set the status, which a `system` message in the log records.
    SetStatus {
        /// `active` or `closed`; nobody sets a room `waiting` by hand.
        status: Status,
        /// Whose name that message carries.
        by: Sender,
    },
    /// Change the customer's details.
    SetDetails(DetailsPatch),
    /// Block the room's visitor from posting in any room, or lift the block.
    SetBlocked {
        /// Whether posts are refused from now on.
        blocked: bool,
        /// On whose behalf, for the audit.
        by: Principal,
    },
}

/// What a [`RoomOp`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// A message was appended.
    Posted(Message),
    /// The message was there already; nothing changed.
    Duplicate(Message),
    /// A mark moved.
    ReadMoved {
        /// Whose mark.
        side: Side,
        /// Where it is now.
        seq: u64,
    },
    /// The status changed, and this `system` message was appended.
    StatusChanged(Message),
    /// Details or the block changed.
    DetailsChanged,
    /// Nothing changed.
    Unchanged,
}

/// A committed [`RoomOp`].
#[derive(Debug, Clone)]
pub struct RoomCommit {
    /// The room after the commit.
    pub record: Arc<RoomRecord>,
    /// What happened.
    pub effect: Effect,
    /// Other rooms that changed in the same commit (a block reaches all rooms of
    /// its visitor; where there are very many, the rest follows).
    pub also_changed: Vec<RoomId>,
}

/// How far a copy of the database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CopyProgress {
    /// Pages of 4 KiB that were copied.
    pub pages_done: u64,
    /// Pages of the database; it may grow meanwhile.
    pub pages_total: u64,
}

/// What a backup contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupManifest {
    /// The version of the program that made it.
    pub version: String,
    /// The number of the schema.
    pub schema: u64,
    /// The epoch of the database that it is a copy of.
    pub epoch: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Rooms in it.
    pub rooms: u64,
    /// Messages in it.
    pub messages: u64,
    /// Visitors in it.
    pub visitors: u64,
    /// Agents in it, disabled ones included.
    pub agents: u64,
}

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreReport {
    /// What is in the database now.
    pub manifest: BackupManifest,
    /// Where the former files are, if there were any.
    pub set_aside: Option<std::path::PathBuf>,
    /// Whether the former database could say which passwords were changed, which agents were
    /// disabled and which visitors' tokens have ended since the backup.
    pub kept_from_present: bool,
}

/// A page of a room's log, in seq order.
#[derive(Debug, Clone, Default)]
pub struct MessagePage {
    /// At most as many as asked for, and 128 KiB of JSON, but at least one if
    /// there is any.
    pub messages: Vec<Message>,
    /// Whether there are more in the direction that was read.
    pub more: bool,
    /// The room's newest seq at the moment of reading.
    pub head: u64,
}

/// Who a visitor is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// Internal; never sent to clients.
    pub id: VisitorId,
    /// The signed identity's `sub`.
    pub user: Option<String>,
}

/// A verified identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The claim `sub`.
    pub user: String,
    /// The claims `name`, `email`, `phone`.
    pub details: Details,
}

/// A request to open the chat.
#[derive(Debug, Clone)]
pub struct OpenRoom {
    /// The token that came along.
    pub token: Option<TokenHash>,
    /// The verified identity that came along; it wins over the token.
    pub identity: Option<Identity>,
    /// What the visitor typed; used for a new room only.
    pub details: Details,
    /// The hash of a fresh token, to be stored when one is due: with every new
    /// room and every valid identity.
    pub fresh_token: TokenHash,
}

/// The reply to [`OpenRoom`].
#[derive(Debug, Clone)]
pub struct OpenedRoom {
    /// The room.
    pub record: Arc<RoomRecord>,
    /// Whether it was made just now.
    pub created: bool,
    /// Whether `fresh_token` was stored and is to be sent to the visitor.
    pub token_issued: bool,
    /// Rooms that changed hands; their live actors must reread them. Where there are very many,
    /// the rest follows: [`Store::apply_next_visitor_change`](crate::persistence::Store::apply_next_visitor_change).
    pub moved: Vec<RoomId>,
    /// Tokens that have ended: the anonymous ones of a visitor who signed in, and the oldest of
    /// very many.
    pub ended: Vec<TokenHash>,
}

/// Stands in the place of a password hash while an agent has none.
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

/// What an audit entry records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditAction {
    /// An agent signed in.
    SignIn,
    /// An agent signed out.
    SignOut,
    /// The first admin was added.
    Setup,
    /// An agent was added.
    AgentAdded,
    /// An agent's role was changed.
    RoleChanged,
    /// An agent was disabled.
    AgentDisabled,
    /// An agent was enabled.
    AgentEnabled,
    /// A password was changed.
    PasswordChanged,
    /// A visitor was blocked, or the block was lifted.
    VisitorBlocked,
    /// A person was erased.
    PersonErased,
    /// Rooms past their time were erased.
    RoomsExpired,
    /// The text of a message was removed.
    MessageRedacted,
    /// A backup was asked for.
    BackupMade,
    /// Conversations were exported.
    Exported,
    /// Conversations were imported.
    Imported,
}

/// On whose behalf an audited change happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal {
    /// An agent, signed in.
    Agent(AgentId),
    /// Somebody at the server's command line.
    CommandLine,
    /// Somebody with the setup code.
    SetupLink,
}

/// How a list of rooms is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RoomOrder {
    /// The newest message first.
    #[default]
    Activity,
    /// The longest waiting first, then the rest by activity.
    Waiting,
}

/// A page of the console's list.
#[derive(Debug, Clone)]
pub struct RoomQuery {
    /// Rooms of one status, or all.
    pub status: Option<Status>,
    /// The order.
    pub order: RoomOrder,
    /// Where the last page ended: its `next`.
    pub cursor: Option<String>,
    /// Rooms at most.
    pub limit: usize,
}

/// A page of rooms.
#[derive(Debug, Clone)]
pub struct RoomPage {
    /// The rooms.
    pub records: Vec<RoomRecord>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// A search over names, addresses and messages.
#[derive(Debug, Clone)]
pub struct SearchQuery {
    /// The words, as typed.
    pub words: String,
    /// Rooms of one status, or all.
    pub status: Option<Status>,
    /// Where the last page ended: its `next`.
    pub cursor: Option<String>,
    /// Rooms at most.
    pub limit: usize,
}

/// A room that matches a search.
#[derive(Debug, Clone)]
pub struct SearchHit {
    /// The room.
    pub record: RoomRecord,
    /// The newest message that matches; `None` when the customer's details do.
    pub seq: Option<u64>,
    /// The words around the match, as plain text.
    pub snippet: String,
}

/// A page of a search.
#[derive(Debug, Clone)]
pub struct SearchPage {
    /// Rooms by their newest match.
    pub hits: Vec<SearchHit>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
    /// Whether the search stopped at its bound, so that there may be more.
    pub truncated: bool,
}

/// What a console sees first: the rooms that wait and the newest active ones.
#[derive(Debug, Clone)]
pub struct LobbySnapshot {
    /// All changes up to here are in it.
    pub changes: ChangeVector,
    /// The rooms, the longest waiting first, then the newest active.
    pub records: Vec<RoomRecord>,
}

/// Listed rooms that changed, in the order of their newest changes.
#[derive(Debug, Clone)]
pub struct ChangedRooms {
    /// The rooms.
    pub records: Vec<RoomRecord>,
    /// All changes up to here are in this page or in those before it.
    pub changes: ChangeVector,
    /// Whether there are more.
    pub more: bool,
    /// Rooms that were erased, in the order of their changes; `changes` covers them as well.
    pub removed: Vec<RemovedRoom>,
    /// The newest change that erased a room, whenever that was.
    pub last_removal: Option<ChangeId>,
}

/// How one room has changed.
#[derive(Debug, Clone)]
pub enum RoomChange {
    /// This is its state now.
    Changed(Box<RoomRecord>),
    /// It was erased.
    Removed(RemovedRoom),
}

impl RoomChange {
    /// Its place in the order of changes.
    pub fn id(&self) -> ChangeId {
        match self {
            Self::Changed(record) => record.change,
            Self::Removed(removed) => removed.change,
        }
    }
}

impl ChangedRooms {
    /// Everything in the order of the changes.
    pub fn into_changes(self) -> Vec<RoomChange> {
        let records = self.records.into_iter();
        let records = records.map(|record| RoomChange::Changed(Box::new(record)));
        let removed = self.removed.into_iter().map(RoomChange::Removed);
        let mut changes: Vec<RoomChange> = records.chain(removed).collect();
        changes.sort_by_key(|change| change.id().number);
        changes
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
