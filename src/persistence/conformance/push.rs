use crate::chat::{Agent, Language, Role, Timestamp};
use crate::persistence::testing::*;
use crate::persistence::*;

const PASSWORD_HASH: &str = "hash";

async fn add(store: &TestStore, username: &str) -> Agent {
    let new = NewAgent {
        username: username.into(),
        display_name: username.into(),
        role: Role::Admin,
        password_hash: PASSWORD_HASH.into(),
    };
    store
        .add_agent(new, Principal::CommandLine)
        .await
        .expect("it is added")
}

async fn sign_in(store: &TestStore, agent: &Agent) -> TokenHash {
    let session = NewSession {
        token: token(),
        expires_at: Timestamp(Timestamp::now().0 + 60_000),
    };
    let verified = AgentCredentials {
        agent: agent.clone(),
        password_hash: PASSWORD_HASH.into(),
    };
    store
        .start_session(verified, session)
        .await
        .expect("signed in");
    session.token
}

fn device(name: &str) -> PushSubscription {
    PushSubscription {
        endpoint: format!("https://push.example.com/{name}"),
        p256dh: vec![4; 65],
        auth: vec![7; 16],
        language: Language::German,
    }
}

async fn subscribe(store: &TestStore, session: TokenHash, name: &str) -> StoredPushSubscription {
    store
        .add_push_subscription(session, device(name))
        .await
        .expect("it is stored")
}

/// The last part of each device's endpoint.
async fn devices(store: &TestStore, targets: PushTargets) -> Vec<String> {
    let found = store.push_subscriptions(targets).await.expect("read");
    let name = |found: &StoredPushSubscription| {
        let endpoint = &found.subscription.endpoint;
        endpoint.rsplit('/').next().expect("a name").to_owned()
    };
    let mut names: Vec<String> = found.iter().map(name).collect();
    names.sort();
    names
}

#[tokio::test]
async fn of_two_push_keys_that_are_offered_at_once_one_stays() {
    let store = TestStore::new();
    assert_eq!(store.push_key().await, Ok(None));
    let offer = |byte: u8| store.keep_push_key(vec![byte; 32]);
    let (one, two) = tokio::join!(offer(1), offer(2));
    let kept = one.expect("stored");
    assert_eq!(two, Ok(kept.clone()));
    assert_eq!(store.keep_push_key(vec![3; 32]).await, Ok(kept.clone()));
    assert_eq!(store.push_key().await, Ok(Some(kept)));
}

#[tokio::test]
async fn a_subscription_ends_with_its_session_however_that_ends() {
    let store = TestStore::new();
    let (mia, tom) = (add(&store, "mia").await, add(&store, "tom").await);
    let other = sign_in(&store, &tom).await;
    subscribe(&store, other, "toms").await;
    let left = async |why: &str, expected: &[&str]| {
        assert_eq!(
            devices(&store, PushTargets::OnDuty).await,
            expected,
            "{why}"
        );
        let rows = store.rows("SELECT count(*) FROM push_subscriptions");
        assert_eq!(rows, [expected.len().to_string()], "{why}");
    };

    let session = sign_in(&store, &mia).await;
    let stored = subscribe(&store, session, "phone").await;
    assert_eq!(stored.agent, mia.id);
    assert_eq!(stored.subscription, device("phone"));
    assert_eq!(stored.problem, None);
    left("signed in", &["phone", "toms"]).await;
    store.end_session(session).await.expect("ended");
    left("signed out", &["toms"]).await;
    let late = store.add_push_subscription(session, device("phone")).await;
    assert_eq!(late.err(), Some(Refusal::NotFound.into()));

    for name in ["phone", "desk"] {
        let session = sign_in(&store, &mia).await;
        subscribe(&store, session, name).await;
    }
    left("signed in twice", &["desk", "phone", "toms"]).await;
    store.end_sessions_of(mia.id).await.expect("ended");
    left("signed out everywhere", &["toms"]).await;

    let (kept, ended) = (sign_in(&store, &mia).await, sign_in(&store, &mia).await);
    subscribe(&store, kept, "kept").await;
    subscribe(&store, ended, "ended").await;
    let change = async |patch: AgentPatch| {
        let by = Principal::CommandLine;
        store
            .change_agent(mia.id, patch, by)
            .await
            .expect("changed")
    };
    change(AgentPatch {
        password_hash: Some(PASSWORD_HASH.into()),
        keep_session: Some(kept),
        ..AgentPatch::default()
    })
    .await;
    left("a new password", &["kept", "toms"]).await;
    change(AgentPatch {
        disabled: Some(true),
        ..AgentPatch::default()
    })
    .await;
    left("disabled", &["toms"]).await;
}

#[tokio::test]
async fn an_expired_session_rings_nowhere_even_before_it_is_deleted() {
    let store = TestStore::new();
    let mia = add(&store, "mia").await;
    let session = sign_in(&store, &mia).await;
    subscribe(&store, session, "phone").await;
    store.execute_from_outside("UPDATE agent_sessions SET expires_at = 1");
    assert!(devices(&store, PushTargets::OnDuty).await.is_empty());
    let own = PushTargets::Session(session);
    assert!(devices(&store, own).await.is_empty());
    // The next sign-in deletes it.
    sign_in(&store, &mia).await;
    assert_eq!(store.rows("SELECT count(*) FROM push_subscriptions"), ["0"]);
}

#[tokio::test]
async fn only_agents_on_duty_are_rung() {
    let store = TestStore::new();
    let (mia, tom) = (add(&store, "mia").await, add(&store, "tom").await);
    let session = sign_in(&store, &mia).await;
    subscribe(&store, session, "mias").await;
    subscribe(&store, sign_in(&store, &tom).await, "toms").await;
    let duty = async |on_duty: bool| {
        let patch = AgentPatch {
            on_duty: Some(on_duty),
            ..AgentPatch::default()
        };
        let changed = store
            .change_agent(mia.id, patch, Principal::Agent(mia.id))
            .await
            .expect("changed");
        assert_eq!(changed.on_duty, on_duty);
        assert_eq!(store.agent(mia.id).await, Ok(Some(changed)));
    };
    duty(false).await;
    assert_eq!(devices(&store, PushTargets::OnDuty).await, ["toms"]);
    let own = PushTargets::Session(session);
    assert_eq!(devices(&store, own).await, ["mias"], "they may try it");
    duty(true).await;
    assert_eq!(devices(&store, PushTargets::OnDuty).await, ["mias", "toms"]);
}

#[tokio::test]
async fn a_device_belongs_to_who_has_signed_in_there_last() {
    let store = TestStore::new();
    let (mia, tom) = (add(&store, "mia").await, add(&store, "tom").await);
    let (mias, toms) = (sign_in(&store, &mia).await, sign_in(&store, &tom).await);
    subscribe(&store, mias, "shared").await;
    let endpoint = device("shared").endpoint;
    store
        .set_push_problem(endpoint.clone(), Some("refused".into()))
        .await
        .expect("stored");
    let found = store.push_subscriptions(PushTargets::Session(mias)).await;
    assert_eq!(found.expect("read")[0].problem.as_deref(), Some("refused"));
    let moved = subscribe(&store, toms, "shared").await;
    assert_eq!((moved.agent, moved.problem), (tom.id, None));
    assert_eq!(moved.subscription.language, Language::German);
    let in_french = PushSubscription {
        language: Language::French,
        ..device("shared")
    };
    let spoken = store.add_push_subscription(toms, in_french.clone()).await;
    assert_eq!(spoken.expect("stored").subscription, in_french);
    assert!(devices(&store, PushTargets::Session(mias)).await.is_empty());

    let remove = |session| store.remove_push_subscription(session, endpoint.clone());
    remove(mias).await.expect("nothing of theirs");
    assert_eq!(devices(&store, PushTargets::OnDuty).await, ["shared"]);
    remove(toms).await.expect("removed");
    assert!(devices(&store, PushTargets::OnDuty).await.is_empty());
}

#[tokio::test]
async fn what_the_push_service_has_forgotten_goes_unless_it_has_subscribed_again() {
    let store = TestStore::new();
    let session = sign_in(&store, &add(&store, "mia").await).await;
    subscribe(&store, session, "phone").await;
    let mut older = device("phone");
    older.p256dh = vec![5; 65];
    store.forget_push_subscription(older).await.expect("done");
    assert_eq!(devices(&store, PushTargets::OnDuty).await, ["phone"]);
    let same = device("phone");
    store.forget_push_subscription(same).await.expect("done");
    assert!(devices(&store, PushTargets::OnDuty).await.is_empty());
}

#[tokio::test]
async fn a_session_has_a_bounded_number_of_devices() {
    let store = TestStore::new();
    let session = sign_in(&store, &add(&store, "mia").await).await;
    for number in 0..=MAX_PUSH_SUBSCRIPTIONS {
        subscribe(&store, session, &format!("d{number:02}")).await;
    }
    let left = devices(&store, PushTargets::Session(session)).await;
    assert_eq!(left.len(), MAX_PUSH_SUBSCRIPTIONS as usize);
    assert!(left.contains(&format!("d{MAX_PUSH_SUBSCRIPTIONS:02}")));
}
