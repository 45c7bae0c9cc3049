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
        .add_agent(new(username, role), Principal::CommandLine)
        .await
        .expect("it is added")
}

async fn change(bench: &Bench, agent: &Agent, patch: AgentPatch) -> Result<Agent, WriteError> {
    bench
        .change_agent(agent.id, patch, Principal::CommandLine)
        .await
}

#[tokio::test]
async fn user_names_are_taken_in_any_case() {
    let bench = Bench::new();
    let mia = add(&bench, "Mïa", Role::Admin).await;
    let taken = bench
        .add_agent(new("mÏA", Role::Agent), Principal::CommandLine)
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

/// What sign-in has found right: this agent with this hash.
fn verified(agent: &Agent, password_hash: &str) -> AgentCredentials {
    AgentCredentials {
        agent: agent.clone(),
        password_hash: password_hash.into(),
    }
}

#[tokio::test]
async fn a_password_changed_while_the_old_one_was_verified_gives_no_session() {
    let bench = Bench::new();
    let mia = add(&bench, "mia", Role::Admin).await;
    let password = AgentPatch {
        password_hash: Some("new".into()),
        ..AgentPatch::default()
    };
    change(&bench, &mia, password).await.expect("changed");
    let late = bench.start_session(verified(&mia, "hash"), session()).await;
    assert_eq!(late.err(), Some(Refusal::NotFound.into()));
    let fresh = bench.start_session(verified(&mia, "new"), session()).await;
    assert_eq!(fresh, Ok(()));
}

#[tokio::test]
async fn sessions_end_with_the_password_and_the_account() {
    let bench = Bench::new();
    let mia = add(&bench, "mia", Role::Admin).await;
    let tom = add(&bench, "tom", Role::Agent).await;
    let (one, two) = (session(), session());
    for session in [one, two] {
        bench
            .start_session(verified(&tom, "hash"), session)
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
    let refused = bench.start_session(verified(&tom, "new"), session()).await;
    assert_eq!(refused.err(), Some(Refusal::NotFound.into()));

    let three = session();
    bench
        .start_session(verified(&mia, "hash"), three)
        .await
        .expect("signed in");
    bench.end_session(three.token).await.expect("signed out");
    bench.end_session(three.token).await.expect("no error");
    assert_eq!(bench.session_agent(three.token).await, Ok(None));
    bench
        .start_session(verified(&mia, "hash"), three)
        .await
        .expect("signed in");
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
    bench
        .start_session(verified(&mia, "hash"), expired)
        .await
        .expect("stored");
    assert_eq!(bench.session_agent(expired.token).await, Ok(None));

    let used = session();
    bench
        .start_session(verified(&mia, "hash"), used)
        .await
        .expect("signed in");
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
        .change_agent(tom.id, patch, Principal::Agent(mia.id))
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
