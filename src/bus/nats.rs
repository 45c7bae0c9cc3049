//! NATS core as the bus.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Bus, QUEUE, Topic, subject};
use crate::https_client;
use crate::persistence::without_password;

/// How soon a dead connection is noticed.
const PING_INTERVAL: Duration = Duration::from_secs(2);
/// The wait before a subscription is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Where the bus is and whose frames are ours.
#[derive(Debug, Clone)]
pub struct NatsOptions {
    /// `nats://` or `tls://`, with a login where the server wants one.
    pub url: String,
    /// Begins every subject; several shops may share a server.
    pub name: String,
    /// The store's epoch.
    pub epoch: String,
}

/// Why there is no bus.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    /// The URL cannot be used.
    #[error("{0} is no address of a NATS server; write nats://HOST:4222")]
    Url(String),
    /// The client refuses.
    #[error("cannot use the bus at {url} (cluster.nats_url): {cause}")]
    Connect {
        /// The URL without its password.
        url: String,
        /// The client's error.
        cause: String,
    },
}

/// Connects in the background: a server that is away is tried until `drain` is cancelled, and
/// everything goes on without it.
///
/// # Errors
///
/// When the URL cannot be used.
pub async fn connect(options: NatsOptions, drain: CancellationToken) -> Result<Bus, NatsError> {
    let address = check_url(&options.url)?;
    let (up_sender, up) = watch::channel(false);
    let warned = AtomicBool::new(false);
    let client = connect_options(&address)
        .await
        .retry_on_initial_connect()
        .ping_interval(PING_INTERVAL)
        .name("shoptalk")
        .event_callback(move |event| {
            note(&up_sender, &warned, &event);
            std::future::ready(())
        })
        .connect(address)
        .await
        .map_err(|error| NatsError::Connect {
            url: without_password(&options.url),
            cause: error.to_string(),
        })?;
    let (outgoing, queued) = mpsc::channel(QUEUE);
    let (taken, incoming) = mpsc::channel(QUEUE);
    let prefix = subject(&options.name, &options.epoch, "");
    tokio::spawn(drain.clone().run_until_cancelled_owned(publish(
        client.clone(),
        prefix.clone(),
        queued,
    )));
    tokio::spawn(drain.run_until_cancelled_owned(receive(client, prefix, taken)));
    Ok(Bus {
        outgoing: Some(outgoing),
        incoming,
        up,
    })
}

/// How clients connect: with the login in the URL, which the library leaves aside, and over TLS with the
/// system's authorities, since its own choice would need a default cryptography of the process.
pub(super) async fn connect_options(address: &ServerAddr) -> ConnectOptions {
    let reading = tokio::task::spawn_blocking(https_client::trusting_authorities);
    let options = match reading.await {
        Ok(tls) => ConnectOptions::new().tls_client_config(tls),
        // The runtime ends.
        Err(_) => ConnectOptions::new(),
    };
    let decoded = |text| {
        let bytes = percent_encoding::percent_decode_str(text);
        bytes.decode_utf8_lossy().into_owned()
    };
    match (address.username(), address.password()) {
        (Some(user), Some(password)) => options.user_and_password(decoded(user), decoded(password)),
        (Some(token), None) => options.token(decoded(token)),
        (None, _) => options,
    }
}

/// Whether a URL is the address of a NATS server.
///
/// # Errors
///
/// When it is not.
pub fn check_url(url: &str) -> Result<ServerAddr, NatsError> {
    let has_scheme = ["nats://", "tls://"]
        .iter()
        .any(|scheme| url.starts_with(scheme));
    let address = url.parse().ok().filter(|_| has_scheme);
    address.ok_or_else(|| NatsError::Url(without_password(url)))
}

/// `warned`: whether the log says already why there is no connection.
fn note(up: &watch::Sender<bool>, warned: &AtomicBool, event: &Event) {
    match event {
        Event::Connected => {
            warned.store(false, Ordering::Relaxed);
            tracing::info!("connected to the bus");
            up.send_replace(true);
        }
        Event::Disconnected | Event::Closed => {
            tracing::warn!("the bus is away: nodes find each other's changes by polling");
            up.send_replace(false);
        }
        Event::ClientError(_) | Event::ServerError(_)
            if !*up.borrow() && !warned.swap(true, Ordering::Relaxed) =>
        {
            tracing::warn!(error = %event, "cannot use the bus (cluster.nats_url), trying again: nodes find each other's changes by polling; `shoptalk check` says more");
        }
        other => tracing::debug!(event = %other, "the bus"),
    }
}

async fn publish(client: Client, prefix: String, mut queued: mpsc::Receiver<(Topic, Bytes)>) {
    while let Some((topic, payload)) = queued.recv().await {
        let subject = format!("{prefix}{}", topic.name());
        // Refused frames are found in the store.
        if let Err(error) = client.publish(subject, payload).await {
            tracing::debug!(%error, "a frame was not published");
        }
    }
}

async fn receive(client: Client, prefix: String, taken: mpsc::Sender<(Topic, Bytes)>) {
    loop {
        match client.subscribe(format!("{prefix}>")).await {
            Ok(mut frames) => {
                while let Some(frame) = frames.next().await {
                    let topic = frame.subject.strip_prefix(&prefix);
                    // Dropped when too many wait: the next one shows that some are missing.
                    if let Some(topic) = topic.and_then(Topic::of_name) {
                        let _ = taken.try_send((topic, frame.payload));
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "cannot listen to the bus, trying again"),
        }
        tokio::time::sleep(RETRY).await;
    }
}
