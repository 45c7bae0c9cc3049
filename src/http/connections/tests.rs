//! Counts, stalls and replacements, with peers that do not read.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;

use super::Connections;
use super::bounds::{Bounds, per_address, possible_connections};
use super::stream::WatchedStream;
use super::table::{REPLACEABLE_AFTER, Refused};
use crate::metrics::Metrics;

const TIMEOUT: Duration = Duration::from_secs(60);
const RESPONSE_BYTES: usize = 1_000;
const ONE: &str = "192.0.2.1";
const OTHER: &str = "192.0.2.2";
const PROXY: &str = "10.0.0.1";

fn connections(total: usize, per_address: usize, stalled_bytes: usize) -> Connections {
    let bounds = Bounds {
        total,
        per_address: Some(per_address),
        proxies: vec!["10.0.0.0/8".parse().expect("a network")],
        stall_timeout: TIMEOUT,
        stalled_bytes,
    };
    Connections::with_bounds(bounds, Metrics::new())
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// A connection whose peer has stopped reading, with the task that writes to it.
struct StalledPeer {
    _peer: DuplexStream,
    writing: tokio::task::JoinHandle<io::Result<()>>,
}

impl StalledPeer {
    async fn connect(connections: &Connections, address: &str) -> Self {
        let slot = connections.admit(ip(address)).expect("a slot");
        slot.info().set_response_bytes(RESPONSE_BYTES);
        let before = connections.0.lock().next_stall;
        let (stream, peer) = duplex(64);
        let mut stream = WatchedStream::new(stream, slot);
        let writing = tokio::spawn(async move { stream.write_all(&[0; RESPONSE_BYTES]).await });
        while connections.0.lock().next_stall == before {
            tokio::task::yield_now().await;
        }
        Self {
            _peer: peer,
            writing,
        }
    }

    async fn failure(self) -> io::ErrorKind {
        let written = self.writing.await.expect("no panic");
        written.expect_err("the peer does not read").kind()
    }
}

#[test]
fn connections_are_counted_in_total_and_per_address_until_closed() {
    let connections = connections(4, 2, 1_000_000);
    let admit = |address| connections.admit(ip(address));
    let first = admit(ONE).expect("a slot");
    let _second = admit(ONE).expect("a slot");
    assert_eq!(admit(ONE).err(), Some(Refused::PerAddress));
    let _other = admit(OTHER).expect("the bound is per address");
    drop(first);
    let _third = admit(ONE).expect("one is closed");
    let _proxied = admit(PROXY).expect("a slot");
    assert_eq!(admit(PROXY).err(), Some(Refused::Total));
    assert_eq!(admit("192.0.2.3").err(), Some(Refused::Total));
}

#[test]
fn a_trusted_proxy_has_no_address_bound_and_an_ipv6_network_is_one_address() {
    let connections = connections(100, 2, 1_000_000);
    let proxied = (0..50).map(|_| connections.admit(ip(PROXY)));
    assert!(proxied.collect::<Vec<_>>().iter().all(Result::is_ok));
    let neighbours = (1..=3).map(|host| connections.admit(ip(&format!("2001:db8::{host}"))));
    let neighbours = neighbours.collect::<Vec<_>>();
    assert_eq!(
        neighbours.last().expect("three").as_ref().err(),
        Some(&Refused::PerAddress)
    );
    drop(neighbours);
    assert!(
        connections.0.lock().by_address.is_empty(),
        "no entry is left"
    );
    assert_eq!(connections.0.lock().count, 0);
}

#[test]
fn open_files_bound_the_connections_and_sockets_leave_some_for_calls() {
    assert_eq!(possible_connections(256, 4), 208);
    assert_eq!(possible_connections(65_536, 4), 65_488);
    assert!(possible_connections(40, 64) >= 1);
    assert_eq!(per_address(2_500, 208), 104);
    assert_eq!(per_address(2_500, 65_488), 2_500);
    let connections = connections(208, 104, 0);
    assert_eq!(connections.max_sockets(), 182);
    assert_eq!(connections.max_sockets_per_address(), 91);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_is_closed_and_a_slow_one_is_not() {
    let connections = connections(4, 4, 1_000_000);
    let began = Instant::now();
    let stalled = StalledPeer::connect(&connections, ONE).await;
    assert_eq!(stalled.failure().await, io::ErrorKind::TimedOut);
    assert_eq!(began.elapsed().as_secs(), TIMEOUT.as_secs());

    let (stream, mut peer) = duplex(64);
    let slot = connections.admit(ip(ONE)).expect("a slot");
    let mut stream = WatchedStream::new(stream, slot);
    let writing = tokio::spawn(async move { stream.write_all(&[0; 640]).await });
    for _ in 0..10 {
        tokio::time::sleep(TIMEOUT - Duration::from_secs(1)).await;
        peer.read_exact(&mut [0; 64]).await.expect("some bytes");
    }
    writing.await.expect("no panic").expect("all was taken");
    assert_eq!(connections.0.lock().stalled_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn a_new_connection_replaces_the_peer_that_stopped_reading_first() {
    let connections = connections(4, 2, 1_000_000);
    let first = StalledPeer::connect(&connections, ONE).await;
    let second = StalledPeer::connect(&connections, ONE).await;
    let refused = connections.admit(ip(ONE)).err();
    assert_eq!(refused, Some(Refused::PerAddress), "it may only be slow");
    tokio::time::sleep(REPLACEABLE_AFTER).await;
    let _newer = connections.admit(ip(ONE)).expect("the place of the first");
    assert_eq!(first.failure().await, io::ErrorKind::TimedOut);
    assert!(!second.writing.is_finished());
    // The total is reached: the peer that stopped reading first is closed, whatever its address.
    let _proxied = [(); 2].map(|()| connections.admit(ip(PROXY)).expect("a slot"));
    let _last = connections
        .admit(ip(OTHER))
        .expect("the place of the second");
    assert_eq!(second.failure().await, io::ErrorKind::TimedOut);
    assert_eq!(connections.admit(ip(OTHER)).err(), Some(Refused::Total));
}

#[tokio::test(start_paused = true)]
async fn responses_that_peers_do_not_read_are_held_up_to_a_bound() {
    let connections = connections(100, 100, 3 * RESPONSE_BYTES);
    let mut stalled = Vec::new();
    for _ in 0..8 {
        stalled.push(StalledPeer::connect(&connections, ONE).await);
    }
    assert_eq!(connections.0.lock().stalled_bytes, 3 * RESPONSE_BYTES);
    let kept = stalled.split_off(5);
    for dropped in stalled {
        assert_eq!(dropped.failure().await, io::ErrorKind::TimedOut);
    }
    assert!(kept.iter().all(|stalled| !stalled.writing.is_finished()));
    let held = connections.0.lock().count;
    assert_eq!(held, 3, "those that were dropped are closed");
}

#[tokio::test(start_paused = true)]
async fn a_websocket_is_not_watched_here() {
    let connections = connections(4, 4, 0);
    let slot = connections.admit(ip(ONE)).expect("a slot");
    slot.info().set_websocket();
    let (stream, _peer) = duplex(64);
    let mut stream = WatchedStream::new(stream, slot);
    let written = tokio::time::timeout(TIMEOUT * 2, stream.write_all(&[0; 640])).await;
    assert!(written.is_err(), "it waits");
}
