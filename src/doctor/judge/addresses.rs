//! Whom a request comes from: the page's origin and the client's address, which proxies may hide.

use std::net::{IpAddr, SocketAddr};

use super::{Judge, opened};
use crate::doctor::FORGED_ADDRESS;
use crate::doctor::check::{Check, Finding};
use crate::doctor::observations::Seen;

impl Judge<'_> {
    pub(super) fn origin(&self) -> Option<Finding> {
        let seen = self.seen.seen.as_ref();
        if let (Some(seen), Some(sent)) = (seen, &self.seen.sent_origin)
            && seen.origin.as_ref() != Some(sent)
        {
            let got = seen.origin.as_deref().unwrap_or("none");
            return self.proxy_problem(
                Check::Origin,
                format!("the proxy changes the header Origin: sent {sent}, the server got {got}; it protects the console from foreign pages"),
            );
        }
        if opened(self.seen.foreign_origin.as_ref()) {
            return self.proxy_problem(
                Check::Origin,
                "a WebSocket from a foreign page was accepted: the proxy removes or replaces the header Origin",
            );
        }
        let upgrade = self.seen.upgrade.as_ref()?;
        if let (Some(403), Some(refusal)) = (upgrade.status, &upgrade.refusal) {
            return Some(Finding::problem(
                Check::Origin,
                format!(
                    "the server takes {} for a foreign page ({refusal}); set server.public_url = \"{0}\"",
                    self.seen.origin
                ),
            ));
        }
        Some(Finding::ok(
            Check::Origin,
            if self.seen.foreign_origin.is_some() {
                "passes unchanged, and foreign pages are refused"
            } else {
                "passes unchanged"
            },
        ))
    }

    pub(super) fn forged_address(&self) -> Option<Finding> {
        let seen = self.seen.seen.as_ref()?;
        if seen.client != FORGED_ADDRESS.to_string() {
            return Some(Finding::ok(
                Check::ForgedAddress,
                "a forged X-Forwarded-For is not believed",
            ));
        }
        if seen.forwarded_for.last() != Some(&seen.client) {
            return Some(Finding::skipped(
                Check::ForgedAddress,
                "the proxy appends to X-Forwarded-For, and the doctor's own address is one of server.trusted_proxies; try it from another machine, or let the proxy replace the header",
            ));
        }
        self.proxy_problem(
            Check::ForgedAddress,
            "the proxy passes on an X-Forwarded-For that the client has forged, so anybody can choose the address by which limits count",
        )
    }

    pub(super) fn client_address(&self) -> Option<Finding> {
        let seen = self.seen.seen.as_ref()?;
        let client = &seen.client;
        if *client == FORGED_ADDRESS.to_string() {
            return None;
        }
        if !seen.forwarded_for.is_empty() && seen.forwarded_for != [FORGED_ADDRESS.to_string()] {
            if !seen.peer_is_trusted {
                let proxy = ip(&seen.peer).map_or_else(|| seen.peer.clone(), |ip| ip.to_string());
                return Some(Finding::problem(
                    Check::ClientAddress,
                    format!(
                        "the proxy {proxy} is not trusted, so all clients share its address and its limits; set server.trusted_proxies = [\"{proxy}\"]"
                    ),
                ));
            }
            if forwarded_is_unreadable(seen) {
                return self.proxy_problem(
                    Check::ClientAddress,
                    "the last address in X-Forwarded-For cannot be read, so all clients share the proxy's address",
                );
            }
            return Some(Finding::ok(
                Check::ClientAddress,
                format!("the server sees {client}"),
            ));
        }
        if self.is_hidden_by_a_proxy(seen) {
            return self.proxy_problem(
                Check::ClientAddress,
                format!("the proxy {} does not say for whom it forwards, so all clients share its address and its limits", seen.peer),
            );
        }
        Some(Finding::ok(
            Check::ClientAddress,
            format!("the server sees {client}, without a proxy in between"),
        ))
    }

    /// Whether somebody else's connection brought a request that says nothing of its client.
    fn is_hidden_by_a_proxy(&self, seen: &Seen) -> bool {
        let doctor = self.seen.local_address.as_ref();
        if doctor == Some(&seen.peer) {
            return false;
        }
        let is_local_proxy =
            seen.peer_is_loopback && (doctor.is_some() || !is_loopback_origin(&self.seen.origin));
        // The forged header came through unchanged: without a proxy, or through one that does not
        // know it. From a trusted one it is judged as forged.
        if !seen.forwarded_for.is_empty() {
            return !seen.peer_is_trusted && is_local_proxy;
        }
        seen.peer_is_trusted || seen.is_forwarded || is_local_proxy
    }
}

fn ip(address: &str) -> Option<IpAddr> {
    address
        .parse::<SocketAddr>()
        .ok()
        .map(|address| address.ip())
}

fn forwarded_is_unreadable(seen: &Seen) -> bool {
    let last = seen.forwarded_for.last().map_or("", String::as_str);
    last.parse::<IpAddr>().is_err() && ip(last).is_none()
}

fn is_loopback_origin(origin: &str) -> bool {
    url::Url::parse(origin).is_ok_and(|url| match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    })
}
