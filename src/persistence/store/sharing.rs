//! Stores that several nodes share.

use std::time::Duration;

use tokio::sync::mpsc;

use super::Store;
use crate::persistence::{SlotCommit, StoreError, TokenHash};

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

    /// Looks at what other nodes have committed now, and every `interval` from then on.
    pub fn poll(&self, interval: Option<Duration>) {
        match self {
            Self::Sqlite(_) => {}
            Self::Postgres(store) => store.poll(interval),
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
