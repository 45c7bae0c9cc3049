//! Rings agents when a customer waits: at once, and again when nobody has answered for long.
//!
//! What was done about each wait stands in the table `alerts` and is recorded right after it was
//! done, so a kill may repeat a step, which the push service then shows once (its Topic is the
//! room's), and skips none. `plan` decides what is due when.

mod plan;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::task::{AbortHandle, JoinSet};

use self::plan::{Situation, Step};
use super::{Follower, FollowerError, Waker};
use crate::chat::{RoomId, Status, Timestamp};
use crate::persistence::{ChangedRooms, DueAlert, PushTargets, Store, WriteError};
use crate::push::{Push, PushError, PushMessage};

/// Customers about whom something is done at the same time, so that a push service that hangs does
/// not delay the others.
const AT_ONCE: usize = 64;
/// The wait after a step failed.
const RETRY: Duration = Duration::from_secs(5);

/// What the shop has set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AlertSettings {
    /// How long a customer waits before devices ring again.
    pub(crate) escalate_ms: u64,
    /// How long a customer waits before a mail goes to the shop.
    pub(crate) mail_ms: u64,
    /// Whether the shop is open now.
    pub(crate) is_open: bool,
}

/// Reads the settings as they are now.
pub(crate) type ReadSettings = Arc<dyn Fn() -> AlertSettings + Send + Sync>;

/// Queues a mail to the shop about a customer who waits; about the same wait it queues one.
pub(crate) type MailShop =
    Arc<dyn Fn(DueAlert) -> BoxFuture<'static, Result<(), WriteError>> + Send + Sync>;

/// Why a step was not done.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Push(#[from] PushError),
    #[error(transparent)]
    Store(#[from] crate::persistence::StoreError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Alerts of customers who wait.
pub(crate) struct Alerts {
    steps: Steps,
    waker: Waker,
    /// What is being done, which ends with this follower.
    tasks: JoinSet<()>,
    running: Vec<Running>,
}

/// A step that is being done.
struct Running {
    room: RoomId,
    wait: i64,
    task: AbortHandle,
}

/// Does one step after the other.
#[derive(Clone)]
struct Steps {
    store: Store,
    push: Push,
    mail_shop: MailShop,
    settings: ReadSettings,
}

impl Alerts {
    /// `waker` is the one that the follower runs with.
    pub(crate) fn new(
        store: Store,
        push: Push,
        mail_shop: MailShop,
        settings: ReadSettings,
        waker: Waker,
    ) -> Self {
        Self {
            steps: Steps {
                store,
                push,
                mail_shop,
                settings,
            },
            waker,
            tasks: JoinSet::new(),
            running: Vec::new(),
        }
    }

    fn forget_finished(&mut self) {
        while let Some(finished) = self.tasks.try_join_next() {
            if let Err(error) = finished
                && !error.is_cancelled()
            {
                tracing::error!(%error, "bug: an alert ended early");
            }
        }
        self.running.retain(|running| !running.task.is_finished());
    }

    fn begin(&mut self, alert: DueAlert) {
        let (room, wait) = (alert.room_id, alert.wait);
        let is_running = |running: &Running| (running.room, running.wait) == (room, wait);
        if self.running.len() >= AT_ONCE || self.running.iter().any(is_running) {
            return;
        }
        let (steps, waker) = (self.steps.clone(), self.waker.clone());
        let task = self.tasks.spawn(async move {
            if let Err(error) = steps.do_next(alert).await {
                tracing::warn!(%error, "cannot alert anybody to a customer who waits, retrying");
                tokio::time::sleep(RETRY).await;
            }
            waker.wake();
        });
        self.running.push(Running { room, wait, task });
    }
}

impl Follower for Alerts {
    const NAME: &'static str = "alerts";

    async fn changed(&mut self, page: &ChangedRooms) -> Result<(), FollowerError> {
        let changed = page.records.iter().map(|record| record.room.id);
        let removed = page.removed.iter().map(|removed| removed.room_id);
        let rooms = changed.chain(removed).collect();
        self.steps.store.follow_waiting(rooms).await?;
        let answered = (page.records.iter()).filter(|record| {
            let is_put_off = record.desk.spam || record.desk.snoozed_until.is_some();
            record.room.status != Status::Waiting || is_put_off
        });
        for record in answered {
            let running = self.running.iter();
            let of_room = running.filter(|running| running.room == record.room.id);
            of_room.for_each(|running| running.task.abort());
        }
        Ok(())
    }

    async fn due(&mut self) -> Result<Option<Timestamp>, FollowerError> {
        self.forget_finished();
        let (store, now) = (self.steps.store.clone(), Timestamp::now());
        // As many again as may be running, since those are still due, too.
        for alert in store.due_alerts(now, 2 * AT_ONCE).await? {
            self.begin(alert);
        }
        // For what is due by now, whoever finishes wakes this follower.
        Ok(store.next_alert_after(now).await?)
    }
}

impl Steps {
    /// Does what is due for a customer, one step, and records it.
    async fn do_next(&self, alert: DueAlert) -> Result<(), StepError> {
        let (since, progress) = (alert.since, alert.progress);
        let situation = self.situation().await?;
        let progress = match plan::due_step(since, progress, &situation) {
            Some(step) => {
                self.carry_out(step, &alert, &situation).await?;
                plan::after(step, since, progress, &situation)
            }
            // The settings have changed meanwhile.
            None => plan::wait(since, progress, &situation),
        };
        let recording = (self.store).record_alert(alert.room_id, alert.wait, progress);
        Ok(recording.await?)
    }

    async fn carry_out(
        &self,
        step: Step,
        alert: &DueAlert,
        situation: &Situation,
    ) -> Result<(), StepError> {
        match step {
            Step::Ring => {
                let name = alert.customer_name.as_deref();
                let message = PushMessage::waiting(alert.room_id, name, &alert.content);
                // First the one whose conversation it is, then everybody.
                let is_first = alert.progress.rung == 0 && !plan::is_late(alert.since, situation);
                let first = alert.assignee.filter(|_| is_first);
                let targets = first.map_or(PushTargets::OnDuty, PushTargets::Agent);
                let rung = self.push.send(targets, &message).await?;
                tracing::debug!(room = %alert.room_id, devices = rung.len(), "a customer waits");
            }
            Step::Mail => (self.mail_shop)(alert.clone()).await?,
        }
        Ok(())
    }

    async fn situation(&self) -> Result<Situation, StepError> {
        let settings = (self.settings)();
        Ok(Situation {
            now: Timestamp::now(),
            is_anybody_on_duty: self.store.is_anybody_on_duty().await?,
            is_open: settings.is_open,
            escalate_ms: settings.escalate_ms,
            mail_ms: settings.mail_ms,
        })
    }
}
