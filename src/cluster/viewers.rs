//! Which agents have which room open on which node.

use std::time::Duration;

use super::ClusterMetrics;
use super::notices::{self, Node, Notice};
use crate::actors::{Rooms, Viewers};
use crate::bus::Publisher;

/// Changes that come within this time are published together.
const GATHER: Duration = Duration::from_millis(200);
/// A node with viewers publishes at least this often.
const REPEAT: Duration = Duration::from_secs(2);
/// How often is looked for nodes that are silent.
const LOOK: Duration = Duration::from_secs(1);

/// Publishes who has which room open on this node whenever that changes, and again while anybody has:
/// a notice may be lost, and a node that is silent has left.
pub(super) async fn publish(
    viewers: Viewers,
    publisher: Publisher,
    node: Node,
    metrics: ClusterMetrics,
) {
    let mut had_any = false;
    loop {
        tokio::select! {
            () = viewers.changed_here() => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(REPEAT) => {}
        }
        let rooms = viewers.here();
        let has_any = !rooms.is_empty();
        if has_any || had_any {
            notices::publish(&publisher, node, Notice::Viewers(rooms), &metrics);
        }
        had_any = has_any;
    }
}

/// Forgets the viewers of nodes that are silent.
pub(super) async fn forget_silent(rooms: Rooms) {
    let mut looks = tokio::time::interval(LOOK);
    loop {
        looks.tick().await;
        rooms.forget_silent_viewers();
    }
}
