//! A periodic check of the whole path that a message takes: a commit with its fsync, reading it
//! back on another connection, starting a room and asking it, and the lobby. A chat that looks
//! alive and accepts nothing is the worst of failures, because nobody reports it.
//!
//! [`Canary::run`] checks every 15 seconds; `/readyz` and the metrics show the result. Read next:
//! `src/http/api/health.rs`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::metrics::{Counter, Gauge, Histogram};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::actors::{JoinError, Joiner, LobbyHandle, Outbox, Rooms};
use crate::chat::{Side, Timestamp};
use crate::persistence::{Store, StoreError};

/// The time between two checks when nobody asks.
const INTERVAL: Duration = Duration::from_secs(15);
/// How long a result is reused.
const RESULT_MAX_AGE: Duration = Duration::from_secs(1);
/// How long each step may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);

/// What does not work, and what to do about it: a sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HealthError {
    /// SQLite has found the file damaged.
    #[error("the database is damaged, restore a backup: {0}")]
    Damaged(String),
    /// The row cannot be written or read, or the store cannot read a room.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The row was committed, but another connection does not see it.
    #[error("what was written ({written}) was read as {read:?}")]
    ReadBack {
        /// What was committed.
        written: i64,
        /// What was read.
        read: Option<i64>,
    },
    /// No room replies to a join.
    #[error("rooms cannot be started; restart the server")]
    Rooms,
    /// A room replied for an id that no room has.
    #[error("a room was found for an unknown id; restart the server and report a bug")]
    UnknownRoom,
    /// The lobby does not reply.
    #[error("the lobby does not reply; restart the server")]
    Lobby,
    /// A step takes too long.
    #[error("{step} took more than {} s", STEP_TIMEOUT.as_secs())]
    Timeout {
        /// The step.
        step: &'static str,
    },
    /// The check itself panicked.
    #[error("the health check itself failed: see its line in the server's log")]
    CheckFailed,
}

/// Metrics of the canary; no-ops by default.
#[derive(Debug, Clone)]
pub(crate) struct CanaryMetrics {
    /// 1 when the last check succeeded, else 0.
    pub(crate) up: Gauge,
    /// When a check last succeeded, in seconds since 1970.
    pub(crate) last_success: Gauge,
    /// How long checks take, in seconds.
    pub(crate) seconds: Histogram,
    /// Checks that failed.
    pub(crate) failures: Counter,
}

/// The newest result, and how to get a newer one. Clones share it.
#[derive(Clone)]
pub(crate) struct Canary(Arc<Inner>);

struct Inner {
    store: Store,
    rooms: Rooms,
    lobby: LobbyHandle,
    metrics: CanaryMetrics,
    /// Cancelled when the server drains: what fails from then on has ended, and is no fault.
    drain: CancellationToken,
    checks: Mutex<Checks>,
}

#[derive(Default)]
struct Checks {
    /// When the newest finished check began, and its result.
    last: Option<(Instant, CheckResult)>,
    /// The check in progress.
    running: Option<RunningCheck>,
}

type CheckResult = Result<(), HealthError>;
/// Holds the result once there is one.
type RunningCheck = watch::Receiver<Option<CheckResult>>;

impl Canary {
    pub(crate) fn new(
        store: Store,
        rooms: Rooms,
        lobby: LobbyHandle,
        metrics: CanaryMetrics,
        drain: CancellationToken,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            rooms,
            lobby,
            metrics,
            drain,
            checks: Mutex::default(),
        }))
    }

    /// Checks every 15 seconds until the server drains, so that a fault is noticed although
    /// nobody asks.
    pub(crate) async fn run(&self) {
        let mut tick = tokio::time::interval(INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self
            .0
            .drain
            .run_until_cancelled(tick.tick())
            .await
            .is_some()
        {
            let _ = self.check().await;
        }
    }

    /// Whether the whole path works. The result is at most a second old. Concurrent callers share
    /// one check, which continues when they hang up: otherwise each of them could start another.
    ///
    /// # Errors
    ///
    /// What does not work.
    pub(crate) async fn check(&self) -> CheckResult {
        let mut running = match self.last_or_running() {
            Ok(result) => return result,
            Err(running) => running,
        };
        match running.wait_for(Option::is_some).await {
            Ok(result) => result.clone().unwrap_or(Err(HealthError::CheckFailed)),
            Err(_) => Err(HealthError::CheckFailed),
        }
    }

    /// The newest result while it is fresh, else the check in progress, which is started if there
    /// is none.
    fn last_or_running(&self) -> Result<CheckResult, RunningCheck> {
        let mut checks = self.0.lock();
        // Damage is known at once, whatever a check has found a moment ago.
        if let Some((at, result)) = &checks.last
            && at.elapsed() < RESULT_MAX_AGE
            && (result.is_err() || self.0.store.damage().is_none())
        {
            return Ok(result.clone());
        }
        // A check whose task has panicked has dropped its sender.
        if let Some(running) = &checks.running
            && running.has_changed().is_ok()
        {
            return Err(running.clone());
        }
        let (finished, running) = watch::channel(None);
        checks.running = Some(running.clone());
        drop(checks);
        let inner = self.0.clone();
        tokio::spawn(async move {
            let result = inner.run_check().await;
            finished.send_replace(Some(result));
        });
        Err(running)
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Checks> {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one check, measures it and keeps the result.
    async fn run_check(&self) -> CheckResult {
        let started = Instant::now();
        let result = self.check_all().await;
        self.metrics.seconds.record(started.elapsed());
        if result.is_ok() {
            let now = Timestamp::now().as_millis() as f64 / 1_000.0;
            self.metrics.last_success.set(now);
            self.metrics.up.set(1.0);
        } else {
            self.metrics.failures.increment(1);
            self.metrics.up.set(0.0);
        }
        let mut checks = self.lock();
        let was_healthy = !matches!(&checks.last, Some((_, Err(_))));
        checks.last = Some((started, result.clone()));
        checks.running = None;
        drop(checks);
        // A failure that lasts is logged once.
        match &result {
            Ok(()) if !was_healthy => tracing::info!("health check succeeded again"),
            Err(error) if self.drain.is_cancelled() => {
                tracing::debug!(%error, "health check failed during the drain");
            }
            Err(error) if was_healthy => tracing::error!(%error, "health check failed"),
            _ => {}
        }
        result
    }

    async fn check_all(&self) -> CheckResult {
        if let Some(damage) = self.store.damage() {
            return Err(HealthError::Damaged(damage));
        }
        within_timeout("a commit", self.check_commit()).await?;
        within_timeout("a room", self.check_room()).await?;
        within_timeout("the lobby", self.check_lobby()).await
    }

    /// Commits a row and reads it back on another connection.
    async fn check_commit(&self) -> CheckResult {
        let written = self.store.write_canary().await?;
        let read = self.store.read_canary().await?;
        if read != Some(written) {
            return Err(HealthError::ReadBack { written, read });
        }
        Ok(())
    }

    /// Joins a room that does not exist: its actor is started, asks the store behind all queued
    /// writes, and replies that there is no such room.
    async fn check_room(&self) -> CheckResult {
        let nobody = Joiner {
            side: Side::Visitor,
            participant_id: Uuid::nil(),
            display_name: None,
            outbox: Outbox::new(1, 1),
        };
        match self.rooms.join(Uuid::now_v7(), &nobody).await {
            Err(JoinError::NotFound) => Ok(()),
            Err(JoinError::Store(error)) => Err(error.into()),
            Err(JoinError::Resting | JoinError::Unavailable) => Err(HealthError::Rooms),
            Ok(_) => Err(HealthError::UnknownRoom),
        }
    }

    async fn check_lobby(&self) -> CheckResult {
        self.lobby.ping().await.map_err(|_| HealthError::Lobby)
    }
}

async fn within_timeout(
    step: &'static str,
    check: impl Future<Output = CheckResult>,
) -> CheckResult {
    timeout(STEP_TIMEOUT, check)
        .await
        .unwrap_or(Err(HealthError::Timeout { step }))
}
