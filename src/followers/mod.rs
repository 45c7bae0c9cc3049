//! What happens after a commit and must cost the ack nothing: a follower walks the log of changes
//! behind the commits, with a cursor of its own in the store.
//!
//! [`run`] reads the rooms that have changed, a page at a time and never an older state after a
//! newer one, and hands them to a [`Follower`], which records in its own tables what it will have to
//! do and when. Then it lets the follower do what is due. Nothing is queued in memory, so nothing
//! overflows; after a restart it goes on at the saved cursor. Of several nodes one does the work of
//! a follower at a time, by a lease.
//!
//! A follower records a step right after it was done. A kill in between repeats it, so a repeated
//! step must carry the same id (the Topic of a push, the Message-ID of a mail).

use std::sync::Arc;
use std::time::Duration;

use metrics::Gauge;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::chat::{ChangeVector, Timestamp};
use crate::persistence::{ChangedRooms, FollowerLease, Store, WriteError};

pub(crate) mod alerts;
pub(crate) mod mentions;
#[cfg(test)]
mod tests;

/// Rooms read at once.
const PAGE_ROOMS: usize = 200;
/// While rooms keep changing, the time between two looks: a busy room is then read once for many of
/// its messages.
const PACE: Duration = Duration::from_millis(200);
/// The time between two saves of the cursor.
const SAVE_INTERVAL: Duration = Duration::from_secs(1);
/// How long a node may be silent before another one takes over.
const LEASE: Duration = Duration::from_secs(10);
/// How often an idle node renews its lease.
const RENEW_INTERVAL: Duration = Duration::from_secs(3);
/// The wait after a failure.
const RETRY: Duration = Duration::from_secs(2);
/// The longest wait for what is due, so that a clock that was set forward is noticed.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Why a follower could not go on; it tries again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FollowerError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WriteError),
    /// Another node does its work now.
    #[error("another node has taken over")]
    LeaseLost,
}

impl From<crate::persistence::StoreError> for FollowerError {
    fn from(error: crate::persistence::StoreError) -> Self {
        Self::Store(error.into())
    }
}

/// Something that happens after a commit.
pub(crate) trait Follower: Send + 'static {
    /// Its name in the database and in the log.
    const NAME: &'static str;

    /// Records, in the store, what these rooms have become: all that it will have to do about them.
    /// The same page may come again.
    fn changed(
        &mut self,
        page: &ChangedRooms,
    ) -> impl Future<Output = Result<(), FollowerError>> + Send;

    /// Does a bounded part of what is due, and returns when it wants to be called again: `None` when
    /// only a change of a room, or [`Waker::wake`], can make something due. It is dropped in the
    /// middle when another node takes over.
    fn due(&mut self) -> impl Future<Output = Result<Option<Timestamp>, FollowerError>> + Send;
}

/// Lets a follower look at once at what is due. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waker(Arc<Notify>);

impl Waker {
    /// Something may be due that no change of a room announces.
    pub(crate) fn wake(&self) {
        self.0.notify_one();
    }
}

/// What every follower needs.
pub(crate) struct FollowerParts {
    pub(crate) store: Store,
    pub(crate) waker: Waker,
    /// Changes up to the head that it has not seen.
    pub(crate) lag: Gauge,
    pub(crate) drain: CancellationToken,
}

/// Runs a follower until `drain`.
pub(crate) async fn run<F: Follower>(follower: F, parts: FollowerParts) {
    let drain = parts.drain.clone();
    let mut walk = Walk::new(follower, parts);
    let mut failing = false;
    loop {
        match drain.run_until_cancelled(walk.hold_lease()).await {
            None => break,
            Some(Ok(())) => failing = false,
            Some(Err(FollowerError::LeaseLost)) => {
                tracing::info!(follower = F::NAME, "another node has taken over");
            }
            Some(Err(error)) => {
                // A failure that lasts is logged once.
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(follower = F::NAME, %error, "cannot follow the log, retrying");
                }
            }
        }
        if drain
            .run_until_cancelled(tokio::time::sleep(RETRY))
            .await
            .is_none()
        {
            break;
        }
    }
    walk.save_at_the_end().await;
}

/// A follower on its way through the log.
struct Walk<F> {
    follower: F,
    store: Store,
    waker: Waker,
    lag: Gauge,
    lease: FollowerLease,
    /// How far it is, while it has the lease.
    reached: Option<ChangeVector>,
    saved: ChangeVector,
    saved_at: Instant,
}

impl<F: Follower> Walk<F> {
    fn new(follower: F, parts: FollowerParts) -> Self {
        Self {
            follower,
            store: parts.store,
            waker: parts.waker,
            lag: parts.lag,
            lease: FollowerLease {
                name: F::NAME,
                node: Uuid::now_v7(),
                time: LEASE,
            },
            reached: None,
            saved: ChangeVector::default(),
            saved_at: Instant::now(),
        }
    }

    /// Takes the lease, if no other node has it, and works until something fails.
    async fn hold_lease(&mut self) -> Result<(), FollowerError> {
        let Some(reached) = self.store.take_follower(self.lease).await? else {
            return Ok(());
        };
        self.saved = reached.clone();
        self.saved_at = Instant::now();
        self.reached = Some(reached);
        let worked = self.work().await;
        if let Err(FollowerError::LeaseLost) = worked {
            self.reached = None;
        }
        worked
    }

    async fn work(&mut self) -> Result<(), FollowerError> {
        let mut head = self.store.watch_head();
        loop {
            // What is committed from here on shows as a change.
            head.mark_unchanged();
            self.catch_up().await?;
            let next = self.do_what_is_due().await?;
            let wait = self.wait(next);
            let waker = self.waker.clone();
            tokio::select! {
                changed = head.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    tokio::time::sleep(PACE).await;
                }
                () = waker.0.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
            self.save(SAVE_INTERVAL).await?;
        }
    }

    /// Hands over what has changed up to the head.
    async fn catch_up(&mut self) -> Result<(), FollowerError> {
        while let Some(reached) = &mut self.reached {
            let head = self.store.head().changes;
            self.lag.set(reached.behind(&head) as f64);
            if reached.includes_all(&head) {
                break;
            }
            let page = self.store.changed_since(reached, PAGE_ROOMS).await?;
            self.follower.changed(&page).await?;
            reached.advance_all(&page.changes);
            self.save(SAVE_INTERVAL).await?;
        }
        Ok(())
    }

    /// Lets the follower work, and renews the lease meanwhile.
    async fn do_what_is_due(&mut self) -> Result<Option<Timestamp>, FollowerError> {
        if !self.store.is_shared() {
            return self.follower.due().await;
        }
        let (store, lease) = (self.store.clone(), self.lease);
        let Some(reached) = self.reached.clone() else {
            return Err(FollowerError::LeaseLost);
        };
        let renewing = async {
            loop {
                tokio::time::sleep(RENEW_INTERVAL).await;
                match store.save_follower(lease, &reached).await {
                    Ok(true) => {}
                    Ok(false) => break FollowerError::LeaseLost,
                    Err(error) => break error.into(),
                }
            }
        };
        tokio::select! {
            done = self.follower.due() => done,
            failed = renewing => Err(failed),
        }
    }

    /// For how long nothing has to be done.
    fn wait(&self, next: Option<Timestamp>) -> Duration {
        let due = next.map_or(LONGEST_WAIT, |next| {
            let ms = next.as_millis() - Timestamp::now().as_millis();
            Duration::from_millis(u64::try_from(ms).unwrap_or(0))
        });
        let unsaved = self.reached.as_ref() != Some(&self.saved);
        let save = match (self.store.is_shared(), unsaved) {
            (_, true) => SAVE_INTERVAL,
            (true, false) => RENEW_INTERVAL,
            (false, false) => LONGEST_WAIT,
        };
        due.min(save).min(LONGEST_WAIT)
    }

    /// Saves the cursor if it has moved, and renews the lease where others could take it, unless
    /// that was done less than `interval` ago.
    async fn save(&mut self, interval: Duration) -> Result<(), FollowerError> {
        let Some(reached) = &self.reached else {
            return Err(FollowerError::LeaseLost);
        };
        let since = self.saved_at.elapsed();
        let moved = *reached != self.saved && since >= interval;
        let renew = self.store.is_shared() && since >= RENEW_INTERVAL;
        if moved || renew {
            if !self.store.save_follower(self.lease, reached).await? {
                return Err(FollowerError::LeaseLost);
            }
            self.saved.clone_from(reached);
            self.saved_at = Instant::now();
        }
        Ok(())
    }

    async fn save_at_the_end(&mut self) {
        if self.reached.is_some()
            && let Err(error) = self.save(Duration::ZERO).await
        {
            // What follows from the last changes is done again, under the same ids.
            tracing::debug!(follower = F::NAME, %error, "cannot save how far it is");
        }
    }
}
