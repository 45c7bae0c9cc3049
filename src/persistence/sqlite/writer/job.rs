use crate::persistence::sqlite::tables::live_rooms::LiveRooms;
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::TxError;
use crate::persistence::{Completion, StoreError, WriteError};

/// One write in the queue: run inside a transaction, then completed once.
pub(crate) trait Work: Send {
    /// Does the work and keeps its result. Nothing is completed yet. After `Err`, what it did is
    /// undone. A refusal is a result like any other. The work may be run again after a rollback, and
    /// the last result counts.
    fn run(&mut self, tx: &mut Tx<'_>, rooms: &mut LiveRooms) -> Result<(), Undo>;

    /// Calls the completion with the result, or with the error of the whole batch.
    fn complete(self: Box<Self>, batch: Result<(), StoreError>);
}

/// The work is undone.
pub(crate) enum Undo {
    /// Only this item failed, which is its result; the others of the batch go on.
    Own,
    /// The database failed, so the batch fails.
    Batch(rusqlite::Error),
}

/// A closure with its completion.
pub(crate) struct Job<T, F> {
    action: F,
    result: Option<Result<T, WriteError>>,
    done: Option<Completion<T>>,
}

impl<T, F> Job<T, F>
where
    T: Send + 'static,
    F: FnMut(&mut Tx<'_>, &mut LiveRooms) -> Result<T, TxError> + Send + 'static,
{
    /// Work that runs `action` and then calls `done`.
    pub(crate) fn boxed(action: F, done: Completion<T>) -> Box<dyn Work> {
        Box::new(Self {
            action,
            result: None,
            done: Some(done),
        })
    }
}

impl<T, F> Work for Job<T, F>
where
    T: Send,
    F: FnMut(&mut Tx<'_>, &mut LiveRooms) -> Result<T, TxError> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>, rooms: &mut LiveRooms) -> Result<(), Undo> {
        // Until the action has come back, a panic in it is the result.
        self.result = Some(Err(StoreError::Internal(
            "a write panicked; it was undone".into(),
        )
        .into()));
        match (self.action)(tx, rooms) {
            Ok(value) => {
                self.result = Some(Ok(value));
                Ok(())
            }
            Err(TxError::Failed(error)) => {
                match crate::persistence::sqlite::tx_error::classify(&error) {
                    bug @ StoreError::Internal(_) => {
                        self.result = Some(Err(bug.into()));
                        Err(Undo::Own)
                    }
                    _ => Err(Undo::Batch(error)),
                }
            }
            Err(error) => {
                self.result = Some(Err(error.into()));
                Err(Undo::Own)
            }
        }
    }

    fn complete(mut self: Box<Self>, batch: Result<(), StoreError>) {
        let result = match (batch, self.result.take()) {
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(StoreError::Internal("a write was never tried".into()).into()),
            (Err(error), _) => Err(error.into()),
        };
        if let Err(WriteError::Store(bug @ StoreError::Internal(_))) = &result {
            tracing::error!(error = %bug, "a write failed");
        }
        if let Some(done) = self.done.take() {
            done(result);
        }
    }
}

impl<T, F> Drop for Job<T, F> {
    /// Completes a write that nobody else will complete any more, so that a completion is called
    /// exactly once whatever happens.
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            done(Err(StoreError::Closed.into()));
        }
    }
}
