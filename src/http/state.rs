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
use crate::http::auth::identity::IdentityVerifier;
use crate::http::auth::open_tokens::OpenTokens;
use crate::http::connections::Connections;
use crate::http::limits::Limits;
use crate::http::origin::Origins;
use crate::metrics::Metrics;
use crate::passwords::PasswordGate;
use crate::persistence::Store;

/// What every handler and socket shares. Clones are cheap.
#[derive(Clone)]
pub(crate) struct AppState(Arc<Shared>);

/// What the server gives to its HTTP side.
pub(crate) struct AppParts {
    /// Every setting.
    pub(crate) config: Arc<Config>,
    /// The address that is really listened on.
    pub(crate) local_addr: SocketAddr,
    /// The database.
    pub(crate) store: Store,
    /// The way to the rooms.
    pub(crate) rooms: Rooms,
    /// The way to the lobby.
    pub(crate) lobby: LobbyHandle,
    /// Who is there.
    pub(crate) presence: Presence,
    /// What is counted.
    pub(crate) metrics: Metrics,
    /// The bounds on connections.
    pub(crate) connections: Connections,
    /// How the server tries itself.
    pub(crate) canary: Canary,
    /// The code of the setup link, while there was no agent at the start.
    pub(crate) setup: Option<SetupCode>,
    /// Moves when agents or sessions change, so that sockets look at theirs again.
    pub(crate) auth_version: watch::Receiver<u64>,
    /// Cancelled when the server drains: requests are refused, sockets say good-bye.
    pub(crate) drain: CancellationToken,
    /// Every task that serves a socket, so that a drain can wait for them.
    pub(crate) tasks: TaskTracker,
}

/// The fields behind an [`AppState`].
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    pub(crate) store: Store,
    pub(crate) rooms: Rooms,
    pub(crate) lobby: LobbyHandle,
    pub(crate) presence: Presence,
    pub(crate) metrics: Metrics,
    pub(crate) setup: Option<SetupCode>,
    pub(crate) auth_version: watch::Receiver<u64>,
    pub(crate) drain: CancellationToken,
    pub(crate) tasks: TaskTracker,
    pub(crate) origins: Origins,
    pub(crate) limits: Limits,
    pub(crate) identity: IdentityVerifier,
    pub(crate) passwords: PasswordGate,
    pub(crate) connections: Connections,
    pub(crate) canary: Canary,
    pub(crate) open_tokens: OpenTokens,
}

impl AppState {
    /// Derives what the settings imply: origins, limits, keys.
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
            tasks,
        } = parts;
        let mut limits = config.limits.clone();
        limits.sockets_per_address = limits
            .sockets_per_address
            .min(connections.max_sockets_per_address());
        Self(Arc::new(Shared {
            origins: Origins::new(&config.server, local_addr),
            limits: Limits::new(&limits),
            identity: IdentityVerifier::new(&config.identity),
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
            tasks,
        }))
    }
}

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
