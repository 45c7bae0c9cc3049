use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::*;
use crate::chat::RoomId;
use crate::config::Secret;

/// What a shop's server does with a connection once it has read the request.
#[derive(Clone)]
enum Behavior {
    Reply(Vec<u8>),
    /// It never replies.
    Hang,
    /// It replies a byte a second, without an end.
    Drip,
}

impl Behavior {
    fn http(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n");
        Self::Reply([head.as_bytes(), body.as_bytes()].concat())
    }

    fn ok(body: &str) -> Self {
        Self::http("200 OK", "", body)
    }

    async fn serve(self, mut stream: TcpStream) -> std::io::Result<()> {
        let read = stream.read(&mut [0; 4096]).await?;
        assert!(read > 0, "a request");
        match self {
            Self::Reply(bytes) => stream.write_all(&bytes).await,
            Self::Hang => std::future::pending().await,
            Self::Drip => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
                loop {
                    stream.write_all(b" ").await?;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

/// A shop's server, and how many connections it had.
async fn shop(behavior: Behavior) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(behavior.clone().serve(stream));
        }
    });
    (addr, connections)
}

fn cards(url: &str, allow_private: bool) -> Cards {
    let config = CardsConfig {
        url: url.parse().expect("a URL"),
        secret: Secret::new("a secret of the shop with 32 bytes"),
        allow_private,
    };
    Cards::new(Some(config), CardsMetrics::none(), CancellationToken::new())
}

fn question() -> Question {
    Question {
        room_id: RoomId::nil(),
        user: None,
        name: Some("Ann".into()),
        email: None,
        phone: None,
        signed: vec![],
    }
}

async fn ask(behavior: Behavior) -> Result<Option<Vec<Card>>, CardsError> {
    let (addr, _) = shop(behavior).await;
    cards(&format!("http://{addr}/cards"), true)
        .ask(&question())
        .await
}

async fn refused(behavior: Behavior) -> String {
    ask(behavior).await.expect_err("it is refused").to_string()
}

#[tokio::test]
async fn requests_are_counted_by_their_outcome() {
    let counters = [Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0))];
    let counted = || {
        counters
            .each_ref()
            .map(|counter| counter.load(Ordering::SeqCst))
    };
    let (addr, _) = shop(Behavior::ok("{\"cards\": []}")).await;
    let mut cards = cards(&format!("http://{addr}/"), true);
    let [loaded, failed] = counters.clone().map(::metrics::Counter::from_arc);
    cards.metrics = CardsMetrics { loaded, failed };
    assert!(cards.ask(&question()).await.is_ok());
    assert_eq!(counted(), [1, 0]);
    cards.drain.cancel();
    assert!(cards.ask(&question()).await.is_err());
    assert_eq!(counted(), [1, 1]);
}

#[tokio::test]
async fn the_shop_s_cards_are_loaded() {
    let body = json!({"cards": [{"title": "Order 7", "lines": ["Paid"]}]}).to_string();
    let cards = ask(Behavior::ok(&body)).await.expect("they are loaded");
    assert_eq!(cards.expect("there are some")[0].title, "Order 7");
}

#[tokio::test]
async fn errors_redirects_and_pages_are_refused_with_the_reason() {
    let error = refused(Behavior::http("500 Internal Server Error", "", "oh")).await;
    assert_eq!(
        error,
        "the shop's server replied with 500 Internal Server Error instead of 200; look into its log"
    );
    let (elsewhere, connections) = shop(Behavior::ok("{\"cards\": []}")).await;
    for status in [
        "301 Moved Permanently",
        "302 Found",
        "307 Temporary Redirect",
    ] {
        let to = format!("Location: http://{elsewhere}/\r\n");
        let redirect = refused(Behavior::http(status, &to, "")).await;
        assert!(
            redirect.contains("redirects are not followed"),
            "{redirect}"
        );
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
    let html = Behavior::http("200 OK", "Content-Type: text/html\r\n", "<html></html>");
    for behavior in [html, Behavior::ok(""), Behavior::ok("{\"cards\": [")] {
        let refused = refused(behavior).await;
        assert!(
            refused.starts_with("the reply of the shop's server is not {\"cards\": ["),
            "{refused}"
        );
    }
    let no_http = refused(Behavior::Reply(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec())).await;
    assert!(
        no_http.contains("the connection to 127.0.0.1:"),
        "{no_http}"
    );
    let cut = Behavior::Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec());
    let cut = refused(cut).await;
    assert!(cut.contains("is unreadable"), "{cut}");
}

#[tokio::test]
async fn a_status_says_what_to_change() {
    for (status, advice) in [
        ("401 Unauthorized", "the same cards.secret"),
        ("403 Forbidden", "the same cards.secret"),
        (
            "404 Not Found",
            "200 with {\"cards\": []} for a customer it",
        ),
        ("405 Method Not Allowed", "takes POST"),
        ("400 Bad Request", "look into its log"),
        ("500 Internal Server Error", "look into its log"),
        ("502 Bad Gateway", "start the program"),
        ("503 Service Unavailable", "start the program"),
    ] {
        let refused = refused(Behavior::http(status, "", "")).await;
        let words = format!("the shop's server replied with {status} instead of 200; ");
        assert!(
            refused.starts_with(&words) && refused.contains(advice),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_reply_of_more_than_64_kib_is_refused() {
    let body = |bytes: usize| {
        let rest = "{\"cards\":[],\"more\":\"\"}".len();
        json!({"cards": [], "more": "x".repeat(bytes - rest)}).to_string()
    };
    assert!(ask(Behavior::ok(&body(REPLY_BYTES))).await.is_ok());
    for bytes in [REPLY_BYTES + 1, 10 * 1024 * 1024] {
        let large = refused(Behavior::ok(&body(bytes))).await;
        assert!(large.contains("is larger than 65536 bytes"), "{large}");
    }
    let header = format!("X-Much: {}\r\n", "x".repeat(300_000));
    let large = refused(Behavior::http("200 OK", &header, "{\"cards\": []}")).await;
    assert!(large.contains("too large"), "{large}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_slow_is_given_up_after_3_s() {
    for behavior in [Behavior::Hang, Behavior::Drip] {
        let begun = Instant::now();
        let slow = refused(behavior).await;
        assert!(slow.contains("did not reply within 3 s"), "{slow}");
        assert!(begun.elapsed() < TIMEOUT + Duration::from_secs(1));
    }
}

#[tokio::test]
async fn requests_past_the_bound_are_refused_and_places_are_given_back() {
    let (addr, connections) = shop(Behavior::Hang).await;
    let cards = Arc::new(cards(&format!("http://{addr}/"), true));
    let asking: Vec<_> = (0..REQUESTS)
        .map(|_| {
            let cards = cards.clone();
            tokio::spawn(async move { cards.ask(&question()).await.map(drop) })
        })
        .collect();
    while connections.load(Ordering::SeqCst) < REQUESTS {
        tokio::task::yield_now().await;
    }
    let refused = cards.ask(&question()).await;
    assert!(matches!(refused, Err(CardsError::Busy)), "{refused:?}");
    for asking in asking {
        // As when an agent's browser hangs up.
        asking.abort();
        let _ = asking.await;
    }
    assert_eq!(cards.requests.available_permits(), REQUESTS);
}

#[tokio::test]
async fn a_drain_ends_requests() {
    let (addr, connections) = shop(Behavior::Hang).await;
    let cards = Arc::new(cards(&format!("http://{addr}/"), true));
    let asking = {
        let cards = cards.clone();
        tokio::spawn(async move { cards.ask(&question()).await.map(drop) })
    };
    while connections.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    cards.drain.cancel();
    let ended = asking.await.expect("no panic");
    assert!(matches!(ended, Err(CardsError::Draining)), "{ended:?}");
}

/// Addresses of this machine and of private networks, in the forms that URLs may have.
const PRIVATE: &[&str] = &[
    // This machine.
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0X7F.0.0.0x1",
    "017700000001",
    "0177.0.0.1",
    "%31%32%37.0.0.1",
    "１２７.０.０.１",
    "localhost",
    "LOCALHOST",
    "0",
    "0.0.0.0",
    "0x0",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    // Networks.
    "10.0.0.1",
    "10.255.255.255",
    "0x0a000001",
    "167772161",
    "012.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.1",
    "[::ffff:10.0.0.1]",
    "[fc00::1]",
    "[fd12:3456::1]",
    // Shared by customers of a provider.
    "100.64.0.1",
    "100.127.255.255",
    // Links, and the metadata of a cloud's machines.
    "169.254.0.1",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "0251.0376.0251.0376",
    "[::ffff:a9fe:a9fe]",
    "[fe80::1]",
    "[fd00:ec2::254]",
    // Tunnels into them: NAT64, 6to4, Teredo.
    "[64:ff9b::7f00:1]",
    "[64:ff9b::10.0.0.1]",
    "[64:ff9b:1::1]",
    "[2002:7f00:1::]",
    "[2002:a00:1::1]",
    "[2001::1]",
    // Many receivers, documentation, measurements, reserved.
    "224.0.0.1",
    "239.255.255.255",
    "[ff02::1]",
    "255.255.255.255",
    "240.0.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "[2001:db8::1]",
    // With a user in front.
    "shop.example@127.0.0.1",
    "shop.example:443@[::1]",
];

#[tokio::test]
async fn private_addresses_are_refused_in_every_form() {
    let (addr, connections) = shop(Behavior::ok("{\"cards\": []}")).await;
    for host in PRIVATE {
        let url = format!("http://{host}:{}/", addr.port());
        let refused = cards(&url, false).ask(&question()).await;
        let refused = refused.expect_err(host);
        assert!(
            matches!(refused, CardsError::Private(_)),
            "{host}: {refused}"
        );
        let reason = refused.to_string();
        assert!(
            reason.contains("set cards.allow_private to true"),
            "{host}: {reason}"
        );
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
    let url = format!("http://localhost:{}/", addr.port());
    let allowed = cards(&url, true).ask(&question()).await;
    assert!(allowed.is_ok(), "{allowed:?}");
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}
