use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::config::Config;
use crate::persistence::Store;

/// A running server. Dropping it does not stop it; call [`Server::shutdown`].
#[derive(Debug)]
pub struct Server {}

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

#[allow(unused_variables, clippy::todo)]
impl Server {
    /// Serves on `listener` until it is shut down.
    pub async fn start(
        config: Config,
        listener: TcpListener,
        store: Store,
    ) -> Result<Self, StartError> {
        todo!()
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        todo!()
    }

    /// Where to make the first admin, while there is no agent.
    pub fn setup_link(&self) -> Option<&str> {
        todo!()
    }

    /// Resolves when the server has failed or was shut down.
    pub async fn stopped(&self) -> StopReason {
        todo!()
    }

    /// Drains: tells every socket, finishes what is under way, closes the store.
    pub async fn shutdown(&self) {
        todo!()
    }
}
