use crate::chat::{Agent, Role};
use crate::persistence::testing::*;
use crate::persistence::*;

async fn agent(store: &Store, username: &str, role: Role) -> Agent {
    let new = NewAgent {
        username: username.into(),
        display_name: username.into(),
        role,
        password_hash: String::new(),
    };
    let added = store.add_agent(new, Principal::CommandLine).await;
    added.expect("added")
}

fn reply(shortcut: &str, shared: bool) -> NewReply {
    NewReply {
        shortcut: shortcut.into(),
        title: "Greeting".into(),
        content: "Hello {{customer_name|there}}".into(),
        shared,
    }
}

async fn shortcuts(store: &Store, agent: &Agent) -> Vec<String> {
    let replies = store.replies(agent.id).await.expect("they are read");
    replies.into_iter().map(|reply| reply.shortcut).collect()
}

#[tokio::test]
async fn shared_replies_are_everybody_s_and_own_ones_one_s_own() {
    let store = TestStore::new();
    let (mia, tom) = (
        agent(&store, "mia", Role::Admin).await,
        agent(&store, "tom", Role::Agent).await,
    );
    let shared = store.add_reply(mia.clone(), reply("Hi", true)).await;
    let shared = shared.expect("added");
    let own = store.add_reply(tom.clone(), reply("bye", false)).await;
    let own = own.expect("added");
    assert_eq!(shortcuts(&store, &mia).await, ["Hi"]);
    assert_eq!(shortcuts(&store, &tom).await, ["bye", "Hi"]);
    let twice = store.add_reply(tom.clone(), reply("hi", false)).await;
    assert_eq!(twice, Err(Refusal::ShortcutTaken.into()));
    let same = store.add_reply(mia.clone(), reply("bye", false)).await;
    assert!(same.is_ok(), "another agent's own one is not in the way");
    for patch in [
        ReplyPatch::default(),
        ReplyPatch {
            shared: Some(true),
            ..ReplyPatch::default()
        },
    ] {
        let changed = store.change_reply(mia.clone(), own.id, patch).await;
        assert_eq!(changed, Err(Refusal::NotFound.into()));
    }
    let deleted = store.delete_reply(tom.clone(), shared.id).await;
    assert_eq!(deleted, Err(Refusal::SharedReply.into()));
    let patch = ReplyPatch {
        content: Some("Good day".into()),
        ..ReplyPatch::default()
    };
    let changed = store.change_reply(mia.clone(), shared.id, patch).await;
    assert_eq!(changed.expect("changed").content, "Good day");
    assert_eq!(store.delete_reply(mia.clone(), shared.id).await, Ok(()));
    assert_eq!(shortcuts(&store, &tom).await, ["bye"]);
    let again = store.delete_reply(mia, shared.id).await;
    assert_eq!(again, Err(Refusal::NotFound.into()));
}
