use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::codes::{self, role_code, uint};
use super::failure::Trouble;
use super::job::Tx;
use super::{
    AgentCredentials, AgentPatch, AuditAction, NewAgent, NewSession, Principal, Refusal, Store,
    StoreError, WriteError, audit, sessions,
};
use crate::chat::{Agent, AgentId, Role, Timestamp};

/// An agent's columns, for queries that call the table `a`.
pub(super) const COLUMNS: &str =
    "a.id, a.username, a.display_name, a.role, a.disabled, a.created_at";

/// An agent from [`COLUMNS`].
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Agent> {
    Ok(Agent {
        id: row.get(0)?,
        username: row.get(1)?,
        display_name: row.get(2)?,
        role: codes::role(row, 3)?,
        disabled: row.get(4)?,
        created_at: Timestamp(row.get(5)?),
    })
}

/// User names are one and the same whatever their case.
fn key(username: &str) -> String {
    username.to_lowercase()
}

fn count(conn: &Connection) -> rusqlite::Result<u64> {
    conn.prepare_cached("SELECT count(*) FROM agents")?
        .query_row([], |row| uint(row, 0))
}

/// One agent.
pub(super) fn by_id(conn: &Connection, id: AgentId) -> rusqlite::Result<Option<Agent>> {
    conn.prepare_cached(&format!("SELECT {COLUMNS} FROM agents a WHERE a.id = ?1"))?
        .query_row([id], read)
        .optional()
}

fn credentials(conn: &Connection, username: &str) -> rusqlite::Result<Option<AgentCredentials>> {
    conn.prepare_cached(&format!(
        "SELECT {COLUMNS}, a.password_hash FROM agents a WHERE a.username_key = ?1"
    ))?
    .query_row([key(username)], |row| {
        Ok(AgentCredentials {
            agent: read(row)?,
            password_hash: row.get(6)?,
        })
    })
    .optional()
}

/// Whether the agent is there, is not disabled, and still has this password.
pub(super) fn may_sign_in(tx: &Tx<'_>, id: AgentId, password_hash: &str) -> rusqlite::Result<bool> {
    tx.conn
        .prepare_cached(
            "SELECT 1 FROM agents WHERE id = ?1 AND disabled = 0 AND password_hash = ?2",
        )?
        .exists(params![id, password_hash])
}

fn insert(tx: &mut Tx<'_>, new: NewAgent) -> Result<Agent, Trouble> {
    if credentials(tx.conn, &new.username)?.is_some() {
        return Err(Refusal::UsernameTaken.into());
    }
    let agent = Agent {
        id: Uuid::now_v7(),
        username: new.username,
        display_name: new.display_name,
        role: new.role,
        disabled: false,
        created_at: tx.now,
    };
    tx.execute(
        "INSERT INTO agents (id, username, username_key, display_name, role, disabled,
             password_hash, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7)",
        params![
            agent.id,
            agent.username,
            key(&agent.username),
            agent.display_name,
            role_code(agent.role),
            new.password_hash,
            agent.created_at.0,
        ],
    )?;
    tx.state.auth_version += 1;
    Ok(agent)
}

fn is_acting_admin(agent: &Agent) -> bool {
    agent.role == Role::Admin && !agent.disabled
}

fn change(
    tx: &mut Tx<'_>,
    id: AgentId,
    patch: AgentPatch,
    by: Principal,
) -> Result<Agent, Trouble> {
    let before = by_id(tx.conn, id)?.ok_or(Refusal::NotFound)?;
    let mut agent = before.clone();
    if let Some(display_name) = patch.display_name {
        agent.display_name = display_name;
    }
    agent.role = patch.role.unwrap_or(agent.role);
    agent.disabled = patch.disabled.unwrap_or(agent.disabled);
    tx.execute(
        "UPDATE agents SET display_name = ?2, role = ?3, disabled = ?4,
             password_hash = ifnull(?5, password_hash)
         WHERE id = ?1",
        params![
            id,
            agent.display_name,
            role_code(agent.role),
            agent.disabled,
            patch.password_hash,
        ],
    )?;
    if is_acting_admin(&before) && !is_acting_admin(&agent) && !has_admin(tx)? {
        return Err(Refusal::LastAdmin.into());
    }
    let subject = || Some(agent.id.to_string());
    if agent.role != before.role {
        audit::note(tx, AuditAction::RoleChanged, Some(by), subject())?;
    }
    if patch.password_hash.is_some() {
        sessions::end_all(tx, id, patch.keep_session)?;
        audit::note(tx, AuditAction::PasswordChanged, Some(by), subject())?;
    }
    if agent.disabled != before.disabled {
        let action = if agent.disabled {
            sessions::end_all(tx, id, None)?;
            AuditAction::AgentDisabled
        } else {
            AuditAction::AgentEnabled
        };
        audit::note(tx, action, Some(by), subject())?;
    }
    tx.state.auth_version += 1;
    Ok(agent)
}

/// Whether somebody could still manage the agents.
fn has_admin(tx: &Tx<'_>) -> rusqlite::Result<bool> {
    tx.conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM agents WHERE role = ?1 AND disabled = 0)")?
        .query_row([role_code(Role::Admin)], |row| row.get(0))
}

impl Store {
    /// How many agents there are, disabled ones included.
    pub async fn agent_count(&self) -> Result<u64, StoreError> {
        self.readers().read(count).await
    }

    /// All agents by user name.
    pub async fn agents(&self) -> Result<Vec<Agent>, StoreError> {
        self.readers()
            .read(|conn| {
                conn.prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM agents a ORDER BY a.username_key"
                ))?
                .query_map([], read)?
                .collect()
            })
            .await
    }

    /// One agent, or `None` when there is no such agent.
    pub async fn agent(&self, id: AgentId) -> Result<Option<Agent>, StoreError> {
        self.readers().read(move |conn| by_id(conn, id)).await
    }

    /// What sign-in has to check, for a user name in any case.
    pub async fn agent_credentials(
        &self,
        username: &str,
    ) -> Result<Option<AgentCredentials>, StoreError> {
        let username = username.to_owned();
        self.readers()
            .read(move |conn| credentials(conn, &username))
            .await
    }

    /// Adds an agent. Refused with `UsernameTaken`.
    pub async fn add_agent(&self, agent: NewAgent, by: Principal) -> Result<Agent, WriteError> {
        self.write(move |tx| {
            let agent = insert(tx, agent.clone())?;
            let subject = Some(agent.id.to_string());
            audit::note(tx, AuditAction::AgentAdded, Some(by), subject)?;
            Ok(agent)
        })
        .await
    }

    /// The first admin with a session; SetupNotNeeded when there is any agent.
    pub async fn set_up(&self, agent: NewAgent, session: NewSession) -> Result<Agent, WriteError> {
        self.write(move |tx| {
            if count(tx.conn)? > 0 {
                return Err(Refusal::SetupNotNeeded.into());
            }
            let agent = insert(tx, agent.clone())?;
            sessions::insert(tx, agent.id, session)?;
            let subject = Some(agent.id.to_string());
            audit::note(tx, AuditAction::Setup, Some(Principal::SetupLink), subject)?;
            Ok(agent)
        })
        .await
    }

    /// Changes an agent. Refused with `NotFound`, or with `LastAdmin` when nobody
    /// could manage the agents any more.
    pub async fn change_agent(
        &self,
        id: AgentId,
        patch: AgentPatch,
        by: Principal,
    ) -> Result<Agent, WriteError> {
        self.write(move |tx| change(tx, id, patch.clone(), by))
            .await
    }
}

#[cfg(test)]
mod tests;
