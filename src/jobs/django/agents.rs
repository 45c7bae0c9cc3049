//! Agents from the shop's staff.

use super::error::ImportError;
use super::report::{Finding, Report};
use crate::chat::Role;
use crate::chat::limits::{NAME_CHARS, fitted_line};
use crate::passwords::is_verifiable;
use crate::persistence::{NO_PASSWORD, NewAgent, StagedUser, Staging};

/// The agents that the staff becomes, in the order of their keys.
pub(super) fn plan(staging: &Staging, report: &mut Report) -> Result<Vec<NewAgent>, ImportError> {
    if !staging.has_users()? {
        return Err(ImportError::NoUsers("--agents"));
    }
    let mut agents = Vec::new();
    for user in staging.staff()? {
        agents.extend(agent(user, report));
    }
    Ok(agents)
}

fn agent(user: StagedUser, report: &mut Report) -> Option<NewAgent> {
    let name = user.username.or(user.email).unwrap_or_default();
    if !user.is_active {
        let line = format!(
            "user {} ({name}): inactive; not added as an agent",
            user.key
        );
        report.note(Finding::AgentInactive, &line);
        return None;
    }
    let Some(username) = fitted_line(&name, NAME_CHARS) else {
        let line = format!("user {}: without a name; not added as an agent", user.key);
        report.note(Finding::AgentInactive, &line);
        return None;
    };
    if username != name {
        let line = format!(
            "user {}: the user name cut to {NAME_CHARS} characters; signs in as {username}",
            user.key
        );
        report.note(Finding::NameCut, &line);
    }
    let password_hash = user.password.filter(|hash| is_verifiable(hash));
    Some(NewAgent {
        display_name: user.display_name.unwrap_or_else(|| username.clone()),
        username,
        role: if user.is_superuser {
            Role::Admin
        } else {
            Role::Agent
        },
        password_hash: password_hash.unwrap_or_else(|| NO_PASSWORD.to_owned()),
    })
}
