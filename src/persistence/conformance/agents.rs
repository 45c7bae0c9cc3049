use crate::chat::{Agent, Role, Timestamp};
use crate::persistence::testing::*;
use crate::persistence::*;

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

async fn add(store: &TestStore, username: &str, role: Role) -> Agent {
    store
        .add_agent(new(username, role), Principal::CommandLine)
        .await
        .expect("it is added")
}

async fn change(store: &TestStore, agent: &Agent, patch: AgentPatch) -> Result<Agent, WriteError> {
    store
        .change_agent(agent.id, patch, Principal::CommandLine)
        .await
}

#[tokio::test]
async fn user_names_are_taken_in_any_case() {
    let store = TestStore::new();
    let mia = add(&store, "Mïa", Role::Admin).await;
    let taken = store
        .add_agent(new("mÏA", Role::Agent), Principal::CommandLine)
        .await;
    assert_eq!(taken.err(), Some(Refusal::UsernameTaken.into()));
    let found = store.agent_credentials("MÏA").await.expect("read");
    assert_eq!(found.map(|found| found.agent), Some(mia.clone()));
    assert_eq!(store.agents().await, Ok(vec![mia.clone()]));
    assert_eq!(store.agent(mia.id).await, Ok(Some(mia)));
    assert_eq!(store.agent_count().await, Ok(1));
}

#[tokio::test]
async fn concurrent_set_ups_add_one_admin() {
    let store = TestStore::new();
    let setup = |name: &'static str| store.set_up(new(name, Role::Admin), session());
    let (one, two) = tokio::join!(setup("mia"), setup("tom"));
    let refused = [one, two]
        .into_iter()
        .filter_map(Result::err)
        .collect::<Vec<_>>();
    assert_eq!(refused, [Refusal::SetupNotNeeded.into()]);
    assert_eq!(store.agent_count().await, Ok(1));
}

#[tokio::test]
async fn the_last_admin_stays() {
    let store = TestStore::new();
    let agent = add(&store, "tom", Role::Agent).await;
    let mia = add(&store, "mia", Role::Admin).await;
    let demote = AgentPatch {
        role: Some(Role::Agent),
        ..AgentPatch::default()
    };
    let disable = AgentPatch {
        disabled: Some(true),
        ..AgentPatch::default()
    };
    for patch in [&demote, &disable] {
        let kept = change(&store, &mia, patch.clone()).await;
        assert_eq!(kept.err(), Some(Refusal::LastAdmin.into()));
    }
    let lea = add(&store, "lea", Role::Admin).await;
    change(&store, &agent, disable.clone()).await.expect("fine");
    change(&store, &mia, disable).await.expect("lea is left");
    let kept = change(&store, &lea, demote).await;
    assert_eq!(
        kept.err(),
        Some(Refusal::LastAdmin.into()),
        "a disabled admin is none"
    );
}

/// The credentials that a sign-in has verified: this agent with this hash.
fn verified(agent: &Agent, password_hash: &str) -> AgentCredentials {
    AgentCredentials {
        agent: agent.clone(),
        password_hash: password_hash.into(),
    }
}

#[tokio::test]
async fn a_password_changed_while_the_old_one_was_verified_gives_no_session() {
    let store = TestStore::new();
    let mia = add(&store, "mia", Role::Admin).await;
    let password = AgentPatch {
        password_hash: Some("new".into()),
        ..AgentPatch::default()
    };
    change(&store, &mia, password).await.expect("changed");
    let late = store.start_session(verified(&mia, "hash"), session()).await;
    assert_eq!(late.err(), Some(Refusal::NotFound.into()));
    let fresh = store.start_session(verified(&mia, "new"), session()).await;
    assert_eq!(fresh, Ok(()));
}

#[tokio::test]
async fn sessions_end_with_the_password_and_the_account() {
    let store = TestStore::new();
    let mia = add(&store, "mia", Role::Admin).await;
    let tom = add(&store, "tom", Role::Agent).await;
    let (one, two) = (session(), session());
    for session in [one, two] {
        store
            .start_session(verified(&tom, "hash"), session)
            .await
            .expect("signed in");
    }
    let version = store.head().auth_version;
    let password = AgentPatch {
        password_hash: Some("new".into()),
        keep_session: Some(one.token),
        ..AgentPatch::default()
    };
    change(&store, &tom, password).await.expect("changed");
    assert!(store.head().auth_version > version);
    assert_eq!(store.session_agent(one.token).await, Ok(Some(tom.clone())));
    assert_eq!(store.session_agent(two.token).await, Ok(None));
    let disable = AgentPatch {
        disabled: Some(true),
        ..AgentPatch::default()
    };
    change(&store, &tom, disable).await.expect("disabled");
    assert_eq!(store.session_agent(one.token).await, Ok(None));
    let refused = store.start_session(verified(&tom, "new"), session()).await;
    assert_eq!(refused.err(), Some(Refusal::NotFound.into()));

    let three = session();
    store
        .start_session(verified(&mia, "hash"), three)
        .await
        .expect("signed in");
    store.end_session(three.token).await.expect("signed out");
    store.end_session(three.token).await.expect("no error");
    assert_eq!(store.session_agent(three.token).await, Ok(None));
    store
        .start_session(verified(&mia, "hash"), three)
        .await
        .expect("signed in");
    store.end_sessions_of(mia.id).await.expect("signed out");
    assert_eq!(store.session_agent(three.token).await, Ok(None));
}

#[tokio::test]
async fn a_session_ends_by_itself_unless_it_is_used() {
    let store = TestStore::new();
    let mia = add(&store, "mia", Role::Admin).await;
    let now = Timestamp::now().0;
    let expired = NewSession {
        expires_at: Timestamp(now - 1),
        ..session()
    };
    store
        .start_session(verified(&mia, "hash"), expired)
        .await
        .expect("stored");
    assert_eq!(store.session_agent(expired.token).await, Ok(None));

    let used = session();
    store
        .start_session(verified(&mia, "hash"), used)
        .await
        .expect("signed in");
    let long_ago = now - 3_700_000;
    store.execute_from_outside(&format!(
        "UPDATE agent_sessions SET last_used_at = {long_ago}"
    ));
    assert!(
        store
            .session_agent(used.token)
            .await
            .expect("read")
            .is_some()
    );
    store.write_canary().await.expect("behind the touch");
    let expires_at = &store.rows("SELECT max(expires_at) FROM agent_sessions")[0];
    let expires_at: i64 = expires_at.parse().expect("a time");
    assert!(expires_at > now + 29 * 24 * 3_600_000);
}

#[tokio::test]
async fn every_change_is_in_the_audit() {
    let store = TestStore::new();
    let mia = store
        .set_up(new("mia", Role::Admin), session())
        .await
        .expect("set up");
    let tom = add(&store, "tom", Role::Agent).await;
    let patch = AgentPatch {
        role: Some(Role::Admin),
        disabled: Some(true),
        password_hash: Some("new".into()),
        ..AgentPatch::default()
    };
    store
        .change_agent(tom.id, patch, Principal::Agent(mia.id))
        .await
        .expect("changed");
    let by = mia.id;
    assert_eq!(
        store.rows("SELECT action, actor FROM audit ORDER BY pk"),
        [
            "setup|setup link".to_owned(),
            "agent_added|command line".to_owned(),
            format!("role_changed|{by}"),
            format!("password_changed|{by}"),
            format!("agent_disabled|{by}"),
        ]
    );
}
