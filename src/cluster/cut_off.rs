//! A node that cannot reach the database can neither store nor read anything: its clients are better
//! off on another node.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::metrics::ClusterMetrics;
use crate::persistence::Store;

/// How long the database may be away before sockets are closed.
const CUT_OFF_AFTER_MS: u64 = 10_000;
/// How often that is looked at.
const INTERVAL: Duration = Duration::from_millis(250);

/// How long the database may be away. Clones share it; only tests change it.
#[derive(Debug, Clone)]
pub(crate) struct CutOffAfter(Arc<AtomicU64>);

impl Default for CutOffAfter {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(CUT_OFF_AFTER_MS)))
    }
}

impl CutOffAfter {
    #[cfg(feature = "test-hooks")]
    pub(crate) fn set(&self, after: Duration) {
        let ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        self.0.store(ms, Ordering::Relaxed);
    }

    fn get(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// Keeps `cut_off` true while the database has been away for too long.
pub(super) async fn watch(
    store: Store,
    after: CutOffAfter,
    cut_off: watch::Sender<bool>,
    metrics: ClusterMetrics,
) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let age = store.poll_age();
        metrics.poll_age.set(age.as_secs_f64());
        let alive = store
            .nodes()
            .borrow()
            .iter()
            .filter(|node| node.alive)
            .count();
        metrics.nodes_alive.set(alive as f64);
        let is_cut_off = age >= after.get();
        if cut_off.send_if_modified(|was| std::mem::replace(was, is_cut_off) != is_cut_off) {
            if is_cut_off {
                tracing::error!(
                    seconds = age.as_secs(),
                    "the database has been away for too long: sockets are closed, and clients connect to another node"
                );
            } else {
                tracing::info!("the database is back: sockets are accepted again");
            }
        }
    }
}
