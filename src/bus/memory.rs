//! A bus in memory, for tests: it loses, duplicates and delays.

use std::collections::HashSet;
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
    /// Nodes whose frames are all lost.
    muted: Mutex<HashSet<usize>>,
    up: watch::Sender<bool>,
    /// What has become of each frame, for each node.
    fates: Mutex<Vec<Fate>>,
}

#[derive(Debug)]
struct Fate {
    node: usize,
    payload: Bytes,
    lost: bool,
}

impl MemoryBus {
    /// A bus that is as bad as this; `seed` determines which frames it loses.
    pub fn new(unreliability: Unreliability, seed: u64) -> Self {
        Self(Arc::new(Shared {
            nodes: Mutex::default(),
            random: Mutex::new(seed | 1),
            unreliability,
            muted: Mutex::default(),
            up: watch::Sender::new(true),
            fates: Mutex::default(),
        }))
    }

    /// A node's connection.
    pub fn connect(&self) -> Bus {
        let (outgoing, mut queued) = mpsc::channel(QUEUE);
        let (taken, incoming) = mpsc::channel(QUEUE);
        let number = {
            let mut nodes = self.nodes();
            nodes.push(taken);
            nodes.len() - 1
        };
        let shared = self.clone();
        tokio::spawn(async move {
            while let Some((topic, payload)) = queued.recv().await {
                if !shared.muted().contains(&number) {
                    shared.deliver(topic, &payload);
                }
            }
        });
        Bus {
            outgoing: Some(outgoing),
            incoming,
            up: self.0.up.subscribe(),
        }
    }

    /// From now on loses all frames of the node that connected as the `node`th.
    pub fn mute(&self, node: usize) {
        self.muted().insert(node);
    }

    /// Cuts the bus, or connects it again.
    pub fn set_up(&self, up: bool) {
        self.0.up.send_replace(up);
    }

    /// Whether the frame that contains this text was lost on its way to the node that connected as the
    /// `node`th; `None` before it was sent.
    pub fn was_lost(&self, node: usize, text: &str) -> Option<bool> {
        let contains = |payload: &Bytes| {
            let mut places = payload.windows(text.len());
            places.any(|place| place == text.as_bytes())
        };
        let fates = self.fates();
        let mut fates = fates.iter().filter(|fate| fate.node == node);
        fates
            .find(|fate| contains(&fate.payload))
            .map(|fate| fate.lost)
    }

    fn deliver(&self, topic: Topic, payload: &Bytes) {
        if !*self.0.up.borrow() {
            return;
        }
        let bad = self.0.unreliability;
        for (number, node) in self.nodes().iter().enumerate() {
            let copies = if self.roll() % 100 < bad.lost_percent {
                0
            } else {
                1 + u32::from(self.roll() % 100 < bad.duplicated_percent)
            };
            self.fates().push(Fate {
                node: number,
                payload: payload.clone(),
                lost: copies == 0,
            });
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

    fn muted(&self) -> std::sync::MutexGuard<'_, HashSet<usize>> {
        self.0.muted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fates(&self) -> std::sync::MutexGuard<'_, Vec<Fate>> {
        self.0.fates.lock().unwrap_or_else(PoisonError::into_inner)
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
