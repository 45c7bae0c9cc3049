//! One counted connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Waker;
use std::time::Duration;

use super::table::{Registry, StallId};
use crate::http::limits::AddressKey;

/// What the stream needs to know about the requests of its connection.
#[derive(Debug, Default)]
pub(super) struct ConnectionInfo {
    response_bytes: AtomicUsize,
    is_websocket: AtomicBool,
}

impl ConnectionInfo {
    /// The size of the response that is written from now on.
    pub(super) fn set_response_bytes(&self, bytes: usize) {
        self.response_bytes.store(bytes, Ordering::Relaxed);
    }

    /// The connection becomes a WebSocket, which has a stall timeout of its own.
    pub(super) fn set_websocket(&self) {
        self.is_websocket.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_websocket(&self) -> bool {
        self.is_websocket.load(Ordering::Relaxed)
    }
}

/// Another connection has taken this one's place, so this one has to close.
#[derive(Debug)]
pub(super) struct Replaced;

/// Counts one connection until it is dropped.
pub(super) struct ConnectionSlot {
    registry: Arc<Registry>,
    address: Option<AddressKey>,
    info: Arc<ConnectionInfo>,
    /// Set while the peer takes nothing.
    stall: Option<StallId>,
}

impl ConnectionSlot {
    /// A slot for a connection that the registry has counted.
    pub(super) fn new(registry: Arc<Registry>, address: Option<AddressKey>) -> Self {
        Self {
            registry,
            address,
            info: Arc::default(),
            stall: None,
        }
    }

    pub(super) fn info(&self) -> &Arc<ConnectionInfo> {
        &self.info
    }

    pub(super) fn stall_timeout(&self) -> Duration {
        self.registry.bounds.stall_timeout
    }

    /// The peer takes nothing; `waker` wakes the task that writes to it.
    pub(super) fn peer_stalls(&mut self, waker: &Waker) -> Result<(), Replaced> {
        let mut table = self.registry.lock();
        if let Some(stall) = self.stall {
            return match table.continue_stall(stall, waker) {
                true => Ok(()),
                false => Err(Replaced),
            };
        }
        let bytes = self.info.response_bytes.load(Ordering::Relaxed);
        self.stall = Some(table.begin_stall(self.address, bytes, waker));
        let closed = table.close_oldest_stalls(self.registry.bounds.stalled_bytes);
        drop(table);
        for _ in 0..closed {
            self.registry.metrics.stalled_connection_closed();
        }
        Ok(())
    }

    /// The peer has taken something.
    pub(super) fn peer_reads(&mut self) -> Result<(), Replaced> {
        let Some(stall) = self.stall.take() else {
            return Ok(());
        };
        match self.registry.lock().end_stall(stall) {
            Some(_) => Ok(()),
            None => Err(Replaced),
        }
    }

    /// The stall timeout has passed.
    pub(super) fn note_timeout(&self) {
        self.registry.metrics.stalled_connection_closed();
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut table = self.registry.lock();
        if let Some(stall) = self.stall {
            table.end_stall(stall);
        }
        table.remove(self.address);
    }
}
