use crate::chat::Timestamp;
use crate::persistence::postgres::store::PostgresStore;
use crate::persistence::postgres::tables::push;
use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::{
    PushSubscription, PushTargets, Refusal, StoreError, StoredPushSubscription, TokenHash,
    WriteError,
};

impl PostgresStore {
    pub(crate) async fn push_key(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(push::key).await
    }

    pub(crate) async fn keep_push_key(&self, offered: Vec<u8>) -> Result<Vec<u8>, WriteError> {
        self.write(move |tx| Box::pin(keep_key(tx, offered.clone())))
            .await
    }

    pub(crate) async fn add_push_subscription(
        &self,
        session: TokenHash,
        subscription: PushSubscription,
    ) -> Result<StoredPushSubscription, WriteError> {
        self.write(move |tx| Box::pin(add(tx, session, subscription.clone())))
            .await
    }

    pub(crate) async fn remove_push_subscription(
        &self,
        session: TokenHash,
        endpoint: String,
    ) -> Result<(), WriteError> {
        self.write(move |tx| {
            let endpoint = endpoint.clone();
            Box::pin(async move { push::remove(tx, session, &endpoint).await })
        })
        .await
    }

    pub(crate) async fn push_subscriptions(
        &self,
        targets: PushTargets,
    ) -> Result<Vec<StoredPushSubscription>, StoreError> {
        let now = Timestamp::now();
        self.read(async |db| push::targets(db, targets, now).await)
            .await
    }

    pub(crate) async fn forget_push_subscription(
        &self,
        subscription: PushSubscription,
    ) -> Result<(), WriteError> {
        self.write(move |tx| {
            let subscription = subscription.clone();
            Box::pin(async move { push::forget(tx, &subscription).await })
        })
        .await
    }

    pub(crate) async fn set_push_problem(
        &self,
        endpoint: String,
        problem: Option<String>,
    ) -> Result<(), WriteError> {
        self.write(move |tx| {
            let (endpoint, problem) = (endpoint.clone(), problem.clone());
            Box::pin(async move { push::set_problem(tx, &endpoint, problem.as_deref()).await })
        })
        .await
    }
}

async fn keep_key(tx: &mut Tx, offered: Vec<u8>) -> Result<Vec<u8>, TxError> {
    push::insert_key(tx, &offered).await?;
    Ok(push::key(tx).await?.unwrap_or(offered))
}

async fn add(
    tx: &mut Tx,
    session: TokenHash,
    subscription: PushSubscription,
) -> Result<StoredPushSubscription, TxError> {
    push::put(tx, session, &subscription).await?;
    let stored = push::by_endpoint(tx, &subscription.endpoint).await?;
    Ok(stored.ok_or(Refusal::NotFound)?)
}
