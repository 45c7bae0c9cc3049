use rusqlite::{Connection, Params};

use super::failure::Trouble;
use super::live_rooms::LiveRooms;
use super::state::State;
use super::{Completion, StoreError, WriteError};
use crate::chat::Timestamp;

/// What a write may touch: the open transaction and the state that goes with it.
pub(super) struct Tx<'c> {
    /// The writer's connection, inside BEGIN IMMEDIATE.
    pub(super) conn: &'c Connection,
    /// Taken back when the write fails.
    pub(super) state: State,
    /// One moment for all that the write does.
    pub(super) now: Timestamp,
    /// Set when rooms are left that have to follow a change of their visitor.
    pub(super) visitor_changes_left: bool,
}

impl Tx<'_> {
    /// Runs a cached statement and returns how many rows it changed.
    pub(super) fn execute(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.conn.prepare_cached(sql)?.execute(params)
    }
}

/// One write in the queue: run inside a transaction, then answered once.
pub(super) trait Work: Send {
    /// Does the work and keeps its result. Nothing is answered yet. `Err` says that
    /// what it did is to be undone; a refusal is a result, kept like any other. It may
    /// be run again after a rollback, and the last result counts.
    fn run(&mut self, tx: &mut Tx<'_>, rooms: &mut LiveRooms) -> Result<(), Undo>;

    /// Answers with the result, or with what befell the whole batch.
    fn answer(self: Box<Self>, batch: Result<(), StoreError>);
}

/// The work is undone.
pub(super) enum Undo {
    /// Its own fault, and its result says so; the others of the batch go on.
    Own,
    /// The database failed, so the batch fails.
    Batch(rusqlite::Error),
}

/// A closure with its completion.
pub(super) struct Job<T, F> {
    action: F,
    result: Option<Result<T, WriteError>>,
    done: Option<Completion<T>>,
}

impl<T, F> Job<T, F>
where
    T: Send + 'static,
    F: FnMut(&mut Tx<'_>, &mut LiveRooms) -> Result<T, Trouble> + Send + 'static,
{
    /// Work that runs `action` and answers `done`.
    pub(super) fn boxed(action: F, done: Completion<T>) -> Box<dyn Work> {
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
    F: FnMut(&mut Tx<'_>, &mut LiveRooms) -> Result<T, Trouble> + Send,
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
            Err(Trouble::Sqlite(error)) => match super::failure::classify(&error) {
                bug @ StoreError::Internal(_) => {
                    self.result = Some(Err(bug.into()));
                    Err(Undo::Own)
                }
                _ => Err(Undo::Batch(error)),
            },
            Err(trouble) => {
                self.result = Some(Err(trouble.into()));
                Err(Undo::Own)
            }
        }
    }

    fn answer(mut self: Box<Self>, batch: Result<(), StoreError>) {
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
    /// A write that nobody will answer any more is answered here, so that a
    /// completion is called exactly once, come what may.
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            done(Err(StoreError::Closed.into()));
        }
    }
}
