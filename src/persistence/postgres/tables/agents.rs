use tokio_postgres::Row;
use uuid::Uuid;

use crate::chat::{Agent, AgentId, Role};
use crate::persistence::postgres::codes::{self, role_code, time, uint};
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::rules::agents::username_key;
use crate::persistence::{AgentCredentials, NO_PASSWORD, NewAgent, Refusal};

/// An agent's columns, for queries that call the table `a`, 7 of them.
macro_rules! agent_columns {
    () => {
        "a.id, a.username, a.display_name, a.role, a.disabled, a.created_at, a.on_duty"
    };
}
pub(crate) use agent_columns;

/// How many columns an agent has.
pub(crate) const AGENT_COLUMNS: usize = 7;

/// An agent from a row that begins with [`agent_columns`].
pub(crate) fn read(row: &Row) -> Result<Agent, TxError> {
    Ok(Agent {
        id: row.try_get(0)?,
        username: row.try_get(1)?,
        display_name: row.try_get(2)?,
        role: codes::role(row, 3)?,
        disabled: row.try_get(4)?,
        created_at: time(row, 5)?,
        on_duty: row.try_get(6)?,
    })
}

/// Makes every other change of agents and sessions wait until this transaction has ended, on every
/// node. Whoever counts agents or admins locks first, then reads in a statement of its own.
pub(crate) async fn lock_all(tx: &Tx) -> Result<(), TxError> {
    tx.query_one("SELECT auth_no FROM state FOR NO KEY UPDATE", &[])
        .await?;
    Ok(())
}

pub(crate) async fn count(db: &Session) -> Result<u64, TxError> {
    uint(&db.query_one("SELECT count(*) FROM agents", &[]).await?, 0)
}

/// All agents by user name.
pub(crate) async fn all(db: &Session) -> Result<Vec<Agent>, TxError> {
    let sql = concat!("SELECT ", agent_columns!(), " FROM agents a");
    let rows = db.query(sql, &[]).await?;
    let mut agents: Vec<Agent> = rows.iter().map(read).collect::<Result<_, _>>()?;
    // PostgreSQL would order them by the rules of its locale.
    agents.sort_by_cached_key(|agent| username_key(&agent.username));
    Ok(agents)
}

/// One agent.
pub(crate) async fn by_id(db: &Session, id: AgentId) -> Result<Option<Agent>, TxError> {
    let sql = concat!(
        "SELECT ",
        agent_columns!(),
        " FROM agents a WHERE a.id = $1"
    );
    db.query_opt(sql, &[&id])
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// What sign-in has to check.
pub(crate) async fn credentials(
    db: &Session,
    username: &str,
) -> Result<Option<AgentCredentials>, TxError> {
    if username.contains('\0') {
        // No text in PostgreSQL has this character.
        return Ok(None);
    }
    let sql = concat!(
        "SELECT ",
        agent_columns!(),
        ", a.password_hash FROM agents a WHERE a.username_key = $1"
    );
    match db.query_opt(sql, &[&username_key(username)]).await? {
        Some(row) => Ok(Some(AgentCredentials {
            agent: read(&row)?,
            password_hash: row.try_get(AGENT_COLUMNS)?,
        })),
        None => Ok(None),
    }
}

/// Whether the agent exists, is not disabled, and still has this password; it stays so until the
/// transaction ends.
pub(crate) async fn may_sign_in(
    tx: &Tx,
    id: AgentId,
    password_hash: &str,
) -> Result<bool, TxError> {
    let found = tx
        .query_opt(
            "SELECT id FROM agents WHERE id = $1 AND NOT disabled AND password_hash = $2
             FOR SHARE",
            &[&id, &password_hash],
        )
        .await?;
    Ok(found.is_some())
}

/// Whether any agent has a password hash that another program made. Ours are PHC strings, and `!`
/// stands for no password.
pub(crate) async fn has_foreign_passwords(db: &Session) -> Result<bool, TxError> {
    let found = db
        .query_opt(
            "SELECT 1 FROM agents
             WHERE password_hash NOT LIKE '$%' AND password_hash <> '!' LIMIT 1",
            &[],
        )
        .await?;
    Ok(found.is_some())
}

/// Replaces a password's hash if it is this one still.
pub(crate) async fn replace_hash(
    tx: &Tx,
    id: AgentId,
    old: &str,
    new: &str,
) -> Result<bool, TxError> {
    let replaced = tx
        .execute(
            "UPDATE agents SET password_hash = $3 WHERE id = $1 AND password_hash = $2",
            &[&id, &old, &new],
        )
        .await?;
    Ok(replaced > 0)
}

/// Adds an agent. Refused with `UsernameTaken`.
pub(crate) async fn insert(tx: &mut Tx, new: NewAgent) -> Result<Agent, TxError> {
    let agent = Agent {
        id: Uuid::now_v7(),
        username: new.username,
        display_name: new.display_name,
        role: new.role,
        disabled: false,
        on_duty: true,
        created_at: tx.now,
    };
    match write(tx, &agent, &new.password_hash).await? {
        0 => Err(Refusal::UsernameTaken.into()),
        _ => Ok(agent),
    }
}

/// Adds an agent of an export, without a password: no sign-in is possible until one is set. Returns
/// whether they were added; an id or a user name that is known stays as it is.
pub(crate) async fn insert_known(tx: &mut Tx, agent: &Agent) -> Result<bool, TxError> {
    lock_all(tx).await?;
    Ok(write(tx, agent, NO_PASSWORD).await? > 0)
}

/// Adds an agent unless the id or the user name is known.
async fn write(tx: &mut Tx, agent: &Agent, password_hash: &str) -> Result<u64, TxError> {
    let added = tx
        .execute(
            "INSERT INTO agents (id, username, username_key, display_name, role, disabled,
                 password_hash, created_at, on_duty)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT DO NOTHING",
            &[
                &agent.id,
                &agent.username,
                &username_key(&agent.username),
                &agent.display_name,
                &role_code(agent.role),
                &agent.disabled,
                &password_hash,
                &agent.created_at.0,
                &agent.on_duty,
            ],
        )
        .await?;
    tx.auth_changed |= added > 0;
    Ok(added)
}

/// Writes a changed agent, with a new password hash if there is one.
pub(crate) async fn update(
    tx: &mut Tx,
    agent: &Agent,
    password_hash: Option<&str>,
) -> Result<(), TxError> {
    tx.execute(
        "UPDATE agents SET display_name = $2, role = $3, disabled = $4,
             password_hash = coalesce($5, password_hash), on_duty = $6
         WHERE id = $1",
        &[
            &agent.id,
            &agent.display_name,
            &role_code(agent.role),
            &agent.disabled,
            &password_hash,
            &agent.on_duty,
        ],
    )
    .await?;
    tx.auth_changed = true;
    Ok(())
}

/// Whether an agent other than this one can manage the agents.
pub(crate) async fn has_other_admin(tx: &Tx, id: AgentId) -> Result<bool, TxError> {
    let found = tx
        .query_opt(
            "SELECT 1 FROM agents WHERE role = $1 AND NOT disabled AND id <> $2 LIMIT 1",
            &[&role_code(Role::Admin), &id],
        )
        .await?;
    Ok(found.is_some())
}
