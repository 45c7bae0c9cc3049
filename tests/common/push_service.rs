use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use web_push_native::p256::SecretKey;
use web_push_native::p256::ecdsa::signature::Verifier;
use web_push_native::p256::ecdsa::{Signature, VerifyingKey};
use web_push_native::p256::elliptic_curve::rand_core::OsRng;
use web_push_native::p256::elliptic_curve::sec1::ToEncodedPoint;

use super::eventually;

/// A push service of the tests: it takes messages as the one of a browser's maker does, and refuses
/// what such a one would refuse.
#[derive(Clone)]
pub struct PushService {
    url: String,
    state: Arc<Mutex<Received>>,
    /// Whether responses are withheld.
    held: watch::Sender<bool>,
}

#[derive(Default)]
struct Received {
    messages: Vec<(String, HeaderMap, Vec<u8>)>,
    /// Responses to the next messages; after them all are accepted.
    replies: VecDeque<Response>,
}

/// A browser that has subscribed there.
pub struct Device {
    service: PushService,
    name: String,
    key: SecretKey,
    auth: [u8; 16],
}

/// A message as its browser sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rung {
    pub payload: Value,
    pub topic: String,
    pub urgency: String,
    pub ttl: u64,
}

impl PushService {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let service = Self {
            url: format!("http://{}", listener.local_addr().expect("an address")),
            state: Arc::default(),
            held: watch::Sender::new(false),
        };
        let router = Router::new()
            .route("/push/{name}", post(receive))
            .with_state(service.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        service
    }

    /// A browser that subscribes.
    pub fn device(&self, name: &str) -> Device {
        Device {
            service: self.clone(),
            name: name.to_owned(),
            key: SecretKey::random(&mut OsRng),
            auth: *uuid::Uuid::new_v4().as_bytes(),
        }
    }

    /// Responds to the next message with this.
    pub fn reply_next(&self, reply: impl IntoResponse) {
        let mut state = self.state.lock().expect("not poisoned");
        state.replies.push_back(reply.into_response());
    }

    /// Takes messages without a response, or responds again to those that wait.
    pub fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    /// How many messages have come, accepted or not.
    pub fn count(&self) -> usize {
        self.state.lock().expect("not poisoned").messages.len()
    }
}

async fn receive(
    State(service): State<PushService>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let authorized = check_authorization(&service.url, &headers);
    let reply = {
        let mut state = service.state.lock().expect("not poisoned");
        state.messages.push((name, headers, body.to_vec()));
        state.replies.pop_front()
    };
    let mut held = service.held.subscribe();
    let _ = held.wait_for(|held| !held).await;
    match authorized {
        Err(why) => (StatusCode::FORBIDDEN, why).into_response(),
        Ok(()) => reply.unwrap_or_else(|| StatusCode::CREATED.into_response()),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let value = headers.get(name).map(|value| value.to_str());
    value.and_then(Result::ok).unwrap_or_default()
}

/// Checks who sends (RFC 8292): the signature, the audience and the time.
fn check_authorization(url: &str, headers: &HeaderMap) -> Result<(), String> {
    let authorization = header(headers, "authorization");
    let (token, key) = authorization
        .strip_prefix("vapid t=")
        .and_then(|rest| rest.split_once(", k="))
        .ok_or(format!("not vapid: {authorization}"))?;
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|bad| bad.to_string());
    let (signed, signature) = token.rsplit_once('.').ok_or("not a token")?;
    let key = VerifyingKey::from_sec1_bytes(&decode(key)?).map_err(|bad| bad.to_string())?;
    let signature = Signature::from_slice(&decode(signature)?).map_err(|bad| bad.to_string())?;
    key.verify(signed.as_bytes(), &signature)
        .map_err(|bad| bad.to_string())?;
    let (_, claims) = signed.split_once('.').ok_or("no claims")?;
    let claims: Value = serde_json::from_slice(&decode(claims)?).map_err(|bad| bad.to_string())?;
    let now = super::in_seconds(0);
    let expires = claims["exp"].as_i64().unwrap_or(0);
    match claims["aud"] == url && expires > now && expires <= now + 24 * 60 * 60 {
        true => Ok(()),
        false => Err(format!("wrong claims: {claims}")),
    }
}

impl Device {
    /// What the browser's `PushSubscription.toJSON()` returns.
    pub fn subscription(&self) -> Value {
        let point = self.key.public_key().to_encoded_point(false);
        json!({
            "endpoint": self.endpoint(),
            "expirationTime": null,
            "keys": {
                "p256dh": URL_SAFE_NO_PAD.encode(point.as_bytes()),
                "auth": URL_SAFE_NO_PAD.encode(self.auth),
            },
        })
    }

    pub fn endpoint(&self) -> String {
        format!("{}/push/{}", self.service.url, self.name)
    }

    /// The messages that have come for this device, decrypted, refused ones included.
    pub fn rung(&self) -> Vec<Rung> {
        let state = self.service.state.lock().expect("not poisoned");
        let own = state
            .messages
            .iter()
            .filter(|(name, ..)| *name == self.name);
        own.map(|(_, headers, body)| {
            assert_eq!(header(headers, "content-encoding"), "aes128gcm");
            let auth = web_push_native::Auth::from(self.auth);
            let text = web_push_native::decrypt(body.clone(), &self.key, &auth);
            Rung {
                payload: serde_json::from_slice(&text.expect("it is for this device"))
                    .expect("JSON"),
                topic: header(headers, "topic").to_owned(),
                urgency: header(headers, "urgency").to_owned(),
                ttl: header(headers, "ttl").parse().expect("seconds"),
            }
        })
        .collect()
    }

    /// Waits until this many messages have come.
    pub async fn has_rung(&self, times: usize) -> Vec<Rung> {
        let what = format!("{} has rung {times} times", self.name);
        eventually(&what, async || self.rung().len() >= times).await;
        self.rung()
    }
}
