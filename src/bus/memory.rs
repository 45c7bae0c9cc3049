//! A bus in memory, for tests: it loses, duplicates and delays.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use super::{Bus, QUEUE, Topic};

/// How bad the bus is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unreliability {
    /// Of 100 frames, as many are lost.
    pub lost_percent: u64,
    /// Of 100 frames, as many come twice.
    pub duplicated_percent: u64,
    /// A frame is at most this late.
    pub late: Duration,
}

/// A bus that nodes of one process share.
#[derive(Debug, Clone)]
pub struct MemoryBus(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    nodes: Mutex<Vec<mpsc::Sender<(Topic, Bytes)>>>,
    random: Mutex<u64>,
    unreliability: Unreliability,
    up: watch::Sender<bool>,
}

impl MemoryBus {
    /// A bus that is as bad as this; `seed` determines which frames it loses.
    pub fn new(unreliability: Unreliability, seed: u64) -> Self {
        Self(Arc::new(Shared {
            nodes: Mutex::default(),
            random: Mutex::new(seed | 1),
            unreliability,
            up: watch::Sender::new(true),
        }))
    }

    /// A node's connection.
    pub fn connect(&self) -> Bus {
        let (outgoing, mut queued) = mpsc::channel(QUEUE);
        let (taken, incoming) = mpsc::channel(QUEUE);
        self.nodes().push(taken);
        let shared = self.clone();
        tokio::spawn(async move {
            while let Some((topic, payload)) = queued.recv().await {
                shared.deliver(topic, &payload);
            }
        });
        Bus {
            outgoing: Some(outgoing),
            incoming,
            up: self.0.up.subscribe(),
        }
    }

    /// Cuts the bus, or connects it again.
    pub fn set_up(&self, up: bool) {
        self.0.up.send_replace(up);
    }

    fn deliver(&self, topic: Topic, payload: &Bytes) {
        if !*self.0.up.borrow() {
            return;
        }
        let bad = self.0.unreliability;
        for node in self.nodes().iter() {
            let copies = if self.roll() % 100 < bad.lost_percent {
                0
            } else {
                1 + u32::from(self.roll() % 100 < bad.duplicated_percent)
            };
            for _ in 0..copies {
                let (node, frame) = (node.clone(), (topic, payload.clone()));
                if bad.late.is_zero() {
                    // A queue that is full loses it, as a network does.
                    let _ = node.try_send(frame);
                    continue;
                }
                let late = bad.late.mul_f64((self.roll() % 1_000) as f64 / 1_000.0);
                tokio::spawn(async move {
                    tokio::time::sleep(late).await;
                    let _ = node.try_send(frame);
                });
            }
        }
    }

    fn nodes(&self) -> std::sync::MutexGuard<'_, Vec<mpsc::Sender<(Topic, Bytes)>>> {
        self.0.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Xorshift: the same numbers for the same seed.
    fn roll(&self) -> u64 {
        let mut random = self.0.random.lock().unwrap_or_else(PoisonError::into_inner);
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        *random
    }
}
