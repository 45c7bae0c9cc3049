//! TCP connections: how many there may be, and those whose peers do not read.

use reqwest::Method;

use crate::common::{
    PASSWORD, RawSocket, Response, Rest, Socket, TestServer, Visitor, eventually, json,
    left_out_on_several_nodes,
};

/// A request that stays unfinished: the rest of its body never comes.
const HALF: &[u8] = b"POST /api/chat/rooms/ HTTP/1.1\r\nHost: shop\r\n\
    Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{";

/// Opens connections until one is refused. Returns the open ones and the refusal.
async fn until_refused(server: &TestServer) -> (Vec<RawSocket>, String) {
    let mut open = Vec::new();
    let refused = async {
        loop {
            let mut raw = RawSocket::connect(server.addr()).await;
            // A refusal is sent at once; the other connections keep their unfinished requests.
            let mut probe = RawSocket::connect(server.addr()).await;
            raw.send(HALF).await;
            probe
                .send(b"GET /healthz HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
                .await;
            let output = String::from_utf8(probe.read_to_end().await).expect("text");
            if !output.starts_with("HTTP/1.1 200") {
                break output;
            }
            open.push(raw);
        }
    };
    let refused = tokio::time::timeout(crate::common::DEADLINE, refused).await;
    (open, refused.expect("there is a bound"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg(target_os = "linux")]
async fn connections_of_one_address_are_bounded_and_others_get_through() {
    if left_out_on_several_nodes("each node counts its own connections") {
        return;
    }
    let server = TestServer::start_with(|config| {
        config.limits.enabled = true;
        config.limits.connections_per_address = 5;
    })
    .await;
    server.admin().await;
    let (open, refused) = until_refused(&server).await;
    assert!(refused.starts_with("HTTP/1.1 429 "), "{refused}");
    assert!(refused.contains("\r\nRetry-After: "), "{refused}");
    assert!(refused.contains(r#""code":"rate_limited""#), "{refused}");

    // Another address of this machine than that of all other tests.
    let elsewhere = Some("127.0.0.2".parse().expect("an address"));
    let elsewhere = Rest::from_address(server.addr(), elsewhere);
    for path in ["/healthz", "/readyz"] {
        elsewhere.get(path).await.is(200);
    }
    let login = json!({"username": "ada", "password": PASSWORD});
    elsewhere.post("/api/admin/login/", login).await.is(200);
    let refusals = r#"shoptalk_connections_refused_total{bound="by_address"}"#;
    assert!(elsewhere.metric(refusals).await >= 1.0);

    drop(open);
    eventually("those who have gone make room", async || {
        let request = server.rest().request(Method::GET, "/healthz");
        Response::try_to(request)
            .await
            .is_ok_and(|it| it.status == 200)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trusted_proxy_has_no_per_address_limit() {
    let server = TestServer::start_with(|config| {
        config.limits.enabled = true;
        config.limits.connections_per_address = 5;
        config.server.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a net")];
    })
    .await;
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut raw = RawSocket::connect(server.addr()).await;
        raw.send(HALF).await;
        open.push(raw);
    }
    server.rest().get("/healthz").await.is(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_bounded_in_all_and_sockets_leave_room_for_calls() {
    if left_out_on_several_nodes("each node counts its own connections") {
        return;
    }
    let server = TestServer::start_with(|config| config.server.max_connections = 16).await;
    let visitor = Visitor::arrive(&server).await;
    let mut sockets = Vec::new();
    let refused = loop {
        // The connections of calls that are over close a little later, and count until then.
        match Socket::try_connect(server.addr(), &visitor.socket_path(), &[]).await {
            Ok(socket) => sockets.push(socket),
            Err(refused) => break refused,
        }
    };
    assert_eq!(sockets.len(), 14, "seven eighths of all");
    assert_eq!(refused.status, 503);
    assert_eq!(refused.body["code"], "busy");
    eventually("a call gets through", async || {
        let request = server.rest().request(Method::GET, "/healthz");
        Response::try_to(request)
            .await
            .is_ok_and(|it| it.status == 200)
    })
    .await;
    let (_open, refused) = until_refused(&server).await;
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.contains(r#""code":"busy""#), "{refused}");
    drop(sockets);
    eventually("sockets that have gone make room", async || {
        let request = server.rest().request(Method::GET, "/healthz");
        Response::try_to(request)
            .await
            .is_ok_and(|it| it.status == 200)
    })
    .await;
}

/// Requests more than the kernel's buffers of both sides hold, and reads nothing.
async fn deaf(server: &TestServer) -> RawSocket {
    let mut raw = RawSocket::non_reading(server.addr()).await;
    let request = b"GET /api/openapi.json HTTP/1.1\r\nHost: shop\r\n\r\n";
    raw.send(&request.repeat(PIPELINED)).await;
    raw
}

const PIPELINED: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_reads_nothing_is_dropped_after_the_stall_timeout() {
    let server = TestServer::start_with(|config| config.server.stall_timeout_ms = 200).await;
    assert_eq!(
        shoptalk::config::Config::default().server.stall_timeout_ms,
        60_000,
        "the contract's"
    );
    let mut raw = deaf(&server).await;
    let dropped = "shoptalk_unread_answers_dropped_total";
    eventually("it is dropped", async || {
        server.rest().metric(dropped).await >= 1.0
    })
    .await;
    let read = raw.read_to_end().await;
    let responses = String::from_utf8_lossy(&read)
        .matches("HTTP/1.1 200")
        .count();
    assert!(responses < PIPELINED, "{responses}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unread_answers_hold_a_bounded_amount_of_memory() {
    if left_out_on_several_nodes("each node counts its own connections") {
        return;
    }
    let server = TestServer::start_with(|config| {
        config.server.stall_timeout_ms = 600_000;
        config.server.stalled_bytes = 128 * 1024;
    })
    .await;
    let mut unread = Vec::new();
    for _ in 0..20 {
        unread.push(deaf(&server).await);
    }
    let document = server.rest().get("/api/openapi.json").await.text.len();
    // The newest answer stays even if it alone is past the bound.
    let kept = (128 * 1024 / document).max(1);
    let dropped = "shoptalk_unread_answers_dropped_total";
    eventually("all but the newest are dropped", async || {
        server.rest().metric(dropped).await >= (unread.len() - kept) as f64
    })
    .await;
}
