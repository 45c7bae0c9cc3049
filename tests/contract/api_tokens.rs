//! API tokens: what programs of the shop make calls with.

use reqwest::Method;

use crate::common::{
    Response, Rest, Socket, TestServer, Value, Visitor, eventually, in_seconds, json, keys, new_id,
    results,
};

const RIGHTS: [&str; 6] = [
    "rooms:read",
    "messages:write",
    "notes:write",
    "drafts:write",
    "reports:read",
    "export",
];

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// A token with these rights: its id, and calls with its secret.
async fn make(server: &TestServer, rights: &[&str]) -> (String, Rest) {
    let request = json!({"name": "Robot", "rights": rights});
    let admin = &server.admin().await.rest;
    let made = admin.post("/api/admin/tokens/", request).await.is(201);
    let secret = text(&made["token"]);
    assert!(secret.starts_with("stk_"), "{secret}");
    (text(&made["id"]).to_owned(), server.rest().bearer(secret))
}

#[tokio::test]
async fn a_token_s_secret_is_shown_once_and_stored_nowhere() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let end = in_seconds(3_600);
    let request = json!({
        "name": " Robot ",
        "rights": ["export", "rooms:read", "export"],
        "expires_at": format_time(end),
    });
    let made = admin.rest.post("/api/admin/tokens/", request).await.is(201);
    assert_eq!(made["name"], "Robot");
    assert_eq!(made["rights"], json!(["rooms:read", "export"]));
    assert_eq!(made["created_by"], admin.id);
    let secret = text(&made["token"]).to_owned();
    let listed = admin.rest.get("/api/admin/tokens/").await;
    assert!(!listed.text.contains("stk_"), "{}", listed.text);
    let listed = listed.is(200);
    let listed = &results(&listed)[0];
    assert_eq!(
        keys(listed),
        [
            "created_at",
            "created_by",
            "expires_at",
            "id",
            "last_used_at",
            "name",
            "rights"
        ]
    );
    assert_eq!(listed["id"], made["id"]);
    assert_eq!(listed["last_used_at"], Value::Null);
    for (place, bytes) in server.everything_stored() {
        let found = bytes
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!found, "{place}");
    }
    server
        .rest()
        .bearer(&secret)
        .get("/api/admin/rooms/")
        .await
        .is(200);
    eventually("its use is noted", async || {
        let listed = admin.rest.get("/api/admin/tokens/").await.is(200);
        results(&listed)[0]["last_used_at"].is_string()
    })
    .await;
}

fn format_time(seconds: i64) -> String {
    let time = chrono::DateTime::from_timestamp(seconds, 0).expect("a time");
    time.to_rfc3339()
}

#[tokio::test]
async fn wrong_fields_are_refused_and_tokens_are_the_admins() {
    let server = TestServer::start().await;
    let admin = &server.admin().await.rest;
    for (field, value) in [
        ("name", json!(" ")),
        ("name", json!("x".repeat(101))),
        ("rights", json!([])),
        ("rights", json!(["rooms:paint"])),
        ("expires_at", json!("tomorrow")),
        ("expires_at", json!("2020-01-01T00:00:00Z")),
    ] {
        let mut request = json!({"name": "Robot", "rights": ["rooms:read"]});
        request[field] = value;
        let refused = admin.post("/api/admin/tokens/", request).await;
        refused.invalid(field);
    }
    let (id, _) = make(&server, &["rooms:read"]).await;
    let bob = server.agent("bob", "agent").await;
    let request = json!({"name": "Robot", "rights": ["rooms:read"]});
    bob.rest
        .get("/api/admin/tokens/")
        .await
        .problem(403, "forbidden");
    let made = bob.rest.post("/api/admin/tokens/", request).await;
    made.problem(403, "forbidden");
    let path = format!("/api/admin/tokens/{id}/");
    bob.rest.delete(&path).await.problem(403, "forbidden");
}

/// Every call of the agents, by every token: only those whose right it has.
#[tokio::test]
async fn a_token_makes_the_calls_of_its_rights_and_no_others() {
    let server = TestServer::start().await;
    let visitor = Visitor::named(&server, "Ann").await;
    visitor.post("hello").await;
    let mut tokens = Vec::new();
    for right in RIGHTS {
        tokens.push((right, make(&server, &[right]).await.1));
    }
    let document = server.rest().get("/api/openapi.json").await.is(200);
    let mut used: Vec<&str> = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let security = operation["security"].as_array().into_iter().flatten();
            let schemes: Vec<&Value> = security.collect();
            if !schemes.iter().any(|scheme| scheme["agent"].is_array()) {
                continue;
            }
            let right = schemes
                .iter()
                .find_map(|scheme| scheme["token"][0].as_str());
            for (held, token) in &tokens {
                let path = path.replace("{id}", &visitor.room_id).replace("{seq}", "1");
                let method: Method = method.to_uppercase().parse().expect("a method");
                let request = token.request(method.clone(), &path);
                let request = match method {
                    Method::GET => request,
                    _ => request.json(&json!({})),
                };
                let response = Response::to(request).await;
                let what = format!("{method} {path} with {held}: {}", response.text);
                if right == Some(*held) {
                    assert!(![401, 403].contains(&response.status), "{what}");
                    used.push(held);
                } else {
                    let problem = response.problem(403, "forbidden");
                    let named = right.unwrap_or("sign in as an agent");
                    assert!(text(&problem["detail"]).contains(named), "{what}");
                }
            }
        }
    }
    for right in RIGHTS {
        assert!(used.contains(&right), "{right} is the right of no call");
    }
}

#[tokio::test]
async fn what_a_token_writes_has_its_name() {
    let server = TestServer::start().await;
    let visitor = Visitor::named(&server, "Ann").await;
    visitor.post("hello").await;
    let (id, robot) = make(&server, &["messages:write", "rooms:read", "export"]).await;
    let path = format!("/api/admin/rooms/{}/messages/", visitor.room_id);
    let message = json!({"id": new_id(), "content": "Your parcel is on its way"});
    let posted = robot.post(&path, message.clone()).await.is(201);
    assert_eq!(posted["message"]["sender_name"], "Robot");
    assert_eq!(posted["message"]["sender_type"], "admin");
    robot.post(&path, message).await.is(200);
    assert_eq!(visitor.room().await["status"], "active");
    let read = format!("/api/admin/rooms/{}/read/", visitor.room_id);
    assert_eq!(robot.post(&read, json!({"seq": 1})).await.is(200)["seq"], 1);

    let backup = robot
        .post("/api/admin/jobs/", json!({"kind": "backup"}))
        .await;
    backup.problem(403, "forbidden");
    let job = robot
        .post("/api/admin/jobs/", json!({"kind": "export"}))
        .await;
    let job = format!("/api/admin/jobs/{}/", text(&job.is(201)["job"]["id"]));
    eventually("it is exported", async || {
        robot.get(&job).await.is(200)["job"]["state"] == "done"
    })
    .await;
    let file = robot.get(&format!("{job}file/")).await;
    assert!(file.text.contains("on its way"), "{}", file.text);
    let rows = server.rows("SELECT action, actor, subject FROM audit ORDER BY pk");
    let admin = &server.admin().await.id;
    let (by, made) = (format!("token {id}"), format!("{id} Robot"));
    for (action, actor, subject) in [("token_made", admin, Some(made)), ("exported", &by, None)] {
        let found = rows.iter().any(|row| {
            row[0] == action && row[1] == *actor && subject.as_ref().is_none_or(|it| row[2] == *it)
        });
        assert!(found, "{action}: {rows:?}");
    }
}

#[tokio::test]
async fn a_token_s_note_has_its_name_and_no_visitor_gets_it() {
    let server = TestServer::start().await;
    let visitor = Visitor::named(&server, "Ann").await;
    visitor.post("hello").await;
    let (id, robot) = make(&server, &["notes:write"]).await;
    let path = format!("/api/admin/rooms/{}/notes/", visitor.room_id);
    let note = json!({"id": new_id(), "content": "Two parcels are on their way"});
    let written = robot.post(&path, note.clone()).await.is(201);
    assert_eq!(written["note"]["agent_name"], "Robot");
    assert_eq!(written["note"]["agent_id"], id);
    assert_eq!(robot.post(&path, note).await.is(200), written);
    let other = robot.post(
        &path,
        json!({"id": written["note"]["id"], "content": "other"}),
    );
    other.await.problem(409, "conflict");
    let admin = &server.admin().await.rest;
    let listed = admin.get(&path).await.is(200);
    assert_eq!(results(&listed), &[written["note"].clone()]);
    // It may write notes, and not read them.
    robot.get(&path).await.problem(403, "forbidden");
    assert_eq!(visitor.messages().await.len(), 1);
}

#[tokio::test]
async fn a_token_reads_reports_as_an_admin_does() {
    let server = TestServer::start().await;
    let visitor = Visitor::named(&server, "Ann").await;
    visitor.post("hello").await;
    let (_, robot) = make(&server, &["reports:read"]).await;
    let admin = &server.admin().await.rest;
    for path in ["/api/admin/reports/?by=agent", "/api/admin/reports.csv"] {
        let [read, by_admin] = [robot.get(path).await, admin.get(path).await];
        assert_eq!((read.status, &read.text), (200, &by_admin.text), "{path}");
    }
}

#[tokio::test]
async fn a_token_of_another_kind_of_job_is_not_found() {
    let server = TestServer::start().await;
    let admin = &server.admin().await.rest;
    if server.database().is_some() {
        return;
    }
    let (_, robot) = make(&server, &["export"]).await;
    let job = admin
        .post("/api/admin/jobs/", json!({"kind": "backup"}))
        .await;
    let job = format!("/api/admin/jobs/{}/", text(&job.is(201)["job"]["id"]));
    for path in [job.clone(), format!("{job}file/")] {
        robot.get(&path).await.problem(404, "not_found");
    }
    robot.delete(&job).await.problem(404, "not_found");
}

#[tokio::test]
async fn an_ended_token_is_401_at_once_and_an_expired_one_at_its_time() {
    let server = TestServer::start().await;
    let admin = &server.admin().await.rest;
    for by_path in [true, false] {
        let (id, robot) = make(&server, &["rooms:read"]).await;
        robot.get("/api/admin/rooms/").await.is(200);
        let path = format!("/api/admin/tokens/{id}/");
        let ended = match by_path {
            true => admin.delete(&path).await,
            false => {
                admin
                    .delete_with("/api/admin/tokens/", json!({"id": id}))
                    .await
            }
        };
        assert_eq!(ended.status, 204, "{}", ended.text);
        let refused = robot.get("/api/admin/rooms/").await;
        refused.problem(401, "unauthorized");
        admin.delete(&path).await.problem(404, "not_found");
    }
    let refused = admin
        .delete_with("/api/admin/tokens/", json!({"id": "7"}))
        .await;
    refused.invalid("id");
    let (id, robot) = make(&server, &["rooms:read"]).await;
    let expire = "UPDATE api_tokens SET expires_at = 1";
    server.execute(expire, expire);
    robot
        .get("/api/admin/rooms/")
        .await
        .problem(401, "unauthorized");
    let listed = admin.get("/api/admin/tokens/").await.is(200);
    assert_eq!(
        results(&listed)[0]["id"],
        id,
        "it is listed until it is ended"
    );
}

#[tokio::test]
async fn a_token_opens_no_socket_and_no_visitor_s_call() {
    let server = TestServer::start().await;
    let request = json!({"name": "Robot", "rights": RIGHTS});
    let admin = &server.admin().await.rest;
    let made = admin.post("/api/admin/tokens/", request).await.is(201);
    let secret = text(&made["token"]);
    let visitor = Visitor::arrive(&server).await;
    let robot = server.rest().bearer(secret);
    robot
        .get(&visitor.path(""))
        .await
        .problem(401, "unauthorized");
    for path in [visitor.socket_path(), "/ws/admin/chat/".to_owned()] {
        let mut socket = Socket::connect(server.addr(), &path).await;
        socket.send(json!({"type": "hello", "token": secret})).await;
        assert_eq!(socket.closed().await, Some(4500), "{path}");
    }
}
