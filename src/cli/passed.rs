//! The sockets that systemd passes to the process (socket activation, sd_listen_fds(3)).

use std::net::TcpListener;

use listenfd::ListenFd;
use shoptalk::config::Config;
use socket2::SockRef;

use super::Failure;

/// The name of the socket for plain HTTP; any other name is the main socket's.
const REDIRECT: &str = "redirect";

/// The sockets that were passed. Each may be missing.
#[derive(Default)]
pub(super) struct PassedSockets {
    pub(super) main: Option<TcpListener>,
    pub(super) redirect: Option<TcpListener>,
}

impl PassedSockets {
    /// Takes them from the environment. Call it before there are threads, since it removes the
    /// variables.
    pub(super) fn take() -> Result<Self, Failure> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut fds = ListenFd::from_env();
        let mut passed = Self::default();
        for index in 0..fds.len() {
            let (place, key) = if names.next() == Some(REDIRECT) {
                (&mut passed.redirect, "server.http_listen")
            } else {
                (&mut passed.main, "server.listen")
            };
            let socket = fds
                .take_tcp_listener(index)
                .map_err(|error| Failure::Usage(not_usable(&error.to_string())))?;
            let listens =
                |socket: &TcpListener| SockRef::from(socket).is_listener().unwrap_or(false);
            if !socket.as_ref().is_some_and(listens) {
                return Err(Failure::Usage(not_usable("it does not listen")));
            }
            if place.is_some() {
                return Err(Failure::Usage(format!(
                    "two sockets were passed for {key}; pass one, and the one for plain http with FileDescriptorName={REDIRECT}"
                )));
            }
            *place = socket;
        }
        Ok(passed)
    }

    /// Makes the configuration say where the server listens.
    pub(super) fn apply(&self, config: &mut Config) -> Result<(), Failure> {
        if let Some(main) = &self.main {
            config.server.listen = prepare(main)?;
        }
        if let Some(redirect) = &self.redirect {
            if config.server.tls.is_none() {
                return Err(Failure::Usage(format!(
                    "a socket {REDIRECT} was passed, which redirects to https, but TLS is off; set server.tls_cert and \
                     server.tls_key, or server.acme_domains, or disable that socket"
                )));
            }
            config.server.http_listen = Some(prepare(redirect)?);
        }
        Ok(())
    }
}

/// Makes a socket usable for tokio, and returns its address.
fn prepare(socket: &TcpListener) -> Result<std::net::SocketAddr, Failure> {
    socket.set_nonblocking(true)?;
    Ok(socket.local_addr()?)
}

fn not_usable(cause: &str) -> String {
    format!(
        "a socket that was passed cannot be used: {cause}; in its unit, set ListenStream= to an address and a port, and Accept=no"
    )
}
