//! A running server: it puts the parts together and takes them apart in the right order.
//!
//! It owns the actors, the store, the listener and the background tasks. It guarantees that a
//! failure of a critical part is reported by [`Server::stopped`], and that [`Server::shutdown`]
//! ends within the drain timeout and a few seconds, whatever sockets, rooms or the disk do. What
//! belongs to a process (arguments, signals, exit codes) is in `src/cli`.
//!
//! Read next: `src/http/mod.rs` for what is served, `src/actors/mod.rs` for what is live.

mod background;
mod ends;
mod followers;
mod listeners;
mod nodes;
mod opening;
mod start;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::actors::{ActorStartError, Actors, Faults, TreeFailure, until_some};
#[cfg(feature = "test-hooks")]
use crate::bus::Bus;
use crate::bus::nats::NatsError;
use crate::cards::Card;
use crate::config::Config;
use crate::http::{self, StartPage};
#[cfg(feature = "test-hooks")]
use crate::jobs::registry::Jobs;
#[cfg(feature = "test-hooks")]
use crate::jobs::schedule::Backups;
use crate::persistence::{Store, StoreError};
use crate::tls::{Acceptor, TlsError};

pub use self::listeners::{Listener, Listeners};
#[cfg(feature = "test-hooks")]
use self::nodes::Nodes;

/// How long requests in progress may take to finish while draining.
const DRAIN_REQUESTS: Duration = Duration::from_millis(500);
/// How long rooms may take to finish after the last socket has closed.
const DRAIN_ROOMS: Duration = Duration::from_secs(1);
/// How long the store may take to commit what is queued and to close its files.
const CLOSE_STORE: Duration = Duration::from_secs(2);

/// A running server.
///
/// [`Server::shutdown`] drains it. Dropping it without that leaves its tasks to the runtime, as a
/// crash would.
#[derive(Debug)]
pub struct Server {
    local_addr: SocketAddr,
    /// Where plain HTTP is redirected.
    http_addr: Option<SocketAddr>,
    /// Has the certificate read again, if there is TLS.
    reload_tls: Option<Arc<Notify>>,
    setup_link: Option<String>,
    drain_timeout: Duration,
    actors: Arc<Actors>,
    store: Store,
    #[cfg(feature = "test-hooks")]
    faults: Faults,
    #[cfg(feature = "test-hooks")]
    jobs: Jobs,
    #[cfg(feature = "test-hooks")]
    nodes: Nodes,
    listening: Listening,
    /// Sockets in progress.
    sockets: TaskTracker,
    /// Set once, with the first reason to stop.
    stopped: Arc<watch::Sender<Option<StopReason>>>,
}

/// What every listener of a server shares.
#[derive(Debug)]
struct Listening {
    /// Cancelled first: sockets close, requests are refused, background tasks end.
    drain: CancellationToken,
    /// Cancelled once the sockets have closed.
    stop: CancellationToken,
    /// Connections in progress.
    connections: TaskTracker,
    /// How many connections there may be, on all listeners together.
    limits: http::Connections,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The actors could not be started.
    #[error(transparent)]
    Actors(#[from] ActorStartError),
    /// The listener cannot be used.
    #[error("cannot listen: {0}")]
    Listen(#[from] std::io::Error),
    /// The listener that redirects cannot be opened.
    #[error("cannot listen on {0} (server.http_listen): {1}")]
    HttpListen(SocketAddr, std::io::Error),
    /// TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The bus between nodes cannot be used.
    #[error(transparent)]
    Bus(#[from] NatsError),
}

/// Why a server stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// It was shut down.
    Shutdown,
    /// A critical part failed.
    Failed(ServerFailure),
}

/// The failure of a part without which a server cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerFailure {
    /// The tree of actors failed beyond repair.
    #[error(transparent)]
    Actors(#[from] TreeFailure),
    /// The thread that writes to the database ended.
    #[error("the writer of the store has died")]
    WriterDied,
}

impl Server {
    /// Serves on `listeners` until it is shut down. The server owns the store from here on, and
    /// closes it when it shuts down.
    ///
    /// # Errors
    ///
    /// When a listener or the store cannot be used, or the actors cannot be started.
    pub async fn start(
        config: Config,
        listeners: impl Into<Listeners>,
        store: Store,
    ) -> Result<Self, StartError> {
        Self::start_with(config, listeners.into(), store, StartPage::Plain).await
    }

    /// Like [`Server::start`], with a sample shop at `/`, and the page of another shop on
    /// `other_listener`, whose origin must be among the allowed ones. That shop replies with
    /// `cards_of` a user at `/cards`.
    ///
    /// # Errors
    ///
    /// As for [`Server::start`].
    pub async fn start_demo(
        config: Config,
        listener: TcpListener,
        store: Store,
        other_listener: TcpListener,
        cards_of: fn(&str) -> Vec<Card>,
    ) -> Result<Self, StartError> {
        let server = Self::start_with(config, listener.into(), store, StartPage::Shop).await?;
        let other_shop = http::embedding_shop(&format!("http://{}", server.local_addr), cards_of);
        server
            .listening
            .serve(Listener::own(other_listener), None, other_shop);
        Ok(server)
    }

    /// Like [`Server::start`], on this bus instead of the configured one. The faults are those of
    /// all servers that share them.
    ///
    /// # Errors
    ///
    /// As for [`Server::start`].
    #[cfg(feature = "test-hooks")]
    pub async fn start_on_bus(
        config: Config,
        listeners: impl Into<Listeners>,
        store: Store,
        bus: Bus,
        faults: Faults,
    ) -> Result<Self, StartError> {
        Box::pin(Self::start_parts(
            config,
            listeners.into(),
            store,
            StartPage::Plain,
            Some(bus),
            faults,
        ))
        .await
    }

    async fn start_with(
        config: Config,
        listeners: Listeners,
        store: Store,
        start_page: StartPage,
    ) -> Result<Self, StartError> {
        let faults = Faults::default();
        Box::pin(Self::start_parts(
            config, listeners, store, start_page, None, faults,
        ))
        .await
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Where it redirects plain HTTP, if it does.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.http_addr
    }

    /// Whether it speaks TLS.
    pub fn has_tls(&self) -> bool {
        self.reload_tls.is_some()
    }

    /// Reads the certificate files again, or ends the pause after a failed attempt by ACME. Returns
    /// `false` if there is no TLS.
    pub fn reload_tls(&self) -> bool {
        self.reload_tls
            .as_ref()
            .map(|reload| reload.notify_one())
            .is_some()
    }

    /// Where to create the first admin, if there was no agent at the start. The link is a secret.
    pub fn setup_link(&self) -> Option<&str> {
        self.setup_link.as_deref()
    }

    /// Faults that tests can inject.
    #[cfg(feature = "test-hooks")]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// What makes backups, which tests can pause.
    #[cfg(feature = "test-hooks")]
    pub fn backups(&self) -> &Backups {
        self.jobs.backups()
    }

    /// Closes sockets once the database has been away for as long as this.
    #[cfg(feature = "test-hooks")]
    pub fn set_cut_off_after(&self, after: Duration) {
        self.nodes.cut_off_after.set(after);
    }

    /// Resolves when the server has failed or was shut down.
    pub async fn stopped(&self) -> StopReason {
        until_some(self.stopped.subscribe()).await
    }

    /// Drains: notifies every socket, lets what is in progress finish, closes the store.
    /// Takes at most the drain timeout and 3.5 seconds more.
    pub async fn shutdown(&self) {
        let deadline = Instant::now() + self.drain_timeout;
        let listening = &self.listening;
        listening.drain.cancel();
        self.sockets.close();
        if timeout_at(deadline, self.sockets.wait()).await.is_err() {
            let left = self.sockets.len();
            tracing::warn!(left, "some sockets did not close in time");
        }
        listening.stop.cancel();
        listening.connections.close();
        // Idle keep-alive connections end by themselves; one that does not is abandoned.
        let _ = tokio::time::timeout(DRAIN_REQUESTS, listening.connections.wait()).await;
        self.actors.stop(DRAIN_ROOMS).await;
        // A hanging disk must not delay the shutdown; what was acked is on it.
        if tokio::time::timeout(CLOSE_STORE, self.store.close())
            .await
            .is_err()
        {
            tracing::warn!("the store did not close in time; the next start recovers it");
            self.store.abandon();
        }
        self.stopped.send_if_modified(|reason| {
            let first = reason.is_none();
            reason.get_or_insert(StopReason::Shutdown);
            first
        });
    }

    fn watch_failures(&self) {
        let (actors, store) = (self.actors.clone(), self.store.clone());
        let (stopped, drain) = (self.stopped.clone(), self.listening.drain.clone());
        tokio::spawn(async move {
            let failure = tokio::select! {
                failure = actors.failed() => failure.into(),
                () = store.writer_died() => ServerFailure::WriterDied,
                () = drain.cancelled() => return,
            };
            tracing::error!(%failure, "critical component failed");
            stopped.send_replace(Some(StopReason::Failed(failure)));
        });
    }
}

impl Listening {
    fn serve(&self, listener: Listener, tls: Option<Acceptor>, service: http::Service) {
        let accept_until = if listener.kept_open {
            &self.drain
        } else {
            &self.stop
        };
        tokio::spawn(http::serve(
            listener.socket,
            tls,
            service,
            self.limits.clone(),
            accept_until.clone(),
            self.stop.clone(),
            self.connections.clone(),
        ));
    }
}
