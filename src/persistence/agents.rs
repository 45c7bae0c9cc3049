use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::codes::{self, role_code, uint};
use super::failure::Trouble;
use super::job::Tx;
use super::{
    Actor, AgentCredentials, AgentPatch, AuditAction, NewAgent, NewSession, Refusal, Store,
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

fn change(tx: &mut Tx<'_>, id: AgentId, patch: AgentPatch, by: Actor) -> Result<Agent, Trouble> {
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
    pub async fn add_agent(&self, agent: NewAgent, by: Actor) -> Result<Agent, WriteError> {
        self.write(move |tx| {
            let agent = insert(tx, agent)?;
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
            let agent = insert(tx, agent)?;
            sessions::insert(tx, agent.id, session)?;
            let subject = Some(agent.id.to_string());
            audit::note(tx, AuditAction::Setup, Some(Actor::SetupLink), subject)?;
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
        by: Actor,
    ) -> Result<Agent, WriteError> {
        self.write(move |tx| change(tx, id, patch, by)).await
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::*;
    use crate::chat::{Agent, Role, Timestamp};

    fn new(username: &str, role: Role) -> NewAgent {
        NewAgent {
            username: username.into(),
            display_name: username.into(),
            role,
            password_hash: "hash".into(),
        }
    }

    fn session() -> NewSession {
        NewSession {
            token: token(),
            expires_at: Timestamp(Timestamp::now().0 + 60_000),
        }
    }

    async fn add(bench: &Bench, username: &str, role: Role) -> Agent {
        bench
            .add_agent(new(username, role), Actor::CommandLine)
            .await
            .expect("it is added")
    }

    async fn change(bench: &Bench, agent: &Agent, patch: AgentPatch) -> Result<Agent, WriteError> {
        bench
            .change_agent(agent.id, patch, Actor::CommandLine)
            .await
    }

    #[tokio::test]
    async fn user_names_are_taken_in_any_case() {
        let bench = Bench::new();
        let mia = add(&bench, "Mïa", Role::Admin).await;
        let taken = bench
            .add_agent(new("mÏA", Role::Agent), Actor::CommandLine)
            .await;
        assert_eq!(taken.err(), Some(Refusal::UsernameTaken.into()));
        let found = bench.agent_credentials("MÏA").await.expect("read");
        assert_eq!(found.map(|found| found.agent), Some(mia.clone()));
        assert_eq!(bench.agents().await, Ok(vec![mia.clone()]));
        assert_eq!(bench.agent(mia.id).await, Ok(Some(mia)));
        assert_eq!(bench.agent_count().await, Ok(1));
    }

    #[tokio::test]
    async fn one_of_many_sets_up() {
        let bench = Bench::new();
        let setup = |name: &'static str| bench.set_up(new(name, Role::Admin), session());
        let (one, two) = tokio::join!(setup("mia"), setup("tom"));
        let refused = [one, two]
            .into_iter()
            .filter_map(Result::err)
            .collect::<Vec<_>>();
        assert_eq!(refused, [Refusal::SetupNotNeeded.into()]);
        assert_eq!(bench.agent_count().await, Ok(1));
    }

    #[tokio::test]
    async fn the_last_admin_stays() {
        let bench = Bench::new();
        let agent = add(&bench, "tom", Role::Agent).await;
        let mia = add(&bench, "mia", Role::Admin).await;
        let demote = AgentPatch {
            role: Some(Role::Agent),
            ..AgentPatch::default()
        };
        let disable = AgentPatch {
            disabled: Some(true),
            ..AgentPatch::default()
        };
        for patch in [&demote, &disable] {
            let kept = change(&bench, &mia, patch.clone()).await;
            assert_eq!(kept.err(), Some(Refusal::LastAdmin.into()));
        }
        let lea = add(&bench, "lea", Role::Admin).await;
        change(&bench, &agent, disable.clone()).await.expect("fine");
        change(&bench, &mia, disable).await.expect("lea is left");
        let kept = change(&bench, &lea, demote).await;
        assert_eq!(
            kept.err(),
            Some(Refusal::LastAdmin.into()),
            "a disabled admin is none"
        );
    }

    #[tokio::test]
    async fn sessions_end_with_the_password_and_the_account() {
        let bench = Bench::new();
        let mia = add(&bench, "mia", Role::Admin).await;
        let tom = add(&bench, "tom", Role::Agent).await;
        let (one, two) = (session(), session());
        for session in [one, two] {
            bench
                .start_session(tom.id, session)
                .await
                .expect("signed in");
        }
        let version = bench.head().auth_version;
        let password = AgentPatch {
            password_hash: Some("new".into()),
            keep_session: Some(one.token),
            ..AgentPatch::default()
        };
        change(&bench, &tom, password).await.expect("changed");
        assert!(bench.head().auth_version > version);
        assert_eq!(bench.session_agent(one.token).await, Ok(Some(tom.clone())));
        assert_eq!(bench.session_agent(two.token).await, Ok(None));
        let disable = AgentPatch {
            disabled: Some(true),
            ..AgentPatch::default()
        };
        change(&bench, &tom, disable).await.expect("disabled");
        assert_eq!(bench.session_agent(one.token).await, Ok(None));
        let refused = bench.start_session(tom.id, session()).await;
        assert_eq!(refused.err(), Some(Refusal::NotFound.into()));

        let three = session();
        bench.start_session(mia.id, three).await.expect("signed in");
        bench.end_session(three.token).await.expect("signed out");
        bench.end_session(three.token).await.expect("no error");
        assert_eq!(bench.session_agent(three.token).await, Ok(None));
        bench.start_session(mia.id, three).await.expect("signed in");
        bench.end_sessions_of(mia.id).await.expect("signed out");
        assert_eq!(bench.session_agent(three.token).await, Ok(None));
    }

    #[tokio::test]
    async fn a_session_ends_by_itself_unless_it_is_used() {
        let bench = Bench::new();
        let mia = add(&bench, "mia", Role::Admin).await;
        let now = Timestamp::now().0;
        let expired = NewSession {
            expires_at: Timestamp(now - 1),
            ..session()
        };
        bench.start_session(mia.id, expired).await.expect("stored");
        assert_eq!(bench.session_agent(expired.token).await, Ok(None));

        let used = session();
        bench.start_session(mia.id, used).await.expect("signed in");
        bench
            .write(move |tx| {
                tx.execute(
                    "UPDATE agent_sessions SET last_used_at = ?1",
                    [now - 3_700_000],
                )?;
                Ok(())
            })
            .await
            .expect("it was long ago");
        assert!(
            bench
                .session_agent(used.token)
                .await
                .expect("read")
                .is_some()
        );
        bench.canary().await.expect("behind the touch");
        let expires_at: i64 = bench
            .readers()
            .read(|conn| {
                conn.query_row("SELECT max(expires_at) FROM agent_sessions", [], |row| {
                    row.get(0)
                })
            })
            .await
            .expect("read");
        assert!(expires_at > now + 29 * 24 * 3_600_000);
    }

    #[tokio::test]
    async fn every_change_is_in_the_audit() {
        let bench = Bench::new();
        let mia = bench
            .set_up(new("mia", Role::Admin), session())
            .await
            .expect("set up");
        let tom = add(&bench, "tom", Role::Agent).await;
        let patch = AgentPatch {
            role: Some(Role::Admin),
            disabled: Some(true),
            password_hash: Some("new".into()),
            ..AgentPatch::default()
        };
        bench
            .change_agent(tom.id, patch, Actor::Agent(mia.id))
            .await
            .expect("changed");
        let rows: Vec<(String, Option<String>)> = bench
            .readers()
            .read(|conn| {
                conn.prepare("SELECT action, actor FROM audit ORDER BY pk")?
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect()
            })
            .await
            .expect("read");
        let by = Some(mia.id.to_string());
        assert_eq!(
            rows,
            [
                ("setup".into(), Some("setup link".into())),
                ("agent_added".into(), Some("command line".into())),
                ("role_changed".into(), by.clone()),
                ("password_changed".into(), by.clone()),
                ("agent_disabled".into(), by),
            ]
        );
    }
}
