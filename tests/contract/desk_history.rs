//! What stays of the agents' desk when a customer signs in, and when an agent gets another name or is
//! disabled.

use jsonwebtoken::Algorithm;
use shoptalk::config::{MailSecurity, MailServer};

use crate::common::{
    Agent, IDENTITY_SECRET, SmtpSink, TestServer, Value, Visitor, eventually, in_seconds, json,
    jwt, new_id, results,
};

async fn patch(agent: &Agent, room: &str, change: Value) -> Value {
    let path = agent.path(room, "");
    agent.rest.patch(&path, change).await.is(200)["summary"].clone()
}

async fn write_note(agent: &Agent, room: &str, content: &str) {
    let note = json!({"id": new_id(), "content": content});
    let written = agent.rest.post(&agent.path(room, "notes/"), note).await;
    written.is(201);
}

async fn notes(agent: &Agent, room: &str) -> Vec<Value> {
    let list = agent.rest.get(&agent.path(room, "notes/")).await.is(200);
    results(&list).clone()
}

/// What agents alone know of a room.
fn desk(summary: &Value) -> Value {
    let fields = ["assignee", "tags", "spam", "snoozed_until"];
    fields.map(|field| summary[field].clone()).to_vec().into()
}

#[tokio::test]
async fn a_visitor_who_signs_in_brings_the_conversation_with_its_notes_tags_and_assignee() {
    let server = TestServer::start().await;
    let ada = server.admin().await;
    let bob = server.agent("bob", "agent").await;
    let tag = json!({"name": "Order", "color": "#ff8800"});
    let tag = ada.rest.post("/api/admin/tags/", tag).await.is(201)["tag"]["id"].clone();
    let identity = jwt(
        Algorithm::HS256,
        IDENTITY_SECRET,
        &json!({"sub": "u1", "exp": in_seconds(600), "name": "Ann"}),
    );
    let open = json!({"identity": identity});

    // The user has a conversation on another device, with a desk of its own.
    let user = Visitor::arrive_with(&server, open.clone()).await;
    user.post("hello").await;
    let change = json!({"assignee": ada.id});
    let of_user = patch(ada, &user.room_id, change).await;
    write_note(ada, &user.room_id, "a note about the user").await;

    let visitor = Visitor::named(&server, "Somebody").await;
    visitor.post("is it red?").await;
    write_note(&bob, &visitor.room_id, "she asks every day").await;
    let until = "2100-01-01T00:00:00.000Z";
    let change = json!({"assignee": bob.id, "tags": [tag], "snoozed_until": until});
    let before = patch(&bob, &visitor.room_id, change).await;
    assert_eq!(before["assignee"]["id"], bob.id);
    let notes_before = notes(ada, &visitor.room_id).await;
    assert_eq!(notes_before.len(), 1);

    let signed_in = visitor.rest.post("/api/chat/rooms/", open).await;
    signed_in.is(200);
    let is_theirs = async |room: &str| ada.summary(room).await["user"] == "u1";
    eventually("the conversation is the user's", async || {
        is_theirs(&visitor.room_id).await
    })
    .await;
    let after = ada.summary(&visitor.room_id).await;
    assert_eq!(desk(&after), desk(&before));
    assert_eq!(notes(ada, &visitor.room_id).await, notes_before);
    let of_user_after = ada.summary(&user.room_id).await;
    assert_eq!(desk(&of_user_after), desk(&of_user));
    let kept = &notes(ada, &user.room_id).await[0]["content"];
    assert_eq!(kept, "a note about the user");
    // The desk goes on: the user's next message wakes it, and it is Bob's still.
    let user = json!({"id": new_id(), "content": "or blue?"});
    let post = server.rest().bearer(&identity);
    post.post(&visitor.path("messages/"), user).await.is(201);
    let woken = ada.summary(&visitor.room_id).await;
    assert_eq!(woken["snoozed_until"], Value::Null);
    assert_eq!(woken["assignee"]["id"], bob.id);
}

/// The export of everything, line by line.
async fn export(agent: &Agent) -> Vec<Value> {
    let jobs = "/api/admin/jobs/";
    let started = agent.rest.post(jobs, json!({"kind": "export"})).await;
    let job = started.is(201)["job"]["id"].clone();
    let job = format!("{jobs}{}/", job.as_str().expect("an id"));
    eventually("it is exported", async || {
        agent.rest.get(&job).await.is(200)["job"]["state"] == "done"
    })
    .await;
    let file = agent.rest.get(&format!("{job}file/")).await;
    let lines = file.text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect()
}

#[tokio::test]
async fn what_an_agent_wrote_keeps_the_name_of_then_and_an_assignee_has_the_name_of_now() {
    let sink = SmtpSink::start().await;
    let server = TestServer::start_with(|config| {
        config.mail.smtp = Some(MailServer {
            host: sink.addr().ip().to_string(),
            port: sink.addr().port(),
            security: MailSecurity::Plain,
            login: None,
            mailbox: String::new(),
        });
        config.mail.from = Some("The Shop <chat@shop.example>".parse().expect("a mailbox"));
    })
    .await;
    let ada = server.admin().await;
    let bob = server.agent("bob", "agent").await;
    let ann = Visitor::named(&server, "Ann").await;
    ann.post("hello").await;
    bob.post(&ann.room_id, "hi").await;
    write_note(&bob, &ann.room_id, "she is a regular").await;

    let account = format!("/api/admin/agents/{}/", bob.id);
    let mut change = json!({"display_name": "Robert"});
    for disabled in [false, true] {
        if disabled {
            change = json!({"disabled": true});
        }
        ada.rest.patch(&account, change.clone()).await.is(200);
        eventually("the assignee's present name", async || {
            ada.summary(&ann.room_id).await["assignee"]
                == json!({"id": bob.id, "display_name": "Robert"})
        })
        .await;
        // What the console shows.
        let summary = ada.summary(&ann.room_id).await;
        assert_eq!(summary["last_message"]["sender_name"], "Bob Agent");
        let mut console = ada.online().await;
        let join = json!({"type": "join", "room_id": ann.room_id});
        console.send(join).await;
        let joined = console.expect("joined").await;
        let message = &joined["messages"][1];
        assert_eq!(message["sender_name"], "Bob Agent");
        assert_eq!(message["agent_id"], bob.id);
        assert_eq!(joined["notes"][0]["agent_name"], "Bob Agent");
        assert_eq!(joined["notes"][0]["agent_id"], bob.id);
        // What the customer has.
        assert_eq!(ann.messages().await[1]["sender_name"], "Bob Agent");
    }

    let lines = export(ada).await;
    let line = |kind: &str, at: usize| {
        let mut of_kind = lines.iter().filter(|line| line["type"] == kind);
        of_kind.nth(at).cloned().unwrap_or_default()
    };
    let agents = lines.iter().find(|line| line["id"] == bob.id);
    let agent = agents.expect("a line of the agent");
    assert_eq!(
        (&agent["display_name"], &agent["disabled"]),
        (&json!("Robert"), &json!(true))
    );
    assert_eq!(line("room", 0)["desk"]["assignee"], bob.id);
    assert_eq!(line("message", 1)["sender_name"], "Bob Agent");
    assert_eq!(line("message", 1)["agent_id"], bob.id);
    assert_eq!(line("note", 0)["agent_name"], "Bob Agent");

    let ask = json!({"email": "boss@shop.example"});
    let path = ada.path(&ann.room_id, "transcript/");
    assert_eq!(ada.rest.post(&path, ask).await.status, 202);
    let mail = sink.wait_for(1).await.remove(0);
    assert!(
        mail.raw.contains("Bob Agent") && !mail.raw.contains("Robert"),
        "{}",
        mail.raw
    );
}
