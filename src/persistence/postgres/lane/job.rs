use futures_util::future::BoxFuture;

use crate::persistence::postgres::tx::Tx;
use crate::persistence::postgres::tx_error::TxError;
use crate::persistence::{Completion, StoreError, WriteError};

/// A write with a transaction of its own.
pub(crate) trait Work: Send {
    /// Runs it inside a transaction. `Ok(false)`: it was refused, and the transaction has to be
    /// rolled back; what it is completed with is known.
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, Result<bool, TxError>>;

    /// Completes it, after its transaction has ended.
    fn complete(self: Box<Self>, outcome: Result<(), StoreError>);
}

/// A write made of a function.
struct Job<T, F> {
    action: F,
    result: Option<Result<T, WriteError>>,
    done: Option<Completion<T>>,
}

/// Work that runs `action` and then calls `done`. It may be run more than once, each time after a
/// rollback.
pub(crate) fn work<T, F>(action: F, done: Completion<T>) -> Box<dyn Work>
where
    T: Send + 'static,
    F: for<'a> FnMut(&'a mut Tx) -> BoxFuture<'a, Result<T, TxError>> + Send + 'static,
{
    Box::new(Job {
        action,
        result: None,
        done: Some(done),
    })
}

impl<T, F> Work for Job<T, F>
where
    T: Send,
    F: for<'a> FnMut(&'a mut Tx) -> BoxFuture<'a, Result<T, TxError>> + Send,
{
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, Result<bool, TxError>> {
        Box::pin(async move {
            match (self.action)(tx).await {
                Ok(value) => {
                    self.result = Some(Ok(value));
                    Ok(true)
                }
                Err(TxError::Refused(refusal)) => {
                    self.result = Some(Err(refusal.into()));
                    Ok(false)
                }
                Err(error) => Err(error),
            }
        })
    }

    fn complete(mut self: Box<Self>, outcome: Result<(), StoreError>) {
        let result = match (outcome, self.result.take()) {
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(StoreError::Internal("a write was never tried".into()).into()),
            (Err(error), _) => Err(error.into()),
        };
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
