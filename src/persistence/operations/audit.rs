//! What is audited, and on whose behalf.

use crate::chat::AgentId;

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
    /// The file was rewritten without what was erased.
    Rewritten,
    /// Conversations were exported.
    Exported,
    /// Conversations were imported.
    Imported,
    /// A backup took the place of the database.
    Restored,
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
