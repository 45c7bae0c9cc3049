//! What a server has of the other nodes, if it shares its store.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::actors::Actors;
use crate::bus::Bus;
use crate::bus::nats::{self, NatsError, NatsOptions};
use crate::cluster::{self, ClusterParts, CutOffAfter};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::persistence::Store;

/// What a server has of the other nodes.
#[derive(Debug)]
pub(super) struct Nodes {
    /// Whether the database has been away for so long that sockets must not be open; `None` if the
    /// store is not shared.
    pub(super) cut_off: Option<watch::Receiver<bool>>,
    /// How long it may be away.
    #[cfg_attr(not(feature = "test-hooks"), expect(dead_code))]
    pub(super) cut_off_after: CutOffAfter,
}

impl Nodes {
    /// Follows the other nodes until `drain`, on this bus or the configured one, if the store is
    /// shared.
    pub(super) async fn start(
        config: &Config,
        store: &Store,
        actors: &Actors,
        bus: Option<Bus>,
        metrics: &Metrics,
        drain: &CancellationToken,
    ) -> Result<Self, NatsError> {
        let cut_off_after = CutOffAfter::default();
        if !store.is_shared() {
            return Ok(Self {
                cut_off: None,
                cut_off_after,
            });
        }
        let bus = match bus {
            Some(bus) => bus,
            None => open_bus(config, store, drain).await?,
        };
        let cut_off = cluster::start(ClusterParts {
            store: store.clone(),
            rooms: actors.rooms(),
            lobby: actors.lobby(),
            presence: actors.presence(),
            presence_grace: Duration::from_millis(config.rooms.presence_grace_ms),
            metrics: metrics.cluster(bus.is_there()),
            bus,
            cut_off_after: cut_off_after.clone(),
            drain: drain.clone(),
        });
        Ok(Self {
            cut_off: Some(cut_off),
            cut_off_after,
        })
    }
}

/// Connects to the bus between nodes, if one is configured.
async fn open_bus(
    config: &Config,
    store: &Store,
    drain: &CancellationToken,
) -> Result<Bus, NatsError> {
    match &config.cluster.nats_url {
        Some(url) => {
            let options = NatsOptions {
                url: url.clone(),
                name: config.cluster.name.clone(),
                epoch: store.epoch().to_owned(),
            };
            nats::connect(options, drain.clone()).await
        }
        None => Ok(Bus::none()),
    }
}
