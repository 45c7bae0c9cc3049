use std::io::{ErrorKind, IsTerminal};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sd_notify::NotifyState;
use shoptalk::config::Config;
use shoptalk::persistence::{Store, StoreOptions};
use shoptalk::{Listener, Listeners, Server, StopReason};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::commands_to_paste::add_agent;
use super::passed::PassedSockets;
use super::{Failure, NewDatabase, block_on, database_file, print_stdout, start_tracing};

/// How long systemd waits after the last report of progress.
const START_TIMEOUT_EXTENSION: Duration = Duration::from_secs(120);

/// Serves until a signal arrives or the server fails.
///
/// `file` is where settings were read from, if from any.
pub(super) fn run(mut config: Config, file: Option<&Path>) -> Result<(), Failure> {
    let passed = PassedSockets::take()?;
    passed.apply(&mut config)?;
    start_tracing(&config.log)?;
    let database = match (database_file(&config), NewDatabase::expected(&config)) {
        (Some(path), None) => path.display().to_string(),
        (Some(path), Some(_)) => format!("a new database, {}", path.display()),
        (None, _) => "PostgreSQL".to_owned(),
    };
    let tls_warnings = super::check_tls(&config)?;
    let add_agent = add_agent(&config, file);
    block_on(async {
        let signals = Signals::listen()?;
        let store = open(&config).await?;
        for warning in config.warnings().iter().chain(&tls_warnings) {
            tracing::warn!("{warning}");
        }
        let listeners = listen(passed, config.server.listen).await?;
        let server = Server::start(config, listeners, store).await?;
        // Not before: an error that keeps the server from starting is one line.
        tracing::info!(
            "shoptalk {} starts on {database}",
            env!("CARGO_PKG_VERSION")
        );
        if let Some(link) = server.setup_link() {
            eprintln!("There is no agent yet. Create the first admin within 30 minutes at {link}");
            eprintln!("or in a terminal {add_agent}");
        }
        if let Some(address) = server.http_addr() {
            tracing::info!("plain http on {address} is redirected to https");
        }
        announce(&server)?;
        notify_systemd(NotifyState::Ready);
        until_stopped(&server, signals).await
    })
}

pub(super) async fn open(config: &Config) -> Result<Store, Failure> {
    let options = StoreOptions {
        still_upgrading: extend_start_timeout,
        ..config.store_options(true)
    };
    Ok(tokio::task::spawn_blocking(|| Store::open(options)).await??)
}

/// Asks systemd, if it started this process, not to count a long upgrade as a start that hangs.
/// Called about once a second while the upgrade goes on.
fn extend_start_timeout() {
    let extension = NotifyState::ExtendTimeoutUsec(START_TIMEOUT_EXTENSION.as_micros() as u32);
    let states = [extension, NotifyState::Status("upgrading the database")];
    if let Err(error) = sd_notify::notify(&states) {
        tracing::warn!(%error, "cannot ask systemd for more time; it may stop this upgrade, which the next start then continues");
    }
}

/// Tells systemd, if it started this process, about a change of state.
fn notify_systemd(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "cannot notify systemd; with Type=notify it stops this server after TimeoutStartSec");
    }
}

/// Listens on the sockets that were passed, and on an address if the main one was not.
async fn listen(passed: PassedSockets, address: SocketAddr) -> Result<Listeners, Failure> {
    let main = match passed.main {
        None => Listener::own(bind(address).await?),
        Some(socket) => {
            raise_open_files();
            tracing::info!("listening on the socket that was passed, not on server.listen");
            Listener::kept_open(TcpListener::from_std(socket)?)
        }
    };
    let redirect = passed.redirect.map(TcpListener::from_std).transpose()?;
    Ok(Listeners {
        main,
        redirect: redirect.map(Listener::kept_open),
    })
}

/// Raises the limit of open files and listens on an address.
pub(super) async fn bind(listen: SocketAddr) -> Result<TcpListener, Failure> {
    raise_open_files();
    TcpListener::bind(listen).await.map_err(|error| {
        let what_to_do = what_to_do(&error);
        Failure::Runtime(format!("cannot listen on {listen}: {error}{what_to_do}"))
    })
}

/// What helps when an address cannot be listened on, for the end of the error.
fn what_to_do(error: &std::io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::AddrInUse => {
            "; stop what listens there, or choose another address with --listen"
        }
        ErrorKind::AddrNotAvailable => {
            "; choose an address of this machine, or 0.0.0.0 for all of them"
        }
        ErrorKind::PermissionDenied => {
            "; ports below 1024 need the capability CAP_NET_BIND_SERVICE or a socket by systemd (docs/tls.md)"
        }
        _ => "",
    }
}

/// Prints the one line on standard output, which means that clients can connect.
pub(super) fn announce(server: &Server) -> Result<(), Failure> {
    let scheme = if server.has_tls() { "https" } else { "http" };
    let line = format!("listening on {scheme}://{}\n", server.local_addr());
    Ok(print_stdout(&line)?)
}

/// The signals that end the process. They are handled from the start, so that one that arrives right
/// after the ready line is not lost.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next signal that ends the process. SIGHUP reads the certificate again meanwhile. Without
    /// TLS it ends the process if it means that the terminal is gone.
    async fn next_end(&mut self, server: &Server) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => {}
            }
            if server.reload_tls() {
                continue;
            }
            if std::io::stdin().is_terminal() {
                return;
            }
            tracing::info!("there is nothing to reload: TLS is off");
        }
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Drains on SIGTERM and SIGINT; a second signal ends the process at once.
pub(super) async fn until_stopped(server: &Server, mut signals: Signals) -> Result<(), Failure> {
    let reason = tokio::select! {
        () = signals.next_end(server) => StopReason::Shutdown,
        reason = server.stopped() => reason,
    };
    notify_systemd(NotifyState::Stopping);
    tracing::info!("draining, a second signal ends the process at once");
    tokio::select! {
        () = server.shutdown() => {}
        () = signals.next() => return Err(Failure::Runtime("stopped by a second signal before the server was drained".to_owned())),
    }
    match reason {
        StopReason::Shutdown => Ok(()),
        StopReason::Failed(failure) => Err(failure.into()),
    }
}

/// Every socket is an open file, and the usual soft limit is 1,024.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, most) {
        tracing::warn!(%error, "cannot raise the limit of open files; set it for the service (LimitNOFILE, ulimit -n)");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shoptalk::FaultPoint;
    use tokio::time::timeout;

    use super::*;

    /// Longer than this takes on the slowest machine.
    const DEADLINE: Duration = Duration::from_secs(60);

    #[test]
    fn a_server_that_fails_drains_and_the_command_fails_with_the_cause() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut config = Config::default();
        config.storage.data_dir = directory.path().to_owned();
        let ended = block_on(async {
            let signals = Signals::listen()?;
            let store = open(&config).await?;
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let server = Server::start(config, listener, store.clone()).await?;
            server.faults().panic_at(FaultPoint::LobbyStart, None, 1);
            server.faults().panic_at(FaultPoint::LobbyCheck, None, 1);
            let ended = timeout(DEADLINE, until_stopped(&server, signals));
            let ended = ended.await.expect("it ends");
            assert!(store.write_canary().await.is_err(), "the store is closed");
            ended
        });
        let Err(Failure::Runtime(message)) = ended else {
            panic!("the command fails with exit code 1");
        };
        assert!(
            message.contains("lobby could not be restarted"),
            "{message}"
        );
        assert!(message.contains("LobbyStart"), "{message}");
    }
}
