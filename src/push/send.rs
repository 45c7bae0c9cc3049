use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::http::header::AUTHORIZATION;
use hyper::http::{HeaderValue, Request, Uri};
use tokio::sync::OnceCell;
use tokio::time::Instant;
use web_push_native::p256::PublicKey;
use web_push_native::{Auth, WebPushBuilder};

use super::key::PushKey;
use super::message::{PushMessage, origin};
use super::now_seconds;
use super::reply::Reply;
use crate::https_client::{ClientError, HttpsClient, Reach, Trust};
use crate::persistence::PushSubscription;

/// How long a push service keeps a message for a device that is off. Who waits longer than this is
/// rung again anyway.
const TTL: Duration = Duration::from_secs(180);
/// How long one attempt may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a message is tried in all.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);
/// The wait after the first failure; it is doubled after each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// Sends messages to push services.
pub(super) struct Sender {
    subject: Option<String>,
    reach: Reach,
    /// Made when the first message is sent, since it reads the system's authorities.
    client: OnceCell<HttpsClient>,
    retries: ::metrics::Counter,
}

impl Sender {
    pub(super) fn new(
        subject: Option<String>,
        allow_private: bool,
        retries: ::metrics::Counter,
    ) -> Self {
        Self {
            subject,
            reach: match allow_private {
                true => Reach::Anywhere,
                false => Reach::PublicAddresses,
            },
            client: OnceCell::new(),
            retries,
        }
    }

    /// Sends a message to one device, and again while the push service is away, for a bounded time.
    pub(super) async fn send(
        &self,
        key: &PushKey,
        to: &PushSubscription,
        message: &PushMessage,
    ) -> Reply {
        let give_up_at = Instant::now() + GIVE_UP_AFTER;
        let mut wait = FIRST_WAIT;
        loop {
            let reply = self.attempt(key, to, message).await;
            let Reply::TryAgain { after, .. } = &reply else {
                return reply;
            };
            let next = Instant::now() + after.unwrap_or(wait).max(wait);
            if next > give_up_at {
                return reply;
            }
            tokio::time::sleep_until(next).await;
            self.retries.increment(1);
            wait *= 2;
        }
    }

    async fn attempt(&self, key: &PushKey, to: &PushSubscription, message: &PushMessage) -> Reply {
        let request = match self.request(key, to, message) {
            Ok(request) => request,
            Err(why) => return Reply::Failed(why),
        };
        let client = match self.client().await {
            Ok(client) => client,
            Err(why) => return Reply::Failed(why),
        };
        let sending = client.send(request, None);
        match tokio::time::timeout(ATTEMPT_TIMEOUT, sending).await {
            Ok(Ok(response)) => Reply::of(response.status(), response.headers()),
            Ok(Err(error @ (ClientError::Private(_) | ClientError::Url(_)))) => {
                Reply::Refused(error.to_string())
            }
            Ok(Err(error)) => Reply::TryAgain {
                after: None,
                why: error.to_string(),
            },
            Err(_) => Reply::TryAgain {
                after: None,
                why: format!(
                    "no response from {} within {ATTEMPT_TIMEOUT:?}",
                    origin(&to.endpoint)
                ),
            },
        }
    }

    async fn client(&self) -> Result<&HttpsClient, String> {
        let reach = self.reach;
        self.client
            .get_or_try_init(async || {
                let make = move || HttpsClient::new(Trust::Authorities).reaching(reach);
                tokio::task::spawn_blocking(make).await
            })
            .await
            .map_err(|error| error.to_string())
    }

    fn request(
        &self,
        key: &PushKey,
        to: &PushSubscription,
        message: &PushMessage,
    ) -> Result<Request<Full<Bytes>>, String> {
        let endpoint: Uri = (to.endpoint.parse()).map_err(|error| format!("{error}"))?;
        let public = PublicKey::from_sec1_bytes(&to.p256dh).map_err(|error| error.to_string())?;
        let auth = <[u8; 16]>::try_from(&to.auth[..]).map_err(|error| error.to_string())?;
        let text =
            serde_json::to_vec(&message.payload(to.language)).map_err(|error| error.to_string())?;
        let authorization = key
            .authorization(
                &origin(&to.endpoint),
                self.subject.as_deref(),
                now_seconds(),
            )
            .map_err(|error| error.to_string())?;
        let mut request = WebPushBuilder::new(endpoint, public, Auth::from(auth))
            .with_valid_duration(TTL)
            .build(text)
            .map_err(|error| error.to_string())?;
        let value = |text: String| HeaderValue::try_from(text).map_err(|error| error.to_string());
        let headers = request.headers_mut();
        headers.insert("Topic", value(message.topic())?);
        headers.insert("Urgency", HeaderValue::from_static("high"));
        headers.insert(AUTHORIZATION, value(authorization)?);
        Ok(request.map(|body| Full::new(Bytes::from(body))))
    }
}
