//! The address of a request's client, also behind proxies.

use std::net::{IpAddr, SocketAddr};

use axum::http::{Extensions, HeaderMap};
use ipnet::IpNet;

/// The peer of the TCP connection; an extension of every request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PeerAddr(pub(crate) SocketAddr);

/// The client's address: the peer's; or if the peer is a trusted proxy, the rightmost address in
/// `X-Forwarded-For` that is not a trusted proxy.
///
/// The search ends at a value that cannot be parsed, with the last trusted proxy as the client. So
/// a client cannot choose its own address.
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

/// [`client_ip`] of a request. Only tests make a request without a peer; it gets 0.0.0.0.
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

/// Whether a proxy has added a header that shows that it forwarded the request.
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

/// Some proxies append a port to the address.
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
    fn only_trusted_proxies_are_believed() {
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
