//! The accept loop: a task per TCP connection, each waited for at the end.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use tower_http::normalize_path::NormalizePath;

use super::Connections;
use super::slot::{ConnectionInfo, ConnectionSlot};
use super::stream::WatchedStream;
use super::table::Refused;
use super::transport::Transport;
use crate::http::client_addr::PeerAddr;
use crate::http::problem::Problem;
use crate::tls::Acceptor;

/// How long a client may take to send a request's headers. It also bounds how long an idle
/// connection is kept.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Bound on a request's headers, and on what is buffered in each direction.
const MAX_BUF_BYTES: usize = 64 * 1024;
/// Bytes of one connection that the kernel may hold unsent.
const MAX_UNSENT_BYTES: u32 = 64 * 1024;
/// The wait after a failed `accept`, mostly for lack of file descriptors. Nothing notifies when one
/// becomes free, and to try again at once would spin.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Handles the requests of a connection. The path's trailing slash is removed before routing.
pub(crate) type Service = NormalizePath<axum::Router>;

/// Serves connections, with TLS if there is an acceptor. It accepts them until `accept_until` is
/// cancelled, and returns. Once `stop` is cancelled, each connection finishes its present request;
/// `tasks` is empty when the last one is closed. After an upgrade a WebSocket is not one of them
/// any more.
///
/// Cancel the state's `drain` first and `stop` later, so that a load balancer can ask `/readyz` in
/// between. If the next server takes over the listener, accept until the drain only, so that new
/// connections are left to it.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<Acceptor>,
    service: Service,
    connections: Connections,
    accept_until: CancellationToken,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    while let Some(accepted) = accept(&listener, &accept_until).await {
        match accepted {
            Ok((stream, peer)) => match connections.admit(peer.ip()) {
                Ok(slot) => {
                    let (tls, connections) = (tls.clone(), connections.clone());
                    let (service, stop) = (service.clone(), stop.clone());
                    tasks.spawn(async move {
                        let connection = open(stream, slot, tls, &connections);
                        if let Some(Some(connection)) = stop.run_until_cancelled(connection).await {
                            serve_connection(connection, peer, service, stop).await;
                        }
                    });
                }
                // A response would have to be encrypted.
                Err(_) if tls.is_some() => drop(stream),
                Err(refused) => refuse(stream, refused),
            },
            Err(error) if is_connection_error(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections; trying again (if files run out, raise ulimit -n)");
                let _ = accept_until
                    .run_until_cancelled(tokio::time::sleep(ACCEPT_BACKOFF))
                    .await;
            }
        }
    }
}

/// The next connection, or `None` once `until` is cancelled, even if there is one.
async fn accept(
    listener: &TcpListener,
    until: &CancellationToken,
) -> Option<io::Result<(TcpStream, SocketAddr)>> {
    tokio::select! {
        biased;
        () = until.cancelled() => None,
        accepted = listener.accept() => Some(accepted),
    }
}

/// Closes a connection beyond the bounds. The response is written as far as the kernel takes it
/// at once, since a flood of connections must not make the accept loop wait.
fn refuse(stream: TcpStream, refused: Refused) {
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write(&Problem::from(refused).to_http1_response());
    }
}

/// Makes a write wait as soon as the kernel holds this much unsent. By default it would take
/// megabytes for a peer that has stopped reading, outside of our bound and before it is noticed.
fn bound_unsent(stream: &TcpStream) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket2::SockRef::from(stream).set_tcp_notsent_lowat(MAX_UNSENT_BYTES)?;
    Ok(())
}

/// An admitted connection that HTTP can be spoken on.
struct Connection {
    stream: Transport<WatchedStream<TcpStream>>,
    info: Arc<ConnectionInfo>,
}

/// Prepares an admitted connection, with its handshake if it is TLS. `None` when it has ended.
async fn open(
    stream: TcpStream,
    slot: ConnectionSlot,
    tls: Option<Acceptor>,
    connections: &Connections,
) -> Option<Connection> {
    // Messages are small and must not be delayed. If this fails, it costs latency only.
    let _ = stream.set_nodelay(true);
    let _ = bound_unsent(&stream);
    let info = slot.info().clone();
    let stream = WatchedStream::new(stream, slot);
    let Some(tls) = tls else {
        let stream = Transport::Plain(stream);
        return Some(Connection { stream, info });
    };
    let registry = &connections.0;
    match registry.handshakes.accept(&tls, stream).await {
        Ok(stream) => stream.map(|stream| Connection {
            stream: Transport::Tls(Box::new(stream)),
            info,
        }),
        Err(failure) => {
            registry.metrics.tls_handshake_failed(failure.reason());
            tracing::debug!(%failure, "TLS handshake failed");
            None
        }
    }
}

async fn serve_connection(
    connection: Connection,
    peer: SocketAddr,
    service: Service,
    stop: CancellationToken,
) {
    let Connection { stream, info } = connection;
    let handler = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(PeerAddr(peer));
        let (response, info) = (service.clone().oneshot(request), info.clone());
        async move {
            let response = response.await?;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                info.set_websocket();
            }
            let bytes = response.body().size_hint().lower();
            info.set_response_bytes(usize::try_from(bytes).unwrap_or(usize::MAX));
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    let mut serving = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_READ_TIMEOUT)
            .max_buf_size(MAX_BUF_BYTES)
            .serve_connection(TokioIo::new(stream), handler)
            .with_upgrades()
    );
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        // Not worth more than debug: clients hang up, time out and send garbage all day.
        tracing::debug!(%peer, %error, "connection failed");
    }
}

/// Whether `accept` failed only because of the one connection that it would have returned.
fn is_connection_error(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}
