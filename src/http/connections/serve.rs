//! The accept loop: TCP connections in, one task each, all of them waited for at the end.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::pin::pin;
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

use crate::http::client_addr::PeerAddr;
use crate::http::connections::Service;
use crate::http::connections::{Bounded, Connections, Place, Refused};
use crate::http::problem::Problem;

/// A client that sends its headers more slowly is dropped; it also bounds how long an
/// idle connection is kept.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a request's headers, and of what is buffered in either direction.
const MAX_BUF_BYTES: usize = 64 * 1024;
/// Bytes of one connection that may wait in the kernel without being on the wire.
const UNSENT_BYTES: u32 = 64 * 1024;
/// How long to wait when the system has no descriptor for the next connection. Nothing
/// tells when one becomes free, and trying at once would spin.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Serves connections until `stop` is cancelled. Then it accepts no more, lets the
/// connections finish the request that they are at, and returns; `tasks` tells when
/// they have gone. Sockets are not connections any more once they were upgraded.
///
/// Cancel the state's `drain` first and `stop` later, so that a load balancer can still
/// ask `/readyz` in between.
pub(crate) async fn serve(
    listener: TcpListener,
    service: Service,
    connections: Connections,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => match connections.admit(peer.ip()) {
                Ok(place) => {
                    let (service, stop) = (service.clone(), stop.clone());
                    tasks.spawn(connection(stream, peer, place, service, stop));
                }
                Err(refused) => refuse(stream, refused),
            },
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections; trying again");
                let _ = stop
                    .run_until_cancelled(tokio::time::sleep(ACCEPT_BACKOFF))
                    .await;
            }
        }
    }
}

/// Closes a connection that there is no room for, and says why as far as the system takes the
/// words at once: nothing is waited for.
fn refuse(stream: TcpStream, refused: Refused) {
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write(&Problem::from(refused).to_http1_response());
    }
}

/// Has a write wait as soon as this much is not on the wire. By itself the kernel would take
/// megabytes for a peer that has stopped reading, beside our own bound and before it is noticed.
fn bound_unsent(stream: &TcpStream) -> std::io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES)?;
    Ok(())
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    service: Service,
    stop: CancellationToken,
) {
    // Messages are small and wanted at once; a failure to say so costs latency alone.
    let _ = stream.set_nodelay(true);
    let _ = bound_unsent(&stream);
    let traffic = place.traffic();
    let stream = Bounded::new(stream, place);
    let handler = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(PeerAddr(peer));
        let (answer, traffic) = (service.clone().oneshot(request), traffic.clone());
        async move {
            let answer = answer.await?;
            if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                traffic.becomes_a_socket();
            }
            let bytes = answer.body().size_hint().lower();
            traffic.answers(usize::try_from(bytes).unwrap_or(usize::MAX));
            Ok::<_, std::convert::Infallible>(answer)
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
        // Clients hang up, time out and speak nonsense all day long.
        tracing::debug!(%peer, %error, "a connection ended badly");
    }
}

fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}
