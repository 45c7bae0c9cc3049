//! Input at the limits of what is allowed and beyond them: the documented response, never a 5xx.

use reqwest::Method;

use crate::common::{
    PASSWORD, Response, Socket, TestServer, Value, Visitor, json, keys, new_id, results, seqs,
};

#[tokio::test]
async fn credentials_in_a_url_are_ignored() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let admin = server.admin().await;
    for (path, token) in [
        (visitor.path(""), &visitor.token),
        ("/api/admin/me/".to_owned(), &admin.token),
    ] {
        for name in ["token", "access_token", "authorization"] {
            let path = format!("{path}?{name}={token}");
            server.rest().get(&path).await.problem(401, "unauthorized");
        }
    }
    let path = format!("{}?token={}", visitor.socket_path(), visitor.token);
    let mut socket = Socket::connect(server.addr(), &path).await;
    socket.send(json!({"type": "hello"})).await;
    assert_eq!(socket.closed().await, Some(4500));
}

#[tokio::test]
async fn authorization_is_bearer_and_a_token() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let get = |value: String| {
        let request = server
            .rest()
            .request(Method::GET, "/api/chat/rooms/")
            .header("authorization", value);
        Response::to(request)
    };
    let token = &visitor.token;
    get(format!("Bearer {token}")).await.is(200);
    get(format!("bearer {token}")).await.is(200);
    for wrong in [
        format!("Basic {token}"),
        token.clone(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer {token}x"),
        format!("Bearer {}", &token[..token.len() - 1]),
        format!("Bearer {}", token.to_uppercase()),
        format!("Bearer {}", "x".repeat(7_000)),
    ] {
        get(wrong).await.problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn two_authorization_headers_are_refused() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let admin = server.admin().await;
    for (method, path, token) in [
        (Method::GET, visitor.path(""), &visitor.token),
        (Method::POST, "/api/chat/rooms/".to_owned(), &visitor.token),
        (Method::POST, "/api/chat/logout/".to_owned(), &visitor.token),
        (Method::GET, "/api/admin/me/".to_owned(), &admin.token),
    ] {
        for (first, second) in [(token.as_str(), "x"), ("x", token), (token, token)] {
            let request = server
                .rest()
                .request(method.clone(), &path)
                .header("authorization", format!("Bearer {first}"))
                .header("authorization", format!("Bearer {second}"));
            Response::to(request).await.problem(401, "unauthorized");
        }
    }
    visitor.rest.get(&visitor.path("")).await.is(200);
}

#[tokio::test]
async fn unusual_queries_are_refused_or_ignored() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    visitor.post("hello").await;
    let long = format!("q={}", "word+".repeat(1_000));
    let mut wrong = Vec::new();
    // What the list of rooms answers, and the log, which knows no `q`, `cursor` or `status`.
    for (query, rooms, messages) in [
        ("q=%ff", 200, 200),
        ("q=%00", 400, 200),
        ("limit=%ff", 400, 400),
        ("limit=1&limit=2", 200, 200),
        ("cursor=%00", 400, 200),
        ("cursor=AAAA", 400, 200),
        ("status=", 200, 200),
        ("order=", 200, 200),
        ("q=", 200, 200),
        ("q=%20", 200, 200),
        ("q=%E2%80%8B", 200, 200),
        ("q=%F0%9F%98%80", 200, 200),
        ("q=*", 200, 200),
        ("q=hello*", 200, 200),
        ("%", 200, 200),
        ("&&&", 200, 200),
        ("=", 200, 200),
        (long.as_str(), 400, 200),
    ] {
        let log = visitor.path(&format!("messages/?{query}"));
        for (rest, path, status) in [
            (&admin.rest, format!("/api/admin/rooms/?{query}"), rooms),
            (&visitor.rest, log, messages),
        ] {
            let response = rest.get(&path).await;
            if response.status != status {
                wrong.push(format!("{path}: {} {}", response.status, response.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let all = admin.rest.get("/api/admin/rooms/?q=").await.is(200);
    assert_eq!(results(&all).len(), 1, "an empty search is the list");
}

#[tokio::test]
async fn room_patch_fields_are_type_checked() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::named(&server, "Carla").await;
    visitor.post("hello").await;
    let path = admin.path(&visitor.room_id, "");
    let before = admin.summary(&visitor.room_id).await;
    for wrong in [
        json!({"blocked": "yes"}),
        json!({"blocked": 1}),
        json!({"status": 7}),
        json!({"status": "open"}),
        json!({"customer_name": ["x"]}),
        json!([]),
        json!("x"),
    ] {
        let response = admin.rest.patch(&path, wrong.clone()).await;
        response.problem(400, "invalid");
    }
    assert_eq!(
        admin.rest.patch(&path, json!({})).await.is(200)["summary"],
        before
    );
    let same = json!({"customer_name": "Carla", "status": "waiting"});
    // No call sets a room waiting, whatever its status is.
    admin.rest.patch(&path, same).await.problem(400, "invalid");
    assert_eq!(admin.summary(&visitor.room_id).await, before);
    let emptied = admin
        .rest
        .patch(&path, json!({"customer_name": " "}))
        .await
        .is(200);
    assert!(
        emptied["summary"]["customer_name"].is_null(),
        "empty means absent"
    );
    let unknown = admin.path(&uuid::Uuid::now_v7().to_string(), "");
    admin.rest.get(&unknown).await.problem(404, "not_found");
    admin
        .rest
        .patch(&unknown, json!({"blocked": true}))
        .await
        .problem(404, "not_found");
    for below in ["messages/", "read/"] {
        let path = format!("{unknown}{below}");
        let body = json!({"id": new_id(), "content": "hi", "seq": 0});
        admin.rest.post(&path, body).await.problem(404, "not_found");
    }
    admin
        .rest
        .get(&format!("{unknown}messages/"))
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn agents_have_names_and_passwords_within_limits() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let add = async |body: Value| admin.rest.post("/api/admin/agents/", body).await;
    for username in ["", " ", "a\nb", "a\0b", &"x".repeat(101)] {
        add(json!({"username": username, "password": PASSWORD}))
            .await
            .invalid("username");
    }
    for password in ["", "1234567", &"x".repeat(1_025)] {
        add(json!({"username": "bob", "password": password}))
            .await
            .invalid("password");
    }
    let display_name = "x".repeat(101);
    add(json!({"username": "bob", "password": PASSWORD, "display_name": display_name}))
        .await
        .invalid("display_name");
    add(json!({"username": "bob"})).await.invalid("password");
    add(json!({"password": PASSWORD})).await.invalid("username");
    for (username, password) in [("bob", "12345678".to_owned()), ("eve", "ä".repeat(512))] {
        let made = add(json!({"username": username, "password": password}))
            .await
            .success();
        assert!(
            !made["agent"]["display_name"]
                .as_str()
                .unwrap_or("")
                .is_empty()
        );
        assert_eq!(made["agent"]["disabled"], false);
        server.sign_in(username, &password).await;
        server.sign_in(&username.to_uppercase(), &password).await;
    }
    for path in ["/api/admin/agents/no-uuid/", "/api/admin/agents/1/"] {
        admin
            .rest
            .patch(path, json!({"role": "agent"}))
            .await
            .problem(404, "not_found");
    }
    for login in [
        json!({}),
        json!({"username": 1, "password": 2}),
        json!({"username": "bob"}),
    ] {
        server
            .rest()
            .post("/api/admin/login/", login)
            .await
            .problem(400, "invalid");
    }
    let huge = json!({"username": "bob", "password": "x".repeat(100_000)});
    let response = server.rest().post("/api/admin/login/", huge).await;
    response.problem(401, "bad_credentials");
    let strange = json!({"username": "b\0b' OR 1=1 --", "password": "\0\0\0\0\0\0\0\0"});
    let response = server.rest().post("/api/admin/login/", strange).await;
    response.problem(401, "bad_credentials");
}

#[tokio::test]
async fn read_and_history_at_the_limits() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let read = |seq: Value| {
        let (rest, path) = (visitor.rest.clone(), visitor.path("read/"));
        async move { rest.post(&path, json!({"seq": seq})).await }
    };
    assert_eq!(read(json!(0)).await.is(200)["seq"], 0);
    for wrong in [
        json!(1),
        json!(-1),
        json!(1.5),
        json!("1"),
        json!(null),
        json!(1e30),
    ] {
        read(wrong).await.problem(400, "invalid");
    }
    let mut socket = visitor.online().await;
    socket.post_many(3).await;
    for (before, expected) in [
        (json!(0), vec![]),
        (json!(1), vec![]),
        (json!(3), vec![1, 2]),
        (json!(i64::MAX), vec![1, 2, 3]),
    ] {
        socket
            .send(json!({"type": "history", "before": before}))
            .await;
        assert_eq!(seqs(&socket.expect("history").await["messages"]), expected);
    }
    for tail in [201, 9_999] {
        let mut wrong = Socket::connect(server.addr(), &visitor.socket_path()).await;
        let hello = json!({"type": "hello", "token": visitor.token, "tail": tail});
        wrong.send(hello).await;
        assert_eq!(wrong.closed().await, Some(4501));
    }
    let mut console = server.admin().await.online().await;
    let join = json!({"type": "join", "room_id": visitor.room_id, "tail": 201});
    console.send(join).await;
    let error = console.expect_error("invalid").await;
    assert_eq!(error["room_id"], visitor.room_id);
}

#[tokio::test]
async fn head_is_answered_like_get_without_a_body() {
    let server = TestServer::start().await;
    for path in ["/healthz", "/readyz", "/api/openapi.json"] {
        let response = Response::to(server.rest().request(Method::HEAD, path)).await;
        assert_eq!(
            (response.status, response.text.as_str()),
            (200, ""),
            "{path}"
        );
    }
}

#[tokio::test]
async fn signing_out_removes_the_cookie() {
    let server = TestServer::start().await;
    server.admin().await;
    let body = json!({"username": "ada", "password": PASSWORD});
    let login = server.rest().post("/api/admin/login/", body).await;
    let cookie = login
        .header("set-cookie")
        .split(';')
        .next()
        .expect("a cookie")
        .to_owned();
    let logout = |origin: Option<String>| {
        let mut request = server
            .rest()
            .request(Method::POST, "/api/admin/logout/")
            .header("cookie", &cookie);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        Response::to(request.json(&json!({})))
    };
    logout(None).await.problem(403, "forbidden");
    let gone = logout(Some(server.own_origin())).await;
    gone.is(204);
    let cleared = gone.header("set-cookie");
    assert!(cleared.contains("Max-Age=0"), "{cleared}");
    let get = server
        .rest()
        .request(Method::GET, "/api/admin/me/")
        .header("cookie", &cookie);
    Response::to(get).await.problem(401, "unauthorized");
    server
        .rest()
        .post("/api/admin/logout/", json!({}))
        .await
        .problem(401, "unauthorized");
}

#[tokio::test]
async fn searches_are_paged() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for number in 0..5 {
        Visitor::named(&server, &format!("V{number}"))
            .await
            .post("needle in hay")
            .await;
    }
    crate::common::eventually("all are indexed", async || {
        results(&admin.rest.get("/api/admin/rooms/?q=needle").await.is(200)).len() == 5
    })
    .await;
    let mut found = Vec::new();
    let mut query = "?q=needle&limit=2".to_owned();
    loop {
        let page = admin
            .rest
            .get(&format!("/api/admin/rooms/{query}"))
            .await
            .is(200);
        assert!(results(&page).len() <= 2);
        for result in results(&page) {
            assert_eq!(keys(&result["match"]), ["seq", "snippet"]);
            found.push(result["customer_name"].as_str().expect("a name").to_owned());
        }
        let Some(next) = crate::common::next_page(&page) else {
            break;
        };
        query = format!("?q=needle&limit=2&cursor={next}");
    }
    assert_eq!(
        found,
        ["V4", "V3", "V2", "V1", "V0"],
        "the newest match first"
    );
}

const VISITOR_VERBS: [&str; 6] = ["post", "read", "typing", "history", "close", "pong"];
const AGENT_VERBS: [&str; 8] = [
    "post", "read", "typing", "history", "join", "leave", "status", "pong",
];

/// A small random generator, so that a failure can be repeated with its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).expect("less than sides")
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.roll(from.len())]
    }

    fn value(&mut self, room_id: &str) -> Value {
        match self.roll(12) {
            0 => Value::Null,
            1 => json!(true),
            2 => json!(-1),
            3 => json!(self.roll(300)),
            4 => json!(1.5),
            5 => json!(u64::MAX),
            6 => json!("\u{0}"),
            7 => json!("x".repeat(self.roll(9_000))),
            8 => json!(room_id),
            9 => json!(new_id()),
            10 => json!([{"deep": [1]}]),
            _ => json!({"type": "post"}),
        }
    }

    fn frame(&mut self, kinds: &[&str], room_id: &str) -> Value {
        let fields = [
            "room_id", "id", "content", "seq", "before", "limit", "after", "tail", "epoch",
            "status",
        ];
        let mut frame = json!({"type": self.pick(kinds)});
        if self.roll(4) > 0 {
            frame["room_id"] = json!(room_id);
        }
        for _ in 0..self.roll(5) {
            let field = *self.pick(&fields);
            frame[field] = self.value(room_id);
        }
        frame
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_frames_and_bodies_are_refused_cleanly() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let visitor = Visitor::arrive(&server).await;
    let mut dice = Dice(0x5eed_5eed_5eed_5eed);
    let mut tab = visitor.online().await;
    let mut console = admin.joined(&visitor.room_id).await;
    for _ in 0..40 {
        for _ in 0..15 {
            tab.send(dice.frame(&VISITOR_VERBS, &visitor.room_id)).await;
            console
                .send(dice.frame(&AGENT_VERBS, &visitor.room_id))
                .await;
        }
        // A valid post among them is acked, so both sockets are alive.
        tab.post("a good one").await;
        let post =
            json!({"type": "post", "room_id": visitor.room_id, "id": new_id(), "content": "good"});
        console.send(post.clone()).await;
        console.ack(post["id"].as_str().expect("an id")).await;
        tab.take_inbox();
        console.take_inbox();
    }
    drop((tab, console));
    let paths = [
        ("POST", "/api/chat/rooms/".to_owned(), &visitor.rest),
        ("POST", visitor.path("messages/"), &visitor.rest),
        ("POST", visitor.path("read/"), &visitor.rest),
        ("POST", visitor.path("close/"), &visitor.rest),
        ("PATCH", admin.path(&visitor.room_id, ""), &admin.rest),
        (
            "POST",
            admin.path(&visitor.room_id, "messages/"),
            &admin.rest,
        ),
        ("POST", admin.path(&visitor.room_id, "read/"), &admin.rest),
    ];
    for _ in 0..300 {
        let (method, path, rest) = dice.pick(&paths);
        let mut body = dice.frame(&AGENT_VERBS, &visitor.room_id);
        let field = *dice.pick(&["customer_name", "page_url", "identity", "blocked", "status"]);
        body[field] = dice.value(&visitor.room_id);
        let method: Method = method.parse().expect("a method");
        let response = Response::to(rest.request(method, path).json(&body)).await;
        assert!(response.status < 500, "{path} {body}: {}", response.text);
    }
    admin
        .rest
        .patch(&admin.path(&visitor.room_id, ""), json!({"blocked": false}))
        .await
        .is(200);
    let mut socket = visitor.online().await;
    let head = socket.post("all is well").await["seq"]
        .as_u64()
        .expect("a seq");
    let (mut reader, welcome) = visitor.connect_with(json!({"after": 0})).await;
    let mut got = seqs(&welcome["messages"]);
    let rest = usize::try_from(head).expect("a small number") - got.len();
    got.extend(seqs(&json!(reader.messages(rest).await)));
    assert_eq!(
        got,
        (1..=head).collect::<Vec<u64>>(),
        "and the log has no gap"
    );
}
