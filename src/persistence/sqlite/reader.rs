use std::sync::Arc;
use std::time::Duration;

use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::persistence::sqlite::connection::{Connector, prepare_reader, reader_flags};
use crate::persistence::sqlite::damage::Damage;
use crate::persistence::sqlite::tx_error::{TxError, classify};
use crate::persistence::{StoreError, WriteError};

/// Milliseconds that a read waits for its turn before it is `Busy`. How many wait is bounded by
/// the sockets and requests that the server admits.
const TURN_TIMEOUT_MS: u64 = 10_000;
/// Milliseconds that a read whose turn has come waits for a connection.
const CONNECTION_TIMEOUT_MS: u64 = 2_000;

/// The connections that read, behind a semaphore: no more reads run at once than there are
/// connections, so none holds a thread while it waits.
pub(crate) struct Readers {
    pool: r2d2::Pool<SqliteConnectionManager>,
    gate: Semaphore,
    /// Searches may have half of the connections: a long prefix of a common word takes a while,
    /// and a page of a conversation must not wait for it.
    search_gate: Semaphore,
    damage: Arc<Damage>,
}

impl Readers {
    /// Opens the first connection; the others are opened when they are needed.
    pub(crate) fn open(
        connector: &Connector,
        count: u32,
        damage: Arc<Damage>,
    ) -> Result<Self, r2d2::Error> {
        let count = count.max(1);
        let manager = SqliteConnectionManager::file(&connector.path)
            .with_flags(reader_flags())
            .with_init(|conn| prepare_reader(conn));
        let pool = r2d2::Pool::builder()
            .max_size(count)
            .min_idle(Some(1))
            .test_on_check_out(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connection_timeout(Duration::from_millis(CONNECTION_TIMEOUT_MS))
            .build(manager)?;
        Ok(Self {
            pool,
            gate: Semaphore::new(count as usize),
            search_gate: Semaphore::new((count / 2).max(1) as usize),
            damage,
        })
    }

    /// Runs `query` in one read transaction, off the runtime's workers.
    pub(crate) async fn read<T, F>(self: &Arc<Self>, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        match self.try_read(move |conn| Ok(query(conn)?)).await {
            Ok(value) => Ok(value),
            Err(WriteError::Store(error)) => Err(error),
            Err(WriteError::Refused(refusal)) => Err(StoreError::Internal(refusal.to_string())),
        }
    }

    /// Like [`read`](Self::read), for queries that may be refused.
    pub(crate) async fn try_read<T, F>(self: &Arc<Self>, query: F) -> Result<T, WriteError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, TxError> + Send + 'static,
    {
        let _turn = turn(&self.gate).await?;
        let this = Arc::clone(self);
        tokio::task::spawn_blocking(move || this.query(query))
            .await
            .map_err(|error| StoreError::Internal(format!("a read panicked: {error}")))?
    }

    /// Like [`try_read`](Self::try_read), for searches, which take turns among
    /// themselves first.
    pub(crate) async fn try_search<T, F>(self: &Arc<Self>, query: F) -> Result<T, WriteError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, TxError> + Send + 'static,
    {
        let _turn = turn(&self.search_gate).await?;
        self.try_read(query).await
    }

    fn query<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, TxError>,
    ) -> Result<T, WriteError> {
        let conn = self
            .pool
            .get()
            .map_err(|error| StoreError::Unavailable(format!("no connection to read: {error}")))?;
        let value = conn
            .unchecked_transaction()
            .map_err(TxError::from)
            .and_then(|transaction| query(&transaction));
        value.map_err(|error| {
            let TxError::Failed(error) = &error else {
                return error.into();
            };
            let class = classify(error);
            self.damage.record(&class);
            match (class, self.damage.get()) {
                // Damaged pages may show as any kind of error.
                (StoreError::Internal(_), Some(damage)) => StoreError::Corrupt(damage.to_owned()),
                (class, _) => {
                    if matches!(class, StoreError::Internal(_)) {
                        tracing::error!(%error, "a read failed");
                    }
                    class
                }
            }
            .into()
        })
    }
}

/// Waits for a turn, `Busy` when it takes too long.
async fn turn(gate: &Semaphore) -> Result<SemaphorePermit<'_>, StoreError> {
    tokio::time::timeout(Duration::from_millis(TURN_TIMEOUT_MS), gate.acquire())
        .await
        .map_err(|_| StoreError::Busy)?
        .map_err(|_| StoreError::Closed)
}
