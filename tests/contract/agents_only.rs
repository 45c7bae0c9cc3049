//! What agents alone may see: over one conversation that has all of it, nothing that a visitor can
//! get has any of its words, ids and fields.

use shoptalk::config::{MailSecurity, MailServer};

use crate::common::{
    Agent, ShopServer, SmtpSink, Socket, TestServer, Value, Visitor, json, new_id,
};

/// Fields that agents alone get, wherever they stand.
const FIELDS: &[&str] = &[
    "agent_id",
    "agent_name",
    "after_seq",
    "agents",
    "assignee",
    "blocked",
    "cards",
    "draft",
    "last_note",
    "note",
    "notes",
    "notes_more",
    "snoozed_until",
    "spam",
    "summary",
    "tags",
    "unread_count",
    "version",
    "viewers",
    "waiting_since",
];

/// What no visitor may get of this conversation.
struct Secrets(Vec<String>);

/// Everything that somebody got, with a name for each.
#[derive(Default)]
struct Seen(Vec<(String, String)>);

impl Seen {
    fn add(&mut self, what: &str, value: impl ToString) {
        self.0.push((what.to_owned(), value.to_string()));
    }
}

impl Secrets {
    /// Where any of it occurs.
    fn found_in(&self, seen: &Seen) -> Vec<String> {
        let mut found = Vec::new();
        for (what, text) in &seen.0 {
            let words = self
                .0
                .iter()
                .filter(|secret| text.contains(secret.as_str()));
            found.extend(words.map(|secret| format!("{what}: {secret}")));
            if let Ok(value) = serde_json::from_str::<Value>(text) {
                fields(&value, &mut |field| {
                    if FIELDS.contains(&field) {
                        found.push(format!("{what}: the field {field}"));
                    }
                });
            }
        }
        found
    }
}

fn fields(value: &Value, visit: &mut impl FnMut(&str)) {
    match value {
        Value::Object(object) => {
            for (field, value) in object {
                visit(field);
                fields(value, visit);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| fields(value, visit)),
        _ => {}
    }
}

/// Expects a frame and notes that it came.
async fn expect(socket: &mut Socket, kind: &str, seen: &mut Seen) -> Value {
    let frame = socket.expect(kind).await;
    seen.add(kind, &frame);
    frame
}

/// What the agents do while the visitor's socket is open. Returns what nobody else may see of it.
async fn talk_among_agents(
    agents: [&Agent; 2],
    consoles: &mut [Socket; 2],
    room: &str,
) -> Vec<String> {
    let mut secrets = Vec::new();
    for (agent, console) in agents.into_iter().zip(consoles) {
        let (over_http, over_socket) = (new_id(), new_id());
        let note = json!({"id": over_http, "content": "SECRET she is on the list, ask @tom"});
        agent
            .rest
            .post(&agent.path(room, "notes/"), note)
            .await
            .is(201);
        let note = json!({"type": "note", "room_id": room, "id": over_socket,
                          "content": "SECRET give her the discount"});
        console.send(note).await;
        console.expect("noted").await;
        let post = json!({"type": "post", "room_id": room, "id": new_id(), "content": "Good day"});
        console.send(post).await;
        console.expect("ack").await;
        console
            .send(json!({"type": "typing", "room_id": room}))
            .await;
        secrets.extend([over_http, over_socket, agent.id.clone()]);
    }
    let tag = json!({"name": "SECRET tag", "color": "#112233"});
    let made = agents[0].rest.post("/api/admin/tags/", tag).await.is(201);
    let tag = made["tag"]["id"].as_str().expect("an id").to_owned();
    let desk = json!({"assignee": agents[0].id, "tags": [tag],
                      "snoozed_until": "2999-01-01T00:00:00.000Z"});
    let path = agents[0].path(room, "");
    agents[0].rest.patch(&path, desk).await.is(200);
    secrets.push(tag);
    let draft = json!({"after_seq": 3, "content": "SECRET a suggestion", "by": "SECRET bot"});
    let path = agents[0].path(room, "draft/");
    let request = agents[0].rest.request(reqwest::Method::PUT, &path);
    crate::common::Response::to(request.json(&draft))
        .await
        .success();
    let cards = agents[0].rest.get(&agents[0].path(room, "cards/")).await;
    assert_eq!(cards.is(200)["cards"][0]["title"], "SECRET order");
    secrets.extend(["SECRET".to_owned(), "discount".to_owned()]);
    secrets
}

/// Every call that a visitor can make about a room, those that are refused included.
async fn call_everything(visitor: &Visitor, seen: &mut Seen) {
    let rest = &visitor.rest;
    for path in [
        "/api/chat/rooms/".to_owned(),
        visitor.path(""),
        visitor.path("messages/"),
        visitor.path("messages/?after=0&limit=200"),
        visitor.path("messages/?before=99"),
        visitor.path("notes/"),
        visitor.path("draft/"),
        visitor.path("cards/"),
        visitor.path("rating/"),
        format!("/api/admin/rooms/{}/notes/", visitor.room_id),
        format!("/api/admin/rooms/{}/cards/", visitor.room_id),
        format!("/api/admin/rooms/{}/", visitor.room_id),
        "/api/admin/rooms/?q=SECRET".to_owned(),
    ] {
        let response = rest.get(&path).await;
        // A refusal names the path that was asked for.
        seen.add(&path, response.text.replace("q=SECRET", ""));
    }
    let post = json!({"id": new_id(), "content": "Thank you"});
    for (path, body) in [
        ("/api/chat/rooms/".to_owned(), json!({})),
        (visitor.path("messages/"), post.clone()),
        (visitor.path("messages/"), post),
        (visitor.path("messages/"), json!({})),
        (
            visitor.path("notes/"),
            json!({"id": new_id(), "content": "mine"}),
        ),
        (visitor.path("read/"), json!({"seq": 1})),
        (
            visitor.path("transcript/"),
            json!({"email": "ann@example.com"}),
        ),
        (visitor.path("close/"), json!({})),
        (
            visitor.path("rating/"),
            json!({"score": 5, "comment": "nice"}),
        ),
    ] {
        let response = rest.post(&path, body).await;
        seen.add(&format!("POST {path}"), response.text);
    }
}

#[tokio::test]
async fn a_visitor_gets_nothing_of_it_on_any_way() {
    let sink = SmtpSink::start().await;
    let shop = ShopServer::start().await;
    let order = json!({"title": "SECRET order", "lines": ["SECRET line"], "link": "https://s.example/SECRET"});
    shop.reply_next(axum::Json(json!({"cards": [order]})));
    let server = TestServer::start_with(|config| {
        config.limits.enabled = false;
        config.cards = Some(shop.config());
        config.mail.smtp = Some(MailServer {
            host: sink.addr().ip().to_string(),
            port: sink.addr().port(),
            security: MailSecurity::Plain,
            login: None,
            mailbox: String::new(),
        });
        config.mail.from = Some("The Shop <chat@shop.example>".parse().expect("a mailbox"));
        config.mail.after_ms = Some(1);
        config.rooms.presence_grace_ms = 1;
    })
    .await;
    let agents = [server.admin().await, &server.agent("tom", "agent").await];
    let details = json!({"customer_name": "Ann", "customer_email": "ann@example.com"});
    let visitor = Visitor::arrive_with(&server, details).await;
    let room = &visitor.room_id;
    let mut seen = Seen::default();
    let (mut tab, welcome) = visitor.connect().await;
    seen.add("welcome", welcome);
    let ack = tab.post("Hello?").await;
    seen.add("ack", ack);
    let mut consoles = [agents[0].joined(room).await, agents[1].joined(room).await];
    let secrets = Secrets(talk_among_agents(agents, &mut consoles, room).await);
    let read = json!({"type": "read", "room_id": room, "seq": 1});
    consoles[0].send(read).await;
    for kind in [
        "message", "message", "message", "read", "typing", "presence",
    ] {
        expect(&mut tab, kind, &mut seen).await;
    }
    tab.send(json!({"type": "history", "before": 3})).await;
    expect(&mut tab, "history", &mut seen).await;
    tab.send(json!({"type": "note", "id": new_id(), "content": "mine"}))
        .await;
    expect(&mut tab, "error", &mut seen).await;
    for resume in [json!({"after": 0}), json!({"after": 2}), json!({"tail": 1})] {
        let (_, welcome) = visitor.connect_with(resume).await;
        seen.add("resumed", welcome);
    }
    call_everything(&visitor, &mut seen).await;
    expect(&mut tab, "room", &mut seen).await;
    for frame in tab.take_inbox() {
        seen.add("a further frame", frame);
    }
    tab.close().await;
    // Unread answers and transcripts.
    agents[0].post(room, "We have written to you").await;
    let path = agents[1].path(room, "transcript/");
    let to = json!({"email": "ann@example.com"});
    assert_eq!(agents[1].rest.post(&path, to).await.status, 202);
    for mail in sink.wait_for(3).await {
        assert!(mail.raw.contains("Good day") || mail.raw.contains("written to you"));
        seen.add("a mail", mail.raw);
    }
    for page in ["/widget.js", "/"] {
        seen.add(page, server.rest().get(page).await.text);
    }
    let leaks = secrets.found_in(&seen);
    assert!(leaks.is_empty(), "{leaks:#?}");

    // The same look at what an agent gets finds all of it.
    let mut of_agent = Seen::default();
    let mut console = agents[0].online().await;
    console.send(json!({"type": "join", "room_id": room})).await;
    expect(&mut console, "joined", &mut of_agent).await;
    of_agent.add("summary", agents[0].summary(room).await);
    let found = secrets.found_in(&of_agent);
    for secret in secrets.0.iter().map(String::as_str).chain([
        "the field agent_id",
        "the field tags",
        "the field assignee",
    ]) {
        assert!(
            found.iter().any(|it| it.contains(secret)),
            "{secret}: {found:?}"
        );
    }
}
