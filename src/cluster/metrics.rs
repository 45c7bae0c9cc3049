use ::metrics::{Counter, Gauge};

/// Metrics of a node; no-ops by default.
#[derive(Debug, Clone)]
pub(crate) struct ClusterMetrics {
    /// Seconds since the newest look at the database that succeeded.
    pub(crate) poll_age: Gauge,
    /// Nodes whose lease has not ended, this one among them.
    pub(crate) nodes_alive: Gauge,
    /// Changes of other nodes that are known and not yet passed on.
    pub(crate) lag_changes: Gauge,
    /// 1 while the bus is connected, else 0.
    pub(crate) bus_up: Gauge,
    /// Notices put into the queue of the bus.
    pub(crate) published: Counter,
    /// Notices for which that queue had no room.
    pub(crate) dropped: Counter,
    /// Notices of other nodes.
    pub(crate) received: Counter,
    /// Frames on the bus that are no notice that this version understands.
    pub(crate) ignored: Counter,
}

impl Default for ClusterMetrics {
    fn default() -> Self {
        Self {
            poll_age: Gauge::noop(),
            nodes_alive: Gauge::noop(),
            lag_changes: Gauge::noop(),
            bus_up: Gauge::noop(),
            published: Counter::noop(),
            dropped: Counter::noop(),
            received: Counter::noop(),
            ignored: Counter::noop(),
        }
    }
}
