//! How far each follower of the log is.

use super::Store;
use crate::chat::ChangeVector;
use crate::persistence::{FollowerLease, WriteError};

impl Store {
    /// Takes over a follower's work. Returns how far it is, which for a new one is the head; `None`
    /// while another node does it.
    pub async fn take_follower(
        &self,
        lease: FollowerLease,
    ) -> Result<Option<ChangeVector>, WriteError> {
        match self {
            Self::Sqlite(store) => store.take_follower(lease).await.map(Some),
            Self::Postgres(store) => store.take_follower(lease).await,
        }
    }

    /// Saves how far a follower is and renews its lease. Returns whether the node still has it; if
    /// not, nothing is saved.
    pub async fn save_follower(
        &self,
        lease: FollowerLease,
        reached: &ChangeVector,
    ) -> Result<bool, WriteError> {
        match self {
            Self::Sqlite(store) => store.save_follower(lease, reached).await,
            Self::Postgres(store) => store.save_follower(lease, reached).await,
        }
    }
}
