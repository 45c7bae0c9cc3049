//! What handlers and sockets share.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::actors::{LobbyHandle, Presence, Rooms};
use crate::canary::Canary;
use crate::config::Config;
use crate::credentials::SetupCode;
use crate::http::auth::{Authenticator, OpenTokens};
use crate::http::connections::Connections;
use crate::http::limits::Limits;
use crate::http::origin::Origins;
use crate::metrics::Metrics;
use crate::passwords::PasswordGate;
use crate::persistence::Store;

/// Shared by every handler and socket. Clones are cheap.
#[derive(Clone)]
pub(crate) struct AppState(Arc<Services>);

/// What the server hands to its HTTP part.
pub(crate) struct AppParts {
    /// Every setting.
    pub(crate) config: Arc<Config>,
    /// The bound address; its port is known only now if the configured one is 0.
    pub(crate) local_addr: SocketAddr,
    /// The database.
    pub(crate) store: Store,
    /// Joins rooms and writes to them.
    pub(crate) rooms: Rooms,
    /// Subscribes to the lobby.
    pub(crate) lobby: LobbyHandle,
    /// Who is online.
    pub(crate) presence: Presence,
    /// Counters and gauges.
    pub(crate) metrics: Metrics,
    /// The limits on connections.
    pub(crate) connections: Connections,
    /// The periodic check of the whole path, for `/readyz`.
    pub(crate) canary: Canary,
    /// The code of the setup link, if there was no agent at the start.
    pub(crate) setup: Option<SetupCode>,
    /// Changes when agents or sessions change; then agents' sockets check their session.
    pub(crate) auth_version: watch::Receiver<u64>,
    /// Cancelled when the server drains: requests are refused and sockets are closed.
    pub(crate) drain: CancellationToken,
    /// Every socket's task; a drain waits for them.
    pub(crate) socket_tasks: TaskTracker,
}

/// The fields behind an [`AppState`].
pub(crate) struct Services {
    pub(crate) config: Arc<Config>,
    pub(crate) store: Store,
    pub(crate) rooms: Rooms,
    pub(crate) lobby: LobbyHandle,
    pub(crate) presence: Presence,
    pub(crate) metrics: Metrics,
    pub(crate) setup: Option<SetupCode>,
    pub(crate) auth_version: watch::Receiver<u64>,
    pub(crate) drain: CancellationToken,
    pub(crate) socket_tasks: TaskTracker,
    pub(crate) origins: Arc<Origins>,
    pub(crate) limits: Limits,
    pub(crate) auth: Authenticator,
    pub(crate) passwords: PasswordGate,
    pub(crate) connections: Connections,
    pub(crate) canary: Canary,
    pub(crate) open_tokens: OpenTokens,
}

impl AppState {
    /// Adds what only this part of the server uses: authentication, limits, origins, open tokens.
    pub(crate) fn new(parts: AppParts) -> Self {
        let AppParts {
            config,
            local_addr,
            store,
            rooms,
            lobby,
            presence,
            metrics,
            connections,
            canary,
            setup,
            auth_version,
            drain,
            socket_tasks,
        } = parts;
        let mut limits = config.limits.clone();
        limits.sockets_per_address = limits
            .sockets_per_address
            .min(connections.max_sockets_per_address());
        let origins = Arc::new(Origins::new(&config.server, local_addr));
        Self(Arc::new(Services {
            auth: Authenticator::new(store.clone(), &config.identity, origins.clone()),
            origins,
            limits: Limits::new(&limits),
            passwords: PasswordGate::default(),
            connections,
            open_tokens: OpenTokens::default(),
            config,
            store,
            rooms,
            lobby,
            presence,
            metrics,
            canary,
            setup,
            auth_version,
            drain,
            socket_tasks,
        }))
    }
}

impl Deref for AppState {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.0
    }
}
