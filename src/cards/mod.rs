//! The shop's cards: what the shop's own server says about the customer of a conversation, such as
//! their orders. It is asked with a signed request each time an agent looks, and nothing is kept.
//!
//! [`Cards`] owns these requests. Whatever the shop's server does, the caller has its cards or a
//! reason within 3 s: a reply has at most 64 KiB, redirects are not followed, and at most 16 requests
//! are open at the same time. It connects to public addresses only, unless the configuration allows
//! others (`https_client/network.rs`).
//!
//! Read next: `request` (what is asked, and the signature), `reply` (what cards may be).

mod reply;
mod request;
#[cfg(test)]
mod tests;

use std::time::Duration;

use hyper::http::StatusCode;
use tokio::sync::{OnceCell, Semaphore};
use tokio_util::sync::CancellationToken;

pub use self::reply::{BadCards, Card};
pub use self::request::Question;
use crate::chat::Timestamp;
use crate::config::{CardsConfig, Secret};
use crate::https_client::{ClientError, HttpsClient, Reach, Trust};

/// How long a request may take: resolving the name, connecting and reading the reply together.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(3);
/// Bytes of a reply, at most.
const REPLY_BYTES: usize = 64 * 1024;
/// Requests at the same time. A shop's server that hangs gets no more.
const REQUESTS: usize = 16;

/// Why there are no cards, in words for agents and for whoever runs the shop's server.
#[derive(Debug, thiserror::Error)]
pub enum CardsError {
    /// The shop's server has private addresses only.
    #[error(
        "{0} has no public address; if it is in this server's own network, set cards.allow_private to true"
    )]
    Private(String),
    /// The shop's server was not reached, or its reply is unreadable or too large.
    #[error(transparent)]
    Client(ClientError),
    /// No reply in time.
    #[error("the shop's server did not reply within {} s; look into its log, or try again", TIMEOUT.as_secs())]
    Timeout,
    /// It sends clients elsewhere.
    #[error(
        "the shop's server replied with {0}, and redirects are not followed; set cards.url to where it leads"
    )]
    Redirect(StatusCode),
    /// It has failed, or refuses the request.
    #[error("the shop's server replied with {0} instead of 200; {advice}", advice = advice(*.0))]
    Status(StatusCode),
    /// Its reply has no cards that can be shown.
    #[error("the reply of the shop's server {0}")]
    Bad(#[from] BadCards),
    /// Too many requests are open.
    #[error("{REQUESTS} requests to the shop's server are open; try again in a few seconds")]
    Busy,
    /// The server drains.
    #[error("the chat's server is stopping; try again in a few seconds")]
    Draining,
    /// The request cannot be made.
    #[error("the shop's server cannot be asked: {0}; check cards.url")]
    Request(String),
}

impl From<ClientError> for CardsError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Private(name) => Self::Private(name),
            error => Self::Client(error),
        }
    }
}

/// What to do about a status.
fn advice(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 | 403 => {
            "check that both sides have the same cards.secret and the right time, and that no proxy in front asks for a password"
        }
        404 | 405 | 410 => {
            "check that cards.url is where its program takes POST, and that it replies 200 with {\"cards\": []} for a customer it does not know"
        }
        502..=504 => "the proxy in front of its program cannot reach it; start the program",
        _ => "look into its log",
    }
}

/// What is counted.
pub struct CardsMetrics {
    /// Requests that led to cards.
    pub(crate) loaded: ::metrics::Counter,
    /// Requests that did not.
    pub(crate) failed: ::metrics::Counter,
}

impl CardsMetrics {
    /// Counts nothing, for a command.
    #[must_use]
    pub fn none() -> Self {
        Self {
            loaded: ::metrics::Counter::noop(),
            failed: ::metrics::Counter::noop(),
        }
    }
}

/// Asks the shop's server.
pub struct Cards {
    config: Option<CardsConfig>,
    requests: Semaphore,
    /// Made for the first request, since it reads the system's authorities.
    client: OnceCell<HttpsClient>,
    metrics: CardsMetrics,
    drain: CancellationToken,
}

impl Cards {
    /// Without a configuration there are no cards. Requests end with `drain`.
    #[must_use]
    pub fn new(
        config: Option<CardsConfig>,
        metrics: CardsMetrics,
        drain: CancellationToken,
    ) -> Self {
        Self {
            config,
            requests: Semaphore::new(REQUESTS),
            client: OnceCell::new(),
            metrics,
            drain,
        }
    }

    /// The shop's server: scheme, host and port of its URL. `None` without a configuration.
    #[must_use]
    pub fn server(&self) -> Option<String> {
        self.config.as_ref().map(CardsConfig::server)
    }

    /// The shop's cards about a customer; `None` without a configuration. Whoever drops the future
    /// ends the request.
    ///
    /// # Errors
    ///
    /// Why there are none.
    pub async fn ask(&self, question: &Question) -> Result<Option<Vec<Card>>, CardsError> {
        let Some(config) = &self.config else {
            return Ok(None);
        };
        let asking = self.drain.run_until_cancelled(self.load(config, question));
        let cards = asking.await.unwrap_or(Err(CardsError::Draining));
        match &cards {
            Ok(_) => self.metrics.loaded.increment(1),
            Err(_) => self.metrics.failed.increment(1),
        }
        cards.map(Some)
    }

    /// Asks as somebody who does not know the secret, to find out whether the shop's server refuses
    /// that: cards are a failure of that server. It counts for nothing in the metrics.
    ///
    /// # Errors
    ///
    /// Why there are none.
    pub async fn ask_without_secret(
        &self,
        question: &Question,
    ) -> Result<Option<Vec<Card>>, CardsError> {
        let Some(config) = &self.config else {
            return Ok(None);
        };
        let forger = CardsConfig {
            secret: Secret::new(format!("{:032x}", rand::random::<u128>())),
            ..config.clone()
        };
        let asking = self.drain.run_until_cancelled(self.load(&forger, question));
        let cards = asking.await.unwrap_or(Err(CardsError::Draining));
        cards.map(Some)
    }

    async fn load(
        &self,
        config: &CardsConfig,
        question: &Question,
    ) -> Result<Vec<Card>, CardsError> {
        let _place = self.requests.try_acquire().map_err(|_| CardsError::Busy)?;
        let request = request::signed(config, question, Timestamp::now())?;
        let exchange = async {
            let client = self.client(config.allow_private).await?;
            Ok::<_, CardsError>(client.send(request, None).await?)
        };
        let response = tokio::time::timeout(TIMEOUT, exchange)
            .await
            .map_err(|_| CardsError::Timeout)??;
        match response.status() {
            StatusCode::OK => Ok(reply::cards(response.body())?),
            status if status.is_redirection() => Err(CardsError::Redirect(status)),
            status => Err(CardsError::Status(status)),
        }
    }

    async fn client(&self, allow_private: bool) -> Result<&HttpsClient, CardsError> {
        let reach = match allow_private {
            true => Reach::Anywhere,
            false => Reach::PublicAddresses,
        };
        let client = self.client.get_or_try_init(async || {
            let make = move || {
                let client = HttpsClient::new(Trust::Authorities).reaching(reach);
                client.with_max_body_bytes(REPLY_BYTES)
            };
            tokio::task::spawn_blocking(make).await
        });
        client
            .await
            .map_err(|error| CardsError::Request(error.to_string()))
    }
}
