//! Headers of responses, and the pages about the service itself.

use reqwest::Method;

use crate::common::{Response, TestServer, Visitor, json};

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let admin = server.admin().await;
    let responses = [
        server.rest().get("/healthz").await,
        server.rest().get("/readyz").await,
        server.rest().get("/api/openapi.json").await,
        server.rest().get("/api/docs").await,
        server.rest().get("/").await,
        server.rest().get("/admin/chat").await,
        server.rest().get("/no/page").await,
        server.rest().post("/api/chat/rooms/", json!({})).await,
        server.rest().get("/api/chat/rooms/").await,
        visitor.rest.get(&visitor.path("messages/")).await,
        admin.rest.get("/api/admin/rooms/").await,
        admin.rest.get("/api/admin/me/").await,
    ];
    for response in responses {
        let header = |name: &str| response.header(name).to_owned();
        assert_eq!(
            header("x-content-type-options"),
            "nosniff",
            "{}",
            response.text
        );
        let policy = header("content-security-policy");
        assert!(policy.contains("frame-ancestors"), "{policy}");
        assert!(!policy.contains("unsafe-inline"), "{policy}");
        assert!(!policy.contains("unsafe-eval"), "{policy}");
        assert!(!header("referrer-policy").is_empty());
    }
}

#[tokio::test]
async fn the_api_is_never_stored_by_a_cache() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let admin = server.admin().await;
    for response in [
        server.rest().post("/api/chat/rooms/", json!({})).await,
        server.rest().get("/api/chat/rooms/").await,
        visitor.rest.get(&visitor.path("messages/")).await,
        admin.rest.get("/api/admin/rooms/").await,
    ] {
        assert!(
            response.header("cache-control").contains("no-store"),
            "{}",
            response.text
        );
    }
}

#[tokio::test]
async fn openapi_names_every_route() {
    let server = TestServer::start().await;
    let response = server.rest().get("/api/openapi.json").await;
    let spec = response.is(200);
    assert!(
        response
            .header("content-type")
            .starts_with("application/json")
    );
    assert!(
        spec["openapi"]
            .as_str()
            .is_some_and(|it| it.starts_with("3.1"))
    );
    assert!(spec["info"]["title"].is_string() && spec["info"]["version"].is_string());
    let routes = [
        ("post", "/api/chat/rooms/"),
        ("get", "/api/chat/rooms/"),
        ("get", "/api/chat/rooms/{}/"),
        ("get", "/api/chat/rooms/{}/messages/"),
        ("post", "/api/chat/rooms/{}/messages/"),
        ("post", "/api/chat/rooms/{}/read/"),
        ("post", "/api/chat/rooms/{}/close/"),
        ("post", "/api/chat/logout/"),
        ("post", "/api/admin/login/"),
        ("post", "/api/admin/setup/"),
        ("post", "/api/admin/logout/"),
        ("get", "/api/admin/me/"),
        ("patch", "/api/admin/me/"),
        ("get", "/api/admin/rooms/"),
        ("get", "/api/admin/rooms/{}/"),
        ("patch", "/api/admin/rooms/{}/"),
        ("get", "/api/admin/rooms/{}/messages/"),
        ("post", "/api/admin/rooms/{}/messages/"),
        ("post", "/api/admin/rooms/{}/read/"),
        ("get", "/api/admin/agents/"),
        ("post", "/api/admin/agents/"),
        ("patch", "/api/admin/agents/{}/"),
        ("get", "/healthz"),
        ("get", "/readyz"),
        ("get", "/metrics"),
    ];
    let same = |path: &str| {
        let mut plain = String::new();
        let mut inside = false;
        for char in path.trim_end_matches('/').chars() {
            inside &= char != '}';
            if !inside {
                plain.push(char);
            }
            inside |= char == '{';
        }
        plain
    };
    let paths = spec["paths"].as_object().expect("paths");
    for (method, route) in routes {
        let operation = paths
            .iter()
            .filter(|(path, _)| same(path) == same(route))
            .find_map(|(_, item)| item.get(method));
        let operation = operation.unwrap_or_else(|| panic!("{method} {route} is missing"));
        assert!(
            operation["responses"]
                .as_object()
                .is_some_and(|it| !it.is_empty()),
            "{method} {route} describes its responses"
        );
    }
    // Every reference leads somewhere.
    let text = response.text.clone();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().expect("a pointer");
        assert!(spec.pointer(pointer).is_some(), "{pointer} leads nowhere");
    }
}

#[tokio::test]
async fn the_docs_page_loads_nothing_from_elsewhere() {
    let server = TestServer::start().await;
    let response = server.rest().get("/api/docs").await;
    assert_eq!(response.status, 200);
    assert!(response.header("content-type").starts_with("text/html"));
    for loader in [
        "src=\"http",
        "src='http",
        "href=\"http",
        "src=\"//",
        "@import",
        "url(http",
    ] {
        assert!(!response.text.contains(loader), "{loader}");
    }
}

#[tokio::test]
async fn healthz_and_readyz_respond() {
    let server = TestServer::start().await;
    server.rest().get("/healthz").await.success_text();
    server.rest().get("/readyz").await.success_text();
    Visitor::arrive(&server).await.post("count me").await;
    let metrics = server.rest().get("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.header("content-type").starts_with("text/plain"));
    let samples: Vec<_> = metrics
        .text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .collect();
    assert!(!samples.is_empty());
    for sample in samples {
        assert!(sample.starts_with("shoptalk_"), "{sample}");
    }
}

#[tokio::test]
async fn metrics_are_for_loopback_or_the_token() {
    let server = TestServer::start_with(|config| {
        config.metrics.token = Some(shoptalk::config::Secret::new("a token for the scraper"));
    })
    .await;
    let get = |rest: crate::common::Rest| {
        Response::to(
            rest.request(Method::GET, "/metrics")
                .header("x-forwarded-for", "203.0.113.7"),
        )
    };
    get(server.rest()).await.problem(401, "unauthorized");
    let another = get(server.rest().bearer("another")).await;
    another.problem(401, "unauthorized");
    assert_eq!(
        get(server.rest().bearer("a token for the scraper"))
            .await
            .status,
        200
    );
}

impl Response {
    /// A 200 whose body need not be JSON.
    #[track_caller]
    fn success_text(&self) {
        assert_eq!(self.status, 200, "{}", self.text);
    }
}

#[tokio::test]
async fn openapi_has_the_conflicts_of_what_agents_change() {
    let server = TestServer::start().await;
    let agent = server.admin().await;
    let admin = &agent.rest;
    let visitor = Visitor::arrive(&server).await;
    let named = |made: &crate::common::Value, what: &str| {
        let id = made[what]["id"].as_str().expect("an id");
        format!("/{id}/")
    };
    let tag = |name: &str| json!({"name": name, "color": "#112233"});
    admin.post("/api/admin/tags/", tag("a")).await.is(201);
    let other = admin.post("/api/admin/tags/", tag("b")).await.is(201);
    let other_tag = format!("/api/admin/tags{}", named(&other, "tag"));
    let reply = |shortcut: &str| json!({"shortcut": shortcut, "content": "Hello"});
    admin.post("/api/admin/replies/", reply("a")).await.is(201);
    let other = admin.post("/api/admin/replies/", reply("b")).await.is(201);
    let other_reply = format!("/api/admin/replies{}", named(&other, "reply"));
    let claim = json!({"assignee": agent.id, "expect_assignee": visitor.room_id});
    let room = format!("/api/admin/rooms/{}/", visitor.room_id);
    let refused = [
        (
            "/api/admin/tags",
            "post",
            admin.post("/api/admin/tags/", tag("a")).await,
        ),
        (
            "/api/admin/tags/{id}",
            "patch",
            admin.patch(&other_tag, json!({"name": "a"})).await,
        ),
        (
            "/api/admin/replies",
            "post",
            admin.post("/api/admin/replies/", reply("a")).await,
        ),
        (
            "/api/admin/replies/{id}",
            "patch",
            admin.patch(&other_reply, json!({"shortcut": "a"})).await,
        ),
        (
            "/api/admin/rooms/{id}",
            "patch",
            admin.patch(&room, claim).await,
        ),
    ];
    let spec = server.rest().get("/api/openapi.json").await.is(200);
    for (path, method, response) in refused {
        response.problem(409, "conflict");
        let described = &spec["paths"][path][method]["responses"]["409"];
        assert!(described.is_object(), "{method} {path}: {described}");
    }
}
