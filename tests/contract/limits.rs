//! Rate limits: refusals name the wait, each sender has its own budget, and the
//! operator can turn them off.

use futures_util::future::join_all;
use tokio::task::JoinSet;

use crate::common::{Response, TestServer, Visitor, json, left_out_on_several_nodes, new_id};

fn retry_after_s(response: &Response) -> u64 {
    response.problem(429, "rate_limited");
    response
        .header("retry-after")
        .parse()
        .expect("whole seconds")
}

/// The first refusal among a hundred calls at once. Even on a slow machine, a limit of one
/// per second does not let all of them pass.
async fn refused_of_many(call: impl AsyncFn() -> Response) -> Response {
    let responses = join_all((0..100).map(|_| call())).await;
    let refused = responses
        .into_iter()
        .find(|response| response.status >= 400);
    refused.expect("there is a limit")
}

#[tokio::test]
async fn posts_have_a_burst_of_20_a_sender_over_rest() {
    let server = TestServer::start_with(|config| {
        config.limits.enabled = true;
        config.limits.posts_per_second = 1;
    })
    .await;
    assert_eq!(server.config.limits.posts_burst, 20, "the default");
    let visitor = Visitor::arrive(&server).await;
    let post = async || {
        let body = json!({"id": new_id(), "content": "hi"});
        visitor.rest.post(&visitor.path("messages/"), body).await
    };
    for _ in 0..20 {
        post().await.is(201);
    }
    let refused = refused_of_many(post).await;
    assert!((1..=5).contains(&retry_after_s(&refused)));
    Visitor::arrive(&server)
        .await
        .post("it is not my flood")
        .await;
}

#[tokio::test]
async fn a_rate_limited_post_names_retry_after() {
    let server = TestServer::start_with(|config| {
        config.limits.enabled = true;
        config.limits.posts_per_second = 1;
    })
    .await;
    let visitor = Visitor::arrive(&server).await;
    let mut socket = visitor.online().await;
    let mut ids = Vec::new();
    for _ in 0..100 {
        ids.push(socket.send_post("hi").await);
    }
    let mut acked = 0;
    let mut refused = Vec::new();
    for id in ids {
        let response = socket.reply_to(&id).await;
        if response["type"] == "ack" {
            acked += 1;
            continue;
        }
        assert_eq!(response["code"], "rate_limited", "{response}");
        assert_eq!(response["retryable"], true);
        assert!(
            response["retry_after_ms"]
                .as_u64()
                .is_some_and(|ms| (1..=5_000).contains(&ms))
        );
        refused.push(id);
    }
    assert!(acked >= 20, "{acked}");
    assert!(!refused.is_empty());
    assert_eq!(
        visitor.messages().await.len(),
        acked,
        "a refused post is not stored"
    );
}

#[tokio::test]
async fn the_eleventh_login_of_an_account_is_limited_and_other_accounts_are_not() {
    let server = TestServer::start_with(|config| config.limits.enabled = true).await;
    server.admin().await;
    let login = async |username: &str, password: &str| {
        server
            .rest()
            .post(
                "/api/admin/login/",
                json!({"username": username, "password": password}),
            )
            .await
    };
    // All at once, as one comes back every 90 s and each costs a hash; the case does not matter.
    let tries = ["mallory", "MALLORY"].repeat(11);
    let responses = join_all(
        tries
            .into_iter()
            .map(|name| login(name, "not the password")),
    )
    .await;
    let (tried, refused): (Vec<&Response>, Vec<&Response>) = responses
        .iter()
        .partition(|response| response.status == 401);
    for response in &tried {
        response.problem(401, "bad_credentials");
    }
    for response in &refused {
        assert!((1..=900).contains(&retry_after_s(response)));
    }
    assert_eq!((tried.len(), refused.len()), (10, 12));
    login("ada", crate::common::PASSWORD).await.is(200);
}

#[tokio::test]
async fn limits_are_checked_before_the_body() {
    let server = TestServer::start_with(|config| {
        config.limits.enabled = true;
        config.limits.rooms_burst = 2;
        config.limits.rooms_per_minute = 1;
        config.limits.posts_per_second = 1;
        config.limits.posts_burst = 1;
        config.limits.logins_per_15_min = 1;
    })
    .await;
    let visitor = Visitor::arrive(&server).await;
    let messages = visitor.path("messages/");
    let paths = [
        (&visitor.rest, "/api/chat/rooms/"),
        (&visitor.rest, messages.as_str()),
        (&server.rest(), "/api/admin/login/"),
        (&server.rest(), "/api/admin/setup/"),
    ];
    for (rest, path) in paths {
        let call = async || {
            let request = rest
                .request(reqwest::Method::POST, path)
                .header("content-type", "application/json")
                .body("{");
            Response::to(request).await
        };
        let responses = join_all((0..100).map(|_| call())).await;
        let (looked_at, refused): (Vec<&Response>, Vec<&Response>) = responses
            .iter()
            .partition(|response| response.status == 400);
        for response in &refused {
            retry_after_s(response);
        }
        // Ten sign-ins of an address for each that an account may have there.
        assert!(!refused.is_empty() && looked_at.len() < 100, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_ins_of_one_address_do_not_block_others() {
    let server = TestServer::start_with(|config| {
        config.limits.enabled = true;
        config.server.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a net")];
    })
    .await;
    server.admin().await;
    let rest = server.rest();
    let login = |from: String, password: &str| {
        let body = json!({"username": "ada", "password": password});
        let request = rest
            .request(reqwest::Method::POST, "/api/admin/login/")
            .header("x-forwarded-for", from)
            .json(&body);
        Response::to(request)
    };
    let mut flood = JoinSet::new();
    for number in 0..120 {
        let from = format!("203.0.113.{}", number % 40);
        flood.spawn(login(from, "not the password"));
    }
    // After the first response, whatever it is, the others are queued.
    flood.join_next().await.expect("many").expect("no panic");
    let own = login("198.51.100.1".to_owned(), crate::common::PASSWORD).await;
    own.is(200);
}

#[tokio::test]
async fn rooms_are_limited_by_address() {
    if left_out_on_several_nodes("each node has limits of its own") {
        return;
    }
    let server = TestServer::start_with(|config| {
        config.limits.enabled = true;
        config.limits.rooms_burst = 3;
        config.limits.rooms_per_minute = 1;
    })
    .await;
    for _ in 0..3 {
        Visitor::arrive(&server).await;
    }
    let refused = server.rest().post("/api/chat/rooms/", json!({})).await;
    assert!(retry_after_s(&refused) >= 1);
}

#[tokio::test]
async fn a_forwarded_address_counts_from_a_configured_proxy_only() {
    if left_out_on_several_nodes("each node has limits of its own") {
        return;
    }
    let settings = |proxies: &[&str]| {
        let proxies: Vec<_> = proxies
            .iter()
            .map(|it| it.parse().expect("a net"))
            .collect();
        move |config: &mut shoptalk::config::Config| {
            config.limits.enabled = true;
            config.limits.rooms_burst = 1;
            config.limits.rooms_per_minute = 1;
            config.server.trusted_proxies = proxies;
        }
    };
    let open = async |server: &TestServer, forwarded: &str| {
        let request = server
            .rest()
            .request(reqwest::Method::POST, "/api/chat/rooms/")
            .header("x-forwarded-for", forwarded)
            .json(&json!({}));
        Response::to(request).await.status
    };
    let spoofed = TestServer::start_with(settings(&[])).await;
    assert_eq!(open(&spoofed, "203.0.113.1").await, 201);
    assert_eq!(
        open(&spoofed, "203.0.113.2").await,
        429,
        "the header is ignored"
    );

    let proxied = TestServer::start_with(settings(&["127.0.0.1/32"])).await;
    assert_eq!(open(&proxied, "203.0.113.1").await, 201);
    assert_eq!(open(&proxied, "203.0.113.2").await, 201);
    assert_eq!(open(&proxied, "203.0.113.2").await, 429);
    assert_eq!(
        open(&proxied, "198.51.100.9, 203.0.113.2").await,
        429,
        "the last hop counts"
    );
    assert_eq!(open(&proxied, "2001:db8::1").await, 201);
    assert_eq!(
        open(&proxied, "2001:db8::2").await,
        429,
        "IPv6 counts by /64"
    );
    assert_eq!(open(&proxied, "2001:db8:0:1::1").await, 201);
}

#[tokio::test]
async fn a_rate_limited_upgrade_is_refused_with_429() {
    if left_out_on_several_nodes("each node has limits of its own") {
        return;
    }
    let server = TestServer::start_with(|config| {
        config.limits.enabled = true;
        config.limits.sockets_per_address = 3;
        config.limits.sockets_per_visitor = 100;
    })
    .await;
    let visitor = Visitor::arrive(&server).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(visitor.online().await);
    }
    let refused = crate::common::Socket::try_connect(server.addr(), &visitor.socket_path(), &[])
        .await
        .err()
        .expect("a fourth is too many");
    assert_eq!(refused.status, 429);
    assert_eq!(refused.body["code"], "rate_limited");
}

#[tokio::test]
async fn hellos_are_limited_by_address() {
    let server = TestServer::start_with(|config| {
        config.limits.enabled = true;
        config.limits.hellos_burst = 3;
        config.limits.hellos_per_second = 1;
    })
    .await;
    let visitor = Visitor::arrive(&server).await;
    let path = visitor.socket_path();
    let dial = || crate::common::Socket::try_connect(server.addr(), &path, &[]);
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(dial().await.expect("the burst"));
    }
    // Many at once, so that no machine is as slow as the limit.
    let dialled = join_all((0..100).map(|_| dial())).await;
    let refused = dialled.into_iter().find_map(Result::err);
    let refused = refused.expect("there is a limit");
    assert_eq!(refused.status, 429);
    assert_eq!(refused.body["code"], "rate_limited");
}

#[tokio::test]
async fn without_limits_nothing_is_rate_limited() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let mut socket = visitor.online().await;
    socket.post_many(64).await;
    for _ in 0..12 {
        server
            .rest()
            .post(
                "/api/admin/login/",
                json!({"username": "x", "password": "y"}),
            )
            .await
            .problem(401, "bad_credentials");
    }
}

#[tokio::test]
async fn size_limits_apply_without_rate_limits() {
    let server = TestServer::start().await;
    let visitor = Visitor::arrive(&server).await;
    let mut socket = visitor.online().await;
    let id = socket.send_post(&"x".repeat(8_001)).await;
    let error = socket.reply_to(&id).await;
    assert_eq!(error["code"], "too_large");
    assert_eq!(error["retryable"], false);
}

#[tokio::test]
async fn calls_are_limited_by_visitor_and_by_agent_reading_included() {
    let server = TestServer::start_with(|config| {
        config.limits.enabled = true;
        config.limits.calls_per_second = 1;
        config.limits.calls_burst = 10;
    })
    .await;
    let visitor = Visitor::arrive(&server).await;
    let other = Visitor::arrive(&server).await;
    let admin = server.admin().await;
    for (rest, path) in [
        (&visitor.rest, visitor.path("messages/")),
        (&admin.rest, "/api/admin/rooms/".to_owned()),
    ] {
        for _ in 0..8 {
            rest.get(&path).await.is(200);
        }
        let refused = refused_of_many(async || rest.get(&path).await).await;
        assert!(retry_after_s(&refused) >= 1, "{path}");
    }
    other.rest.get(&other.path("")).await.is(200);
}

#[tokio::test]
async fn rooms_of_one_visitor_are_limited_across_addresses() {
    let server = TestServer::start_with(|config| {
        config.limits.enabled = true;
        config.limits.rooms_per_minute_by_visitor = 1;
        config.limits.rooms_burst_by_visitor = 5;
    })
    .await;
    let visitor = Visitor::arrive(&server).await;
    let open = async || visitor.rest.post("/api/chat/rooms/", json!({})).await;
    for _ in 0..5 {
        open().await.is(200);
    }
    assert!(retry_after_s(&refused_of_many(open).await) >= 1);
    // Strangers are another budget: that of their address.
    Visitor::arrive(&server).await;
}

#[tokio::test]
async fn a_new_token_does_not_renew_the_room_budget() {
    let server = TestServer::start_with(|config| {
        config.limits.enabled = true;
        config.limits.rooms_per_minute_by_visitor = 1;
        config.limits.rooms_burst_by_visitor = 5;
    })
    .await;
    let mut visitor = Visitor::arrive(&server).await;
    for _ in 0..5 {
        visitor
            .rest
            .post(&visitor.path("close/"), json!({}))
            .await
            .is(200);
        let opened = visitor.rest.post("/api/chat/rooms/", json!({})).await;
        visitor = Visitor::from_response(&server, &opened.is(201));
    }
    let next = async || visitor.rest.post("/api/chat/rooms/", json!({})).await;
    assert!(retry_after_s(&refused_of_many(next).await) >= 1);
}

#[tokio::test]
async fn bytes_on_a_socket_are_limited_as_frames_are() {
    let server = TestServer::start_with(|config| {
        config.limits.enabled = true;
        config.limits.frame_bytes_per_second = 1_000;
        config.limits.frame_bytes_burst = 131_072;
        config.limits.flood_warnings = 2;
    })
    .await;
    let mut socket = Visitor::arrive(&server).await.online().await;
    // Few frames, each of them harmless.
    let frame = json!({"type": "typing", "padding": "x".repeat(60_000)});
    for _ in 0..8 {
        socket.send(frame.clone()).await;
    }
    assert_eq!(socket.closed().await, Some(4013));
    assert!(socket.count_in_inbox("error") >= 1, "there was a warning");
}
