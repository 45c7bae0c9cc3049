use uuid::Uuid;

use crate::chat::{API_TOKENS_MAX, Right, Timestamp};
use crate::persistence::testing::*;
use crate::persistence::*;

fn new(expires_at: Option<Timestamp>) -> NewApiToken {
    NewApiToken {
        token: token(),
        name: "Robot".into(),
        rights: vec![Right::RoomsRead, Right::Export],
        created_by: Uuid::from_u128(7),
        expires_at,
    }
}

#[tokio::test]
async fn a_token_is_found_by_its_secret_until_it_ends() {
    let store = TestStore::new();
    let request = new(None);
    let made = store.add_api_token(request.clone()).await.expect("made");
    assert_eq!(made.name, "Robot");
    assert_eq!(made.rights, [Right::RoomsRead, Right::Export]);
    assert_eq!(made.last_used_at, None);
    assert_eq!(store.api_tokens().await, Ok(vec![made.clone()]));
    assert_eq!(store.api_token(token()).await, Ok(None), "another secret");
    let found = store.api_token(request.token).await;
    assert_eq!(found, Ok(Some(made.clone())));
    // The use is written behind, and before what is written after it.
    let other = store.add_api_token(new(None)).await.expect("made");
    let listed = store.api_tokens().await.expect("they are read");
    assert_eq!(listed.len(), 2);
    assert!(listed[0].last_used_at.is_some(), "its use is noted");
    assert_eq!(listed[1].last_used_at, None);

    let version = store.head().auth_version;
    let by = Principal::Agent(Uuid::from_u128(7));
    assert_eq!(store.end_api_token(made.id, by).await, Ok(()));
    assert!(
        store.head().auth_version > version,
        "other nodes learn of it"
    );
    assert_eq!(store.api_token(request.token).await, Ok(None));
    assert_eq!(store.api_tokens().await, Ok(vec![other]));
    let again = store.end_api_token(made.id, by).await;
    assert_eq!(again, Err(Refusal::NotFound.into()));
}

#[tokio::test]
async fn a_token_past_its_time_is_listed_and_not_found() {
    let store = TestStore::new();
    let request = new(Some(Timestamp(Timestamp::now().0 - 1)));
    let made = store.add_api_token(request.clone()).await.expect("made");
    assert_eq!(store.api_token(request.token).await, Ok(None));
    assert_eq!(store.api_tokens().await, Ok(vec![made]));
}

#[tokio::test]
async fn one_token_too_many_is_refused() {
    let store = TestStore::new();
    for _ in 0..API_TOKENS_MAX {
        store.add_api_token(new(None)).await.expect("made");
    }
    let refused = store.add_api_token(new(None)).await;
    assert_eq!(refused, Err(Refusal::TooManyTokens.into()));
}
