//! A lane: one task with one connection, which commits what is queued.
//!
//! It takes what is queued, up to a bound. Operations on rooms share a transaction (`batch`); any
//! other write has one of its own (`single`). There is no timer: a lone write is committed at once,
//! and writes that arrive meanwhile share the next transaction.
//!
//! Guarantees: a write is completed exactly once, after its COMMIT returned; writes of one room in
//! the order of the queue. `head` moves before any completion of a transaction runs. A transaction
//! whose COMMIT got no reply is settled by the slot's row, never guessed.

pub(crate) mod batch;
pub(crate) mod commit;
pub(crate) mod job;
pub(crate) mod rows;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use self::batch::RoomJob;
use self::job::Work;
use crate::persistence::StoreError;
use crate::persistence::postgres::session::Session;
use crate::persistence::postgres::slot::{self, OwnedSlot};
use crate::persistence::postgres::store::Shared;
use crate::persistence::postgres::tx_error::TxError;

/// How often an idle lane renews its lease.
const RENEW_INTERVAL: Duration = Duration::from_secs(2);
/// How long a batch that found all its rooms locked waits before it tries again.
const ALL_LOCKED_PAUSE: Duration = Duration::from_millis(1);
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
    /// Numbers of rooms by their ids.
    room_numbers: batch::RoomNumbers,
    /// The last failed commit was logged; the same failure again is not.
    failing: bool,
}

/// A connection and the slot that it writes in.
pub(crate) struct Connection {
    pub(crate) session: Arc<Session>,
    pub(crate) slot: OwnedSlot,
}

impl Lane {
    pub(crate) fn new(shared: Arc<Shared>, queue: mpsc::Receiver<Item>) -> Self {
        Self {
            shared,
            queue,
            waiting: VecDeque::new(),
            connection: None,
            room_numbers: batch::RoomNumbers::default(),
            failing: false,
        }
    }

    /// Works until the queue is closed and empty.
    pub(crate) async fn run(mut self) {
        let mut taken = Vec::new();
        loop {
            if self.waiting.is_empty() {
                let batch_items = self.shared.batch_items;
                tokio::select! {
                    count = self.queue.recv_many(&mut taken, batch_items) => {
                        if count == 0 {
                            break;
                        }
                    }
                    () = tokio::time::sleep(RENEW_INTERVAL) => self.renew().await,
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
        // A slot whose connection is gone between two transactions is as it was left.
        let owned = self.connection.take().map(|connection| connection.slot);
        let session = self.shared.connector.connect().await?;
        let slot = match owned {
            Some(owned) if slot::renew(&session, &owned).await.is_ok_and(|kept| kept) => owned,
            _ => take_slot(&session, &self.shared.owner).await?,
        };
        self.shared.heads.saw([(slot.slot, slot.view)], None);
        self.shared.note_slot(slot.slot);
        self.connection = Some(Connection {
            session: Arc::new(session),
            slot,
        });
        Ok(())
    }

    async fn renew(&mut self) {
        let Some(connection) = &self.connection else {
            return;
        };
        match slot::renew(&connection.session, &connection.slot).await {
            Ok(true) => {}
            Ok(false) => self.connection = None,
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
    error.is_conflict() || error.is_duplicate() || matches!(error, TxError::LostSlot)
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
                return Err(crate::persistence::postgres::readers::read_error(error));
            }
        }
    }
}
