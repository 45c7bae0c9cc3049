use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use rusqlite::Connection;

use super::StoreError;
use super::connection::Connector;
use super::failure::{breaks_connection, classify};
use super::job::{Tx, Undo, Work};
use super::live_rooms::LiveRooms;
use super::state::State;
use crate::chat::Timestamp;

/// The one connection that writes, and how it commits.
pub(super) struct Committer {
    /// Makes another connection when this one is broken.
    pub(super) connector: Connector,
    /// None after an error that broke it, until the next batch opens another one.
    pub(super) conn: Option<Connection>,
    /// Whether this process holds the directory's lock.
    pub(super) exclusive: bool,
    /// What the connection has committed last of the rooms that are written to.
    pub(super) rooms: LiveRooms,
    /// The clock's setting, and what tests reach in with.
    pub(super) shared: std::sync::Arc<super::writer::Shared>,
}

/// How the items of a batch are kept from each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// Not at all. Nearly no item fails after it has written, so a savepoint for each would
    /// be for nothing.
    Together,
    /// Each in a savepoint.
    Apart,
}

/// Why an attempt at a batch failed.
enum Failed {
    /// Nothing was committed.
    Before(rusqlite::Error),
    /// One item is to be undone after it has written, which takes the whole batch with it.
    Entangled,
    /// COMMIT failed and the transaction is over: only the file knows how.
    Unknown {
        cause: rusqlite::Error,
        /// The number that the commit would have had.
        number: u64,
    },
}

impl Committer {
    /// Reads what the last commit of any process has left.
    pub(super) fn look(&mut self) -> Result<State, StoreError> {
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => self.connector.writer().map_err(|error| classify(&error))?,
        };
        let state = State::load(&conn).map_err(|error| classify(&error))?;
        self.conn = Some(conn);
        Ok(state)
    }

    /// Leaves a small, tidy file behind and ends the connection.
    pub(super) fn finish(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        // A tool may have a server beside it, which would wait for the checkpoint. Without one
        // SQLite makes it as the last connection ends.
        let tidying = if self.exclusive {
            "PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE);"
        } else {
            ""
        };
        let tidied = conn
            .execute_batch(tidying)
            .and_then(|()| conn.close().map_err(|(_, error)| error));
        if let Err(error) = tidied {
            tracing::warn!(%error, "the database was closed without a checkpoint; the next start makes up for it");
        }
    }

    /// One transaction for all items. If one of them fails after it has written, all is
    /// rolled back and done again with each item in a savepoint, so that it harms nobody else.
    pub(super) fn transact(&mut self, items: &mut [Box<dyn Work>]) -> Result<State, StoreError> {
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => self.connector.writer().map_err(|error| classify(&error))?,
        };
        // Memory of rooms comes back only with a commit that was seen to succeed.
        let mut rooms = std::mem::take(&mut self.rooms);
        let mut outcome = self.attempt(&conn, &mut rooms, items, Keep::Together);
        if let Err(Failed::Entangled) = outcome {
            rooms.forget();
            outcome = match rolled_back(&conn) {
                Ok(()) => self.attempt(&conn, &mut rooms, items, Keep::Apart),
                Err(error) => Err(Failed::Before(error)),
            };
        }
        match outcome {
            Ok(state) => {
                self.conn = Some(conn);
                self.rooms = rooms;
                Ok(state)
            }
            Err(Failed::Before(cause)) => {
                if rolled_back(&conn).is_ok() && !breaks_connection(&cause) {
                    self.conn = Some(conn);
                }
                Err(classify(&cause))
            }
            Err(Failed::Entangled) => {
                let undone = rolled_back(&conn);
                self.conn = undone.is_ok().then_some(conn);
                Err(StoreError::Internal(
                    "a write was to be undone alone and took others with it".into(),
                ))
            }
            Err(Failed::Unknown { cause, number }) => {
                drop(conn);
                self.settle(&cause, number)
            }
        }
    }

    /// What the writes of this moment are dated with.
    fn now(&self) -> Timestamp {
        Timestamp(Timestamp::now().as_millis() - self.shared.clock_back_ms.load(Ordering::Relaxed))
    }

    fn attempt(
        &self,
        conn: &Connection,
        rooms: &mut LiveRooms,
        items: &mut [Box<dyn Work>],
        keep: Keep,
    ) -> Result<State, Failed> {
        execute(conn, "BEGIN IMMEDIATE")?;
        let before = State::load(conn).map_err(Failed::Before)?;
        rooms.begin(conn).map_err(Failed::Before)?;
        let changes = conn.total_changes();
        let mut tx = Tx {
            conn,
            state: before,
            now: self.now(),
            visitor_changes_left: false,
        };
        for item in items {
            tx.now = self.now();
            match keep {
                Keep::Together => run(item.as_mut(), &mut tx, rooms)?,
                Keep::Apart => run_apart(item.as_mut(), &mut tx, rooms)?,
            }
        }
        rooms.write_back(conn).map_err(Failed::Before)?;
        let mut after = tx.state;
        if conn.total_changes() != changes || after != before {
            *self.commits_of(&mut after) += 1;
            after.save(conn).map_err(Failed::Before)?;
        }
        #[cfg(test)]
        if let Some(error) = self.shared.hooks.commit_error(conn) {
            return Err(if conn.is_autocommit() {
                Failed::Unknown {
                    cause: error,
                    number: *self.commits_of(&mut after),
                }
            } else {
                Failed::Before(error)
            });
        }
        match conn
            .prepare_cached("COMMIT")
            .and_then(|mut commit| commit.execute([]))
        {
            Ok(_) => {
                if tx.visitor_changes_left {
                    self.shared.visitor_changes_left.notify_one();
                }
                Ok(after)
            }
            Err(cause) if conn.is_autocommit() => Err(Failed::Unknown {
                cause,
                number: *self.commits_of(&mut after),
            }),
            Err(cause) => Err(Failed::Before(cause)),
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
    fn settle(&mut self, cause: &rusqlite::Error, number: u64) -> Result<State, StoreError> {
        let conn = self.connector.writer().map_err(|error| classify(&error))?;
        let mut found = State::load(&conn).map_err(|error| classify(&error))?;
        let happened = *self.commits_of(&mut found) == number;
        self.conn = Some(conn);
        tracing::warn!(error = %cause, happened, "a commit ended in an error and was looked up");
        if happened {
            // What the commit would have told is not known any more, and looking costs little.
            self.shared.visitor_changes_left.notify_one();
            Ok(found)
        } else {
            Err(classify(cause))
        }
    }
}

fn execute(conn: &Connection, sql: &str) -> Result<(), Failed> {
    conn.prepare_cached(sql)
        .and_then(|mut statement| statement.execute([]))
        .map_err(Failed::Before)?;
    Ok(())
}

/// Ends the transaction without a trace, unless SQLite has done so itself.
fn rolled_back(conn: &Connection) -> rusqlite::Result<()> {
    if conn.is_autocommit() {
        return Ok(());
    }
    conn.execute_batch("ROLLBACK")
}

/// Runs an item. It may fail only as long as it has left no trace.
fn run(item: &mut dyn Work, tx: &mut Tx<'_>, rooms: &mut LiveRooms) -> Result<(), Failed> {
    let traces =
        |tx: &Tx<'_>, rooms: &LiveRooms| (tx.conn.total_changes(), rooms.changes(), tx.state);
    let before = traces(tx, rooms);
    // A panic in one item must not take the others, nor the thread.
    match catch_unwind(AssertUnwindSafe(|| item.run(tx, rooms))) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Undo::Batch(error))) => Err(Failed::Before(error)),
        Ok(Err(Undo::Own)) if traces(tx, rooms) == before => Ok(()),
        Ok(Err(Undo::Own)) | Err(_) => Err(Failed::Entangled),
    }
}

/// Runs an item in a savepoint; if it fails, nothing has happened.
fn run_apart(item: &mut dyn Work, tx: &mut Tx<'_>, rooms: &mut LiveRooms) -> Result<(), Failed> {
    execute(tx.conn, "SAVEPOINT item")?;
    let before = tx.state;
    match catch_unwind(AssertUnwindSafe(|| item.run(tx, rooms))) {
        // Nothing stays in memory, so nothing there is to be undone with the next item.
        Ok(Ok(())) => rooms.put_away(tx.conn).map_err(Failed::Before)?,
        Ok(Err(Undo::Batch(error))) => return Err(Failed::Before(error)),
        Ok(Err(Undo::Own)) | Err(_) => {
            execute(tx.conn, "ROLLBACK TO item")?;
            rooms.forget();
            tx.state = before;
        }
    }
    execute(tx.conn, "RELEASE item")
}
