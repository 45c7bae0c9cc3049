//! Devices that ring. A subscription belongs to a session and ends with it, in the same transaction.

use super::Store;
use crate::persistence::{
    PushSubscription, PushTargets, StoreError, StoredPushSubscription, TokenHash, WriteError,
};

impl Store {
    /// The private key by which push services know this server, if there is one.
    pub async fn push_key(&self) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            Self::Sqlite(store) => store.push_key().await,
            Self::Postgres(store) => store.push_key().await,
        }
    }

    /// Stores a private key unless there is one, and returns the one that is stored.
    pub async fn keep_push_key(&self, offered: Vec<u8>) -> Result<Vec<u8>, WriteError> {
        match self {
            Self::Sqlite(store) => store.keep_push_key(offered).await,
            Self::Postgres(store) => store.keep_push_key(offered).await,
        }
    }

    /// Stores a device for as long as the session lives; one that is known moves to this session.
    /// Refused with `NotFound` if the session has ended.
    pub async fn add_push_subscription(
        &self,
        session: TokenHash,
        subscription: PushSubscription,
    ) -> Result<StoredPushSubscription, WriteError> {
        match self {
            Self::Sqlite(store) => store.add_push_subscription(session, subscription).await,
            Self::Postgres(store) => store.add_push_subscription(session, subscription).await,
        }
    }

    /// Removes a device of this session. An unknown one is no error.
    pub async fn remove_push_subscription(
        &self,
        session: TokenHash,
        endpoint: String,
    ) -> Result<(), WriteError> {
        match self {
            Self::Sqlite(store) => store.remove_push_subscription(session, endpoint).await,
            Self::Postgres(store) => store.remove_push_subscription(session, endpoint).await,
        }
    }

    /// The devices that are meant, of sessions that have not ended and agents that are not disabled.
    pub async fn push_subscriptions(
        &self,
        targets: PushTargets,
    ) -> Result<Vec<StoredPushSubscription>, StoreError> {
        match self {
            Self::Sqlite(store) => store.push_subscriptions(targets).await,
            Self::Postgres(store) => store.push_subscriptions(targets).await,
        }
    }

    /// Removes a device whose push service does not know it any more, unless it has subscribed again
    /// since.
    pub async fn forget_push_subscription(
        &self,
        subscription: PushSubscription,
    ) -> Result<(), WriteError> {
        match self {
            Self::Sqlite(store) => store.forget_push_subscription(subscription).await,
            Self::Postgres(store) => store.forget_push_subscription(subscription).await,
        }
    }

    /// Stores why a push service refuses messages to a device, or that it takes them again.
    pub async fn set_push_problem(
        &self,
        endpoint: String,
        problem: Option<String>,
    ) -> Result<(), WriteError> {
        match self {
            Self::Sqlite(store) => store.set_push_problem(endpoint, problem).await,
            Self::Postgres(store) => store.set_push_problem(endpoint, problem).await,
        }
    }
}
