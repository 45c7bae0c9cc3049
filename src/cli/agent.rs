use std::io::{BufRead, IsTerminal, Write};

use clap::Subcommand;
use shoptalk::chat::limits::{NAME_CHARS, check_line, check_password};
use shoptalk::chat::{Agent, AgentId, Role};
use shoptalk::config::Config;
use shoptalk::passwords::hash_password;
use shoptalk::persistence::{AgentPatch, NewAgent, Principal, Refusal, Store, WriteError};

use super::{Failure, NewDatabase, block_on, check_owner, print_stdout, require_database};

#[derive(Subcommand)]
pub(super) enum AgentCommand {
    /// Adds an agent; the first one is an admin unless --role is given.
    Add {
        /// The name that the agent signs in with.
        name: String,
        /// Gives the agent this role: agent or admin.
        #[arg(long)]
        role: Option<Role>,
        /// Reads the password from standard input, one line.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Lists the agents.
    List,
    /// Sets a new password, which ends the agent's sessions.
    Passwd {
        /// The name that the agent signs in with.
        name: String,
        /// Reads the password from standard input, one line.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Disables an agent, who cannot sign in any more; their sessions end.
    Disable {
        /// The name that the agent signs in with.
        name: String,
    },
    /// Enables an agent again.
    Enable {
        /// The name that the agent signs in with.
        name: String,
    },
}

/// Works on the database itself, so a server may be running or not; a running one notices within two
/// seconds.
pub(super) fn run(command: AgentCommand, config: &Config) -> Result<(), Failure> {
    check_owner(&config.storage.data_dir)?;
    let new = NewDatabase::expected(config);
    let mut first_password = None;
    match &command {
        // The first agent may be added before the server has ever run. What is refused makes no
        // database.
        AgentCommand::Add {
            name,
            password_stdin,
            ..
        } => {
            check_username(name)?;
            if new.is_some() {
                first_password = Some(read_password(*password_stdin)?);
            }
        }
        _ => require_database(config)?,
    }
    block_on(async {
        let options = config.store_options(false);
        let store = tokio::task::spawn_blocking(|| Store::open(options)).await??;
        if let Some(new) = new {
            new.report();
        }
        let done = execute(command, &store, first_password).await;
        store.close().await;
        done
    })
}

/// `first_password` is that of the first agent, if it was read already.
async fn execute(
    command: AgentCommand,
    store: &Store,
    first_password: Option<String>,
) -> Result<(), Failure> {
    match command {
        AgentCommand::Add {
            name,
            role,
            password_stdin,
        } => {
            let password = || match first_password {
                Some(password) => Ok(password),
                None => read_password(password_stdin),
            };
            add(store, check_username(&name)?, role, password).await
        }
        AgentCommand::List => Ok(print_stdout(&table(&store.agents().await?))?),
        AgentCommand::Passwd {
            name,
            password_stdin,
        } => {
            let agent = find(store, &name).await?;
            let password_hash = Some(hash_password(&read_password(password_stdin)?)?);
            update(
                store,
                agent,
                AgentPatch {
                    password_hash,
                    ..AgentPatch::default()
                },
            )
            .await?;
            eprintln!("{name} has the new password and has to sign in again");
            Ok(())
        }
        AgentCommand::Disable { name } => {
            let agent = find(store, &name).await?;
            update(
                store,
                agent,
                AgentPatch {
                    disabled: Some(true),
                    ..AgentPatch::default()
                },
            )
            .await?;
            eprintln!("{name} is disabled and signed out everywhere");
            Ok(())
        }
        AgentCommand::Enable { name } => {
            let agent = find(store, &name).await?;
            update(
                store,
                agent,
                AgentPatch {
                    disabled: Some(false),
                    ..AgentPatch::default()
                },
            )
            .await?;
            eprintln!("{name} is enabled and can sign in");
            Ok(())
        }
    }
}

fn check_username(name: &str) -> Result<String, Failure> {
    check_line("NAME", Some(name), NAME_CHARS)
        .map_err(|violation| Failure::Usage(format!("{} {}", violation.field, violation.message)))?
        .ok_or_else(|| Failure::Usage("NAME must not be empty".to_owned()))
}

async fn add(
    store: &Store,
    username: String,
    role: Option<Role>,
    password: impl FnOnce() -> Result<String, Failure>,
) -> Result<(), Failure> {
    if store.agent_credentials(&username).await?.is_some() {
        return Err(username_taken(&username));
    }
    let is_first = store.agent_count().await? == 0;
    // The first agent has to be able to add the others.
    let role = role.unwrap_or(if is_first { Role::Admin } else { Role::Agent });
    let password_hash = hash_password(&password()?)?;
    let agent = NewAgent {
        display_name: username.clone(),
        username,
        role,
        password_hash,
    };
    let username = agent.username.clone();
    let added = store
        .add_agent(agent, Principal::CommandLine)
        .await
        .map_err(|error| match error {
            WriteError::Refused(Refusal::UsernameTaken) => username_taken(&username),
            error => error.into(),
        })?;
    eprintln!(
        "added {} with the role {}",
        added.username,
        added.role.as_str()
    );
    Ok(())
}

fn username_taken(username: &str) -> Failure {
    Failure::Runtime(format!(
        "there is already an agent '{username}'; choose another name, or set a new password with: shoptalk agent passwd {username}"
    ))
}

async fn find(store: &Store, name: &str) -> Result<AgentId, Failure> {
    match store.agent_credentials(name.trim()).await? {
        Some(found) => Ok(found.agent.id),
        None => Err(Failure::Runtime(format!(
            "there is no agent '{name}'; list them with: shoptalk agent list"
        ))),
    }
}

async fn update(store: &Store, agent: AgentId, patch: AgentPatch) -> Result<(), Failure> {
    store
        .change_agent(agent, patch, Principal::CommandLine)
        .await
        .map_err(|error| match error {
            WriteError::Refused(Refusal::LastAdmin) => Failure::Runtime(
                "this is the last admin who can sign in; add or enable another one first"
                    .to_owned(),
            ),
            error => error.into(),
        })?;
    Ok(())
}

fn read_password(from_stdin: bool) -> Result<String, Failure> {
    let password = if from_stdin {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)?;
        line.strip_suffix('\n')
            .map(|line| line.strip_suffix('\r').unwrap_or(line))
            .unwrap_or(&line)
            .to_owned()
    } else if std::io::stdin().is_terminal() {
        let password = rpassword::prompt_password("Password: ")?;
        if rpassword::prompt_password("Repeat the password: ")? != password {
            return Err(Failure::Runtime("the two passwords differ".to_owned()));
        }
        password
    } else {
        return Err(Failure::Usage(
            "there is no terminal to read a password from; use --password-stdin".to_owned(),
        ));
    };
    check_password("the password", &password).map_err(|violation| {
        Failure::Runtime(format!("{} {}", violation.field, violation.message))
    })?;
    Ok(password)
}

fn table(agents: &[Agent]) -> String {
    let header = ["USERNAME", "DISPLAY NAME", "ROLE", "STATE", "CREATED"].map(str::to_owned);
    let rows: Vec<[String; 5]> = agents
        .iter()
        .map(|agent| {
            let state = if agent.disabled {
                "disabled"
            } else {
                "enabled"
            };
            [
                agent.username.clone(),
                agent.display_name.clone(),
                agent.role.as_str().to_owned(),
                state.to_owned(),
                agent.created_at.to_string(),
            ]
        })
        .collect();
    let mut widths = [0; 5];
    for row in std::iter::once(&header).chain(&rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = Vec::new();
    for row in std::iter::once(&header).chain(&rows) {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        // Writing to memory does not fail.
        let _ = writeln!(out, "{}", cells.join("  ").trim_end());
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use shoptalk::chat::Timestamp;

    use super::*;

    #[test]
    fn the_table_is_aligned() {
        let agent = |username: &str, disabled| Agent {
            id: uuid::Uuid::nil(),
            username: username.into(),
            display_name: "Mia".into(),
            role: Role::Agent,
            disabled,
            on_duty: true,
            created_at: Timestamp(0),
        };
        let text = table(&[agent("mia", false), agent("bartholomew", true)]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        let column = |line: &str| line.find("Mia").or(line.find("DISPLAY"));
        assert_eq!(column(lines[0]), column(lines[1]));
        assert_eq!(column(lines[1]), column(lines[2]));
        assert!(lines[2].contains("disabled"));
    }
}
