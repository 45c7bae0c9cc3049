//! Every role, every call, every room: nobody sees or changes another's room.

use reqwest::Method;

use crate::common::{
    RawSocket, Response, Rest, Socket, TestServer, Value, Visitor, in_seconds, json, jwt, new_id,
};

/// Every call about one visitor's room; `{}` is the room.
const VISITOR_CALLS: [(&str, &str); 7] = [
    ("GET", "/api/chat/rooms/{}/"),
    ("GET", "/api/chat/rooms/{}/messages/"),
    ("GET", "/api/chat/rooms/{}/messages/?after=0"),
    ("POST", "/api/chat/rooms/{}/messages/"),
    ("POST", "/api/chat/rooms/{}/read/"),
    ("POST", "/api/chat/rooms/{}/close/"),
    ("POST", "/api/chat/rooms/{}/rating/"),
];

/// Every call of the console that a visitor must not make.
const CONSOLE_CALLS: [(&str, &str); 32] = [
    ("GET", "/api/admin/me/"),
    ("PATCH", "/api/admin/me/"),
    ("GET", "/api/admin/rooms/"),
    ("GET", "/api/admin/rooms/{}/"),
    ("PATCH", "/api/admin/rooms/{}/"),
    ("GET", "/api/admin/rooms/{}/messages/"),
    ("POST", "/api/admin/rooms/{}/messages/"),
    ("POST", "/api/admin/rooms/{}/messages/1/redact/"),
    ("GET", "/api/admin/rooms/{}/cards/"),
    ("GET", "/api/admin/rooms/{}/visitor/"),
    ("PUT", "/api/admin/rooms/{}/draft/"),
    ("DELETE", "/api/admin/rooms/{}/draft/"),
    ("GET", "/api/admin/rooms/{}/notes/"),
    ("POST", "/api/admin/rooms/{}/notes/"),
    ("POST", "/api/admin/rooms/{}/read/"),
    ("GET", "/api/admin/rooms/{}/ratings/"),
    ("GET", "/api/admin/agents/"),
    ("POST", "/api/admin/agents/"),
    ("PATCH", "/api/admin/agents/{}/"),
    ("GET", "/api/admin/tokens/"),
    ("POST", "/api/admin/tokens/"),
    ("DELETE", "/api/admin/tokens/"),
    ("DELETE", "/api/admin/tokens/{}/"),
    ("GET", "/api/admin/reports/"),
    ("GET", "/api/admin/reports.csv"),
    ("POST", "/api/admin/doctor/seen/"),
    ("POST", "/api/admin/doctor/findings/"),
    ("GET", "/api/admin/jobs/"),
    ("POST", "/api/admin/jobs/"),
    ("GET", "/api/admin/jobs/{}/"),
    ("DELETE", "/api/admin/jobs/{}/"),
    ("GET", "/api/admin/jobs/{}/file/"),
];

/// A body that every one of these calls would accept from its owner.
fn body() -> Value {
    json!({
        "id": new_id(), "content": "an intruder", "seq": 1, "status": "closed",
        "customer_name": "Mallory", "display_name": "Mallory", "blocked": true,
        "username": "mallory", "password": "mallory's password", "kind": "backup", "score": 5,
    })
}

async fn call(rest: &Rest, (method, path): (&str, &str), id: &str) -> Response {
    let method: Method = method.parse().expect("a method");
    let request = rest.request(method.clone(), &path.replace("{}", id));
    if method == Method::GET {
        Response::to(request).await
    } else {
        Response::to(request.json(&body())).await
    }
}

/// The whole state of a room, to see whether anything has changed.
async fn state(visitor: &Visitor) -> Value {
    json!([visitor.room().await, visitor.messages().await])
}

#[tokio::test]
async fn every_rest_call_by_every_caller() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let bob = server.agent("bob", "agent").await;
    let victim = Visitor::named(&server, "Victim").await;
    victim.post("my secret").await;
    let mallory = Visitor::arrive(&server).await;
    let user = jwt(
        jsonwebtoken::Algorithm::HS256,
        crate::common::IDENTITY_SECRET,
        &json!({"sub": "mallory", "exp": in_seconds(600)}),
    );
    let opened = server
        .rest()
        .post("/api/chat/rooms/", json!({"identity": user}))
        .await
        .is(201);
    let signed_in = Visitor::from_response(&server, &opened);
    let before = state(&victim).await;
    let summary = admin.summary(&victim.room_id).await;

    let rest = server.rest();
    let roles: [(&str, &Rest, u16); 5] = [
        ("nobody", &rest, 401),
        ("another visitor", &mallory.rest, 404),
        ("another user", &signed_in.rest, 404),
        ("an agent", &bob.rest, 401),
        ("an admin", &admin.rest, 401),
    ];
    for (role, rest, status) in roles {
        for verb in VISITOR_CALLS {
            let response = call(rest, verb, &victim.room_id).await;
            assert_eq!(
                response.status, status,
                "{role} {verb:?}: {}",
                response.text
            );
            assert!(!response.text.contains("my secret"), "{role} {verb:?}");
        }
    }
    for (role, rest) in [
        ("nobody", &rest),
        ("the visitor", &victim.rest),
        ("another visitor", &mallory.rest),
        ("a user's identity", &rest.bearer(&user)),
    ] {
        for verb in CONSOLE_CALLS {
            let response = call(rest, verb, &victim.room_id).await;
            assert_eq!(response.status, 401, "{role} {verb:?}: {}", response.text);
        }
    }
    for verb in [
        ("POST", "/api/admin/rooms/{}/messages/1/redact/"),
        ("GET", "/api/admin/agents/"),
        ("POST", "/api/admin/agents/"),
        ("PATCH", "/api/admin/agents/{}/"),
        ("GET", "/api/admin/tokens/"),
        ("POST", "/api/admin/tokens/"),
        ("DELETE", "/api/admin/tokens/"),
        ("DELETE", "/api/admin/tokens/{}/"),
        ("POST", "/api/admin/doctor/seen/"),
        ("POST", "/api/admin/doctor/findings/"),
        ("GET", "/api/admin/jobs/"),
        ("POST", "/api/admin/jobs/"),
        ("GET", "/api/admin/jobs/{}/"),
        ("DELETE", "/api/admin/jobs/{}/"),
        ("GET", "/api/admin/jobs/{}/file/"),
    ] {
        let response = call(&bob.rest, verb, &admin.id).await;
        assert_eq!(response.status, 403, "an agent {verb:?}: {}", response.text);
    }
    assert_eq!(state(&victim).await, before);
    assert_eq!(admin.summary(&victim.room_id).await, summary);
}

#[tokio::test]
async fn every_hello_by_every_caller() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let victim = Visitor::arrive(&server).await;
    let mallory = Visitor::arrive(&server).await;
    let ours = victim.socket_path();
    let unknown = format!("/ws/chat/{}/", uuid::Uuid::now_v7());
    for (who, path, token, code) in [
        (
            "another visitor",
            ours.as_str(),
            mallory.token.as_str(),
            4506,
        ),
        ("a visitor to no room", &unknown, &mallory.token, 4506),
        (
            "a visitor to no id",
            "/ws/chat/nonsense/",
            &mallory.token,
            4506,
        ),
        ("nobody", &ours, "nonsense", 4500),
        ("an agent on a visitor's socket", &ours, &admin.token, 4500),
        (
            "a visitor on the console's",
            "/ws/admin/chat/",
            &victim.token,
            4500,
        ),
        (
            "nobody on the console's",
            "/ws/admin/chat/",
            "nonsense",
            4500,
        ),
    ] {
        let mut socket = Socket::connect(server.addr(), path).await;
        socket.send(json!({"type": "hello", "token": token})).await;
        assert_eq!(socket.closed().await, Some(code), "{who}");
        assert!(
            socket
                .take_inbox()
                .iter()
                .all(|frame| frame["type"] == "error"),
            "{who}"
        );
    }
    for path in [ours.as_str(), "/ws/admin/chat/"] {
        let mut socket = Socket::connect(server.addr(), path).await;
        socket.send(json!({"type": "hello"})).await;
        assert_eq!(socket.closed().await, Some(4500), "without a token: {path}");
    }
}

#[tokio::test]
async fn a_visitor_frame_cannot_name_another_room() {
    let server = TestServer::start().await;
    let victim = Visitor::named(&server, "Victim").await;
    victim.post("my secret").await;
    let before = state(&victim).await;
    let mallory = Visitor::arrive(&server).await;
    let mut socket = mallory.online().await;
    let room_id = &victim.room_id;
    let id = new_id();
    socket
        .send(json!({"type": "post", "room_id": room_id, "id": id, "content": "an intruder"}))
        .await;
    let response = socket.reply_to(&id).await;
    assert_ne!(response["room_id"], *room_id, "{response}");
    for frame in [
        json!({"type": "read", "room_id": room_id, "seq": 1}),
        json!({"type": "typing", "room_id": room_id}),
        json!({"type": "history", "room_id": room_id, "before": 100}),
        json!({"type": "join", "room_id": room_id}),
        json!({"type": "leave", "room_id": room_id}),
        json!({"type": "status", "room_id": room_id, "status": "closed"}),
        json!({"type": "close", "room_id": room_id}),
    ] {
        socket.send(frame).await;
    }
    socket
        .expect_where("the own room closes", |frame| {
            frame["room"]["status"] == "closed"
        })
        .await;
    for frame in socket.take_inbox() {
        assert!(!frame.to_string().contains("my secret"), "{frame}");
        if frame["type"] != "error" {
            assert_ne!(frame["room_id"], *room_id, "{frame}");
        }
    }
    assert_eq!(state(&victim).await, before);
}

#[tokio::test]
async fn an_agent_socket_receives_joined_rooms_only() {
    let server = TestServer::start().await;
    let bob = server.agent("bob", "agent").await;
    let one = Visitor::arrive(&server).await;
    let two = Visitor::arrive(&server).await;
    let mut console = bob.joined(&one.room_id).await;
    two.post("not joined").await;
    one.post("joined").await;
    let received = console.expect("message").await;
    assert_eq!(received["room_id"], one.room_id);
    console
        .send(json!({"type": "close", "room_id": one.room_id}))
        .await;
    console.expect_error("bad_frame").await;
    for frame in [
        json!({"type": "typing", "room_id": two.room_id}),
        json!({"type": "history", "room_id": two.room_id, "before": 9}),
    ] {
        console.send(frame).await;
        let error = console.expect_error("invalid").await;
        assert_eq!(error["room_id"], two.room_id, "{error}");
    }
    assert_eq!(console.count_in_inbox("message"), 0);
}

#[tokio::test]
async fn visitor_events_have_visitor_fields_only() {
    let server = TestServer::start().await;
    let bob = server.agent("bob", "agent").await;
    let visitor = Visitor::named(&server, "Carla").await;
    let (mut socket, welcome) = visitor.connect().await;
    let mut console = bob.joined(&visitor.room_id).await;
    let room_id = &visitor.room_id;
    socket.post("hello").await;
    for frame in [
        json!({"type": "typing", "room_id": room_id}),
        json!({"type": "post", "room_id": room_id, "id": new_id(), "content": "good day"}),
        json!({"type": "read", "room_id": room_id, "seq": 1}),
        json!({"type": "status", "room_id": room_id, "status": "closed"}),
    ] {
        console.send(frame).await;
    }
    socket
        .send(json!({"type": "history", "before": 3, "limit": 50}))
        .await;
    let closed = socket
        .expect_where("closed", |frame| frame["room"]["status"] == "closed")
        .await;
    let history = socket.expect("history").await;
    let mut events = socket.take_inbox();
    events.extend([welcome, closed, history]);
    for kind in ["welcome", "message", "typing", "read", "room", "history"] {
        let came = events.iter().any(|event| event["type"] == kind);
        assert!(came, "{kind} is among {events:?}");
    }
    for event in events {
        let text = event.to_string();
        for private in [
            "blocked",
            "unread_count",
            "waiting_since",
            "version",
            "username",
            "\"bob\"",
            "visitor_id",
            &bob.id,
        ] {
            assert!(!text.contains(private), "{private} in {text}");
        }
    }
}

#[tokio::test]
async fn the_doctors_socket_is_for_admins() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let bob = server.agent("bob", "agent").await;
    let visitor = Visitor::arrive(&server).await;
    for (who, headers, status) in [
        ("nobody", String::new(), "401"),
        (
            "nonsense",
            "Authorization: Bearer nonsense\r\n".to_owned(),
            "401",
        ),
        (
            "a visitor",
            format!("Authorization: Bearer {}\r\n", visitor.token),
            "401",
        ),
        (
            "an agent",
            format!("Authorization: Bearer {}\r\n", bob.token),
            "403",
        ),
        (
            "a foreign page",
            format!(
                "Authorization: Bearer {}\r\nOrigin: https://foreign.example\r\n",
                admin.token
            ),
            "403",
        ),
        (
            "an admin",
            format!("Authorization: Bearer {}\r\n", admin.token),
            "101",
        ),
    ] {
        let mut socket = RawSocket::connect(server.addr()).await;
        let head = socket.upgrade("/ws/admin/doctor/", &headers).await;
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status}")),
            "{who}: {head}"
        );
    }
}
