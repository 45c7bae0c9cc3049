//! Bounds on TCP connections: how many there are in all and from one address, how long a peer
//! may take nothing of what is written to it, and how many bytes of answers are held for such
//! peers.
//!
//! A connection counts until it is closed, also after it has become a WebSocket. At a bound, a
//! new connection takes the place of the one whose peer stopped reading first; while all peers
//! read, the new one is refused. So peers that do not read can keep nobody out.

pub(super) mod serve;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use ipnet::IpNet;
use rustix::process::{Resource, getrlimit};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};
use tower_http::normalize_path::NormalizePath;

use crate::config::Config;
use crate::http::limits::AddressKey;
use crate::http::problem::Problem;
use crate::metrics::Metrics;
use crate::protocol::ErrorCode;

/// Files that are open beside connections: the listener, the log, what the runtime needs.
const OTHER_FILES: usize = 32;
/// Files of one connection to the database, its log and shared memory included.
const FILES_PER_READER: usize = 4;
/// What a system without a limit of open files is taken to allow.
const UNLIMITED_FILES: usize = 1 << 20;
/// A peer that stopped reading this long ago may lose its place to a new connection.
const REPLACEABLE_AFTER: Duration = Duration::from_secs(5);
/// Connections that may be on their way out, having lost their place, beside those that count.
const LEAVING: usize = 16;
/// How often a bound that is met is logged.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// What answers requests. The path's trailing slash goes before the routes are looked at.
pub(crate) type Service = NormalizePath<axum::Router>;

/// All connections of one server. Clones share them.
#[derive(Clone)]
pub(crate) struct Connections(Arc<Shared>);

impl std::fmt::Debug for Connections {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Connections")
    }
}

struct Shared {
    bounds: Bounds,
    metrics: Metrics,
    open: Mutex<Open>,
}

/// How much there may be.
struct Bounds {
    in_all: usize,
    /// `None`: no bound by address.
    per_address: Option<usize>,
    /// Peers that are many clients.
    proxies: Vec<IpNet>,
    stall_timeout: Duration,
    stalled_bytes: usize,
}

#[derive(Default)]
struct Open {
    count: usize,
    by_address: HashMap<AddressKey, OfAddress>,
    /// Connections whose peers take nothing at the moment, in the order in which that began.
    stalled: BTreeMap<StallId, Stalled>,
    /// Bytes of the answers that those leave unread.
    stalled_bytes: usize,
    next_stall: StallId,
    logged: Option<Instant>,
}

type StallId = u64;

#[derive(Default)]
struct OfAddress {
    count: usize,
    stalled: BTreeSet<StallId>,
}

struct Stalled {
    since: Instant,
    address: Option<AddressKey>,
    bytes: usize,
    /// The task that waits for the peer.
    waker: Waker,
}

/// Why a connection is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The server has all the connections that it can have.
    InAll,
    /// The address has all the connections that one may have.
    ByAddress,
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let (code, detail) = match refused {
            Refused::InAll => (
                ErrorCode::Busy,
                "the server has no room for another connection; try again in a moment",
            ),
            Refused::ByAddress => (
                ErrorCode::RateLimited,
                "too many connections from this address; close some first",
            ),
        };
        Self {
            retry_after_ms: Some(1_000),
            ..Self::new(code, detail)
        }
    }
}

impl Connections {
    /// Takes the configured bounds, which the limit of open files may make smaller.
    pub(crate) fn new(config: &Config, metrics: Metrics) -> Self {
        let files = getrlimit(Resource::Nofile).current;
        let files = files.map_or(UNLIMITED_FILES, |files| {
            usize::try_from(files).unwrap_or(UNLIMITED_FILES)
        });
        let readers = usize::try_from(config.storage.readers).unwrap_or(usize::MAX);
        let most = most_connections(files, readers);
        let wanted = config.server.max_connections;
        if wanted > most {
            tracing::warn!(
                wanted,
                most,
                "server.max_connections is more than the limit of open files allows"
            );
        }
        let in_all = if wanted == 0 { most } else { wanted.min(most) };
        Self::with(
            Bounds {
                in_all,
                per_address: config
                    .limits
                    .enabled
                    .then(|| per_address(config.limits.connections_per_address, in_all)),
                proxies: config.server.trusted_proxies.clone(),
                stall_timeout: Duration::from_millis(config.server.stall_timeout_ms),
                stalled_bytes: config.server.stalled_bytes,
            },
            metrics,
        )
    }

    fn with(bounds: Bounds, metrics: Metrics) -> Self {
        Self(Arc::new(Shared {
            bounds,
            metrics,
            open: Mutex::default(),
        }))
    }

    /// WebSockets at most. They stay for hours, so an eighth is left to calls.
    pub(crate) fn max_sockets(&self) -> usize {
        let in_all = self.0.bounds.in_all;
        in_all - in_all.div_ceil(8)
    }

    /// WebSockets of one address at most, so that it can still make calls beside them.
    pub(crate) fn max_sockets_per_address(&self) -> usize {
        match self.0.bounds.per_address {
            Some(connections) => connections - connections.div_ceil(8),
            None => usize::MAX,
        }
    }

    /// Counts a new connection until its place is dropped, or refuses it.
    pub(super) fn admit(&self, peer: IpAddr) -> Result<Place, Refused> {
        let bounds = &self.0.bounds;
        let address = self.address_to_count(peer);
        let mut open = self.0.lock();
        let of_address = address.and_then(|address| open.by_address.get(&address));
        let met = if of_address.is_some_and(|of| Some(of.count) >= bounds.per_address) {
            let oldest = of_address.and_then(|of| of.stalled.first().copied());
            Some((Refused::ByAddress, oldest))
        } else if open.count >= bounds.in_all {
            Some((Refused::InAll, open.stalled.keys().next().copied()))
        } else {
            None
        };
        if let Some((refused, oldest)) = met {
            // One that has lost its place is open until its task has run.
            let has_room = open.count < bounds.in_all + LEAVING;
            if !(has_room && oldest.is_some_and(|oldest| open.replace(oldest))) {
                self.0.note(refused, &mut open);
                return Err(refused);
            }
            self.0.metrics.unread_answer_dropped();
        }
        open.count += 1;
        if let Some(address) = address {
            open.by_address.entry(address).or_default().count += 1;
        }
        drop(open);
        Ok(Place {
            shared: self.0.clone(),
            address,
            traffic: Arc::default(),
            stall: None,
        })
    }

    /// The address whose connections are bounded; none for a trusted proxy.
    fn address_to_count(&self, peer: IpAddr) -> Option<AddressKey> {
        let peer = peer.to_canonical();
        let bounds = &self.0.bounds;
        let is_proxy = bounds.proxies.iter().any(|net| net.contains(&peer));
        (bounds.per_address.is_some() && !is_proxy).then(|| peer.into())
    }
}

/// Connections that this many open files allow.
fn most_connections(files: usize, readers: usize) -> usize {
    let others = OTHER_FILES.saturating_add(FILES_PER_READER.saturating_mul(readers));
    files.saturating_sub(others).max(files / 4).max(1)
}

/// No address may have more than half of all places.
fn per_address(configured: usize, in_all: usize) -> usize {
    configured.min(in_all.div_ceil(2))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a refusal, and logs it now and then: a flood must not fill the log.
    fn note(&self, refused: Refused, open: &mut Open) {
        let (reason, hint) = match refused {
            Refused::InAll => (
                "in_all",
                "server.max_connections and the limit of open files",
            ),
            Refused::ByAddress => ("by_address", "limits.connections_per_address"),
        };
        self.metrics.connection_refused(reason);
        let now = Instant::now();
        let is_due = open.logged.is_none_or(|at| now - at >= LOG_INTERVAL);
        if is_due {
            open.logged = Some(now);
            tracing::warn!(
                reason,
                open = open.count,
                "connections are refused; see {hint}"
            );
        }
    }
}

impl Open {
    /// Takes the place of a connection whose peer stopped reading long enough ago.
    fn replace(&mut self, stall: StallId) -> bool {
        let since = self.stalled.get(&stall).map(|stalled| stalled.since);
        if since.is_none_or(|since| since.elapsed() < REPLACEABLE_AFTER) {
            return false;
        }
        self.close(stall);
        true
    }

    /// Has the connection end: its task finds its stall gone.
    fn close(&mut self, stall: StallId) {
        if let Some(waker) = self.forget_stall(stall) {
            waker.wake();
        }
    }

    fn forget_stall(&mut self, stall: StallId) -> Option<Waker> {
        let stalled = self.stalled.remove(&stall)?;
        self.stalled_bytes -= stalled.bytes;
        let of_address = stalled
            .address
            .and_then(|address| self.by_address.get_mut(&address));
        if let Some(of_address) = of_address {
            of_address.stalled.remove(&stall);
        }
        Some(stalled.waker)
    }
}

/// What a connection carries, as its requests tell.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    answer_bytes: AtomicUsize,
    is_socket: AtomicBool,
}

impl Traffic {
    /// The size of the answer that is written from now on.
    pub(super) fn answers(&self, bytes: usize) {
        self.answer_bytes.store(bytes, Ordering::Relaxed);
    }

    /// The connection becomes a WebSocket, which watches its peer by itself.
    pub(super) fn becomes_a_socket(&self) {
        self.is_socket.store(true, Ordering::Relaxed);
    }
}

/// One counted connection.
pub(super) struct Place {
    shared: Arc<Shared>,
    address: Option<AddressKey>,
    traffic: Arc<Traffic>,
    stall: Option<StallId>,
}

impl Place {
    /// Where requests say what the connection carries.
    pub(super) fn traffic(&self) -> Arc<Traffic> {
        self.traffic.clone()
    }

    /// Notes that the peer takes nothing. `false` when the connection has lost its place.
    fn is_stalled(&mut self, waker: &Waker) -> bool {
        let mut open = self.shared.lock();
        if let Some(stall) = self.stall {
            let Some(stalled) = open.stalled.get_mut(&stall) else {
                return false;
            };
            stalled.waker.clone_from(waker);
            return true;
        }
        let stall = open.next_stall;
        open.next_stall += 1;
        self.stall = Some(stall);
        let bytes = self.traffic.answer_bytes.load(Ordering::Relaxed);
        let stalled = Stalled {
            since: Instant::now(),
            address: self.address,
            bytes,
            waker: waker.clone(),
        };
        open.stalled.insert(stall, stalled);
        if let Some(of_address) = self
            .address
            .and_then(|address| open.by_address.get_mut(&address))
        {
            of_address.stalled.insert(stall);
        }
        open.stalled_bytes += bytes;
        // Those who stopped first go first; the newest stays, however much it holds.
        while open.stalled_bytes > self.shared.bounds.stalled_bytes && open.stalled.len() > 1 {
            let Some(oldest) = open.stalled.keys().next().copied() else {
                break;
            };
            open.close(oldest);
            self.shared.metrics.unread_answer_dropped();
        }
        true
    }

    /// Notes that the peer reads. `false` when the connection has lost its place before.
    fn reads(&mut self) -> bool {
        let Some(stall) = self.stall.take() else {
            return true;
        };
        self.shared.lock().forget_stall(stall).is_some()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.shared.lock();
        if let Some(stall) = self.stall {
            open.forget_stall(stall);
        }
        open.count -= 1;
        let Some(address) = self.address else { return };
        if let Some(of_address) = open.by_address.get_mut(&address) {
            of_address.count -= 1;
            if of_address.count == 0 {
                open.by_address.remove(&address);
            }
        }
    }
}

/// A connection's stream. Writes fail with [`TimedOut`](io::ErrorKind::TimedOut) when the peer
/// has taken nothing for the configured time, or has lost its place to another connection.
pub(super) struct Bounded<S> {
    stream: S,
    place: Place,
    /// There only while a write waits.
    timeout: Option<Pin<Box<Sleep>>>,
}

impl<S: Unpin> Bounded<S> {
    pub(super) fn new(stream: S, place: Place) -> Self {
        Self {
            stream,
            place,
            timeout: None,
        }
    }

    fn watched<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let is_socket = self.place.traffic.is_socket.load(Ordering::Relaxed);
        if written.is_ready() || is_socket {
            self.timeout = None;
            return match self.place.reads() {
                true => written,
                false => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            };
        }
        if !self.place.is_stalled(context.waker()) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let stall_timeout = self.place.shared.bounds.stall_timeout;
        let timeout = self
            .timeout
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(stall_timeout)));
        ready!(timeout.as_mut().poll(context));
        self.place.shared.metrics.unread_answer_dropped();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watched(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.watched(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// A TCP stream has nothing to flush, so this tells nothing of the peer.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(60);
    const ANSWER_BYTES: usize = 1_000;
    const ONE: &str = "192.0.2.1";
    const OTHER: &str = "192.0.2.2";
    const PROXY: &str = "10.0.0.1";

    fn connections(in_all: usize, per_address: usize, stalled_bytes: usize) -> Connections {
        let bounds = Bounds {
            in_all,
            per_address: Some(per_address),
            proxies: vec!["10.0.0.0/8".parse().expect("a network")],
            stall_timeout: TIMEOUT,
            stalled_bytes,
        };
        Connections::with(bounds, Metrics::new())
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// A connection whose peer has stopped reading, with the task that writes to it.
    struct Deaf {
        _peer: DuplexStream,
        writing: tokio::task::JoinHandle<io::Result<()>>,
    }

    impl Deaf {
        async fn connect(connections: &Connections, address: &str) -> Self {
            let place = connections.admit(ip(address)).expect("a place");
            place.traffic().answers(ANSWER_BYTES);
            let before = connections.0.lock().next_stall;
            let (stream, peer) = duplex(64);
            let mut stream = Bounded::new(stream, place);
            let writing = tokio::spawn(async move { stream.write_all(&[0; ANSWER_BYTES]).await });
            while connections.0.lock().next_stall == before {
                tokio::task::yield_now().await;
            }
            Self {
                _peer: peer,
                writing,
            }
        }

        async fn ends(self) -> io::ErrorKind {
            let written = self.writing.await.expect("no panic");
            written.expect_err("nobody reads").kind()
        }
    }

    #[test]
    fn connections_count_in_all_and_by_address_until_they_are_closed() {
        let connections = connections(4, 2, 1_000_000);
        let admit = |address| connections.admit(ip(address));
        let first = admit(ONE).expect("a place");
        let _second = admit(ONE).expect("a place");
        assert_eq!(admit(ONE).err(), Some(Refused::ByAddress));
        let _other = admit(OTHER).expect("the bound is each address's own");
        drop(first);
        let _third = admit(ONE).expect("one has gone");
        let _proxied = admit(PROXY).expect("a place");
        assert_eq!(admit(PROXY).err(), Some(Refused::InAll));
        assert_eq!(admit("192.0.2.3").err(), Some(Refused::InAll));
    }

    #[test]
    fn a_trusted_proxy_is_bounded_by_the_whole_alone_and_a_v6_network_is_one_address() {
        let connections = connections(100, 2, 1_000_000);
        let proxied = (0..50).map(|_| connections.admit(ip(PROXY)));
        assert!(proxied.collect::<Vec<_>>().iter().all(Result::is_ok));
        let neighbours = (1..=3).map(|host| connections.admit(ip(&format!("2001:db8::{host}"))));
        let neighbours = neighbours.collect::<Vec<_>>();
        assert_eq!(
            neighbours.last().expect("three").as_ref().err(),
            Some(&Refused::ByAddress)
        );
        drop(neighbours);
        assert!(
            connections.0.lock().by_address.is_empty(),
            "nobody is remembered"
        );
        assert_eq!(connections.0.lock().count, 0);
    }

    #[test]
    fn open_files_bound_the_connections_and_sockets_leave_some() {
        assert_eq!(most_connections(256, 4), 208);
        assert_eq!(most_connections(65_536, 4), 65_488);
        assert!(most_connections(40, 64) >= 1);
        assert_eq!(per_address(2_500, 208), 104);
        assert_eq!(per_address(2_500, 65_488), 2_500);
        let connections = connections(208, 104, 0);
        assert_eq!(connections.max_sockets(), 182);
        assert_eq!(connections.max_sockets_per_address(), 91);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_dropped_and_a_slow_one_is_not() {
        let connections = connections(4, 4, 1_000_000);
        let began = Instant::now();
        let deaf = Deaf::connect(&connections, ONE).await;
        assert_eq!(deaf.ends().await, io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), TIMEOUT.as_secs());

        let (stream, mut peer) = duplex(64);
        let place = connections.admit(ip(ONE)).expect("a place");
        let mut stream = Bounded::new(stream, place);
        let writing = tokio::spawn(async move { stream.write_all(&[0; 640]).await });
        for _ in 0..10 {
            tokio::time::sleep(TIMEOUT - Duration::from_secs(1)).await;
            peer.read_exact(&mut [0; 64]).await.expect("some bytes");
        }
        writing.await.expect("no panic").expect("all was taken");
        assert_eq!(connections.0.lock().stalled_bytes, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_connection_takes_the_place_of_the_peer_that_stopped_reading_first() {
        let connections = connections(4, 2, 1_000_000);
        let first = Deaf::connect(&connections, ONE).await;
        let second = Deaf::connect(&connections, ONE).await;
        let refused = connections.admit(ip(ONE)).err();
        assert_eq!(refused, Some(Refused::ByAddress), "it may be slow alone");
        tokio::time::sleep(REPLACEABLE_AFTER).await;
        let _newer = connections.admit(ip(ONE)).expect("the place of the first");
        assert_eq!(first.ends().await, io::ErrorKind::TimedOut);
        assert!(!second.writing.is_finished());
        // The whole is full of others: whoever stopped first goes, of whatever address.
        let _proxied = [(); 2].map(|()| connections.admit(ip(PROXY)).expect("a place"));
        let _last = connections
            .admit(ip(OTHER))
            .expect("the place of the second");
        assert_eq!(second.ends().await, io::ErrorKind::TimedOut);
        assert_eq!(connections.admit(ip(OTHER)).err(), Some(Refused::InAll));
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_nobody_reads_are_held_up_to_a_bound() {
        let connections = connections(100, 100, 3 * ANSWER_BYTES);
        let mut deaf = Vec::new();
        for _ in 0..8 {
            deaf.push(Deaf::connect(&connections, ONE).await);
        }
        assert_eq!(connections.0.lock().stalled_bytes, 3 * ANSWER_BYTES);
        let kept = deaf.split_off(5);
        for dropped in deaf {
            assert_eq!(dropped.ends().await, io::ErrorKind::TimedOut);
        }
        assert!(kept.iter().all(|deaf| !deaf.writing.is_finished()));
        let held = connections.0.lock().count;
        assert_eq!(held, 3, "those that were dropped are closed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_socket_watches_its_peer_by_itself() {
        let connections = connections(4, 4, 0);
        let place = connections.admit(ip(ONE)).expect("a place");
        place.traffic().becomes_a_socket();
        let (stream, _peer) = duplex(64);
        let mut stream = Bounded::new(stream, place);
        let written = tokio::time::timeout(TIMEOUT * 2, stream.write_all(&[0; 640])).await;
        assert!(written.is_err(), "it waits");
    }
}
