mod agents;
mod alerts;
mod api_tokens;
mod erasures;
mod followers;
mod jobs;
mod lists;
mod mail;
mod notes;
mod push;
mod ratings;
mod replies;
mod reports;
mod rooms;
mod settings;
mod sharing;
mod suggestions;
mod tags;
mod transfers;
mod visitors;

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;

use super::postgres::PostgresStore;
use super::sqlite::SqliteStore;
use super::{
    AuditAction, CopyError, CopyProgress, Head, OpenError, Principal, StoreError, StoreMetrics,
    StoreOptions, StoreStats, WriteError,
};

/// An open database, of any kind of store. The rest of the program reads and writes it through the
/// methods of this type alone; restoring and verifying work on files that no store has open. Clones
/// share it.
///
/// Reads may run at once with writes and see what was committed before they began. Writes of one
/// handle are committed in the order of the calls; each is committed whole or not at all, and is
/// completed only after its COMMIT has returned.
///
/// When the last clone is dropped without [`close`](Self::close), what is queued is still
/// committed.
#[derive(Clone)]
pub enum Store {
    /// One SQLite file.
    Sqlite(SqliteStore),
    /// A PostgreSQL database that several processes may share.
    Postgres(PostgresStore),
}

impl std::fmt::Debug for Store {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Store")
            .field("head", &self.head())
            .finish_non_exhaustive()
    }
}

/// The store as a whole.
impl Store {
    /// Opens, locks and migrates the database. Blocking: call it before serving or in `spawn_blocking`.
    pub fn open(options: StoreOptions) -> Result<Self, OpenError> {
        match &options.url {
            Some(url) => PostgresStore::open(url, &options).map(Self::Postgres),
            None => SqliteStore::open(&options).map(Self::Sqlite),
        }
    }

    /// Dates what is written from now on by a clock that is this much behind. It fills a demo
    /// with a past; nothing is ordered by the clock.
    pub fn set_clock_back(&self, by: Duration) {
        match self {
            Self::Sqlite(store) => store.set_clock_back(by),
            Self::Postgres(store) => store.set_clock_back(by),
        }
    }

    /// Measures commits with these metrics from now on. Only the first call counts.
    pub fn use_metrics(&self, metrics: StoreMetrics) {
        match self {
            Self::Sqlite(store) => store.use_metrics(metrics),
            Self::Postgres(store) => store.use_metrics(metrics),
        }
    }

    /// Commits what is queued, then ends everything that works for the store. Idempotent.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store) => store.close().await,
        }
    }

    /// Gives up waiting for the writer, which hangs on a disk that does not reply, and leaves it
    /// to end with the process. What was acked is on disk.
    pub fn abandon(&self) {
        match self {
            Self::Sqlite(store) => store.abandon(),
            Self::Postgres(store) => store.abandon(),
        }
    }

    /// Resolves when the writer has died without `close`.
    pub async fn writer_died(&self) {
        match self {
            Self::Sqlite(store) => store.writer_died().await,
            Self::Postgres(store) => store.writer_died().await,
        }
    }

    /// The opaque string made with the database; seqs, versions and cursors of another one mean
    /// nothing.
    pub fn epoch(&self) -> &str {
        match self {
            Self::Sqlite(store) => store.epoch(),
            Self::Postgres(store) => store.epoch(),
        }
    }

    /// What the last commit left behind.
    pub fn head(&self) -> Head {
        match self {
            Self::Sqlite(store) => store.head(),
            Self::Postgres(store) => store.head(),
        }
    }

    /// Changes whenever `head()` does.
    pub fn watch_head(&self) -> watch::Receiver<Head> {
        match self {
            Self::Sqlite(store) => store.watch_head(),
            Self::Postgres(store) => store.watch_head(),
        }
    }

    /// Why writes are refused for good (damage), if they are.
    pub fn damage(&self) -> Option<String> {
        match self {
            Self::Sqlite(store) => store.damage(),
            Self::Postgres(store) => store.damage(),
        }
    }

    /// Copies the database to the empty file `target`, which must exist, while everything goes on;
    /// what is committed meanwhile reaches the copy. It is given up when nobody watches the progress
    /// any more. The target is not fsynced.
    pub async fn copy_to(
        &self,
        target: PathBuf,
        progress: watch::Sender<CopyProgress>,
    ) -> Result<(), CopyError> {
        match self {
            Self::Sqlite(store) => store.copy_to(target, progress).await,
            Self::Postgres(store) => store.copy_to(target, progress).await,
        }
    }

    /// Writes the canary's row through the writer's queue, like any write. Returns what it holds.
    pub async fn write_canary(&self) -> Result<i64, StoreError> {
        match self {
            Self::Sqlite(store) => store.write_canary().await,
            Self::Postgres(store) => store.write_canary().await,
        }
    }

    /// What the canary's row holds, read on a reader's connection, like any read.
    pub async fn read_canary(&self) -> Result<Option<i64>, StoreError> {
        match self {
            Self::Sqlite(store) => store.read_canary().await,
            Self::Postgres(store) => store.read_canary().await,
        }
    }

    /// How large the database is, and what is in it.
    pub async fn stats(&self) -> Result<StoreStats, StoreError> {
        match self {
            Self::Sqlite(store) => store.stats().await,
            Self::Postgres(store) => store.stats().await,
        }
    }

    /// Records in the audit what an operator or admin has asked for.
    pub async fn audit(
        &self,
        action: AuditAction,
        by: Principal,
        subject: Option<String>,
    ) -> Result<(), WriteError> {
        match self {
            Self::Sqlite(store) => store.audit(action, by, subject).await,
            Self::Postgres(store) => store.audit(action, by, subject).await,
        }
    }
}

#[cfg(test)]
impl Store {
    /// The SQLite store, for tests of what only it can do.
    pub(crate) fn sqlite(&self) -> &SqliteStore {
        match self {
            Self::Sqlite(store) => store,
            Self::Postgres(_) => panic!("this test is about SQLite"),
        }
    }
}
