//! How far each follower of the log is.

use std::time::Duration;

use uuid::Uuid;

/// The right to do a follower's work, which one node has at a time.
#[derive(Debug, Clone, Copy)]
pub struct FollowerLease {
    /// The follower.
    pub name: &'static str,
    /// The node that asks for it. A new one at each start.
    pub node: Uuid,
    /// For how long from now, unless it is renewed.
    pub time: Duration,
}
