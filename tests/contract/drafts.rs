//! Suggestions for the agents' next message.

use crate::common::{TestServer, Value, Visitor, json, keys, new_id};

fn path(visitor: &Visitor) -> String {
    format!("/api/admin/rooms/{}/draft/", visitor.room_id)
}

async fn waiting(server: &TestServer) -> Visitor {
    let visitor = Visitor::named(server, "Ann").await;
    visitor.post("where is my parcel?").await;
    visitor
}

#[tokio::test]
async fn agents_get_a_suggestion_at_once_and_when_they_join() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let me = admin.rest.get("/api/admin/me/").await.is(200);
    let name = &me["agent"]["display_name"];
    let visitor = waiting(&server).await;
    let mut early = admin.joined(&visitor.room_id).await;
    let request = json!({"after_seq": 1, "content": "It comes today", "by": "Robot"});
    let put = admin.rest.put(&path(&visitor), request).await.is(200);
    let draft = &put["draft"];
    assert_eq!(keys(draft), ["after_seq", "by", "content", "created_at"]);
    assert_eq!(draft["after_seq"], 1);
    assert_eq!(draft["by"], "Robot");
    let frame = early.expect("draft").await;
    assert_eq!(frame["room_id"], visitor.room_id);
    assert_eq!(frame["draft"], *draft);

    let mut late = admin.joined(&visitor.room_id).await;
    assert_eq!(late.expect("draft").await["draft"], *draft);
    let own = json!({"after_seq": 1, "content": "Tomorrow"});
    admin.rest.put(&path(&visitor), own).await.is(200);
    for socket in [&mut early, &mut late] {
        let frame = socket.expect("draft").await;
        assert_eq!(frame["draft"]["content"], "Tomorrow");
        assert_eq!(frame["draft"]["by"], *name, "the caller's name");
    }
    assert_eq!(admin.rest.delete(&path(&visitor)).await.status, 204);
    for socket in [&mut early, &mut late] {
        assert_eq!(socket.expect("draft").await["draft"], Value::Null);
    }
    assert_eq!(admin.rest.delete(&path(&visitor)).await.status, 204);
    // Whoever joins now gets none: the next frame is that of the message.
    let mut last = admin.joined(&visitor.room_id).await;
    visitor.post("hello?").await;
    last.expect("message").await;
    assert_eq!(last.count_in_inbox("draft"), 0);
}

#[tokio::test]
async fn a_suggestion_moves_nothing_and_reaches_no_visitor() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = waiting(&server).await;
    let (mut socket, _) = visitor.connect().await;
    let (room, mut summary) = (visitor.room().await, admin.summary(&visitor.room_id).await);
    let request = json!({"after_seq": 1, "content": "a secret thought", "by": "Robot"});
    admin.rest.put(&path(&visitor), request).await.is(200);
    assert_eq!(visitor.room().await, room);
    let mut after = admin.summary(&visitor.room_id).await;
    for summary in [&mut summary, &mut after] {
        summary["version"] = json!(0);
        summary["customer_online"] = json!(true);
    }
    assert_eq!(after, summary);
    let (_, welcome) = visitor.connect().await;
    admin.rest.delete(&path(&visitor)).await;
    admin.post(&visitor.room_id, "It comes today").await;
    let message = socket.expect("message").await;
    let mut frames = socket.take_inbox();
    frames.extend([welcome, message, json!(visitor.messages().await)]);
    for frame in frames {
        assert_ne!(frame["type"], "draft");
        assert!(!frame.to_string().contains("a secret thought"), "{frame}");
    }
}

#[tokio::test]
async fn a_suggestion_has_to_know_the_newest_message() {
    let server = TestServer::start().await;
    let admin = &server.admin().await.rest;
    let visitor = waiting(&server).await;
    let path = path(&visitor);
    let suggest = |after_seq: u64| json!({"after_seq": after_seq, "content": "It comes today"});
    admin.put(&path, suggest(2)).await.invalid("after_seq");
    visitor.post("hello?").await;
    admin.put(&path, suggest(1)).await.problem(409, "conflict");
    admin.put(&path, suggest(2)).await.is(200);
    for (field, value) in [
        ("content", json!(" ")),
        ("by", json!("x".repeat(101))),
        ("by", json!("two\nlines")),
    ] {
        let mut request = suggest(2);
        request[field] = value;
        admin.put(&path, request).await.invalid(field);
    }
    let long = json!({"after_seq": 2, "content": "x".repeat(8_001)});
    admin.put(&path, long).await.problem(413, "too_large");
    let unknown = format!("/api/admin/rooms/{}/draft/", new_id());
    let response = admin.put(&unknown, suggest(0)).await;
    response.problem(404, "not_found");
    admin.delete(&unknown).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_program_s_suggestion_has_the_token_s_name() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let request = json!({"name": "Answer machine", "rights": ["drafts:write"]});
    let made = admin.rest.post("/api/admin/tokens/", request).await.is(201);
    let token = made["token"].as_str().expect("a secret");
    let visitor = waiting(&server).await;
    let mut console = admin.joined(&visitor.room_id).await;
    let robot = server.rest().bearer(token);
    let request = json!({"after_seq": 1, "content": "It comes today"});
    robot.put(&path(&visitor), request).await.is(200);
    let frame = console.expect("draft").await;
    assert_eq!(frame["draft"]["by"], "Answer machine");
}
