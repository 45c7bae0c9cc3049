//! The sockets that a server listens on.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::StartError;

/// The sockets that a server listens on.
#[derive(Debug)]
pub struct Listeners {
    /// For visitors and agents.
    pub main: Listener,
    /// For plain HTTP that is redirected, instead of `server.http_listen`.
    pub redirect: Option<Listener>,
}

impl From<TcpListener> for Listeners {
    fn from(socket: TcpListener) -> Self {
        Self {
            main: Listener::own(socket),
            redirect: None,
        }
    }
}

/// A socket that connections come from.
#[derive(Debug)]
pub struct Listener {
    pub(super) socket: TcpListener,
    /// Whether somebody else keeps it open after this server.
    pub(super) kept_open: bool,
}

impl Listener {
    /// A socket of the server's own. While it drains, it still replies there that it drains.
    pub fn own(socket: TcpListener) -> Self {
        Self {
            socket,
            kept_open: false,
        }
    }

    /// A socket that somebody else keeps open, such as systemd. A server that drains takes no more
    /// connections from it: they wait for the next one.
    pub fn kept_open(socket: TcpListener) -> Self {
        Self {
            socket,
            kept_open: true,
        }
    }
}

/// Listens on `server.http_listen`.
pub(super) async fn bind_http(listen: Option<SocketAddr>) -> Result<Option<Listener>, StartError> {
    let Some(address) = listen else {
        return Ok(None);
    };
    match TcpListener::bind(address).await {
        Ok(socket) => Ok(Some(Listener::own(socket))),
        Err(error) => Err(StartError::HttpListen(address, error)),
    }
}
