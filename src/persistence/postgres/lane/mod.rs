//! A lane: one task with one connection, which commits what is queued.
//!
//! It takes what is queued, up to a bound. Operations on rooms share a transaction (`batch`); any
//! other write has one of its own (`single`). There is no timer: a lone write is committed at once,
//! and writes that arrive meanwhile share the next transaction.
//!
//! Guarantees: a write is completed exactly once, after its COMMIT returned; writes of one room in
//! the order of the queue. `head` moves before any completion of a transaction runs. A transaction
//! whose COMMIT got no reply is settled by the slot's row, never guessed.

mod apply;
mod batch;
pub(crate) mod commit;
pub(crate) mod job;
mod known;
pub(crate) mod room_job;
mod rows;
mod write;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use self::job::Work;
use self::room_job::RoomJob;
use crate::persistence::StoreError;
use crate::persistence::postgres::readers::read_error;
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::shared::{LaneStatus, Shared};
use crate::persistence::postgres::slot::{self, Kept, OwnedSlot};
use crate::persistence::postgres::tx_error::{Failure, TxError};

/// How often an idle lane renews its lease.
const RENEW_INTERVAL: Duration = Duration::from_secs(2);
/// How long a batch that found all its rooms locked waits before it tries again.
const ALL_LOCKED_PAUSE: Duration = Duration::from_micros(250);
/// How often a write that met another transaction is run again.
const CONFLICTS_MAX: u32 = 20;

/// What is queued.
pub(crate) enum Item {
    /// An operation on one room, which shares a transaction with others.
    Room(RoomJob),
    /// A write with a transaction of its own.
    Single(Box<dyn Work>),
}

impl Item {
    /// Completes it without having tried it.
    pub(crate) fn refuse(self, error: StoreError) {
        match self {
            Self::Room(job) => job.refuse(error),
            Self::Single(work) => work.complete(Err(error)),
        }
    }
}

/// The state of the task.
pub(crate) struct Lane {
    shared: Arc<Shared>,
    queue: mpsc::Receiver<Item>,
    /// Taken from the queue and not tried yet, or put back.
    waiting: VecDeque<Item>,
    connection: Option<Connection>,
    /// The slot while there is no connection.
    last: Option<LastSlot>,
    /// Rooms as it has last read or left them.
    known: known::KnownRooms,
    /// The last failed commit was logged; the same failure again is not.
    failing: bool,
}

/// A connection and the slot that it writes in.
pub(crate) struct Connection {
    pub(crate) session: Arc<Session>,
    pub(crate) slot: OwnedSlot,
}

/// A slot whose connection is gone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LastSlot {
    pub(crate) slot: OwnedSlot,
    /// Nobody knows whether its last transaction was committed, or still will be.
    pub(crate) unsettled: bool,
}

impl Lane {
    pub(crate) fn new(shared: Arc<Shared>, queue: mpsc::Receiver<Item>) -> Self {
        Self {
            shared,
            queue,
            waiting: VecDeque::new(),
            connection: None,
            last: None,
            known: known::KnownRooms::default(),
            failing: false,
        }
    }

    /// Works until the queue is closed and empty, or the database turns out to be an older one.
    pub(crate) async fn run(mut self) -> LaneStatus {
        let mut taken = Vec::new();
        loop {
            if self.shared.end_of_epoch.is_cancelled() {
                tracing::error!(
                    "the database is an older copy of itself, or another epoch has begun; this \
                     process ends, and its clients read what there is when it has started again"
                );
                return LaneStatus::Died;
            }
            if self.waiting.is_empty() {
                let batch_items = self.shared.batch_items;
                tokio::select! {
                    count = self.queue.recv_many(&mut taken, batch_items) => {
                        if count == 0 {
                            break;
                        }
                    }
                    () = tokio::time::sleep(RENEW_INTERVAL) => self.renew().await,
                    () = self.shared.end_of_epoch.cancelled() => continue,
                    () = self.shared.closing.cancelled(), if !self.queue.is_closed() => {
                        self.queue.close();
                    }
                }
            } else {
                while taken.len() + self.waiting.len() < self.shared.batch_items
                    && let Ok(item) = self.queue.try_recv()
                {
                    taken.push(item);
                }
            }
            self.waiting.extend(taken.drain(..));
            self.step().await;
        }
        self.release().await;
        LaneStatus::Closed
    }

    /// Commits the write that waits longest, with those that may share its transaction.
    async fn step(&mut self) {
        let mut rooms = Vec::new();
        while let Some(Item::Room(_)) = self.waiting.front() {
            if let Some(Item::Room(job)) = self.waiting.pop_front() {
                rooms.push(job);
            }
        }
        if !rooms.is_empty() {
            self.commit_rooms(rooms).await;
        } else if let Some(Item::Single(work)) = self.waiting.pop_front() {
            self.commit_single(work).await;
        }
    }

    async fn commit_rooms(&mut self, jobs: Vec<RoomJob>) {
        let started = Instant::now();
        let items = jobs.len();
        if let Err(error) = self.connect().await {
            self.note(Err(&error));
            jobs.into_iter().for_each(|job| job.refuse(error.clone()));
            return;
        }
        let done = self.run_batch(jobs).await;
        if let Some(failure) = &done.failure {
            self.note(Err(failure));
        } else {
            self.note(Ok((started, items - done.locked.len())));
        }
        let all_locked = done.locked.len() == items;
        done.completed.into_iter().for_each(|complete| complete());
        for job in done.locked.into_iter().rev() {
            self.waiting.push_front(Item::Room(job));
        }
        if all_locked {
            tokio::time::sleep(ALL_LOCKED_PAUSE).await;
        }
    }

    async fn commit_single(&mut self, mut work: Box<dyn Work>) {
        let started = Instant::now();
        let mut conflicts = 0;
        let outcome = loop {
            if let Err(error) = self.connect().await {
                break Err(error);
            }
            match self.run_single(work.as_mut()).await {
                Ok(()) => break Ok(()),
                Err(error) if may_run_again(&error) && conflicts < CONFLICTS_MAX => conflicts += 1,
                Err(error) => {
                    break match crate::persistence::WriteError::from(error) {
                        crate::persistence::WriteError::Store(error) => Err(error),
                        refused => Err(StoreError::Internal(refused.to_string())),
                    };
                }
            }
        };
        self.note(outcome.as_ref().map(|()| (started, 1)));
        work.complete(outcome);
    }

    /// Connects and takes a slot, unless both are there.
    async fn connect(&mut self) -> Result<(), StoreError> {
        if self
            .connection
            .as_ref()
            .is_some_and(|connection| !connection.session.is_closed())
        {
            return Ok(());
        }
        self.drop_connection(false);
        let session = self.shared.connector.connect().await?;
        let slot = match self.last {
            Some(last) => self.resume(&session, last).await?,
            None => take_slot(&session, &self.shared.owner).await?,
        };
        self.last = None;
        self.shared.heads.saw([(slot.slot, slot.view)], None);
        self.shared.note_slot(slot.slot);
        self.connection = Some(Connection {
            session: Arc::new(session),
            slot,
        });
        Ok(())
    }

    /// Goes on with a slot on a new connection, or takes another one.
    async fn resume(&mut self, session: &Session, last: LastSlot) -> Result<OwnedSlot, StoreError> {
        let LastSlot { slot, unsettled } = last;
        let kept = if unsettled {
            let number = slot.view.commits + 1;
            match slot::settle(session, &slot, number).await {
                Ok(Some((found, _))) => return Ok(found),
                Ok(None) => Kept::Taken,
                Err(TxError::Failed(Failure::Forgotten)) => Kept::Forgotten,
                Err(error) => return Err(read_error(error)),
            }
        } else {
            slot::renew(session, &slot).await.map_err(read_error)?
        };
        match kept {
            Kept::Own => Ok(slot),
            Kept::Taken => take_slot(session, &self.shared.owner).await,
            Kept::Forgotten => Err(self.end_epoch(session).await),
        }
    }

    /// Drops the connection and keeps its slot in mind.
    fn drop_connection(&mut self, unsettled: bool) {
        if let Some(connection) = self.connection.take() {
            self.last = Some(LastSlot {
                slot: connection.slot,
                unsettled,
            });
        }
    }

    /// The database has forgotten commits that this lane has seen. Nothing is written any more, and
    /// the next start begins with another epoch.
    async fn end_epoch(&mut self, session: &Session) -> StoreError {
        if let Err(error) = slot::begin_epoch(session, &self.shared.epoch).await {
            return read_error(error);
        }
        self.shared.end_of_epoch.cancel();
        read_error(TxError::Failed(Failure::Forgotten))
    }

    async fn renew(&mut self) {
        let Some(connection) = &self.connection else {
            return;
        };
        match slot::renew(&connection.session, &connection.slot).await {
            Ok(Kept::Own) => {}
            // The next write takes another slot, or finds out that the database is an older one.
            Ok(Kept::Taken | Kept::Forgotten) => self.drop_connection(false),
            Err(error) => tracing::debug!(?error, "the lease of a slot could not be renewed"),
        }
    }

    async fn release(&mut self) {
        if let Some(connection) = self.connection.take()
            && let Err(error) = slot::release(&connection.session, &connection.slot).await
        {
            tracing::debug!(?error, "a slot could not be given back; its lease will end");
        }
    }

    /// Counts a transaction, or logs the first failure of several.
    fn note(&mut self, outcome: Result<(Instant, usize), &StoreError>) {
        let metrics = self.shared.metrics.get();
        match outcome {
            Ok((started, items)) => {
                self.failing = false;
                if let Some(metrics) = metrics {
                    metrics.commit_seconds.record(started.elapsed());
                    metrics
                        .commit_items
                        .record(u32::try_from(items).unwrap_or(u32::MAX));
                }
            }
            Err(error) => {
                if let Some(metrics) = metrics {
                    metrics.commit_failures.increment(1);
                }
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(%error, "a commit failed; nothing of it was stored");
                }
            }
        }
    }
}

/// Whether a transaction that failed like this may succeed when it is run again.
fn may_run_again(error: &TxError) -> bool {
    error.is_conflict()
        || error.is_duplicate()
        || matches!(error, TxError::Failed(Failure::LostSlot))
}

async fn take_slot(session: &Session, owner: &str) -> Result<OwnedSlot, StoreError> {
    let mut tries = 0;
    loop {
        match slot::take(session, owner).await {
            Ok(slot) => return Ok(slot),
            // Another node has made the same new slot.
            Err(error) if error.is_duplicate() && tries < CONFLICTS_MAX => {
                tries += 1;
                let _ = session.run("ROLLBACK").await;
            }
            Err(error) => {
                return Err(read_error(error));
            }
        }
    }
}
