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

/// How far one room is, as seen by the tasks of both sides.
#[derive(Default)]
pub(super) struct RoomProgress {
    /// When each side posted the messages that the other side has not received yet; by side.
    pub(super) in_flight: [VecDeque<Instant>; 2],
    /// When each seq was first known to be on disk, beginning with seq 1.
    pub(super) committed: Vec<Instant>,
}

/// What all tasks share.
pub(super) struct Shared {
    pub(super) addr: SocketAddr,
    pub(super) wire_format: WireFormat,
    pub(super) token: String,
    pub(super) epoch: String,
    /// The index in `rooms` of each room.
    pub(super) places: HashMap<RoomKey, usize>,
    pub(super) rooms: Vec<Mutex<RoomProgress>>,
    pub(super) phase: watch::Sender<Phase>,
    /// Whether participants reply to what they receive.
    pub(super) answering: AtomicBool,
    /// Whether the first console posts to all others.
    pub(super) broadcasting: AtomicBool,
    /// How many have not finished posting in this phase.
    pub(super) unfinished: AtomicUsize,
    /// Posts without an ack.
    pub(super) unacked: AtomicUsize,
    /// Sockets that were closed and are not back.
    pub(super) away: AtomicUsize,
    /// The memberships of all participants.
    pub(super) memberships: usize,
    /// Whether the time to the other side is measured, so `in_flight` is kept.
    pub(super) across: bool,
    /// How often all consoles have read from their sockets.
    pub(super) console_reads: AtomicU64,
    /// How many bytes that were.
    pub(super) console_bytes: AtomicU64,
    /// Messages of a broadcast that consoles have received.
    pub(super) delivered: AtomicU64,
    /// Of each timed console: the newest seq in a state of each room.
    pub(super) shown: Vec<Mutex<Vec<u64>>>,
    pub(super) measured: Mutex<Measured>,
    pub(super) check: Arc<DeliveryCheck>,
}

pub(super) fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RoomProgress {
    /// Records that this seq, and all before it, are on disk. Only the first call for a seq counts.
    pub(super) fn commit(&mut self, seq: u64, now: Instant) {
        while (self.committed.len() as u64) < seq {
            self.committed.push(now);
        }
    }
}
