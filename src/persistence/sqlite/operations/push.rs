use crate::chat::Timestamp;
use crate::persistence::sqlite::store::SqliteStore;
use crate::persistence::sqlite::tables::push;
use crate::persistence::{
    PushSubscription, PushTargets, Refusal, StoreError, StoredPushSubscription, TokenHash,
    WriteError,
};

impl SqliteStore {
    pub(crate) async fn push_key(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.readers().read(push::key).await
    }

    pub(crate) async fn keep_push_key(&self, offered: Vec<u8>) -> Result<Vec<u8>, WriteError> {
        self.write(move |tx| {
            push::insert_key(tx, &offered)?;
            Ok(push::key(tx.conn)?.unwrap_or_else(|| offered.clone()))
        })
        .await
    }

    pub(crate) async fn add_push_subscription(
        &self,
        session: TokenHash,
        subscription: PushSubscription,
    ) -> Result<StoredPushSubscription, WriteError> {
        self.write(move |tx| {
            push::put(tx, session, &subscription)?;
            let stored = push::by_endpoint(tx, &subscription.endpoint)?;
            Ok(stored.ok_or(Refusal::NotFound)?)
        })
        .await
    }

    pub(crate) async fn remove_push_subscription(
        &self,
        session: TokenHash,
        endpoint: String,
    ) -> Result<(), WriteError> {
        self.write(move |tx| Ok(push::remove(tx, session, &endpoint)?))
            .await
    }

    pub(crate) async fn push_subscriptions(
        &self,
        targets: PushTargets,
    ) -> Result<Vec<StoredPushSubscription>, StoreError> {
        let now = Timestamp::now();
        self.readers()
            .read(move |conn| push::targets(conn, targets, now))
            .await
    }

    pub(crate) async fn forget_push_subscription(
        &self,
        subscription: PushSubscription,
    ) -> Result<(), WriteError> {
        self.write(move |tx| Ok(push::forget(tx, &subscription)?))
            .await
    }

    pub(crate) async fn set_push_problem(
        &self,
        endpoint: String,
        problem: Option<String>,
    ) -> Result<(), WriteError> {
        self.write(move |tx| Ok(push::set_problem(tx, &endpoint, problem.as_deref())?))
            .await
    }
}
