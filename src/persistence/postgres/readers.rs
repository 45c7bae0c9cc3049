use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::persistence::postgres::connect::Connector;
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::{StoreError, WriteError};

/// How long a read waits for its turn before it is `Busy`. How many wait is bounded by the sockets
/// and requests that the server admits.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);

/// The connections that read, all to the primary: a replica shows commits in another order.
pub(crate) struct Readers {
    connector: Connector,
    idle: Mutex<Vec<Session>>,
    gate: Semaphore,
    /// Searches may have half of the connections, so that pages of conversations do not wait for
    /// them.
    search_gate: Semaphore,
}

/// A connection that one read has for itself.
pub(crate) struct Reader<'r> {
    session: Option<Session>,
    /// Whether a transaction is open. A read may be dropped in the middle of one, and whoever used
    /// the connection next would see the database as it was then.
    in_transaction: AtomicBool,
    readers: &'r Readers,
    _turn: SemaphorePermit<'r>,
    _search_turn: Option<SemaphorePermit<'r>>,
}

impl Readers {
    pub(crate) fn new(connector: Connector, count: u32) -> Self {
        let count = count.max(1) as usize;
        Self {
            connector,
            idle: Mutex::default(),
            gate: Semaphore::new(count),
            search_gate: Semaphore::new((count / 2).max(1)),
        }
    }

    /// Waits for a connection.
    pub(crate) async fn get(&self) -> Result<Reader<'_>, StoreError> {
        let turn = turn(&self.gate).await?;
        self.reader(turn, None).await
    }

    /// Waits for a connection to search on.
    pub(crate) async fn get_for_search(&self) -> Result<Reader<'_>, StoreError> {
        let search_turn = turn(&self.search_gate).await?;
        let turn = turn(&self.gate).await?;
        self.reader(turn, Some(search_turn)).await
    }

    async fn reader<'r>(
        &'r self,
        turn: SemaphorePermit<'r>,
        search_turn: Option<SemaphorePermit<'r>>,
    ) -> Result<Reader<'r>, StoreError> {
        let idle = std::iter::from_fn(|| self.lock().pop()).find(|session| !session.is_closed());
        let session = match idle {
            Some(session) => session,
            None => self.connector.connect().await?,
        };
        Ok(Reader {
            session: Some(session),
            in_transaction: AtomicBool::new(false),
            readers: self,
            _turn: turn,
            _search_turn: search_turn,
        })
    }

    /// Ends idle connections, and refuses all reads from now on.
    pub(crate) fn close(&self) {
        self.gate.close();
        self.search_gate.close();
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        // A list of connections cannot be left half-changed.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader<'_> {
    /// The connection.
    pub(crate) fn db(&self) -> &Session {
        self.session
            .as_ref()
            .expect("it is given back on drop only")
    }

    /// Runs several statements on one snapshot.
    pub(crate) async fn snapshot<T>(
        &self,
        statements: impl AsyncFnOnce(&Session) -> Result<T, TxError>,
    ) -> Result<T, TxError> {
        let db = self.db();
        self.in_transaction.store(true, Ordering::Relaxed);
        db.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await?;
        let value = statements(db).await;
        match value {
            Ok(value) => {
                db.run("COMMIT").await?;
                self.in_transaction.store(false, Ordering::Relaxed);
                Ok(value)
            }
            Err(error) => {
                // The error is what counts.
                if db.run("ROLLBACK").await.is_ok() {
                    self.in_transaction.store(false, Ordering::Relaxed);
                }
                Err(error)
            }
        }
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take()
            && !session.is_closed()
            && !self.in_transaction.load(Ordering::Relaxed)
            && !self.readers.gate.is_closed()
        {
            self.readers.lock().push(session);
        }
    }
}

/// The store's error of a read, which nothing refuses.
pub(crate) fn read_error(error: TxError) -> StoreError {
    match WriteError::from(error) {
        WriteError::Store(error) => {
            if matches!(error, StoreError::Internal(_)) {
                tracing::error!(%error, "a read failed");
            }
            error
        }
        WriteError::Refused(refusal) => StoreError::Internal(refusal.to_string()),
    }
}

/// Waits for a turn, `Busy` when it takes too long.
async fn turn(gate: &Semaphore) -> Result<SemaphorePermit<'_>, StoreError> {
    tokio::time::timeout(TURN_TIMEOUT, gate.acquire())
        .await
        .map_err(|_| StoreError::Busy)?
        .map_err(|_| StoreError::Closed)
}
