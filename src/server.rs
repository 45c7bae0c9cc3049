use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::actors::{ActorOptions, Actors, Hooks, Rooms, until_some};
use crate::canary::Canary;
use crate::chat::Timestamp;
use crate::config::Config;
use crate::credentials::SetupCode;
use crate::http::{self, AppParts, AppState, StartPage};
use crate::metrics::Metrics;
use crate::persistence::Store;

/// Rooms without any message are removed after this time.
const EMPTY_ROOM_AGE_MS: i64 = 24 * 60 * 60 * 1_000;
/// How often the server tidies up.
const HOUSEKEEPING: Duration = Duration::from_secs(600);
/// After a failure, a visitor's rooms are tried again after this time.
const FOLLOW_RETRY: Duration = Duration::from_secs(5);
/// How often a change of agents or sessions is looked for.
const AUTH_POLL: Duration = Duration::from_millis(250);
/// How long requests under way may take to finish while draining.
const DRAIN_REQUESTS: Duration = Duration::from_millis(500);
/// How long rooms may take to finish after the last socket has gone.
const DRAIN_ROOMS: Duration = Duration::from_secs(1);
/// How long the store may take to commit what is queued and to tidy up.
const CLOSE_STORE: Duration = Duration::from_secs(2);

/// A running server.
///
/// [`Server::shutdown`] drains it. Dropping it without that leaves its tasks to
/// the runtime, as a crash would.
#[derive(Debug)]
pub struct Server {
    local_addr: SocketAddr,
    setup_link: Option<String>,
    drain_timeout: Duration,
    actors: Arc<Actors>,
    store: Store,
    #[cfg(feature = "test-hooks")]
    hooks: Hooks,
    /// Tells sockets and handlers that it is over.
    drain: CancellationToken,
    /// Stops the listener.
    stop_listening: CancellationToken,
    sockets: TaskTracker,
    connections: TaskTracker,
    /// How many connections there may be, on all listeners together.
    bounds: http::Connections,
    stopped: Arc<watch::Sender<Option<StopReason>>>,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::persistence::StoreError),
    /// The actors could not be started.
    #[error("cannot start: {0}")]
    Actors(String),
    /// The listener cannot be used.
    #[error("cannot listen: {0}")]
    Listen(#[from] std::io::Error),
}

/// Why a server stopped by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// It was told to.
    Shutdown,
    /// A part that nothing can do without has died.
    Failed(String),
}

impl Server {
    /// Serves on `listener` until it is shut down. The store becomes the server's;
    /// shutting down closes it.
    ///
    /// # Errors
    ///
    /// When the listener or the store cannot be used, or the actors not started.
    pub async fn start(
        config: Config,
        listener: TcpListener,
        store: Store,
    ) -> Result<Self, StartError> {
        Self::start_with(config, listener, store, StartPage::Plain).await
    }

    /// As [`Server::start`], with a sample shop at `/`, and another shop's page on
    /// `elsewhere`, whose origin must be among the allowed ones.
    ///
    /// # Errors
    ///
    /// As [`Server::start`].
    pub async fn start_demo(
        config: Config,
        listener: TcpListener,
        store: Store,
        elsewhere: TcpListener,
    ) -> Result<Self, StartError> {
        let server = Self::start_with(config, listener, store, StartPage::Shop).await?;
        tokio::spawn(http::serve(
            elsewhere,
            http::embedding(&format!("http://{}", server.local_addr)),
            server.bounds.clone(),
            server.stop_listening.clone(),
            server.connections.clone(),
        ));
        Ok(server)
    }

    async fn start_with(
        config: Config,
        listener: TcpListener,
        store: Store,
        start_page: StartPage,
    ) -> Result<Self, StartError> {
        let local_addr = listener.local_addr()?;
        let metrics = Metrics::new();
        store.use_metrics(metrics.store());
        let hooks = Hooks::default();
        let options = ActorOptions {
            store: store.clone(),
            idle_timeout: Duration::from_millis(config.rooms.idle_timeout_ms),
            presence_grace: Duration::from_millis(config.rooms.presence_grace_ms),
            metrics: metrics.actors(),
            hooks: hooks.clone(),
        };
        let actors = Arc::new(Actors::start(options).await.map_err(StartError::Actors)?);
        let (setup_code, setup) = if store.agent_count().await? == 0 {
            let (code, remembered) = SetupCode::generate();
            (Some(code), Some(remembered))
        } else {
            (None, None)
        };
        let canary = Canary::new(
            store.clone(),
            actors.rooms(),
            actors.lobby(),
            metrics.canary(),
        );
        let drain = CancellationToken::new();
        let watch = canary.clone();
        tokio::spawn({
            let drain = drain.clone();
            async move { watch.fly_on(drain).await }
        });
        let stop_listening = CancellationToken::new();
        let sockets = TaskTracker::new();
        let connections = TaskTracker::new();
        let drain_timeout = Duration::from_millis(config.server.drain_timeout_ms);
        let bounds = http::Connections::new(&config, metrics.clone());
        let state = AppState::new(AppParts {
            auth_version: watch_auth(&store, drain.clone()),
            store: store.clone(),
            rooms: actors.rooms(),
            lobby: actors.lobby(),
            presence: actors.presence(),
            metrics,
            connections: bounds.clone(),
            canary,
            local_addr,
            setup,
            drain: drain.clone(),
            tasks: sockets.clone(),
            config: Arc::new(config),
        });
        let base_url = state.origins.base_url();
        let setup_link = setup_code.map(|code| format!("{base_url}/admin/setup#{code}"));
        tokio::spawn(keep_house(state.clone(), actors.rooms(), drain.clone()));
        tokio::spawn(follow_visitors(
            store.clone(),
            actors.rooms(),
            drain.clone(),
        ));
        tokio::spawn(http::housekeeping(state.clone()));
        let service = http::router(state, start_page);
        tokio::spawn(http::serve(
            listener,
            service,
            bounds.clone(),
            stop_listening.clone(),
            connections.clone(),
        ));
        let server = Self {
            local_addr,
            setup_link,
            drain_timeout,
            actors,
            store,
            #[cfg(feature = "test-hooks")]
            hooks,
            drain,
            stop_listening,
            sockets,
            connections,
            bounds,
            stopped: Arc::new(watch::Sender::new(None)),
        };
        server.watch_failures();
        Ok(server)
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Where to make the first admin, if there was no agent at the start. The
    /// link is a secret.
    pub fn setup_link(&self) -> Option<&str> {
        self.setup_link.as_deref()
    }

    /// Faults that tests can order.
    #[cfg(feature = "test-hooks")]
    pub fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    /// Resolves when the server has failed or was shut down.
    pub async fn stopped(&self) -> StopReason {
        until_some(self.stopped.subscribe()).await
    }

    /// Drains: tells every socket, lets what is under way finish, closes the
    /// store. Takes at most the drain timeout and two seconds more.
    pub async fn shutdown(&self) {
        let deadline = Instant::now() + self.drain_timeout;
        self.drain.cancel();
        self.sockets.close();
        if timeout_at(deadline, self.sockets.wait()).await.is_err() {
            tracing::warn!(
                left = self.sockets.len(),
                "some sockets did not close in time"
            );
        }
        self.stop_listening.cancel();
        self.connections.close();
        // Keep-alive connections end by themselves; one that does not is left behind.
        let _ = tokio::time::timeout(DRAIN_REQUESTS, self.connections.wait()).await;
        self.actors.stop(DRAIN_ROOMS).await;
        // A hanging disk must not hang the shutdown; what was acked is on it.
        if tokio::time::timeout(CLOSE_STORE, self.store.close())
            .await
            .is_err()
        {
            tracing::warn!("the store did not close in time; the next start tidies up");
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
        let (stopped, drain) = (self.stopped.clone(), self.drain.clone());
        tokio::spawn(async move {
            let reason = tokio::select! {
                reason = actors.failed() => reason,
                () = store.writer_died() => "the writer of the store has died".to_owned(),
                () = drain.cancelled() => return,
            };
            stopped.send_replace(Some(StopReason::Failed(reason)));
        });
    }
}

/// Condenses the store's head to what sockets of agents have to hear of.
fn watch_auth(store: &Store, drain: CancellationToken) -> watch::Receiver<u64> {
    let (sender, receiver) = watch::channel(store.head().auth_version);
    let store = store.clone();
    tokio::spawn(async move {
        let mut poll = tokio::time::interval(AUTH_POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while drain.run_until_cancelled(poll.tick()).await.is_some() {
            let now = store.head().auth_version;
            sender.send_if_modified(|seen| std::mem::replace(seen, now) != now);
        }
    });
    receiver
}

/// Has the rooms of a visitor with very many follow a block or a sign-in, a few at a time. What
/// an earlier process has left is done first.
async fn follow_visitors(store: Store, rooms: Rooms, drain: CancellationToken) {
    let work = async {
        let mut failing = false;
        loop {
            match store.follow_visitor_change().await {
                Ok(Some(followed)) => {
                    failing = false;
                    rooms.refresh(followed);
                }
                Ok(None) => {
                    failing = false;
                    store.visitor_changes_left().await;
                }
                Err(error) => {
                    // A store that stays broken is one event, not one at every try.
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(
                            %error,
                            "a visitor's rooms could not be changed; it is tried again until it works"
                        );
                    }
                    tokio::time::sleep(FOLLOW_RETRY).await;
                }
            }
        }
    };
    drain.run_until_cancelled(work).await;
}

/// Removes rooms that nobody came back to.
async fn keep_house(state: AppState, rooms: Rooms, drain: CancellationToken) {
    let mut tick = tokio::time::interval(HOUSEKEEPING);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while drain.run_until_cancelled(tick.tick()).await.is_some() {
        let before = Timestamp(Timestamp::now().as_millis() - EMPTY_ROOM_AGE_MS);
        loop {
            // A room that somebody has open is left alone.
            let Ok(live) = rooms.live().await else { break };
            match state.store.remove_empty_rooms(before, live).await {
                Ok(0) => break,
                Ok(removed) => tracing::info!(removed, "removed rooms without messages"),
                Err(error) => {
                    tracing::warn!(%error, "rooms without messages could not be removed; it is tried again later");
                    break;
                }
            }
        }
    }
}
