//! What is audited, and on whose behalf.

use crate::chat::{AgentId, ApiTokenId};

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
    /// The settings of the shop were changed.
    SettingsChanged,
    /// An address that mail does not reach is mailed again.
    AddressAllowed,
    /// An API token was made.
    TokenMade,
    /// An API token was ended.
    TokenEnded,
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

impl AuditAction {
    /// As it is stored.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::SignOut => "sign_out",
            Self::Setup => "setup",
            Self::AgentAdded => "agent_added",
            Self::RoleChanged => "role_changed",
            Self::AgentDisabled => "agent_disabled",
            Self::AgentEnabled => "agent_enabled",
            Self::PasswordChanged => "password_changed",
            Self::VisitorBlocked => "visitor_blocked",
            Self::PersonErased => "person_erased",
            Self::RoomsExpired => "rooms_expired",
            Self::MessageRedacted => "message_redacted",
            Self::SettingsChanged => "settings_changed",
            Self::AddressAllowed => "address_allowed",
            Self::TokenMade => "token_made",
            Self::TokenEnded => "token_ended",
            Self::BackupMade => "backup_made",
            Self::Rewritten => "rewritten",
            Self::Exported => "exported",
            Self::Imported => "imported",
            Self::Restored => "restored",
        }
    }
}

/// On whose behalf an audited change happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal {
    /// An agent, signed in.
    Agent(AgentId),
    /// A program of the shop, by an API token.
    Token(ApiTokenId),
    /// Somebody at the server's command line.
    CommandLine,
    /// Somebody with the setup code.
    SetupLink,
    /// The server, because a time has come that somebody had set.
    Server,
}

impl Principal {
    /// As it is stored.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Agent(id) => id.to_string(),
            Self::Token(id) => format!("token {id}"),
            Self::CommandLine => "command line".into(),
            Self::SetupLink => "setup link".into(),
            Self::Server => "server".into(),
        }
    }
}
