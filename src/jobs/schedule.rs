//! Backups that a server makes by itself.
//!
//! One is due when the newest one in the directory is old enough, whenever the server was started;
//! a server that was off for a day makes one some minutes after its start. Each is verified before
//! it counts. A failure is logged with what to do, counted, and tried again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use ::metrics::{Counter, Gauge};
use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use tokio_util::sync::CancellationToken;

use super::backup::{BackupFailure, Finishing, StagedBackup};
use super::backup_directory::{self, StoredBackup};
use super::backup_space::{ScheduledBackupError, directory_failed, prepare};
use crate::chat::Timestamp;
use crate::config::Config;
use crate::doctor::BackupsSeen;
use crate::encryption::Recipients;
use crate::persistence::{CopyError, CopyProgress, POSTGRES_BACKUPS, Store, StoreError};

/// A server that has just started is left alone for this long.
const SETTLE: Duration = Duration::from_secs(10 * 60);
/// The wait after a failure, unless backups are more frequent.
const RETRY: Duration = Duration::from_secs(10 * 60);
/// The wall clock may jump, so it is read this often.
const LOOK: Duration = Duration::from_secs(60);

/// The settings of backups.
#[derive(Debug, Clone)]
pub struct BackupSettings {
    /// Where the database is.
    pub data_dir: PathBuf,
    /// Where automatic backups go.
    pub directory: PathBuf,
    /// The time between two of them; zero makes none.
    pub every: Duration,
    /// Bytes that stay free on each disk.
    pub min_free_bytes: u64,
    /// To whom they are encrypted.
    pub recipients: Recipients,
    /// The database is in PostgreSQL, whose own tools back it up: no backup is made here.
    pub is_postgres: bool,
}

impl BackupSettings {
    /// What a doctor sees of the backups, given the newest one and why the attempt after it failed.
    pub fn seen(&self, newest: Option<Timestamp>, failure: Option<String>) -> BackupsSeen {
        let age = |at: SystemTime| SystemTime::now().duration_since(at).unwrap_or_default();
        let newest = newest.map(|at| {
            let made_ms = u64::try_from(at.0).unwrap_or_default();
            age(SystemTime::UNIX_EPOCH + Duration::from_millis(made_ms))
        });
        let database = std::fs::metadata(self.data_dir.join("shoptalk.db"));
        let created = database.and_then(|metadata| metadata.created());
        BackupsSeen {
            newest,
            every: self.every,
            database: created.ok().map(age),
            failure,
            others: self.is_postgres.then_some(POSTGRES_BACKUPS),
        }
    }
}

impl From<&Config> for BackupSettings {
    fn from(config: &Config) -> Self {
        Self {
            data_dir: config.storage.data_dir.clone(),
            directory: config.backup.directory.clone(),
            every: Duration::from_millis(config.backup.every_ms),
            min_free_bytes: config.backup.min_free_bytes,
            recipients: config.backup.recipients.clone(),
            is_postgres: config.storage.url.is_some(),
        }
    }
}

/// Metrics of backups; no-ops by default.
#[derive(Debug, Clone)]
pub struct BackupMetrics {
    /// When the newest good one was made, in seconds since 1970.
    pub(crate) last_success: Gauge,
    /// Its size.
    pub(crate) bytes: Gauge,
    /// How long it took, in seconds, verification included.
    pub(crate) seconds: Gauge,
    /// Backups that failed.
    pub(crate) failures: Counter,
}

impl BackupMetrics {
    /// Metrics that count nothing.
    pub(crate) fn none() -> Self {
        Self {
            last_success: Gauge::noop(),
            bytes: Gauge::noop(),
            seconds: Gauge::noop(),
            failures: Counter::noop(),
        }
    }
}

/// The outcome of the newest backups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupStatus {
    /// The newest good one.
    pub last: Option<StoredBackup>,
    /// Why the newest attempt failed, and when, if it did.
    pub failure: Option<(Timestamp, String)>,
}

/// Makes the server's backups, one at a time. Clones share everything.
#[derive(Debug, Clone)]
pub struct Backups {
    store: Store,
    settings: Arc<BackupSettings>,
    metrics: BackupMetrics,
    status: Arc<watch::Sender<BackupStatus>>,
    /// Held while one is made, since each starts by removing the files of killed ones.
    making: Arc<Mutex<()>>,
}

impl Backups {
    /// The backups of a store, starting with those that earlier processes have made. Blocking.
    pub fn open(store: Store, settings: BackupSettings, metrics: BackupMetrics) -> Self {
        let status = Arc::default();
        if !settings.is_postgres {
            report_newest(&settings.directory, &metrics, &status);
        }
        Self {
            store,
            settings: Arc::new(settings),
            metrics,
            status,
            making: Arc::default(),
        }
    }

    /// The settings.
    pub fn settings(&self) -> &BackupSettings {
        &self.settings
    }

    /// The outcome of the newest backups.
    pub fn status(&self) -> BackupStatus {
        self.status.borrow().clone()
    }

    /// Keeps backups from being made until the guard is dropped.
    pub async fn pause(&self) -> OwnedMutexGuard<()> {
        self.making.clone().lock_owned().await
    }

    /// Makes backups until `drain` is cancelled.
    pub async fn run(self, drain: CancellationToken) {
        let every = self.settings.every;
        if every.is_zero() || self.settings.is_postgres {
            return;
        }
        let started = Instant::now();
        let mut failed_at: Option<Instant> = None;
        loop {
            let newest = self.status.borrow().last.as_ref().map(|it| it.made_at);
            let wait = match failed_at {
                Some(failed_at) => RETRY.min(every).saturating_sub(failed_at.elapsed()),
                None => due_in(newest, Timestamp::now(), every, started.elapsed()),
            };
            if !wait.is_zero() {
                let pause = tokio::time::sleep(wait.min(LOOK));
                if drain.run_until_cancelled(pause).await.is_none() {
                    return;
                }
                continue;
            }
            // Kept although nobody reads it: a copy whose progress is not watched is cancelled.
            let (progress, _watched) = watch::channel(CopyProgress::default());
            let Some(made) = drain.run_until_cancelled(self.make(progress)).await else {
                return;
            };
            failed_at = made.is_err().then(Instant::now);
        }
    }

    /// Makes a backup as soon as no other one is being made, and publishes its outcome. Cancelled
    /// when nobody watches the progress any more.
    ///
    /// # Errors
    ///
    /// When there is no space, or the backup cannot be made. Nothing is left of it then.
    pub async fn make(
        &self,
        progress: watch::Sender<CopyProgress>,
    ) -> Result<Made, ScheduledBackupError> {
        let _making = self.making.lock().await;
        let made = make(&self.store, &self.settings, progress).await;
        record(&made, &self.metrics, &self.status);
        made
    }
}

/// How long it is until the next backup is due. A newest one from the future was dated by a clock
/// that was wrong, and is ignored.
fn due_in(
    newest: Option<Timestamp>,
    now: Timestamp,
    every: Duration,
    uptime: Duration,
) -> Duration {
    let settle = SETTLE.min(every).saturating_sub(uptime);
    let age_ms = newest.and_then(|newest| u64::try_from(now.0.saturating_sub(newest.0)).ok());
    let left = age_ms.map_or(Duration::ZERO, |age_ms| {
        every.saturating_sub(Duration::from_millis(age_ms))
    });
    left.max(settle)
}

/// A backup that was stored, and what it took.
#[derive(Debug)]
pub struct Made {
    /// The backup.
    pub backup: StoredBackup,
    /// Rooms in it.
    pub rooms: u64,
    /// Messages in it.
    pub messages: u64,
    /// How long it took.
    pub took: Duration,
    /// How many older ones the rotation removed.
    pub removed: usize,
}

/// Makes a backup in the directory of backups, and removes what the rotation does not keep.
async fn make(
    store: &Store,
    settings: &BackupSettings,
    progress: watch::Sender<CopyProgress>,
) -> Result<Made, ScheduledBackupError> {
    let began = Instant::now();
    let ready = settings.clone();
    let asked = store.is_rewrite_due().await;
    let is_rewritten = asked.map_err(|error| BackupFailure::Copy(error.into()))?;
    blocking(&settings.directory, move || prepare(&ready, is_rewritten)).await?;
    let finishing = Finishing {
        verify: true,
        recipients: settings.recipients.clone(),
    };
    let staged = StagedBackup::make(store, &settings.data_dir, finishing, progress).await?;
    let (rooms, messages) = (staged.manifest().rooms, staged.manifest().messages);
    let directory = settings.directory.clone();
    let (backup, removed) = blocking(&settings.directory, move || {
        let failed = directory_failed(&directory);
        let backup = backup_directory::store(&directory, staged).map_err(&failed)?;
        let removed = backup_directory::rotate(&directory, &backup).map_err(&failed)?;
        Ok((backup, removed))
    })
    .await?;
    Ok(Made {
        backup,
        rooms,
        messages,
        took: began.elapsed(),
        removed,
    })
}

async fn blocking<T: Send + 'static>(
    directory: &Path,
    work: impl FnOnce() -> Result<T, ScheduledBackupError> + Send + 'static,
) -> Result<T, ScheduledBackupError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|panic| directory_failed(directory)(io::Error::other(panic)))?
}

/// Begins with what an earlier process has made.
fn report_newest(directory: &Path, metrics: &BackupMetrics, status: &watch::Sender<BackupStatus>) {
    match backup_directory::list(directory) {
        Ok(mut backups) => {
            let Some(newest) = backups.pop() else { return };
            metrics.last_success.set(newest.made_at.0 as f64 / 1_000.0);
            metrics.bytes.set(newest.bytes as f64);
            status.send_modify(|status| status.last = Some(newest));
        }
        Err(error) => {
            let directory = directory.display();
            tracing::warn!(%error, %directory, "cannot read the directory of backups");
        }
    }
}

/// Logs, counts and publishes the outcome of a backup.
fn record(
    made: &Result<Made, ScheduledBackupError>,
    metrics: &BackupMetrics,
    status: &watch::Sender<BackupStatus>,
) {
    match made {
        Ok(made) => {
            let backup = &made.backup;
            tracing::info!(
                path = %backup.path.display(),
                bytes = backup.bytes,
                messages = made.messages,
                took_ms = made.took.as_millis(),
                removed = made.removed,
                "backup made and verified"
            );
            metrics.last_success.set(backup.made_at.0 as f64 / 1_000.0);
            metrics.bytes.set(backup.bytes as f64);
            metrics.seconds.set(made.took.as_secs_f64());
            status.send_modify(|status| {
                status.last = Some(backup.clone());
                status.failure = None;
            });
        }
        // The server ends.
        Err(ScheduledBackupError::Backup(BackupFailure::Copy(CopyError::Store(
            StoreError::Closed,
        )))) => {}
        Err(error) => {
            tracing::error!(%error, "backup failed, retrying later; `shoptalk backup OUT` makes one at once");
            metrics.failures.increment(1);
            let failure = Some((Timestamp::now(), error.to_string()));
            status.send_modify(|status| status.failure = failure);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);
    const NOW: Timestamp = Timestamp(1_000 * 3_600_000);

    fn ago(duration: Duration) -> Option<Timestamp> {
        Some(Timestamp(
            NOW.0 - i64::try_from(duration.as_millis()).expect("small"),
        ))
    }

    #[test]
    fn a_backup_is_due_after_the_newest_one_and_not_right_after_a_start() {
        let just_started = Duration::ZERO;
        assert_eq!(due_in(None, NOW, HOUR, just_started), SETTLE);
        assert_eq!(due_in(ago(9 * HOUR), NOW, HOUR, just_started), SETTLE);
        assert_eq!(due_in(ago(9 * HOUR), NOW, HOUR, HOUR), Duration::ZERO);
        assert_eq!(due_in(ago(HOUR / 4), NOW, HOUR, just_started), HOUR * 3 / 4);
        assert_eq!(due_in(ago(Duration::ZERO), NOW, HOUR, 9 * HOUR), HOUR);
        let second = Duration::from_secs(1);
        assert_eq!(due_in(None, NOW, second, just_started), second);
    }

    #[test]
    fn a_clock_that_was_wrong_delays_nothing() {
        let future = Some(Timestamp(NOW.0 + 900_000 * 3_600_000));
        assert_eq!(due_in(future, NOW, HOUR, HOUR), Duration::ZERO);
        assert_eq!(
            due_in(future, Timestamp(i64::MIN), HOUR, HOUR),
            Duration::ZERO
        );
    }
}
