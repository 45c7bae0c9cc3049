//! Which pages of which sites may talk to the server from a browser.

use reqwest::Method;

use crate::common::{
    PASSWORD, Response, Socket, TestServer, Visitor, json, left_out_on_several_nodes,
};

const SHOP: &str = "https://shop.example";

/// Looks like the shop and is not.
const FOREIGN: [&str; 9] = [
    "null",
    "https://evil.example",
    "https://shop.example.evil.example",
    "https://evilshop.example",
    "http://shop.example",
    "https://shop.example:8443",
    "https://SHOP.example",
    "https://www.shop.example",
    "https://shop.example/",
];

async fn start() -> TestServer {
    TestServer::start_with(|config| config.server.allowed_origins = vec![SHOP.to_owned()]).await
}

async fn preflight(server: &TestServer, path: &str, origin: &str) -> Response {
    Response::to(
        server
            .rest()
            .request(Method::OPTIONS, path)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "authorization,content-type",
            ),
    )
    .await
}

#[tokio::test]
async fn allowed_origins_get_cors_on_the_visitor_api() {
    let server = start().await;
    let asked = preflight(&server, "/api/chat/rooms/", SHOP).await;
    assert_eq!(asked.status, 204);
    assert_eq!(asked.header("access-control-allow-origin"), SHOP);
    let allowed = asked.header("access-control-allow-headers").to_lowercase();
    assert!(
        allowed.contains("authorization") && allowed.contains("content-type"),
        "{allowed}"
    );
    assert!(
        asked
            .header("access-control-allow-methods")
            .contains("POST")
    );
    assert_eq!(
        asked.header("access-control-allow-credentials"),
        "",
        "tokens, not cookies"
    );

    let opened = server
        .rest()
        .request(Method::POST, "/api/chat/rooms/")
        .header("origin", SHOP)
        .json(&json!({}));
    let opened = Response::to(opened).await;
    opened.is(201);
    assert_eq!(opened.header("access-control-allow-origin"), SHOP);
    assert!(opened.header("vary").to_lowercase().contains("origin"));
    let exposed = opened
        .header("access-control-expose-headers")
        .to_lowercase();
    assert!(exposed.contains("retry-after"), "{exposed}");

    // A problem can be read there as well.
    let refused = server
        .rest()
        .request(Method::GET, "/api/chat/rooms/")
        .header("origin", SHOP);
    let refused = Response::to(refused).await;
    refused.problem(401, "unauthorized");
    assert_eq!(refused.header("access-control-allow-origin"), SHOP);
}

#[tokio::test]
async fn similar_looking_origins_are_refused() {
    let server = start().await;
    for origin in FOREIGN {
        let asked = preflight(&server, "/api/chat/rooms/", origin).await;
        assert_eq!(asked.header("access-control-allow-origin"), "", "{origin}");
        let opened = server
            .rest()
            .request(Method::POST, "/api/chat/rooms/")
            .header("origin", origin)
            .json(&json!({}));
        let opened = Response::to(opened).await;
        assert_eq!(opened.header("access-control-allow-origin"), "", "{origin}");
    }
}

#[tokio::test]
async fn the_console_has_no_cors_and_takes_browsers_from_the_own_origin_only() {
    let server = start().await;
    let login = |origin: &str| {
        let request = server
            .rest()
            .request(Method::POST, "/api/admin/login/")
            .header("origin", origin)
            .json(&json!({"username": "ada", "password": PASSWORD}));
        Response::to(request)
    };
    server.admin().await;
    for origin in FOREIGN.into_iter().chain([SHOP]) {
        let response = login(origin).await;
        response.problem(403, "forbidden");
        assert_eq!(response.header("access-control-allow-origin"), "");
        let asked = preflight(&server, "/api/admin/login/", origin).await;
        assert_eq!(asked.header("access-control-allow-origin"), "", "{origin}");
    }
    login(&server.own_origin()).await.is(200);
}

#[tokio::test]
async fn a_foreign_origin_gets_no_socket() {
    let server = start().await;
    let visitor = Visitor::arrive(&server).await;
    let own = server.own_origin();
    let dial = async |path: &str, origin: &str| {
        Socket::try_connect(server.addr(), path, &[("origin", origin)])
            .await
            .map(|_| ())
            .map_err(|refused| (refused.status, refused.body["code"].clone()))
    };
    let forbidden = Err((403, json!("forbidden")));
    for origin in FOREIGN {
        assert_eq!(
            dial(&visitor.socket_path(), origin).await,
            forbidden,
            "{origin}"
        );
        assert_eq!(dial("/ws/admin/chat/", origin).await, forbidden, "{origin}");
    }
    assert_eq!(dial(&visitor.socket_path(), SHOP).await, Ok(()));
    assert_eq!(dial(&visitor.socket_path(), &own).await, Ok(()));
    assert_eq!(
        dial("/ws/admin/chat/", SHOP).await,
        forbidden,
        "the shop is not the console"
    );
    assert_eq!(dial("/ws/admin/chat/", &own).await, Ok(()));
}

#[tokio::test]
async fn on_loopback_localhost_counts_as_the_own_origin() {
    if left_out_on_several_nodes("browsers know them by one public URL") {
        return;
    }
    let server = start().await;
    let visitor = Visitor::arrive(&server).await;
    let port = server.addr().port();
    for host in ["127.0.0.1", "localhost", "[::1]"] {
        let origin = format!("http://{host}:{port}");
        for path in [visitor.socket_path().as_str(), "/ws/admin/chat/"] {
            let socket = Socket::try_connect(server.addr(), path, &[("origin", &origin)]).await;
            assert!(socket.is_ok(), "{origin} {path}");
        }
    }
}

#[tokio::test]
async fn the_public_url_is_the_only_own_origin() {
    let server = TestServer::start_with(|config| {
        config.server.public_url = Some("https://chat.example.com".parse().expect("a URL"));
    })
    .await;
    let dial = async |origin: &str, host: &str| {
        Socket::try_connect(
            server.addr(),
            "/ws/admin/chat/",
            &[("origin", origin), ("host", host)],
        )
        .await
        .is_ok()
    };
    assert!(dial("https://chat.example.com", "chat.example.com").await);
    assert!(dial("https://chat.example.com", "anything").await);
    assert!(!dial("https://evil.example", "evil.example").await);
    assert!(!dial("http://evil.example", "evil.example").await);
    assert!(!dial(&server.own_origin(), &server.addr().to_string()).await);
}

#[tokio::test]
async fn the_cookie_opens_a_socket_from_the_own_origin_only() {
    let server = start().await;
    server.admin().await;
    let login = server
        .rest()
        .post(
            "/api/admin/login/",
            json!({"username": "ada", "password": PASSWORD}),
        )
        .await;
    let cookie = login
        .header("set-cookie")
        .split(';')
        .next()
        .expect("a cookie")
        .to_owned();
    let own = server.own_origin();
    let mut socket = Socket::try_connect(
        server.addr(),
        "/ws/admin/chat/",
        &[("origin", &own), ("cookie", &cookie)],
    )
    .await
    .expect("the own origin");
    socket.send(json!({"type": "hello"})).await;
    assert_eq!(socket.expect("welcome").await["agent"]["username"], "ada");

    // Without an Origin it is no browser, and a cookie proves nothing.
    let mut socket = Socket::try_connect(server.addr(), "/ws/admin/chat/", &[("cookie", &cookie)])
        .await
        .expect("not a browser");
    socket.send(json!({"type": "hello"})).await;
    assert_eq!(socket.closed().await, Some(4500));
}

#[cfg(feature = "front-ends")]
#[tokio::test]
async fn any_site_may_load_the_widget() {
    let server = start().await;
    let request = server
        .rest()
        .request(Method::GET, "/widget.js")
        .header("origin", "https://anywhere.example");
    let response = Response::to(request).await;
    assert_eq!(response.status, 200, "{}", response.text);
    let policy = response.header("cross-origin-resource-policy");
    assert_eq!(policy, "cross-origin");
    assert_eq!(response.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn the_subprotocol_is_shoptalk_v1_or_none() {
    let server = start().await;
    let visitor = Visitor::arrive(&server).await;
    let dial = async |offer: &str| {
        Socket::try_connect(
            server.addr(),
            &visitor.socket_path(),
            &[("sec-websocket-protocol", offer)],
        )
        .await
    };
    let ours = dial("shoptalk.v1").await.expect("v1");
    assert_eq!(ours.subprotocol.as_deref(), Some("shoptalk.v1"));
    let among = dial("chat, shoptalk.v1")
        .await
        .expect("one of them is known");
    assert_eq!(among.subprotocol.as_deref(), Some("shoptalk.v1"));
    let refused = dial("chat, shoptalk.v2")
        .await
        .err()
        .expect("unknown ones only");
    assert_eq!(refused.status, 400);
    let (socket, welcome) = visitor.connect().await;
    assert_eq!(socket.subprotocol, None);
    assert_eq!(welcome["protocol"], 1, "a client that offers none gets v1");
}
