use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::actors::{Typing, ViewedRooms};
use crate::bus::{Publisher, Topic};
use crate::cluster::metrics::ClusterMetrics;
use crate::persistence::SlotCommit;

/// The version of what is published. Another one is ignored, and the store is read.
const VERSION: u32 = 1;
/// Bytes of a frame, at most. Larger ones go without the messages.
const FRAME_BYTES: usize = 512 * 1024;

/// Which node a notice comes from, so that a node ignores its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Node(pub(crate) u64);

impl Node {
    /// A node that starts now.
    pub(crate) fn new() -> Self {
        Self(rand::random())
    }
}

/// What nodes notify each other of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Notice {
    /// A transaction was committed.
    Committed(SlotCommit),
    /// Somebody types.
    Typing(Typing),
    /// Who has which room open on the node.
    Viewers(ViewedRooms),
}

impl Notice {
    fn topic(&self) -> Topic {
        match self {
            Self::Committed(_) => Topic::Log,
            Self::Typing(_) | Self::Viewers(_) => Topic::Ephemeral,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    version: u32,
    node: Node,
    notice: Notice,
}

/// Publishes a notice. One that is too large is published without its messages.
pub(crate) fn publish(publisher: &Publisher, node: Node, notice: Notice, metrics: &ClusterMetrics) {
    let topic = notice.topic();
    let Some(mut payload) = encode(node, notice.clone()) else {
        return;
    };
    if payload.len() > FRAME_BYTES
        && let Notice::Committed(commit) = notice
    {
        let small = Notice::Committed(SlotCommit {
            changes: None,
            ..commit
        });
        match encode(node, small) {
            Some(small) => payload = small,
            None => return,
        }
    }
    if publisher.publish(topic, Bytes::from(payload)) {
        metrics.published.increment(1);
    } else {
        metrics.dropped.increment(1);
    }
}

fn encode(node: Node, notice: Notice) -> Option<Vec<u8>> {
    let envelope = Envelope {
        version: VERSION,
        node,
        notice,
    };
    match serde_json::to_vec(&envelope) {
        Ok(payload) => Some(payload),
        Err(error) => {
            tracing::error!(%error, "a notice for other nodes cannot be encoded");
            None
        }
    }
}

/// Reads a notice of another node, and which one; `None` for anything else.
pub(crate) fn decode(
    own: Node,
    payload: &[u8],
    metrics: &ClusterMetrics,
) -> Option<(Node, Notice)> {
    match serde_json::from_slice::<Envelope>(payload) {
        Ok(envelope) if envelope.node == own => None,
        Ok(envelope) if envelope.version == VERSION => {
            metrics.received.increment(1);
            Some((envelope.node, envelope.notice))
        }
        Ok(_) => {
            metrics.ignored.increment(1);
            None
        }
        Err(error) => {
            metrics.ignored.increment(1);
            tracing::debug!(%error, "a frame on the bus is no notice of a node");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_ignores_its_own_notices_and_what_is_none() {
        let (own, other) = (Node(1), Node(2));
        let notice = Notice::Committed(SlotCommit {
            slot: 3,
            from: 1,
            to: 2,
            commits: 2,
            waiting: 1,
            active: 0,
            closed: -1,
            accounts_changed: false,
            changes: Some(Vec::new()),
        });
        let payload = encode(other, notice.clone()).expect("it encodes");
        let metrics = ClusterMetrics::default();
        assert_eq!(decode(own, &payload, &metrics), Some((other, notice)));
        assert_eq!(decode(other, &payload, &metrics), None);
        for wrong in [&b""[..], b"{}", b"[1]", b"\xff", b"{\"version\":2}"] {
            assert_eq!(decode(own, wrong, &metrics), None);
        }
    }
}
