//! The names of agents and tags of a running server: in memory, as they are stored.
//!
//! Read next: `chat::desk` for what shows them.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::actors::SharedNames;
use crate::chat::Names;
use crate::persistence::{Store, StoreError};

/// Keeps the names in summaries up to date. Clones are cheap and share them.
#[derive(Clone)]
pub(crate) struct CurrentNames {
    store: Store,
    shared: SharedNames,
}

impl CurrentNames {
    /// Reads what is stored.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub(crate) async fn load(store: Store, shared: SharedNames) -> Result<Self, StoreError> {
        let current = Self { store, shared };
        current.refresh().await?;
        Ok(current)
    }

    /// The names as they are now.
    pub(crate) fn now(&self) -> std::sync::Arc<Names> {
        self.shared.now()
    }

    /// Reads them again, after a change.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub(crate) async fn refresh(&self) -> Result<(), StoreError> {
        let agents = self.store.agents().await?;
        let tags = self.store.tags().await?;
        self.shared.set(Names::new(agents, tags));
        Ok(())
    }

    /// Follows what is changed elsewhere: every change of agents and tags raises this version.
    pub(crate) async fn follow(self, mut version: watch::Receiver<u64>, drain: CancellationToken) {
        while let Some(Ok(())) = drain.run_until_cancelled(version.changed()).await {
            if let Err(error) = self.refresh().await {
                tracing::warn!(%error, "cannot read the names of agents and tags, keeping the old ones");
            }
        }
    }
}
