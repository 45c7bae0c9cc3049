use crate::persistence::RuleSettings;
use crate::persistence::sqlite::writer::channel::WriterChannel;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rusqlite::Connection;

use crate::chat::Timestamp;
use crate::persistence::StoreError;
use crate::persistence::sqlite::connection::Connector;
use crate::persistence::sqlite::state::State;
use crate::persistence::sqlite::tables::live_rooms::LiveRooms;
use crate::persistence::sqlite::transaction::Tx;
use crate::persistence::sqlite::tx_error::{breaks_connection, classify};
use crate::persistence::sqlite::writer::job::{Undo, Work};

/// The one connection that writes, and how it commits.
pub(crate) struct Committer {
    /// Makes another connection when this one is broken.
    pub(crate) connector: Connector,
    /// None after an error that broke it, until the next batch opens another one.
    pub(crate) conn: Option<Connection>,
    /// Whether this process holds the directory's lock.
    pub(crate) exclusive: bool,
    /// Rooms as the connection has last committed them.
    pub(crate) rooms: LiveRooms,
    /// What the rules were configured to.
    pub(crate) rules: RuleSettings,
    /// What the store's handles share with the writer.
    pub(crate) channel: Arc<WriterChannel>,
}

/// How a batch survives an item that fails.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Isolation {
    /// Not at all. Hardly any item fails after it has written, so a savepoint for each would be
    /// wasted work.
    None,
    /// Each item runs in a savepoint.
    Savepoints,
}

/// Whether a connection may be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usable {
    Yes,
    No,
}

impl From<bool> for Usable {
    fn from(usable: bool) -> Self {
        if usable { Self::Yes } else { Self::No }
    }
}

/// Why an attempt at a batch failed.
enum AttemptError {
    /// Nothing was committed.
    NotCommitted(rusqlite::Error),
    /// An item failed after it had written, which undoes the whole batch.
    NeedsSavepoints,
    /// COMMIT failed and the transaction is over: only the file shows whether it happened.
    OutcomeUnknown {
        cause: rusqlite::Error,
        /// The number that the commit would have had.
        number: u64,
    },
}

impl Committer {
    /// Reads what the last commit of any process has left.
    pub(crate) fn read_state(&mut self) -> Result<State, StoreError> {
        let conn = self.take_connection()?;
        let state = State::load(&conn).map_err(|error| classify(&error))?;
        self.conn = Some(conn);
        Ok(state)
    }

    /// The connection, reopened if the last one broke. Whoever takes it puts it back unless it
    /// broke.
    pub(crate) fn take_connection(&mut self) -> Result<Connection, StoreError> {
        match self.conn.take() {
            Some(conn) => Ok(conn),
            None => self.connector.writer().map_err(|error| classify(&error)),
        }
    }

    /// Puts the connection back.
    pub(crate) fn put_back(&mut self, conn: Connection) {
        self.conn = Some(conn);
    }

    /// Whether this process keeps the text index; tools leave it to the server.
    pub(crate) fn owns_index(&self) -> bool {
        self.exclusive
    }

    /// Optimizes, checkpoints and ends the connection.
    pub(crate) fn close(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        // A tool may have a server beside it, which would wait for the checkpoint. Without one
        // SQLite makes it as the last connection ends.
        let statements = if self.exclusive {
            "PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE);"
        } else {
            ""
        };
        let closed = conn
            .execute_batch(statements)
            .and_then(|()| conn.close().map_err(|(_, error)| error));
        if let Err(error) = closed {
            tracing::warn!(%error, "could not checkpoint the database while closing it: the next start will");
        }
    }

    /// One transaction for all items. If one of them fails after it has written, all is
    /// rolled back and done again with each item in a savepoint, so that it harms no other one.
    pub(crate) fn transact(&mut self, items: &mut [Box<dyn Work>]) -> Result<State, StoreError> {
        let conn = self.take_connection()?;
        let (outcome, usable) = self.transact_on(&conn, items);
        if usable == Usable::Yes {
            self.conn = Some(conn);
        }
        outcome
    }

    /// Like [`transact`](Self::transact), on a connection that the caller has taken. Also returns
    /// whether it may be used again.
    pub(crate) fn transact_on(
        &mut self,
        conn: &Connection,
        items: &mut [Box<dyn Work>],
    ) -> (Result<State, StoreError>, Usable) {
        // Kept only if the commit is seen to succeed.
        let mut rooms = std::mem::take(&mut self.rooms);
        let mut outcome = self.attempt(conn, &mut rooms, items, Isolation::None);
        if let Err(AttemptError::NeedsSavepoints) = outcome {
            rooms.clear();
            outcome = match roll_back(conn) {
                Ok(()) => self.attempt(conn, &mut rooms, items, Isolation::Savepoints),
                Err(error) => Err(AttemptError::NotCommitted(error)),
            };
        }
        match outcome {
            Ok(state) => {
                self.rooms = rooms;
                (Ok(state), Usable::Yes)
            }
            Err(AttemptError::NotCommitted(cause)) => {
                let usable = roll_back(conn).is_ok() && !breaks_connection(&cause);
                (Err(classify(&cause)), usable.into())
            }
            Err(AttemptError::NeedsSavepoints) => {
                let usable = roll_back(conn).is_ok();
                let bug = "a write in a savepoint took others of its batch with it";
                (Err(StoreError::Internal(bug.into())), usable.into())
            }
            Err(AttemptError::OutcomeUnknown { cause, number }) => {
                (self.resolve_outcome(&cause, number), Usable::No)
            }
        }
    }

    /// The time of a batch that begins now.
    fn now(&self) -> Timestamp {
        Timestamp(Timestamp::now().as_millis() - self.channel.clock_back_ms.load(Ordering::Relaxed))
    }

    fn attempt(
        &self,
        conn: &Connection,
        rooms: &mut LiveRooms,
        items: &mut [Box<dyn Work>],
        isolation: Isolation,
    ) -> Result<State, AttemptError> {
        execute(conn, "BEGIN IMMEDIATE")?;
        let before = State::load(conn).map_err(AttemptError::NotCommitted)?;
        rooms.begin(conn).map_err(AttemptError::NotCommitted)?;
        let changes = conn.total_changes();
        let mut tx = Tx {
            conn,
            state: before,
            now: self.now(),
            rules: self.rules,
            visitor_changes_pending: false,
        };
        for item in items {
            tx.now = self.now();
            match isolation {
                Isolation::None => run(item.as_mut(), &mut tx, rooms)?,
                Isolation::Savepoints => run_in_savepoint(item.as_mut(), &mut tx, rooms)?,
            }
        }
        rooms.write_back(conn).map_err(AttemptError::NotCommitted)?;
        let mut after = tx.state;
        if conn.total_changes() != changes || after != before {
            *self.commits_of(&mut after) += 1;
            after.save(conn).map_err(AttemptError::NotCommitted)?;
        }
        #[cfg(test)]
        if let Some(error) = self.channel.hooks.commit_error(conn) {
            return Err(if conn.is_autocommit() {
                AttemptError::OutcomeUnknown {
                    cause: error,
                    number: *self.commits_of(&mut after),
                }
            } else {
                AttemptError::NotCommitted(error)
            });
        }
        match conn
            .prepare_cached("COMMIT")
            .and_then(|mut commit| commit.execute([]))
        {
            Ok(_) => {
                if tx.visitor_changes_pending {
                    self.channel.visitor_changes_pending.notify_one();
                }
                Ok(after)
            }
            Err(cause) if conn.is_autocommit() => Err(AttemptError::OutcomeUnknown {
                cause,
                number: *self.commits_of(&mut after),
            }),
            Err(cause) => Err(AttemptError::NotCommitted(cause)),
        }
    }

    /// The count of this process's own commits, which no other one moves.
    fn commits_of<'s>(&self, state: &'s mut State) -> &'s mut u64 {
        if self.exclusive {
            &mut state.server_commits
        } else {
            &mut state.tool_commits
        }
    }

    /// Reads from the file whether the commit with this number has happened.
    fn resolve_outcome(
        &mut self,
        cause: &rusqlite::Error,
        number: u64,
    ) -> Result<State, StoreError> {
        let conn = self.connector.writer().map_err(|error| classify(&error))?;
        let mut found = State::load(&conn).map_err(|error| classify(&error))?;
        let happened = *self.commits_of(&mut found) == number;
        self.conn = Some(conn);
        tracing::warn!(error = %cause, happened, "COMMIT returned an error: read from the database whether it happened");
        if happened {
            // Whether it left a change of a visitor pending is not known any more, and a query costs
            // little.
            self.channel.visitor_changes_pending.notify_one();
            Ok(found)
        } else {
            Err(classify(cause))
        }
    }
}

fn execute(conn: &Connection, sql: &str) -> Result<(), AttemptError> {
    conn.prepare_cached(sql)
        .and_then(|mut statement| statement.execute([]))
        .map_err(AttemptError::NotCommitted)?;
    Ok(())
}

/// Rolls the transaction back, unless SQLite has done so itself.
fn roll_back(conn: &Connection) -> rusqlite::Result<()> {
    if conn.is_autocommit() {
        return Ok(());
    }
    conn.execute_batch("ROLLBACK")
}

/// Runs an item. It may fail only as long as it has left no trace.
fn run(item: &mut dyn Work, tx: &mut Tx<'_>, rooms: &mut LiveRooms) -> Result<(), AttemptError> {
    let traces =
        |tx: &Tx<'_>, rooms: &LiveRooms| (tx.conn.total_changes(), rooms.changes(), tx.state);
    let before = traces(tx, rooms);
    // A panic in one item must not end the others or the thread.
    match catch_unwind(AssertUnwindSafe(|| item.run(tx, rooms))) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Undo::Batch(error))) => Err(AttemptError::NotCommitted(error)),
        Ok(Err(Undo::Own)) if traces(tx, rooms) == before => Ok(()),
        Ok(Err(Undo::Own)) | Err(_) => Err(AttemptError::NeedsSavepoints),
    }
}

/// Runs an item in a savepoint; if it fails, nothing has happened.
fn run_in_savepoint(
    item: &mut dyn Work,
    tx: &mut Tx<'_>,
    rooms: &mut LiveRooms,
) -> Result<(), AttemptError> {
    execute(tx.conn, "SAVEPOINT item")?;
    let before = tx.state;
    match catch_unwind(AssertUnwindSafe(|| item.run(tx, rooms))) {
        // Memory is cleared, so that an item that fails leaves nothing to undo there.
        Ok(Ok(())) => rooms
            .flush_and_clear(tx.conn)
            .map_err(AttemptError::NotCommitted)?,
        Ok(Err(Undo::Batch(error))) => return Err(AttemptError::NotCommitted(error)),
        Ok(Err(Undo::Own)) | Err(_) => {
            execute(tx.conn, "ROLLBACK TO item")?;
            rooms.clear();
            tx.state = before;
        }
    }
    execute(tx.conn, "RELEASE item")
}
