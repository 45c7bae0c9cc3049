//! The server tries itself, the whole way: a commit and its fsync, reading that back through
//! another connection, a room that is started and asked, the lobby. A chat that looks alive
//! and takes nothing is the worst of failures, as nobody reports it.

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

/// How often the server tries itself unasked.
const INTERVAL: Duration = Duration::from_secs(15);
/// How long one try serves everybody who asks.
const FRESH: Duration = Duration::from_secs(1);
/// Whoever takes longer for its part of the way is not ready.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the canary counts; no-ops unless they are set.
#[derive(Debug, Clone)]
pub(crate) struct CanaryMetrics {
    /// 1 when the last try went through, else 0.
    pub(crate) up: Gauge,
    /// When a try went through last, in seconds since 1970.
    pub(crate) last_success: Gauge,
    /// How long tries take, in seconds.
    pub(crate) seconds: Histogram,
    /// Tries that failed.
    pub(crate) failures: Counter,
}

/// The newest try and the way to another one. Clones share both.
#[derive(Clone)]
pub(crate) struct Canary(Arc<Shared>);

struct Shared {
    store: Store,
    rooms: Rooms,
    lobby: LobbyHandle,
    metrics: CanaryMetrics,
    tries: Mutex<Tries>,
}

#[derive(Default)]
struct Tries {
    /// When the newest finished try began, and what came of it.
    last: Option<(Instant, Outcome)>,
    /// The try that is under way.
    running: Option<watch::Receiver<Option<Outcome>>>,
}

type Outcome = Result<(), String>;

impl Canary {
    pub(crate) fn new(
        store: Store,
        rooms: Rooms,
        lobby: LobbyHandle,
        metrics: CanaryMetrics,
    ) -> Self {
        Self(Arc::new(Shared {
            store,
            rooms,
            lobby,
            metrics,
            tries: Mutex::default(),
        }))
    }

    /// Whether the whole way works, at most a second old. Callers that come at the same time
    /// share one try, which goes on when they hang up: else each of them could have a new one.
    ///
    /// # Errors
    ///
    /// What does not work and what to do, in words for an operator.
    pub(crate) async fn check(&self) -> Result<(), String> {
        let mut running = match self.last_or_running() {
            Ok(outcome) => return outcome,
            Err(running) => running,
        };
        match running.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().expect("it was waited for"),
            Err(_) => Err("the server could not try itself; its log says why".to_owned()),
        }
    }

    /// The newest outcome while it is fresh, or else the try that is under way, which is begun
    /// where there is none.
    fn last_or_running(&self) -> Result<Outcome, watch::Receiver<Option<Outcome>>> {
        let mut tries = self.0.lock();
        // Damage is known at once, whatever a try a moment ago has said.
        if let Some((at, outcome)) = &tries.last
            && at.elapsed() < FRESH
            && (outcome.is_err() || self.0.store.damage().is_none())
        {
            return Ok(outcome.clone());
        }
        // One whose task died tells nobody any more.
        if let Some(running) = &tries.running
            && running.has_changed().is_ok()
        {
            return Err(running.clone());
        }
        let (tell, running) = watch::channel(None);
        tries.running = Some(running.clone());
        drop(tries);
        let shared = self.0.clone();
        tokio::spawn(async move {
            let outcome = shared.try_it().await;
            tell.send_replace(Some(outcome));
        });
        Err(running)
    }

    /// Tries now and then until the server drains, so that a fault is noticed also when
    /// nobody asks.
    pub(crate) async fn fly_on(&self, drain: CancellationToken) {
        let mut tick = tokio::time::interval(INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while drain.run_until_cancelled(tick.tick()).await.is_some() {
            let _ = self.check().await;
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Tries> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One try, which is measured and kept.
    async fn try_it(&self) -> Outcome {
        let started = Instant::now();
        let outcome = self.fly().await;
        self.metrics.seconds.record(started.elapsed());
        if outcome.is_ok() {
            let now = Timestamp::now().as_millis() as f64 / 1_000.0;
            self.metrics.last_success.set(now);
            self.metrics.up.set(1.0);
        } else {
            self.metrics.failures.increment(1);
            self.metrics.up.set(0.0);
        }
        let mut tries = self.lock();
        let was_well = !matches!(&tries.last, Some((_, Err(_))));
        tries.last = Some((started, outcome.clone()));
        tries.running = None;
        drop(tries);
        // What goes on failing is one event.
        match &outcome {
            Ok(()) if !was_well => tracing::info!("the server works again"),
            Err(reason) if was_well => tracing::error!(%reason, "the server does not work"),
            _ => {}
        }
        outcome
    }

    async fn fly(&self) -> Result<(), String> {
        if let Some(damage) = self.store.damage() {
            return Err(format!(
                "the database is damaged, restore a backup: {damage}"
            ));
        }
        part("a commit", self.commit()).await?;
        part("a room", self.room()).await?;
        part("the lobby", self.lobby()).await
    }

    /// Commits a row and reads it back through a connection of its own.
    async fn commit(&self) -> Result<(), String> {
        let said = |error: StoreError| error.to_string();
        let written = self.store.canary().await.map_err(said)?;
        let read = self.store.canary_read().await.map_err(said)?;
        if read != Some(written) {
            return Err(format!("what was written ({written}) was read as {read:?}"));
        }
        Ok(())
    }

    /// Has a room started for an id that no room has: it asks the store, behind all that is
    /// being written, and says so.
    async fn room(&self) -> Result<(), String> {
        let nobody = Joiner {
            side: Side::Visitor,
            person: Uuid::nil(),
            display_name: None,
            outbox: Outbox::new(1, 1),
        };
        match self.rooms.join(Uuid::now_v7(), &nobody).await {
            Err(JoinError::NotFound) => Ok(()),
            Err(JoinError::Store(error)) => Err(error.to_string()),
            Err(_) => Err("rooms cannot be started; restart the server".to_owned()),
            Ok(_) => Err("a room was found where there is none".to_owned()),
        }
    }

    async fn lobby(&self) -> Result<(), String> {
        let answered = self.lobby.ping().await;
        answered.map_err(|_| "the lobby does not answer; restart the server".to_owned())
    }
}

/// One part of the way, which must not hang.
async fn part(what: &str, tried: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    timeout(PATIENCE, tried)
        .await
        .unwrap_or_else(|_| Err(format!("{what} took more than {} s", PATIENCE.as_secs())))
}
