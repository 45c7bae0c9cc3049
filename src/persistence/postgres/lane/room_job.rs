//! Operations on rooms as the lane queues them, and their completions.

use std::sync::Arc;

use crate::chat::{RoomId, RoomRecord};
use crate::persistence::{Completion, Refusal, RoomCommit, RoomOp, StoreError, WriteError};

/// An operation on one room, and whom its outcome goes to.
pub(crate) struct RoomJob {
    pub(super) ask: RoomAsk,
    pub(super) done: RoomDone,
}

/// What is asked of a room.
pub(super) struct RoomAsk {
    pub(super) room_id: RoomId,
    /// A post, a read mark or a status; other operations have a transaction of their own. Without
    /// one, the room is read.
    pub(super) op: Option<RoomOp>,
    /// How often another node had the room locked.
    pub(super) skips: u32,
}

/// Gets the outcome, exactly once whatever happens.
pub(super) struct RoomDone(Option<DoneTo>);

enum DoneTo {
    Written(Completion<RoomCommit>),
    Loaded(Completion<Option<Arc<RoomRecord>>>),
}

impl RoomJob {
    /// Does something to the room.
    pub(crate) fn write(room_id: RoomId, op: RoomOp, done: Completion<RoomCommit>) -> Self {
        Self {
            ask: RoomAsk {
                room_id,
                op: Some(op),
                skips: 0,
            },
            done: RoomDone(Some(DoneTo::Written(done))),
        }
    }

    /// Reads the room.
    pub(crate) fn load(room_id: RoomId, done: Completion<Option<Arc<RoomRecord>>>) -> Self {
        Self {
            ask: RoomAsk {
                room_id,
                op: None,
                skips: 0,
            },
            done: RoomDone(Some(DoneTo::Loaded(done))),
        }
    }

    pub(super) fn refuse(self, error: StoreError) {
        self.done.refuse(error);
    }
}

impl RoomDone {
    fn refuse(mut self, error: StoreError) {
        self.finish(error);
    }

    fn finish(&mut self, error: StoreError) {
        match self.0.take() {
            Some(DoneTo::Written(done)) => done(Err(error.into())),
            Some(DoneTo::Loaded(done)) => done(Err(error.into())),
            None => {}
        }
    }
}

impl Drop for RoomDone {
    /// Completes what nobody else will complete any more.
    fn drop(&mut self) {
        self.finish(StoreError::Closed);
    }
}

/// What is left to do after a batch.
#[derive(Default)]
pub(super) struct BatchDone {
    /// Completions, to be called in this order.
    pub(super) completed: Vec<Box<dyn FnOnce() + Send>>,
    /// Operations on rooms that were locked, to be tried again before all others.
    pub(super) locked: Vec<RoomJob>,
    /// Why nothing was stored.
    pub(super) failure: Option<StoreError>,
}

/// What one operation has come to.
pub(super) enum Outcome {
    Written(Result<RoomCommit, Refusal>),
    Loaded(Option<Arc<RoomRecord>>),
    Locked,
}

/// Completes operations with their outcomes, in the order of the operations.
pub(super) fn complete(
    asks: Vec<RoomAsk>,
    dones: Vec<RoomDone>,
    outcomes: Vec<Outcome>,
) -> BatchDone {
    let mut all = BatchDone::default();
    for ((mut ask, done), outcome) in asks.into_iter().zip(dones).zip(outcomes) {
        if let Outcome::Locked = outcome {
            ask.skips += 1;
            all.locked.push(RoomJob { ask, done });
            continue;
        }
        let mut done = done;
        match (done.0.take(), outcome) {
            (Some(DoneTo::Written(complete)), Outcome::Written(result)) => {
                let result = result.map_err(WriteError::from);
                all.completed.push(Box::new(move || complete(result)));
            }
            (Some(DoneTo::Loaded(complete)), Outcome::Loaded(record)) => {
                all.completed.push(Box::new(move || complete(Ok(record))));
            }
            (other, _) => RoomDone(other).refuse(StoreError::Internal(
                "an operation had the outcome of another one".into(),
            )),
        }
    }
    all
}

/// Completes all operations with the error that nothing was stored for.
pub(super) fn refuse(dones: Vec<RoomDone>, error: &StoreError) -> BatchDone {
    if matches!(error, StoreError::Internal(_)) {
        tracing::error!(%error, "a batch failed");
    }
    let completed = dones.into_iter().map(|done| {
        let error = error.clone();
        Box::new(move || done.refuse(error)) as Box<dyn FnOnce() + Send>
    });
    BatchDone {
        completed: completed.collect(),
        locked: Vec::new(),
        failure: Some(error.clone()),
    }
}
