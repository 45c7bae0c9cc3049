//! TLS handshakes: bounded in time and number, since a peer can begin many and finish none.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;

use crate::tls::{Acceptor, TlsStream};

/// How long a handshake may take. It is as long as for a request's headers.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The handshakes of one server that are not finished.
pub(super) struct Handshakes {
    /// How many there may be. A further one replaces the oldest: an honest peer needs a fraction of
    /// a second, so those that wait longest are not honest.
    bound: usize,
    pending: Mutex<Pending>,
}

#[derive(Default)]
struct Pending {
    next_id: u64,
    /// By age. A sender that is dropped ends its handshake.
    begun: BTreeMap<u64, oneshot::Sender<()>>,
}

/// Why a handshake led to no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum HandshakeFailure {
    /// The peer speaks no TLS, or nothing that both understand.
    #[error(transparent)]
    Refused(io::Error),
    /// It took too long.
    #[error("not finished within {HANDSHAKE_TIMEOUT:?}")]
    Timeout,
    /// Newer ones took its place.
    #[error("too many unfinished handshakes, and this was the oldest")]
    Replaced,
}

impl HandshakeFailure {
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Timeout => "timeout",
            Self::Replaced => "replaced",
        }
    }
}

impl Handshakes {
    /// A quarter of all connections may be in their handshake, so that the others get through.
    pub(super) fn new(connections: usize) -> Self {
        Self {
            bound: (connections / 4).max(1),
            pending: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes TLS out of a stream. `None` when an authority validated a name and is done.
    pub(super) async fn accept<S>(
        &self,
        acceptor: &Acceptor,
        stream: S,
    ) -> Result<Option<TlsStream<S>>, HandshakeFailure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (place, replaced) = self.begin();
        let shaken = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream));
        let outcome = tokio::select! {
            shaken = shaken => match shaken {
                Ok(shaken) => shaken.map_err(HandshakeFailure::Refused),
                Err(_) => Err(HandshakeFailure::Timeout),
            },
            _ = replaced => Err(HandshakeFailure::Replaced),
        };
        drop(place);
        outcome
    }

    fn begin(&self) -> (Place<'_>, oneshot::Receiver<()>) {
        let (end, replaced) = oneshot::channel();
        let mut pending = self.lock();
        if pending.begun.len() >= self.bound {
            pending.begun.pop_first();
        }
        let id = pending.next_id;
        pending.next_id += 1;
        pending.begun.insert(id, end);
        let place = Place {
            handshakes: self,
            id,
        };
        (place, replaced)
    }
}

/// Counts one handshake until it is dropped.
struct Place<'a> {
    handshakes: &'a Handshakes,
    id: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.handshakes.lock().begun.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt, duplex};

    use super::*;
    use crate::config::TlsConfig;
    use crate::metrics::Metrics;
    use crate::tls::Tls;

    fn acceptor() -> Acceptor {
        let files = tempfile::tempdir().expect("a directory");
        let made = rcgen::generate_simple_self_signed(vec!["shop.example".to_owned()]);
        let made = made.expect("a certificate");
        let (cert, key) = (files.path().join("cert"), files.path().join("key"));
        std::fs::write(&cert, made.cert.pem()).expect("written");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
        let config = TlsConfig::Files { cert, key };
        let tls = Tls::load(&config, files.path(), false, Metrics::new().tls());
        tls.expect("a good pair").acceptor()
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_sends_nothing_is_dropped_after_the_timeout() {
        let handshakes = Handshakes::new(100);
        let acceptor = acceptor();
        let (stream, mut peer) = duplex(64);
        let begun = tokio::time::Instant::now();
        let failure = handshakes
            .accept(&acceptor, stream)
            .await
            .expect_err("late");
        assert_eq!(failure.reason(), "timeout");
        assert_eq!(begun.elapsed(), HANDSHAKE_TIMEOUT);
        assert_eq!(peer.read(&mut [0]).await.expect("readable"), 0, "closed");
        assert!(handshakes.lock().begun.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_loses_its_place_when_there_are_too_many() {
        let handshakes = Arc::new(Handshakes::new(8));
        let acceptor = acceptor();
        let begin = async || {
            let (stream, peer) = duplex(64);
            let (handshakes, acceptor) = (handshakes.clone(), acceptor.clone());
            let shaking =
                tokio::spawn(async move { handshakes.accept(&acceptor, stream).await.map(|_| ()) });
            tokio::task::yield_now().await;
            (shaking, peer)
        };
        let oldest = begin().await;
        let second = begin().await;
        assert!(!oldest.0.is_finished());
        let third = begin().await;
        let failure = oldest.0.await.expect("no panic").expect_err("replaced");
        assert_eq!(failure.reason(), "replaced");
        assert!(!second.0.is_finished() && !third.0.is_finished());
        assert_eq!(handshakes.lock().begun.len(), 2);
    }

    #[tokio::test]
    async fn garbage_is_refused() {
        let handshakes = Handshakes::new(8);
        let acceptor = acceptor();
        let (stream, mut peer) = duplex(64);
        let speak = async {
            use tokio::io::AsyncWriteExt;
            peer.write_all(b"GET / HTTP/1.1\r\n\r\n")
                .await
                .expect("sent");
            let mut rest = Vec::new();
            peer.read_to_end(&mut rest).await
        };
        let (failure, _) = tokio::join!(handshakes.accept(&acceptor, stream), speak);
        assert_eq!(failure.expect_err("no TLS").reason(), "refused");
    }
}
