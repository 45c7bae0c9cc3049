use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use shoptalk::config::{CardsConfig, Secret};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::{DEADLINE, in_seconds};

const SECRET: &str = "a secret of the shop with 32 bytes";

/// The shop's own server of the tests, which has cards about customers. It refuses what is not signed,
/// unless it is told to trust everybody.
#[derive(Clone)]
pub struct ShopServer {
    url: String,
    state: Arc<Mutex<Asked>>,
    /// Whether it replies to everybody.
    trusts: Arc<AtomicBool>,
    /// Whether replies are withheld.
    held: watch::Sender<bool>,
    /// How many requests are open.
    open: watch::Sender<usize>,
}

#[derive(Default)]
struct Asked {
    questions: Vec<Value>,
    /// Replies to the next requests; after them there are no cards.
    replies: VecDeque<Response>,
}

/// A request that is open until this is dropped.
struct Open(watch::Sender<usize>);

impl Open {
    fn new(count: watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl ShopServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let shop = Self {
            url: format!("http://{addr}/cards"),
            state: Arc::default(),
            trusts: Arc::default(),
            held: watch::Sender::new(false),
            open: watch::Sender::new(0),
        };
        let router = Router::new()
            .route("/cards", post(reply))
            .with_state(shop.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        shop
    }

    /// The configuration of a server that asks it.
    pub fn config(&self) -> CardsConfig {
        CardsConfig {
            url: self.url.parse().expect("a URL"),
            secret: Secret::new(SECRET),
            allow_private: true,
        }
    }

    /// Replies to the next request with this.
    pub fn reply_next(&self, reply: impl IntoResponse) {
        let mut state = self.state.lock().expect("not poisoned");
        state.replies.push_back(reply.into_response());
    }

    /// From now on it does not look at signatures.
    pub fn trust_everybody(&self) {
        self.trusts.store(true, Ordering::Relaxed);
    }

    /// Takes requests without a reply, or replies again to those that wait.
    pub fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    /// What it was asked, the newest last.
    pub fn questions(&self) -> Vec<Value> {
        self.state.lock().expect("not poisoned").questions.clone()
    }

    /// Waits until this many requests are open.
    pub async fn wait_for_open(&self, count: usize) {
        let mut open = self.open.subscribe();
        let waiting = open.wait_for(|open| *open == count);
        let waited = tokio::time::timeout(DEADLINE, waiting).await;
        drop(
            waited
                .expect("as many requests are open")
                .expect("a sender"),
        );
    }
}

async fn reply(State(shop): State<ShopServer>, headers: HeaderMap, body: Bytes) -> Response {
    let _open = Open::new(shop.open.clone());
    let signed = check_signature(&headers, &body);
    let trusted = signed.is_some() || shop.trusts.load(Ordering::Relaxed);
    let reply = {
        let mut state = shop.state.lock().expect("not poisoned");
        let question = serde_json::from_slice(&body).expect("JSON");
        state.questions.push(question);
        state.replies.pop_front()
    };
    let _ = shop.held.subscribe().wait_for(|held| !held).await;
    match trusted {
        true => reply.unwrap_or_else(|| "{\"cards\": []}".into_response()),
        false => StatusCode::FORBIDDEN.into_response(),
    }
}

/// As docs/cards.md describes it.
fn check_signature(headers: &HeaderMap, body: &[u8]) -> Option<()> {
    let header = headers.get("shoptalk-signature")?.to_str().ok()?;
    let (time, code) = header.strip_prefix("t=")?.split_once(",v1=")?;
    if in_seconds(0).abs_diff(time.parse().ok()?) > 300 {
        return None;
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).ok()?;
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    let expected = mac.finalize().into_bytes();
    let expected: String = expected.iter().map(|byte| format!("{byte:02x}")).collect();
    (code == expected).then_some(())
}
