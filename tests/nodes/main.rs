//! What must hold when several nodes share a store in PostgreSQL: whoever is connected to one of them
//! sees what was done on another. Left out where PostgreSQL is not installed.

#[path = "../common/mod.rs"]
mod common;

mod alerts;
mod api_tokens;
mod conversations;
mod cut_off;
mod desk;
mod jobs;
mod lobby;
mod notes;
mod people;
mod settings;
mod viewers;

use std::time::Duration;

use shoptalk::bus::memory::{MemoryBus, Unreliability};

use self::common::Nodes;

/// What the nodes have between them.
#[derive(Debug, Clone, Copy)]
enum BusKind {
    None,
    Good,
    Bad,
}

impl BusKind {
    fn bus(self) -> Option<MemoryBus> {
        let unreliability = match self {
            Self::None => return None,
            Self::Good => Unreliability::default(),
            Self::Bad => Unreliability {
                lost_percent: 30,
                duplicated_percent: 30,
                late: Duration::from_millis(200),
            },
        };
        Some(MemoryBus::new(unreliability, 7))
    }
}

/// Three nodes for each kind of bus.
async fn for_each_bus(test: impl AsyncFn(&Nodes)) {
    for kind in [BusKind::None, BusKind::Good, BusKind::Bad] {
        let Some(nodes) = Nodes::start(3, kind.bus()).await else {
            return;
        };
        println!("{kind:?}");
        test(&nodes).await;
    }
}
