use crate::chat::{Agent, Role};
use crate::persistence::{AgentPatch, AuditAction, TokenHash};

/// User names are compared without case: this is what is compared.
pub(crate) fn username_key(username: &str) -> String {
    username.to_lowercase()
}

/// A changed agent, and what follows from the change.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AgentChange {
    pub(crate) agent: Agent,
    /// The new password hash, if it changes.
    pub(crate) password_hash: Option<String>,
    pub(crate) end_sessions: EndSessions,
    /// The audit entries, in their order.
    pub(crate) audit: Vec<AuditAction>,
    /// Somebody else has to be able to manage the agents.
    pub(crate) needs_other_admin: bool,
}

/// Which of an agent's sessions end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndSessions {
    None,
    AllBut(Option<TokenHash>),
}

/// Applies a patch to an agent.
pub(crate) fn change_agent(before: &Agent, patch: AgentPatch) -> AgentChange {
    let mut agent = before.clone();
    if let Some(display_name) = patch.display_name {
        agent.display_name = display_name;
    }
    agent.role = patch.role.unwrap_or(agent.role);
    agent.disabled = patch.disabled.unwrap_or(agent.disabled);
    agent.on_duty = patch.on_duty.unwrap_or(agent.on_duty);
    let mut audit = Vec::new();
    let mut end_sessions = EndSessions::None;
    if agent.role != before.role {
        audit.push(AuditAction::RoleChanged);
    }
    if patch.password_hash.is_some() {
        end_sessions = EndSessions::AllBut(patch.keep_session);
        audit.push(AuditAction::PasswordChanged);
    }
    match (before.disabled, agent.disabled) {
        (false, true) => {
            end_sessions = EndSessions::AllBut(None);
            audit.push(AuditAction::AgentDisabled);
        }
        (true, false) => audit.push(AuditAction::AgentEnabled),
        _ => {}
    }
    AgentChange {
        needs_other_admin: is_acting_admin(before) && !is_acting_admin(&agent),
        agent,
        password_hash: patch.password_hash,
        end_sessions,
        audit,
    }
}

fn is_acting_admin(agent: &Agent) -> bool {
    agent.role == Role::Admin && !agent.disabled
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::chat::Timestamp;

    fn admin() -> Agent {
        Agent {
            id: Uuid::from_u128(1),
            username: "mia".into(),
            display_name: "Mia".into(),
            role: Role::Admin,
            disabled: false,
            on_duty: true,
            created_at: Timestamp(0),
        }
    }

    #[test]
    fn a_new_password_ends_the_other_sessions_and_a_disabled_agent_has_none() {
        let own = TokenHash([1; 32]);
        let password = AgentPatch {
            password_hash: Some("new".into()),
            keep_session: Some(own),
            ..AgentPatch::default()
        };
        let change = change_agent(&admin(), password.clone());
        assert_eq!(change.end_sessions, EndSessions::AllBut(Some(own)));
        assert_eq!(change.audit, [AuditAction::PasswordChanged]);
        assert!(!change.needs_other_admin);
        let both = AgentPatch {
            disabled: Some(true),
            ..password
        };
        let change = change_agent(&admin(), both);
        assert_eq!(change.end_sessions, EndSessions::AllBut(None));
        assert!(change.needs_other_admin);
    }

    #[test]
    fn an_admin_steps_down_only_if_another_one_stays() {
        let step_down = AgentPatch {
            role: Some(Role::Agent),
            ..AgentPatch::default()
        };
        let change = change_agent(&admin(), step_down.clone());
        assert!(change.needs_other_admin);
        assert_eq!(change.audit, [AuditAction::RoleChanged]);
        let change = change_agent(&change.agent, step_down);
        assert!(!change.needs_other_admin, "an agent who stays one");
        assert!(change.audit.is_empty());
    }
}
