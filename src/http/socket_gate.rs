//! Whether sockets may be open.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Closes all sockets when the server drains, and while it is cut off from its database.
#[derive(Debug, Clone)]
pub(crate) struct SocketGate {
    drain: CancellationToken,
    /// A child of `drain`; another one after each time that the database was away.
    ending: Arc<Mutex<CancellationToken>>,
}

impl SocketGate {
    /// Open until `drain` is cancelled.
    pub(crate) fn new(drain: CancellationToken) -> Self {
        Self {
            ending: Arc::new(Mutex::new(drain.child_token())),
            drain,
        }
    }

    /// What ends a socket that opens now: cancelled already while none may be open.
    pub(crate) fn ending(&self) -> CancellationToken {
        self.lock().clone()
    }

    /// Follows whether the server is cut off from its database, until it drains.
    pub(crate) async fn follow(self, mut cut_off: watch::Receiver<bool>) {
        loop {
            let is_cut_off = *cut_off.borrow_and_update();
            self.set(is_cut_off);
            if cut_off.changed().await.is_err() {
                return;
            }
        }
    }

    fn set(&self, is_cut_off: bool) {
        let mut ending = self.lock();
        if is_cut_off {
            ending.cancel();
        } else if ending.is_cancelled() {
            *ending = self.drain.child_token();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, CancellationToken> {
        // A token cannot be left half-changed.
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_drain_closes_the_gate_for_good() {
        let drain = CancellationToken::new();
        let gate = SocketGate::new(drain.clone());
        assert!(!gate.ending().is_cancelled());
        drain.cancel();
        assert!(gate.ending().is_cancelled());
        let (_, back) = watch::channel(false);
        gate.clone().follow(back).await;
        assert!(gate.ending().is_cancelled());
    }

    #[tokio::test]
    async fn a_socket_of_before_stays_ended_and_later_ones_may_open() {
        let gate = SocketGate::new(CancellationToken::new());
        let before = gate.ending();
        let (sender, cut_off) = watch::channel(true);
        let following = tokio::spawn(gate.clone().follow(cut_off));
        before.cancelled().await;
        sender.send_replace(false);
        drop(sender);
        following.await.expect("it ends with the sender");
        assert!(before.is_cancelled() && !gate.ending().is_cancelled());
    }
}
