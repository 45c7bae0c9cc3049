//! Whose address a request comes from, behind proxies too.

use std::net::{IpAddr, SocketAddr};

use axum::http::{Extensions, HeaderMap};
use ipnet::IpNet;

/// The other end of the TCP connection, as an extension of every request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PeerAddr(pub(crate) SocketAddr);

/// The address of the client: the peer's, unless the peer is a trusted proxy; then the
/// rightmost address in `X-Forwarded-For` that is not a trusted proxy itself.
///
/// A header that cannot be read ends the walk at the last proxy that could be trusted,
/// so a client cannot choose its own address.
pub(crate) fn client_ip(peer: SocketAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |ip: IpAddr| trusted.iter().any(|net| net.contains(&ip));
    let mut client = peer.ip().to_canonical();
    let hops = headers
        .get_all("x-forwarded-for")
        .iter()
        .map(|value| value.to_str().unwrap_or(""))
        .flat_map(|value| value.split(','))
        .collect::<Vec<_>>();
    for hop in hops.iter().rev() {
        if !is_trusted(client) {
            break;
        }
        match parse_hop(hop.trim()) {
            Some(ip) => client = ip.to_canonical(),
            None => break,
        }
    }
    client
}

/// [`client_ip`] of a request's parts. A request without a peer, which only a test can
/// make, counts as one from nowhere.
pub(crate) fn client_ip_of(
    extensions: &Extensions,
    headers: &HeaderMap,
    trusted: &[IpNet],
) -> IpAddr {
    match extensions.get::<PeerAddr>() {
        Some(PeerAddr(peer)) => client_ip(*peer, headers, trusted),
        None => IpAddr::from([0, 0, 0, 0]),
    }
}

/// Whether any proxy says that it passed the request on.
pub(crate) fn is_forwarded(headers: &HeaderMap) -> bool {
    [
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-real-ip",
        "via",
    ]
    .iter()
    .any(|name| headers.contains_key(*name))
}

/// Some proxies write a port behind the address.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    hop.parse::<IpAddr>()
        .ok()
        .or_else(|| hop.parse::<SocketAddr>().ok().map(|addr| addr.ip()))
        .or_else(|| {
            hop.strip_prefix('[')?
                .strip_suffix(']')?
                .parse::<IpAddr>()
                .ok()
        })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn check(peer: &str, forwarded: &[&str], expected: &str) {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(
                "x-forwarded-for",
                HeaderValue::from_str(value).expect("a header"),
            );
        }
        let trusted = ["10.0.0.0/8", "::1/128"].map(|net| net.parse().expect("a network"));
        let ip = client_ip(peer.parse().expect("an address"), &headers, &trusted);
        assert_eq!(ip.to_string(), expected, "{peer} {forwarded:?}");
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        check("192.0.2.7:1", &[], "192.0.2.7");
        check("192.0.2.7:1", &["203.0.113.9"], "192.0.2.7");
        check("10.0.0.1:1", &["203.0.113.9"], "203.0.113.9");
        check("[::1]:1", &["203.0.113.9"], "203.0.113.9");
        check("[::ffff:10.0.0.1]:1", &["203.0.113.9"], "203.0.113.9");
    }

    #[test]
    fn the_rightmost_untrusted_hop_counts() {
        check(
            "10.0.0.1:1",
            &["1.1.1.1, 203.0.113.9, 10.0.0.2"],
            "203.0.113.9",
        );
        check("10.0.0.1:1", &["1.1.1.1", "203.0.113.9"], "203.0.113.9");
        check("10.0.0.1:1", &["203.0.113.9:5555"], "203.0.113.9");
        check("10.0.0.1:1", &["[2001:db8::1]:5555"], "2001:db8::1");
        check("10.0.0.1:1", &["203.0.113.9, nonsense"], "10.0.0.1");
    }
}
