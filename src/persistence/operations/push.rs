//! Devices that ring: Web Push subscriptions, and the key by which push services know this server.

use crate::chat::{AgentId, Language, Timestamp};
use crate::persistence::TokenHash;

/// Subscriptions of one session, at most; the oldest go. A browser has one.
pub const MAX_PUSH_SUBSCRIPTIONS: i64 = 10;

/// Subscriptions that are rung at once, at most.
pub(crate) const MAX_PUSH_TARGETS: i64 = 1_000;

/// Where a browser wants to be reached, and the keys for it alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushSubscription {
    /// The URL at the browser's push service. Whoever knows it can ring the device.
    pub endpoint: String,
    /// The browser's public key: a point of P-256, uncompressed.
    pub p256dh: Vec<u8>,
    /// The secret that the browser shares with this server.
    pub auth: Vec<u8>,
    /// The language of its console.
    pub language: Language,
}

/// A subscription as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPushSubscription {
    /// Where the device is reached.
    pub subscription: PushSubscription,
    /// Whose device it is.
    pub agent: AgentId,
    /// When it was stored.
    pub created_at: Timestamp,
    /// Why the push service refused the last message, if it did.
    pub problem: Option<String>,
}

/// Whose devices are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushTargets {
    /// Those of all agents on duty.
    OnDuty,
    /// Those of one agent, if on duty.
    Agent(AgentId),
    /// Those of one session.
    Session(TokenHash),
}
