use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use crate::Error;

/// Below the ports that Linux gives to outgoing connections: nobody takes a server's port while
/// it is stopped.
const PORTS: Range<u16> = 20_000..32_000;

/// A port that nobody listens on, from a random place on.
pub(crate) fn free_port() -> Result<u16, Error> {
    let count = u64::from(PORTS.end - PORTS.start);
    let first = RandomState::new().hash_one(std::process::id()) % count;
    (0..count)
        .filter_map(|step| u16::try_from((first + step) % count).ok())
        .map(|offset| PORTS.start + offset)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .ok_or(Error::NoPort {
            from: PORTS.start,
            to: PORTS.end - 1,
        })
}
