//! What handlers and sockets share.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::actors::{LobbyHandle, Presence, Rooms};
use crate::canary::Canary;
use crate::cards::Cards;
use crate::config::Config;
use crate::credentials::SetupCode;
use crate::current_names::CurrentNames;
use crate::current_settings::CurrentSettings;
use crate::doctor::DoctorCode;
use crate::http::auth::{Authenticator, OpenTokens};
use crate::http::connections::Connections;
use crate::http::limits::Limits;
use crate::http::origin::Origins;
use crate::http::socket_gate::SocketGate;
use crate::jobs::registry::Jobs;
use crate::mail::Mail;
use crate::metrics::Metrics;
use crate::passwords::PasswordHasher;
use crate::persistence::Store;
use crate::push::Push;

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
    /// What admins have started.
    pub(crate) jobs: Jobs,
    /// The names in summaries.
    pub(crate) names: CurrentNames,
    /// What admins have set for the whole shop.
    pub(crate) settings: CurrentSettings,
    /// Rings agents' devices.
    pub(crate) push: Push,
    /// Mail that goes out and comes in.
    pub(crate) mail: Mail,
    /// The limits on connections.
    pub(crate) connections: Connections,
    /// The periodic check of the whole path, for `/readyz`.
    pub(crate) canary: Canary,
    /// The code of the setup link, if there was no agent at the start.
    pub(crate) setup: Option<SetupCode>,
    /// Opens the doctor's calls to `shoptalk doctor`.
    pub(crate) doctor_code: DoctorCode,
    /// Changes when agents or sessions change; then agents' sockets check their session.
    pub(crate) auth_version: watch::Receiver<u64>,
    /// Cancelled when the server drains: requests are refused and sockets are closed.
    pub(crate) drain: CancellationToken,
    /// Every socket's task; a drain waits for them.
    pub(crate) socket_tasks: TaskTracker,
}

/// The fields behind an [`AppState`]: those of the [`AppParts`], and what only the HTTP part of the
/// server uses.
pub(crate) struct Services {
    parts: AppParts,
    /// Which origins browsers may call from.
    pub(crate) origins: Arc<Origins>,
    /// The limits on rates and sockets.
    pub(crate) limits: Limits,
    /// Asks the shop's own server about customers.
    pub(crate) cards: Cards,
    /// Checks tokens, identities and cookies.
    pub(crate) auth: Authenticator,
    /// Hashes passwords.
    pub(crate) passwords: PasswordHasher,
    /// The visitors' tokens that sockets were opened with.
    pub(crate) open_tokens: OpenTokens,
    /// Whether sockets may be open.
    pub(crate) socket_gate: SocketGate,
}

impl AppState {
    /// Adds what only the HTTP part of the server uses.
    pub(crate) fn new(parts: AppParts) -> Self {
        let config = &parts.config;
        let mut limits = config.limits.clone();
        limits.sockets_per_address = limits
            .sockets_per_address
            .min(parts.connections.max_sockets_per_address());
        let origins = Arc::new(Origins::new(&config.server, parts.local_addr));
        Self(Arc::new(Services {
            auth: Authenticator::new(parts.store.clone(), &config.identity, origins.clone()),
            origins,
            cards: Cards::new(
                config.cards.clone(),
                parts.metrics.cards(),
                parts.drain.clone(),
            ),
            limits: Limits::new(&limits),
            passwords: PasswordHasher::default(),
            open_tokens: OpenTokens::default(),
            socket_gate: SocketGate::new(parts.drain.clone()),
            parts,
        }))
    }
}

impl Deref for AppState {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.0
    }
}

impl Deref for Services {
    type Target = AppParts;

    fn deref(&self) -> &AppParts {
        &self.parts
    }
}
