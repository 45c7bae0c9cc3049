use rusqlite::params;

use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::{AuditAction, Principal};

/// Inserts an audit entry, in the transaction of what it records.
pub(crate) fn insert(
    tx: &Tx<'_>,
    action: AuditAction,
    by: Option<Principal>,
    subject: Option<String>,
) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT INTO audit (at, action, actor, subject) VALUES (?1, ?2, ?3, ?4)",
        params![
            tx.now.0,
            action_name(action),
            by.map(principal_name),
            subject
        ],
    )?;
    Ok(())
}

fn action_name(action: AuditAction) -> &'static str {
    match action {
        AuditAction::SignIn => "sign_in",
        AuditAction::SignOut => "sign_out",
        AuditAction::Setup => "setup",
        AuditAction::AgentAdded => "agent_added",
        AuditAction::RoleChanged => "role_changed",
        AuditAction::AgentDisabled => "agent_disabled",
        AuditAction::AgentEnabled => "agent_enabled",
        AuditAction::PasswordChanged => "password_changed",
        AuditAction::VisitorBlocked => "visitor_blocked",
        AuditAction::PersonErased => "person_erased",
        AuditAction::RoomsExpired => "rooms_expired",
        AuditAction::MessageRedacted => "message_redacted",
        AuditAction::BackupMade => "backup_made",
        AuditAction::Rewritten => "rewritten",
        AuditAction::Exported => "exported",
        AuditAction::Imported => "imported",
        AuditAction::Restored => "restored",
    }
}

fn principal_name(principal: Principal) -> String {
    match principal {
        Principal::Agent(id) => id.to_string(),
        Principal::CommandLine => "command line".into(),
        Principal::SetupLink => "setup link".into(),
    }
}
