//! Admits a new connection, or refuses it.

use std::net::IpAddr;
use std::sync::Arc;

use super::bounds::Bounds;
use super::slot::ConnectionSlot;
use super::table::{Refused, Registry};
use crate::config::Config;
use crate::http::limits::AddressKey;
use crate::http::problem::Problem;
use crate::metrics::Metrics;
use crate::protocol::ErrorCode;

/// Replaced connections that may still be open, in addition to the bound.
const MAX_CLOSING: usize = 16;

/// All connections of one server. Clones share them.
#[derive(Clone)]
pub(crate) struct Connections(pub(super) Arc<Registry>);

impl std::fmt::Debug for Connections {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Connections")
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Total => {
                Self::busy("the server has reached its limit of connections; try again in a moment")
            }
            Refused::PerAddress => Self::new(
                ErrorCode::RateLimited,
                "too many connections from this address; close some first",
            ),
        }
    }
}

impl Connections {
    /// Takes the configured bounds, which the limit of open files may lower.
    pub(crate) fn new(config: &Config, metrics: Metrics) -> Self {
        Self::with_bounds(Bounds::new(config), metrics)
    }

    pub(super) fn with_bounds(bounds: Bounds, metrics: Metrics) -> Self {
        Self(Arc::new(Registry::new(bounds, metrics)))
    }

    /// How many connections may be WebSockets.
    pub(crate) fn max_sockets(&self) -> usize {
        self.0.bounds.max_sockets()
    }

    /// How many connections of one address may be WebSockets.
    pub(crate) fn max_sockets_per_address(&self) -> usize {
        self.0.bounds.max_sockets_per_address()
    }

    /// Counts a new connection until its slot is dropped, or refuses it.
    pub(super) fn admit(&self, peer: IpAddr) -> Result<ConnectionSlot, Refused> {
        let registry = &self.0;
        let address = self.counted_address(peer);
        let mut table = registry.lock();
        if let Some((refused, oldest_stall)) = table.reached_bound(address, &registry.bounds) {
            // A replaced connection stays open until its task has run.
            let may_replace = table.count < registry.bounds.total + MAX_CLOSING;
            if !(may_replace && oldest_stall.is_some_and(|oldest| table.replace(oldest))) {
                registry.note_refusal(refused, &mut table);
                return Err(refused);
            }
            registry.metrics.stalled_connection_closed();
        }
        table.add(address);
        drop(table);
        Ok(ConnectionSlot::new(registry.clone(), address))
    }

    /// The address whose connections are bounded; `None` for a trusted proxy.
    fn counted_address(&self, peer: IpAddr) -> Option<AddressKey> {
        let peer = peer.to_canonical();
        let bounds = &self.0.bounds;
        let is_proxy = bounds.proxies.iter().any(|net| net.contains(&peer));
        (bounds.per_address.is_some() && !is_proxy).then(|| peer.into())
    }
}
