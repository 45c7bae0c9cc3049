use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

use super::measured::Measured;
use super::phase::Phase;
use crate::delivery_check::DeliveryCheck;
use crate::wire_format::{RoomKey, WireFormat};

/// One room, as its two sides share it.
#[derive(Default)]
pub(super) struct RoomProgress {
    /// Since when each side's messages are on their way, by side.
    pub(super) in_flight: [VecDeque<Instant>; 2],
    /// When each seq was known to be on disk, from 1 on.
    pub(super) committed: Vec<Instant>,
}

/// What all tasks share.
pub(super) struct Shared {
    pub(super) addr: SocketAddr,
    pub(super) wire_format: WireFormat,
    pub(super) token: String,
    pub(super) epoch: String,
    pub(super) places: HashMap<RoomKey, usize>,
    pub(super) lines: Vec<Mutex<RoomProgress>>,
    pub(super) phase: watch::Sender<Phase>,
    /// Whether agents answer what they get.
    pub(super) answering: AtomicBool,
    pub(super) broadcasting: AtomicBool,
    /// Who has not finished posting.
    pub(super) unfinished: AtomicUsize,
    /// Posts without an ack.
    pub(super) unacked: AtomicUsize,
    /// Sockets that were closed and are not back.
    pub(super) away: AtomicUsize,
    /// Everybody's places in rooms.
    pub(super) memberships: usize,
    /// Whether a message is on its way until the other side has it.
    pub(super) across: bool,
    /// Reads and bytes of all consoles.
    pub(super) console_reads: AtomicU64,
    pub(super) console_bytes: AtomicU64,
    /// What a broadcast has brought to its consoles.
    pub(super) delivered: AtomicU64,
    /// The newest states that each timed console has shown, by room.
    pub(super) shown: Vec<Mutex<Vec<u64>>>,
    pub(super) measured: Mutex<Measured>,
    pub(super) check: Arc<DeliveryCheck>,
}

pub(super) fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RoomProgress {
    /// This seq is on disk; the first who learns of it records it.
    pub(super) fn commit(&mut self, seq: u64, now: Instant) {
        while (self.committed.len() as u64) < seq {
            self.committed.push(now);
        }
    }
}
