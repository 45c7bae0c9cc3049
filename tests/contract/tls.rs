//! TLS without a proxy: what browsers and sockets get, how the certificate is replaced, and what
//! peers can do that never finish a handshake.

use std::net::SocketAddr;

use shoptalk::config::{Config, TlsConfig};

use crate::common::{
    Authority, Pair, RawSocket, Socket, TestServer, TlsClient, eventually, json,
    left_out_on_several_nodes,
};

const NAME: &str = "chat.example.com";
/// What browsers offer.
const BROWSER: &[&str] = &["h2", "http/1.1"];

/// A server with a certificate in files of the test's own.
struct Shop {
    server: TestServer,
    authority: Authority,
    client: TlsClient,
    files: tempfile::TempDir,
}

impl Shop {
    async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let authority = Authority::new();
        let files = tempfile::tempdir().expect("a directory");
        let (cert, key) = authority
            .issue(&[NAME, "127.0.0.1"], 90)
            .write(files.path());
        let server = TestServer::start_with(|config| {
            config.server.tls = Some(TlsConfig::Files { cert, key });
            change(config);
        })
        .await;
        let client = authority.client(BROWSER);
        Self {
            server,
            authority,
            client,
            files,
        }
    }

    fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    async fn get(&self, path: &str) -> String {
        self.client.get(self.addr(), NAME, path).await
    }

    async fn certificate(&self) -> Vec<u8> {
        self.client.certificate(self.addr(), NAME).await
    }

    async fn post(&self, path: &str, body: &str) -> serde_json::Value {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let response = self.client.request(self.addr(), NAME, &request).await;
        let (_, body) = response.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str(body).expect("JSON")
    }

    /// A visitor's socket over wss, in a new room.
    async fn visitor(&self) -> Socket {
        let opened = self.post("/api/chat/rooms/", "{}").await;
        let room = opened["room"]["id"].as_str().expect("a room");
        let stream = self.client.connect(self.addr(), NAME).await;
        let url = format!("wss://{NAME}/ws/chat/{room}/");
        let mut socket = Socket::over(stream.expect("a handshake"), &url).await;
        socket
            .send(json!({"type": "hello", "token": opened["token"]}))
            .await;
        socket.expect("welcome").await;
        socket
    }

    async fn refused_files(&self) -> bool {
        let metrics = self.get("/metrics").await;
        metrics.contains("\nshoptalk_tls_renewal_failures_total 1\n")
    }
}

#[tokio::test]
async fn a_browser_gets_http1_and_a_secure_cookie() {
    let shop = Shop::start().await;
    for path in ["/healthz", "/readyz"] {
        let response = shop.get(path).await;
        assert!(response.starts_with("HTTP/1.1 200 "), "{path}: {response}");
    }
    let stream = shop
        .client
        .connect(shop.addr(), NAME)
        .await
        .expect("shaken");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));

    let code = shop.server.setup_code().expect("there is no agent yet");
    let body = json!({"code": code, "username": "ada", "password": "correct horse"}).to_string();
    let origin = format!("https://{}", shop.addr());
    let request = format!(
        "POST /api/admin/setup/ HTTP/1.1\r\nHost: {NAME}\r\nOrigin: {origin}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let response = shop.client.request(shop.addr(), NAME, &request).await;
    assert!(response.starts_with("HTTP/1.1 201 "), "{response}");
    let cookie = response
        .lines()
        .find(|line| line.to_lowercase().starts_with("set-cookie: "))
        .expect("a cookie");
    assert!(
        cookie.contains("__Host-") && cookie.contains("; Secure"),
        "{cookie}"
    );
    // The same page over plain http would be another one.
    let foreign = request.replace("Origin: https://", "Origin: http://");
    let response = shop.client.request(shop.addr(), NAME, &foreign).await;
    assert!(response.starts_with("HTTP/1.1 403 "), "{response}");
}

#[tokio::test]
async fn only_http1_is_spoken_and_only_over_tls() {
    let shop = Shop::start().await;
    let without_alpn = shop.authority.client(&[]);
    let response = without_alpn.get(shop.addr(), NAME, "/healthz").await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    let h2 = shop.authority.client(&["h2"]);
    h2.connect(shop.addr(), NAME)
        .await
        .expect_err("no common protocol");
    // Without ACME nobody validates names here.
    let acme = shop.authority.client(&["acme-tls/1"]);
    acme.connect(shop.addr(), NAME)
        .await
        .expect_err("no common protocol");
    let strangers = Authority::new().client(BROWSER);
    strangers
        .connect(shop.addr(), NAME)
        .await
        .expect_err("another authority's");

    let mut plain = RawSocket::connect(shop.addr()).await;
    plain
        .send(b"GET /healthz HTTP/1.1\r\nHost: shop\r\n\r\n")
        .await;
    let response = plain.read_to_end().await;
    assert!(!String::from_utf8_lossy(&response).contains("HTTP/1.1 200"));
}

#[tokio::test]
async fn hsts_is_sent_when_the_public_url_is_this_server() {
    if left_out_on_several_nodes("browsers know them by one public URL") {
        return;
    }
    let shop = Shop::start().await;
    let response = shop.get("/healthz").await.to_lowercase();
    assert!(
        !response.contains("strict-transport-security"),
        "{response}"
    );
    let url = format!("https://{NAME}").parse().expect("a URL");
    let shop = Shop::start_with(|config| config.server.public_url = Some(url)).await;
    let response = shop.get("/healthz").await.to_lowercase();
    assert!(
        response.contains("\r\nstrict-transport-security: max-age=2592000\r\n"),
        "{response}"
    );
}

#[tokio::test]
async fn a_socket_works_over_wss() {
    let shop = Shop::start().await;
    let mut visitor = shop.visitor().await;
    assert_eq!(visitor.post("Is it safe?").await["seq"], 1);
    visitor.post_many(40).await;
}

/// Shown at once after SIGHUP, and after a while without it; an open socket stays.
async fn replaces_the_certificate(ask: impl Fn(&TestServer)) {
    let shop = Shop::start().await;
    let mut visitor = shop.visitor().await;
    visitor.post("before").await;
    let before = shop.certificate().await;
    shop.authority.issue(&[NAME], 90).write(shop.files.path());
    ask(&shop.server);
    eventually("the new certificate is shown", async || {
        shop.certificate().await != before
    })
    .await;
    assert_eq!(visitor.post("after").await["seq"], 2);
}

#[tokio::test]
async fn new_files_are_read_when_asked() {
    replaces_the_certificate(|server| assert!(server.server().reload_tls())).await;
}

#[tokio::test]
async fn new_files_are_noticed() {
    replaces_the_certificate(|_| {}).await;
}

/// Whatever is put there, the present certificate stays until a good one comes.
async fn keeps_the_certificate(bad: impl Fn(&Authority) -> Pair) {
    let shop = Shop::start().await;
    let before = shop.certificate().await;
    bad(&shop.authority).write(shop.files.path());
    shop.server.server().reload_tls();
    eventually("the files are refused", || shop.refused_files()).await;
    assert_eq!(shop.certificate().await, before);
    shop.authority.issue(&[NAME], 90).write(shop.files.path());
    shop.server.server().reload_tls();
    eventually("a good one is used", async || {
        shop.certificate().await != before
    })
    .await;
}

#[tokio::test]
async fn a_pair_that_does_not_belong_together_is_not_used() {
    keeps_the_certificate(|authority| Pair {
        key: authority.issue(&[NAME], 90).key,
        ..authority.issue(&[NAME], 90)
    })
    .await;
}

#[tokio::test]
async fn a_damaged_certificate_is_not_used() {
    keeps_the_certificate(|authority| Pair {
        cert: "-----BEGIN CERTIFICATE-----\nAAAA\n".to_owned(),
        ..authority.issue(&[NAME], 90)
    })
    .await;
}

#[tokio::test]
async fn an_expired_certificate_does_not_replace_a_valid_one() {
    keeps_the_certificate(|authority| authority.issue(&[NAME], -1)).await;
}

#[tokio::test]
async fn peers_that_never_finish_a_handshake_do_not_keep_others_out() {
    let shop = Shop::start_with(|config| config.server.max_connections = 16).await;
    let mut idle = Vec::new();
    for _ in 0..64 {
        idle.push(RawSocket::connect(shop.addr()).await);
    }
    // A quarter of them may be in a handshake; older ones lose their place to newer ones.
    eventually("a browser gets through", async || {
        let Ok(mut stream) = shop.client.connect(shop.addr(), NAME).await else {
            return false;
        };
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let request = b"GET /metrics HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.expect("sent");
        let mut response = String::new();
        stream
            .read_to_string(&mut response)
            .await
            .expect("a response");
        response.contains("shoptalk_tls_handshakes_failed_total{reason=\"replaced\"}")
    })
    .await;
    // The oldest of all was closed, without the end of its time.
    assert_eq!(idle.remove(0).read_to_end().await, b"");
}

#[tokio::test]
async fn plain_http_is_redirected_to_the_public_url_alone() {
    let shop = Shop::start_with(|config| {
        config.server.public_url = Some(format!("https://{NAME}").parse().expect("a URL"));
        config.server.http_listen = Some("127.0.0.1:0".parse().expect("an address"));
    })
    .await;
    let plain = shop.server.server().http_addr().expect("it listens");
    for (request, location) in [
        (
            "GET /admin/chat?a=b HTTP/1.1\r\nHost: evil.example",
            "/admin/chat?a=b",
        ),
        (
            "GET http://evil.example/x HTTP/1.1\r\nHost: evil.example",
            "/x",
        ),
        (
            "GET //evil.example/x HTTP/1.1\r\nHost: evil.example:80",
            "/evil.example/x",
        ),
        ("GET / HTTP/1.0", "/"),
        (
            "POST /api/admin/login/ HTTP/1.1\r\nHost: x\r\nX-Forwarded-Host: evil.example",
            "/api/admin/login",
        ),
        ("OPTIONS * HTTP/1.1\r\nHost: evil.example", "/"),
    ] {
        let mut raw = RawSocket::connect(plain).await;
        raw.send(format!("{request}\r\nConnection: close\r\n\r\n").as_bytes())
            .await;
        let response = String::from_utf8(raw.read_to_end().await).expect("text");
        let status = response.split(' ').nth(1);
        assert_eq!(status, Some("308"), "{request}: {response}");
        let location = format!("\r\nlocation: https://{NAME}{location}\r\n");
        assert!(
            response.to_lowercase().contains(&location),
            "{request}: {response}"
        );
    }
    let mut raw = RawSocket::connect(plain).await;
    raw.send(b"GET /.well-known/acme-challenge/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    let response = String::from_utf8(raw.read_to_end().await).expect("text");
    assert!(response.starts_with("HTTP/1.1 404 "), "{response}");
}
