//! Certificates by ACME, from Debian's `pebble`: issued, renewed, and not asked for too often. Where
//! it is not installed, the tests that need it say so and check nothing.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use rustix::process::Signal;
use shoptalk::https_client::{HttpsClient, Trust};
use tokio::process::{Child, Command};

use super::process::Place;
use crate::common::{Authority, DEADLINE, Socket, TlsClient, eventually, json};

pub(super) const NAME: &str = "chat.shop.test";
pub(super) const LOOPBACK: &str = "127.0.0.1";

/// An authority, the names that it resolves, and where it looks for the server.
pub(super) struct Pebble {
    place: Place,
    pub(super) api: SocketAddr,
    management: SocketAddr,
    pub(super) https: SocketAddr,
    http: SocketAddr,
    pub(super) own: Authority,
    _processes: [Child; 2],
}

/// Nobody listens there. Another process may take it before it is used.
fn free() -> SocketAddr {
    let listener = TcpListener::bind((LOOPBACK, 0)).expect("a port");
    listener.local_addr().expect("it is bound")
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

impl Pebble {
    /// Signs certificates that are valid for some seconds. `None` if it is not installed.
    pub(super) async fn start(valid_s: u32) -> Option<Self> {
        if !is_installed("pebble") || !is_installed("pebble-challtestsrv") {
            eprintln!("IGNORED: pebble is missing (apt-get install pebble)");
            return None;
        }
        let own = Authority::new();
        let place = Place::new();
        own.issue(&["localhost", LOOPBACK], 2).write(place.path());
        place.write("ca.pem", &own.pem());
        let [api, management, https, http, dns, control] = std::array::from_fn(|_| free());
        let config = json!({"pebble": {
            "listenAddress": api.to_string(),
            "managementListenAddress": management.to_string(),
            "certificate": "cert.pem",
            "privateKey": "key.pem",
            "httpPort": http.port(),
            "tlsPort": https.port(),
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
            "certificateValidityPeriod": valid_s,
        }});
        place.write("pebble.json", &config.to_string());
        let (dns, control) = (dns.to_string(), control.to_string());
        let spawn = |program: &str, args: &[&str]| {
            Command::new(program)
                .args(args)
                .current_dir(place.path())
                // Turns off the random pauses and refusals of pebble.
                .env("PEBBLE_VA_NOSLEEP", "1")
                .env("PEBBLE_WFE_NONCEREJECT", "0")
                .env("PEBBLE_AUTHZREUSE", "0")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .expect("it starts")
        };
        let names = spawn(
            "pebble-challtestsrv",
            &[
                "-defaultIPv4",
                LOOPBACK,
                "-defaultIPv6",
                "",
                "-dns01",
                &dns,
                "-http01",
                "",
                "-https01",
                "",
                "-tlsalpn01",
                "",
                "-management",
                &control,
            ],
        );
        let authority = spawn("pebble", &["-config", "pebble.json", "-dnsserver", &dns]);
        let pebble = Self {
            place,
            api,
            management,
            https,
            http,
            own,
            _processes: [names, authority],
        };
        let client = pebble.own.client(&[]);
        eventually("pebble listens", async || {
            client.connect(pebble.api, "localhost").await.is_ok()
                && client.connect(pebble.management, "localhost").await.is_ok()
        })
        .await;
        Some(pebble)
    }

    /// A client that trusts the certificates that are issued here.
    pub(super) async fn customer(&self) -> TlsClient {
        let client = self.own.client(&[]);
        let response = client.get(self.management, "localhost", "/roots/0").await;
        let (_, pem) = response.split_once("\r\n\r\n").expect("a body");
        TlsClient::trusting(pem.trim(), &[])
    }

    /// A server for [`NAME`].
    fn server(&self) -> Place {
        self.server_at(self.api)
    }

    /// The same with the authority's directory at another address.
    pub(super) fn server_at(&self, directory: SocketAddr) -> Place {
        let root = self.place.path().join("ca.pem");
        Place::new()
            .with("SSL_CERT_FILE", &root.display().to_string())
            .with("SHOPTALK_SERVER__ACME_DOMAINS", NAME)
            .with("SHOPTALK_SERVER__ACME_CONTACT", "ops@shop.test")
            .with(
                "SHOPTALK_SERVER__ACME_DIRECTORY",
                &format!("https://localhost:{}/dir", directory.port()),
            )
    }
}

async fn visitor(client: &TlsClient, addr: SocketAddr) -> Socket {
    let request = format!(
        "POST /api/chat/rooms/ HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    let response = client.request(addr, NAME, &request).await;
    let (_, body) = response.split_once("\r\n\r\n").expect("a body");
    let opened: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let room = opened["room"]["id"].as_str().expect("a room");
    let stream = client.connect(addr, NAME).await.expect("a handshake");
    let mut socket = Socket::over(stream, &format!("wss://{NAME}/ws/chat/{room}/")).await;
    socket
        .send(json!({"type": "hello", "token": opened["token"]}))
        .await;
    socket.expect("welcome").await;
    socket
}

#[tokio::test]
async fn a_certificate_is_issued_and_renewed_and_no_socket_is_lost() {
    let Some(pebble) = Pebble::start(30).await else {
        return;
    };
    let place = pebble.server();
    let listen = pebble.https.to_string();
    let mut running = place.start(&["serve", "--listen", &listen]).await;
    running.line("got a certificate").await;
    let customer = pebble.customer().await;
    let first = customer.certificate(running.addr, NAME).await;
    let mut visitor = visitor(&customer, running.addr).await;
    visitor.post("before").await;

    let files = place.data_dir().join("tls");
    for name in ["account.json", "attempts.json", "certificate.pem"] {
        let metadata = std::fs::metadata(files.join(name)).expect(name);
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
    }

    eventually("the certificate is renewed", async || {
        customer.certificate(running.addr, NAME).await != first
    })
    .await;
    visitor.post("after").await;
    running.stop().await;

    // The next start has a certificate without asking.
    let mut running = place.start(&["serve", "--listen", &listen]).await;
    running.line("is renewed by ACME").await;
    customer.certificate(running.addr, NAME).await;
    running.stop().await;
}

#[tokio::test]
async fn the_plain_listener_is_the_second_way() {
    let Some(pebble) = Pebble::start(3_600).await else {
        return;
    };
    let place = pebble
        .server()
        .with("SHOPTALK_SERVER__HTTP_LISTEN", &pebble.http.to_string());
    // Not the port at which the authority validates by TLS.
    let mut running = place.serve().await;
    let failure = running.line("cannot get a certificate").await;
    assert!(failure.contains("port 443"), "{failure}");
    running.signal(Signal::HUP);
    running.line("got a certificate").await;
    let customer = pebble.customer().await;
    customer.certificate(running.addr, NAME).await;
    running.stop().await;
}

#[tokio::test]
async fn a_failure_pauses_and_a_restart_does_not_shorten_it() {
    let Some(pebble) = Pebble::start(3_600).await else {
        return;
    };
    let place = pebble.server();
    let attempts = || {
        let file = place.data_dir().join("tls/attempts.json");
        let text = std::fs::read_to_string(file).expect("it is written");
        serde_json::from_str::<serde_json::Value>(&text).expect("JSON")
    };
    let mut running = place.serve().await;
    let failure = running.line("cannot get a certificate").await;
    assert!(failure.contains("next attempt is on"), "{failure}");
    eventually("it is written", async || {
        place.data_dir().join("tls/attempts.json").exists()
    })
    .await;
    running.stop().await;
    let before = attempts();
    assert_eq!(before["failures"], 1, "{before}");

    let mut running = place.serve().await;
    let waiting = running.line("there is no certificate yet").await;
    assert!(waiting.contains("failures=1"), "{waiting}");
    // The server works without one: the machine's own checks are answered.
    let anyone = HttpsClient::new(Trust::Anyone);
    let url = format!("https://{}/readyz", running.addr);
    let request = hyper::http::Request::get(url)
        .body(String::new())
        .expect("a request");
    let response = anyone.send(request, None).await.expect("a response");
    assert_eq!(response.status(), 200);
    assert_eq!(attempts(), before, "nothing was asked");
    running.signal(Signal::HUP);
    let failure = running.line("cannot get a certificate").await;
    assert!(failure.contains("failures=2"), "{failure}");
    running.stop().await;
}

/// An authority that accepts connections and never responds, so that the attempt never ends.
#[tokio::test]
async fn a_kill_within_an_attempt_counts_as_a_failure() {
    let silent = tokio::net::TcpListener::bind((LOOPBACK, 0)).await;
    let silent = silent.expect("a port");
    let directory = format!("https://{}/dir", silent.local_addr().expect("bound"));
    let place = Place::new()
        .with("SHOPTALK_SERVER__ACME_DOMAINS", NAME)
        .with("SHOPTALK_SERVER__ACME_DIRECTORY", &directory);
    let running = place.serve().await;
    let asked = tokio::time::timeout(DEADLINE, silent.accept()).await;
    let _connection = asked.expect("in time").expect("it asks");
    running.end(Signal::KILL).await;
    let mut running = place.serve().await;
    let waiting = running.line("there is no certificate yet").await;
    assert!(waiting.contains("failures=1"), "{waiting}");
    assert!(waiting.contains("stopped during the attempt"), "{waiting}");
    running.stop().await;
}
