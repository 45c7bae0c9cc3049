//! Rings agents' devices by Web Push (RFC 8030): the browser's maker runs a push service, which passes
//! on what this server encrypts for the browser alone (RFC 8291) and signs (RFC 8292).
//!
//! [`Push`] owns the server's key and the requests to push services. It decides what becomes of a
//! subscription by what its push service replied; when somebody is rung is decided elsewhere. A
//! message is tried again for a bounded time, and what has not arrived by then is not delivered late.
//!
//! Read next: `send` (one message to one device), `key` (how push services know this server).

mod key;
mod message;
mod reply;
mod send;
mod subscription;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::sync::OnceCell;

pub use self::key::KeyError;
use self::key::PushKey;
pub use self::message::PushMessage;
pub use self::reply::Outcome;
use self::reply::Reply;
use self::send::Sender;
pub use self::subscription::{BadSubscription, check_subscription};
use crate::chat::Timestamp;
use crate::config::Config;
use crate::persistence::{PushTargets, Store, StoreError, StoredPushSubscription, WriteError};

/// Devices that are rung at the same time for one message.
const AT_ONCE: usize = 16;

/// Rings devices. Clones share the key and the connections' settings.
#[derive(Clone)]
pub struct Push(Arc<Inner>);

struct Inner {
    store: Store,
    allow_private: bool,
    key: OnceCell<PushKey>,
    sender: Sender,
    metrics: PushMetrics,
}

/// What is counted.
#[derive(Clone)]
pub struct PushMetrics {
    /// Messages that push services took.
    pub(crate) accepted: ::metrics::Counter,
    /// Subscriptions that were removed, since their push service did not know them any more.
    pub(crate) gone: ::metrics::Counter,
    /// Messages that a push service refused for good.
    pub(crate) refused: ::metrics::Counter,
    /// Messages that no push service took in time.
    pub(crate) failed: ::metrics::Counter,
    /// Attempts after the first one.
    pub(crate) retries: ::metrics::Counter,
}

/// Why nobody could be rung.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// The store cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The stored key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// How a message to one device went.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The device.
    pub endpoint: String,
    /// What became of it.
    pub outcome: Outcome,
}

impl std::fmt::Debug for Push {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Push")
    }
}

impl Push {
    /// Rings the devices of this store.
    #[must_use]
    pub fn new(config: &Config, store: Store, metrics: PushMetrics) -> Self {
        let public_url = config.server.public_url.as_ref();
        // Push services take mailto and https only.
        let public_url = public_url.filter(|url| url.scheme() == "https");
        let subject = match (&config.push.subject, public_url) {
            (Some(subject), _) => Some(subject.clone()),
            (None, url) => url.map(|url| url.origin().ascii_serialization()),
        };
        let allow_private = config.push.allow_private;
        Self(Arc::new(Inner {
            store,
            allow_private,
            key: OnceCell::new(),
            sender: Sender::new(subject, allow_private, metrics.retries.clone()),
            metrics,
        }))
    }

    /// Whether push services in private networks are allowed.
    #[must_use]
    pub fn allows_private(&self) -> bool {
        self.0.allow_private
    }

    /// The public key that browsers subscribe with, in base64url. The key is made when it is first
    /// needed, and stays.
    ///
    /// # Errors
    ///
    /// When the store fails, or the stored key cannot be used.
    pub async fn public_key(&self) -> Result<String, PushError> {
        Ok(self.key().await?.public().to_owned())
    }

    async fn key(&self) -> Result<&PushKey, PushError> {
        self.0
            .key
            .get_or_try_init(async || {
                let store = &self.0.store;
                let stored = match store.push_key().await? {
                    Some(stored) => stored,
                    None => store.keep_push_key(PushKey::generate()).await?,
                };
                Ok(PushKey::from_stored(&stored)?)
            })
            .await
    }

    /// Sends a message to all devices that are meant. Returns once each has taken it, refused it, or
    /// could not be reached in time.
    ///
    /// # Errors
    ///
    /// When the store fails, or the stored key cannot be used: then no device was rung.
    pub async fn send(
        &self,
        targets: PushTargets,
        message: &PushMessage,
    ) -> Result<Vec<Delivery>, PushError> {
        let devices = self.0.store.push_subscriptions(targets).await?;
        if devices.is_empty() {
            return Ok(Vec::new());
        }
        let key = self.key().await?;
        let deliveries = stream::iter(devices)
            .map(|device| self.send_to(key, device, message))
            .buffer_unordered(AT_ONCE);
        Ok(deliveries.collect().await)
    }

    async fn send_to(
        &self,
        key: &PushKey,
        device: StoredPushSubscription,
        message: &PushMessage,
    ) -> Delivery {
        let reply = self.0.sender.send(key, &device.subscription, message).await;
        let endpoint = device.subscription.endpoint.clone();
        self.remember(device, &reply).await;
        Delivery {
            endpoint,
            outcome: reply.outcome(),
        }
    }

    /// Counts a reply, and stores what it means for the subscription.
    async fn remember(&self, device: StoredPushSubscription, reply: &Reply) {
        let (store, metrics) = (&self.0.store, &self.0.metrics);
        let endpoint = device.subscription.endpoint.clone();
        let stored = match reply {
            Reply::Accepted => {
                metrics.accepted.increment(1);
                match device.problem {
                    None => Ok(()),
                    Some(_) => store.set_push_problem(endpoint, None).await,
                }
            }
            Reply::Gone => {
                metrics.gone.increment(1);
                store.forget_push_subscription(device.subscription).await
            }
            Reply::Refused(why) => {
                metrics.refused.increment(1);
                match device.problem.as_deref() == Some(why) {
                    true => Ok(()),
                    false => {
                        let service = message::origin(&endpoint);
                        tracing::warn!(service, why, "a push service refuses messages");
                        store.set_push_problem(endpoint, Some(why.clone())).await
                    }
                }
            }
            Reply::Failed(why) | Reply::TryAgain { why, .. } => {
                metrics.failed.increment(1);
                let service = message::origin(&endpoint);
                tracing::warn!(service, why, "a device could not be rung");
                Ok(())
            }
        };
        if let Err(error) = stored {
            tracing::warn!(%error, "cannot store what a push service replied");
        }
    }

    /// The devices of a session, with what is wrong with each.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn devices(
        &self,
        targets: PushTargets,
    ) -> Result<Vec<StoredPushSubscription>, StoreError> {
        self.0.store.push_subscriptions(targets).await
    }
}

#[cfg(test)]
impl Push {
    /// Rings the devices of this store with the default settings, and counts nothing.
    pub(crate) fn uncounted(store: Store) -> Self {
        let nothing = ::metrics::Counter::noop;
        let metrics = PushMetrics {
            accepted: nothing(),
            gone: nothing(),
            refused: nothing(),
            failed: nothing(),
            retries: nothing(),
        };
        Self::new(&Config::default(), store, metrics)
    }
}

/// The time now, in seconds since 1970.
fn now_seconds() -> i64 {
    Timestamp::now().as_millis() / 1_000
}
