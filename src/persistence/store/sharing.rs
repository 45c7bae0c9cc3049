//! Stores that several nodes share.

use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::Store;
use crate::chat::RoomId;
use crate::persistence::{
    NodeView, OnlineRooms, SignInBudget, SlotCommit, StoreError, StoredPresence, TokenHash,
    WriteError,
};

impl Store {
    /// Whether other processes may write to it as well.
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// What this node commits from now on, for the others. `None` if nobody shares the store, and
    /// from the second call on.
    pub fn own_commits(&self) -> Option<mpsc::Receiver<SlotCommit>> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(store) => store.own_commits(),
        }
    }

    /// The slot that this node numbers its changes in, if it has one yet.
    pub fn own_slot(&self) -> Option<usize> {
        match self {
            Self::Sqlite(_) => Some(0),
            Self::Postgres(store) => store.own_slot(),
        }
    }

    /// Another node says that it has committed this: the head moves.
    pub fn saw(&self, commit: &SlotCommit) {
        match self {
            Self::Sqlite(_) => {}
            Self::Postgres(store) => store.saw(commit),
        }
    }

    /// Other nodes have changed these rooms: what this one knows of them is out of date.
    pub fn changed_elsewhere(&self, rooms: impl IntoIterator<Item = RoomId>) {
        match self {
            Self::Sqlite(_) => {}
            Self::Postgres(store) => store.changed_elsewhere(rooms),
        }
    }

    /// Looks at what other nodes have committed now, and every `interval` from then on.
    pub fn poll(&self, interval: Option<Duration>) {
        match self {
            Self::Sqlite(_) => {}
            Self::Postgres(store) => store.poll(interval),
        }
    }

    /// How long ago the newest look at what other nodes have committed began, if it succeeded: it
    /// grows while the database is away.
    pub fn poll_age(&self) -> Duration {
        match self {
            Self::Sqlite(_) => Duration::ZERO,
            Self::Postgres(store) => store.poll_age(),
        }
    }

    /// What the store says of all nodes, as it was last polled. Without other nodes it stays empty.
    pub fn nodes(&self) -> watch::Receiver<Vec<NodeView>> {
        match self {
            Self::Sqlite(_) => watch::channel(Vec::new()).1,
            Self::Postgres(store) => store.nodes(),
        }
    }

    /// Stores who is connected to this node: the rooms that have changed since what is stored, or
    /// all of them in its place. Returns what is stored now; `None` when what was stored has been
    /// lost meanwhile, so that all rooms have to be stored.
    pub async fn write_presence(
        &self,
        stored: Option<StoredPresence>,
        rooms: OnlineRooms,
        has_agents: bool,
    ) -> Result<Option<StoredPresence>, WriteError> {
        match self {
            Self::Sqlite(_) => Ok(stored),
            Self::Postgres(store) => store.write_presence(stored, rooms, has_agents).await,
        }
    }

    /// The rooms whose visitors are connected to the node with this slot: those that have changed
    /// since this `presence_no`, or all of them.
    pub async fn online_on(
        &self,
        slot: usize,
        since: Option<u64>,
    ) -> Result<OnlineRooms, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(OnlineRooms::new()),
            Self::Postgres(store) => store.online_on(slot, since).await,
        }
    }

    /// Takes one attempt from a budget that all nodes share. Returns how long to wait when there is
    /// none left. Without other nodes nothing is counted here.
    pub async fn take_sign_in(
        &self,
        budget: &SignInBudget,
    ) -> Result<Option<Duration>, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(store) => store.take_sign_in(budget).await,
        }
    }

    /// Forgets attempts that no longer count, and setup links that have expired.
    pub async fn sweep_sign_ins(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(store) => store.sweep_sign_ins().await,
        }
    }

    /// Remembers this node's setup link for the other nodes.
    pub async fn remember_setup_code(
        &self,
        code: TokenHash,
        lifetime: Duration,
    ) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(store) => store.remember_setup_code(code, lifetime).await,
        }
    }

    /// Whether another node has made this setup link, and it has not expired.
    pub async fn is_setup_code(&self, code: TokenHash) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(false),
            Self::Postgres(store) => store.is_setup_code(code).await,
        }
    }

    /// Which of these visitors' tokens have not ended.
    pub async fn valid_visitor_tokens(
        &self,
        tokens: Vec<TokenHash>,
    ) -> Result<Vec<TokenHash>, StoreError> {
        match self {
            // Nobody else ends tokens.
            Self::Sqlite(_) => Ok(tokens),
            Self::Postgres(store) => store.valid_visitor_tokens(tokens).await,
        }
    }
}
