use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use crate::chat::{Agent, AgentId, Role, Timestamp};
use crate::persistence::rules::agents::username_key;
use crate::persistence::rules::rooms::AssigneeState;
use crate::persistence::sqlite::codes::{self, role_code, uint};
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::TxError;
use crate::persistence::{AgentCredentials, NO_PASSWORD, NewAgent, Refusal};

/// An agent's columns, for queries that call the table `a`.
pub(crate) const COLUMNS: &str =
    "a.id, a.username, a.display_name, a.role, a.disabled, a.created_at, a.on_duty";
/// How many columns an agent has.
pub(crate) const COLUMN_COUNT: usize = 7;

/// An agent from [`COLUMNS`].
pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Agent> {
    Ok(Agent {
        id: row.get(0)?,
        username: row.get(1)?,
        display_name: row.get(2)?,
        role: codes::role(row, 3)?,
        disabled: row.get(4)?,
        created_at: Timestamp(row.get(5)?),
        on_duty: row.get(6)?,
    })
}

pub(crate) fn count(conn: &Connection) -> rusqlite::Result<u64> {
    conn.prepare_cached("SELECT count(*) FROM agents")?
        .query_row([], |row| uint(row, 0))
}

/// One agent.
pub(crate) fn by_id(conn: &Connection, id: AgentId) -> rusqlite::Result<Option<Agent>> {
    conn.prepare_cached(&format!("SELECT {COLUMNS} FROM agents a WHERE a.id = ?1"))?
        .query_row([id], read)
        .optional()
}

/// Whether somebody who is assigned to a room would see its next message.
pub(crate) fn state(conn: &Connection, id: AgentId) -> rusqlite::Result<AssigneeState> {
    let present = conn
        .prepare_cached("SELECT 1 FROM agents WHERE id = ?1 AND disabled = 0 AND on_duty = 1")?
        .exists([id])?;
    Ok(match present {
        true => AssigneeState::Present,
        false => AssigneeState::Absent,
    })
}

/// What sign-in has to check.
pub(crate) fn credentials(
    conn: &Connection,
    username: &str,
) -> rusqlite::Result<Option<AgentCredentials>> {
    conn.prepare_cached(&format!(
        "SELECT {COLUMNS}, a.password_hash FROM agents a WHERE a.username_key = ?1"
    ))?
    .query_row([username_key(username)], |row| {
        Ok(AgentCredentials {
            agent: read(row)?,
            password_hash: row.get(COLUMN_COUNT)?,
        })
    })
    .optional()
}

/// Whether the agent exists, is not disabled, and still has this password.
pub(crate) fn may_sign_in(tx: &Tx<'_>, id: AgentId, password_hash: &str) -> rusqlite::Result<bool> {
    tx.conn
        .prepare_cached(
            "SELECT 1 FROM agents WHERE id = ?1 AND disabled = 0 AND password_hash = ?2",
        )?
        .exists(params![id, password_hash])
}

/// Whether any agent has a password hash that another program made. Ours are PHC strings, and `!`
/// stands for no password.
pub(crate) fn has_foreign_passwords(conn: &Connection) -> rusqlite::Result<bool> {
    conn.prepare_cached(
        "SELECT 1 FROM agents WHERE password_hash NOT LIKE '$%' AND password_hash <> '!' LIMIT 1",
    )?
    .exists([])
}

/// Replaces a password's hash if it is this one still.
pub(crate) fn replace_hash(
    tx: &Tx<'_>,
    id: AgentId,
    old: &str,
    new: &str,
) -> rusqlite::Result<bool> {
    let replaced = tx.execute(
        "UPDATE agents SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2",
        params![id, old, new],
    )?;
    Ok(replaced > 0)
}

/// Adds an agent. Refused with `UsernameTaken`.
pub(crate) fn insert(tx: &mut Tx<'_>, new: NewAgent) -> Result<Agent, TxError> {
    if credentials(tx.conn, &new.username)?.is_some() {
        return Err(Refusal::UsernameTaken.into());
    }
    let agent = Agent {
        id: Uuid::now_v7(),
        username: new.username,
        display_name: new.display_name,
        role: new.role,
        disabled: false,
        on_duty: true,
        created_at: tx.now,
    };
    tx.execute(
        "INSERT INTO agents (id, username, username_key, display_name, role, disabled,
             password_hash, created_at, on_duty)
         VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, 1)",
        params![
            agent.id,
            agent.username,
            username_key(&agent.username),
            agent.display_name,
            role_code(agent.role),
            new.password_hash,
            agent.created_at.0,
        ],
    )?;
    tx.state.auth_version += 1;
    Ok(agent)
}

/// Adds an agent of an export, without a password: no sign-in is possible until one
/// is set. Returns whether they were added; an id or a user name that is known stays as it is.
pub(crate) fn insert_known(tx: &mut Tx<'_>, agent: &Agent) -> rusqlite::Result<bool> {
    let added = tx.execute(
        "INSERT INTO agents (id, username, username_key, display_name, role, disabled,
             password_hash, created_at, on_duty)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT DO NOTHING",
        params![
            agent.id,
            agent.username,
            username_key(&agent.username),
            agent.display_name,
            role_code(agent.role),
            agent.disabled,
            NO_PASSWORD,
            agent.created_at.0,
            agent.on_duty,
        ],
    )?;
    tx.state.auth_version += added as u64;
    Ok(added > 0)
}

/// Writes a changed agent, with a new password hash if there is one.
pub(crate) fn update(
    tx: &mut Tx<'_>,
    agent: &Agent,
    password_hash: Option<&str>,
) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE agents SET display_name = ?2, role = ?3, disabled = ?4,
             password_hash = ifnull(?5, password_hash), on_duty = ?6
         WHERE id = ?1",
        params![
            agent.id,
            agent.display_name,
            role_code(agent.role),
            agent.disabled,
            password_hash,
            agent.on_duty,
        ],
    )?;
    tx.state.auth_version += 1;
    Ok(())
}

/// Whether an agent other than this one can manage the agents.
pub(crate) fn has_other_admin(tx: &Tx<'_>, id: AgentId) -> rusqlite::Result<bool> {
    tx.conn
        .prepare_cached("SELECT 1 FROM agents WHERE role = ?1 AND disabled = 0 AND id <> ?2")?
        .exists(params![role_code(Role::Admin), id])
}
