//! What nodes that share a store notify each other of.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::chat::{RoomId, RoomRecord};
use crate::persistence::Effect;

/// What one node has committed in its slot, as the others have to know it. It is only a hint: what
/// is true stands in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotCommit {
    /// The slot.
    pub slot: usize,
    /// Its newest change before.
    pub from: u64,
    /// Its newest change after.
    pub to: u64,
    /// How many transactions the slot has had.
    pub commits: u64,
    /// What the slot has added to the counts of listed rooms so far.
    pub waiting: i64,
    /// As `waiting`.
    pub active: i64,
    /// As `waiting`.
    pub closed: i64,
    /// Whether accounts or tokens have changed, which the others have to look for at once.
    pub accounts_changed: bool,
    /// The rooms after each change, and what was done. `None`: the others have to read the store.
    pub changes: Option<Vec<RoomCommitted>>,
}

/// What the store says of a node, or of an earlier owner of its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeView {
    /// The slot that it writes in.
    pub slot: usize,
    /// Whether its lease has not ended.
    pub alive: bool,
    /// Whether any agent is connected to it.
    pub has_agents: bool,
    /// Grows when visitors come or go there.
    pub presence_no: u64,
    /// Whoever has last read before this number who is online there has to read all of it.
    pub presence_base: u64,
}

/// Rooms and whether consoles list them; `None` for one whose visitor is not online (any more).
pub type OnlineRooms = HashMap<RoomId, Option<bool>>;

/// What a node has stored of its presence so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredPresence {
    /// In which slot.
    pub slot: usize,
    /// The slot's `presence_no` since then.
    pub no: u64,
}

/// How often something may be tried, counted for all nodes together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInBudget {
    /// Who tries what.
    pub key: String,
    /// So many times.
    pub count: u32,
    /// In this time.
    pub window: Duration,
}

/// One change of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomCommitted {
    /// The room after it.
    pub record: Arc<RoomRecord>,
    /// What was done.
    pub effect: Effect,
}

/// How many commits may wait to be published. Further ones are left out, and the others
/// read the store.
pub const UNPUBLISHED_COMMITS: usize = 1_024;
