//! Agents and sessions that several nodes change at once.

use super::{left_out_on_sqlite, nodes};
use crate::chat::{Agent, Role, Timestamp};
use crate::persistence::testing::*;
use crate::persistence::*;

fn new(username: String, role: Role) -> NewAgent {
    NewAgent {
        display_name: username.clone(),
        username,
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

/// Runs it on all nodes at once, four times on each.
async fn at_once<T, F>(nodes: &[Store], run: impl Fn(Store, usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..4 * nodes.len())
        .map(|number| tokio::spawn(run(nodes[number % nodes.len()].clone(), number)))
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.expect("it ends"));
    }
    results
}

#[tokio::test(flavor = "multi_thread")]
async fn of_set_ups_on_several_nodes_at_once_one_succeeds() {
    if left_out_on_sqlite() {
        return;
    }
    let first = TestStore::new();
    let nodes: [Store; 2] = nodes(&first);
    let outcomes = at_once(&nodes, |node, number| async move {
        let admin = new(format!("admin {number}"), Role::Admin);
        node.set_up(admin, session()).await
    })
    .await;
    let mut added = 0;
    for outcome in outcomes {
        match outcome {
            Ok(_) => added += 1,
            Err(error) => assert_eq!(error, Refusal::SetupNotNeeded.into()),
        }
    }
    assert_eq!((added, first.agent_count().await), (1, Ok(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_is_left_when_two_nodes_demote_the_last_two_at_once() {
    if left_out_on_sqlite() {
        return;
    }
    let first = TestStore::new();
    let second = first.another_node();
    let mut admins: Vec<Agent> = Vec::new();
    for name in ["mia", "tom"] {
        let admin = new(name.into(), Role::Admin);
        let added = first.add_agent(admin, Principal::CommandLine).await;
        admins.push(added.expect("it is added"));
    }
    let give = |role| AgentPatch {
        role: Some(role),
        ..AgentPatch::default()
    };
    for _ in 0..40 {
        let demote = |node: &Store, admin: usize| {
            let (node, id, patch) = (node.clone(), admins[admin].id, give(Role::Agent));
            tokio::spawn(async move { node.change_agent(id, patch, Principal::CommandLine).await })
        };
        let (one, two) = tokio::join!(demote(&first, 0), demote(&second, 1));
        let outcomes = [one.expect("it ends"), two.expect("it ends")];
        let refused: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
        assert_eq!(refused, [Refusal::LastAdmin.into()]);
        for admin in &admins {
            let promoted = first.change_agent(admin.id, give(Role::Admin), Principal::CommandLine);
            promoted.await.expect("it is changed");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_name_that_nodes_add_at_once_is_one_agent() {
    if left_out_on_sqlite() {
        return;
    }
    let first = TestStore::new();
    let nodes: [Store; 2] = nodes(&first);
    let outcomes = at_once(&nodes, |node, _| async move {
        let mia = new("mia".into(), Role::Agent);
        node.add_agent(mia, Principal::CommandLine).await
    })
    .await;
    let (added, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!((added.len(), refused.len()), (1, 7));
    for outcome in refused {
        assert_eq!(outcome.err(), Some(Refusal::UsernameTaken.into()));
    }
}

/// Sign-ins on one node while the other one disables the agent: none of them survives that.
#[tokio::test(flavor = "multi_thread")]
async fn no_session_is_left_of_an_agent_who_is_disabled_while_signing_in() {
    if left_out_on_sqlite() {
        return;
    }
    let first = TestStore::new();
    let nodes: [Store; 2] = nodes(&first);
    for round in 0..10 {
        let tom = new(format!("tom {round}"), Role::Agent);
        let tom = first.add_agent(tom, Principal::CommandLine).await;
        let verified = AgentCredentials {
            agent: tom.expect("it is added"),
            password_hash: "hash".into(),
        };
        at_once(&nodes, |node, number| {
            let verified = verified.clone();
            let disable = AgentPatch {
                disabled: Some(true),
                ..AgentPatch::default()
            };
            async move {
                if number == 3 {
                    let changed =
                        node.change_agent(verified.agent.id, disable, Principal::CommandLine);
                    changed.await.expect("it is disabled");
                } else {
                    let started = node.start_session(verified, session()).await;
                    assert!(matches!(started, Ok(()) | Err(WriteError::Refused(_))));
                }
            }
        })
        .await;
        let left = first.rows("SELECT count(*) FROM agent_sessions");
        assert_eq!(left, ["0"]);
    }
}

#[tokio::test]
async fn a_node_reads_the_canary_that_it_has_written_itself() {
    if left_out_on_sqlite() {
        return;
    }
    let first = TestStore::new();
    let second = first.another_node();
    let written = first.write_canary().await.expect("written");
    second.set_clock_back(std::time::Duration::from_secs(60));
    second.write_canary().await.expect("written");
    assert_eq!(first.read_canary().await, Ok(Some(written)));
}
