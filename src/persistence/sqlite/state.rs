use rusqlite::{Connection, params};

use crate::chat::{ChangeId, ChangeVector, Counts, RoomRecord};
use crate::persistence::Head;
use crate::persistence::rules::listing::{self, PriorState};
use crate::persistence::sqlite::codes::{int, uint};

/// The newest number of each kind that is in use, read off the end of an index: a start may not
/// depend on how much is stored.
const LAGS_BEHIND: &str = "SELECT (SELECT max(n) FROM messages) > ?1
    OR (SELECT max(change) FROM rooms WHERE change IS NOT NULL) > ?2";

/// The row of numbers that move with commits. It is read at BEGIN and written before COMMIT, so
/// a rollback undoes it and the changes of other processes are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    /// The number of the newest change of a listed room; its [`ChangeId`](crate::chat::ChangeId).
    pub(crate) last_change: u64,
    /// The last number given to a message or to an entry of the text index.
    pub(crate) last_n: u64,
    /// Listed rooms by status.
    pub(crate) counts: Counts,
    /// Grows with every change of an agent and every ended session.
    pub(crate) auth_version: u64,
    /// Every change up to here is in the text index.
    pub(crate) indexed_change: u64,
    /// Every message up to this number is in the text index.
    pub(crate) indexed_n: u64,
    /// Commits of the process that holds the lock.
    pub(crate) server_commits: u64,
    /// Commits of other processes.
    pub(crate) tool_commits: u64,
}

impl State {
    /// Reads the state row.
    pub(crate) fn load(conn: &Connection) -> rusqlite::Result<Self> {
        conn.prepare_cached(
            "SELECT change, n, waiting, active, closed, auth_version, indexed_change,
                    indexed_n, server_commits, tool_commits
             FROM state",
        )?
        .query_row([], |row| {
            Ok(Self {
                last_change: uint(row, 0)?,
                last_n: uint(row, 1)?,
                counts: Counts {
                    waiting: uint(row, 2)?,
                    active: uint(row, 3)?,
                    closed: uint(row, 4)?,
                },
                auth_version: uint(row, 5)?,
                indexed_change: uint(row, 6)?,
                indexed_n: uint(row, 7)?,
                server_commits: uint(row, 8)?,
                tool_commits: uint(row, 9)?,
            })
        })
    }

    /// Writes the state row.
    pub(crate) fn save(&self, conn: &Connection) -> rusqlite::Result<()> {
        conn.prepare_cached(
            "UPDATE state SET change = ?1, n = ?2, waiting = ?3, active = ?4, closed = ?5,
                    auth_version = ?6, indexed_change = ?7, indexed_n = ?8,
                    server_commits = ?9, tool_commits = ?10",
        )?
        .execute(params![
            int(self.last_change),
            int(self.last_n),
            int(self.counts.waiting),
            int(self.counts.active),
            int(self.counts.closed),
            int(self.auth_version),
            int(self.indexed_change),
            int(self.indexed_n),
            int(self.server_commits),
            int(self.tool_commits),
        ])?;
        Ok(())
    }

    /// Whether rows have higher numbers than this one has given: those would be given twice.
    pub(crate) fn lags_behind(&self, conn: &Connection) -> rusqlite::Result<bool> {
        conn.query_row(
            LAGS_BEHIND,
            [int(self.last_n), int(self.last_change)],
            |row| Ok(row.get::<_, Option<bool>>(0)?.unwrap_or(false)),
        )
    }

    /// The part that the store publishes.
    pub(crate) fn head(&self) -> Head {
        Head {
            changes: ChangeVector::of_single_writer(self.last_change),
            counts: self.counts,
            auth_version: self.auth_version,
            // Whoever ends tokens knows which sockets they have: there is no other server.
            token_version: 0,
        }
    }

    /// Commits of all processes since the database was made.
    pub(crate) fn commits(&self) -> u64 {
        self.server_commits + self.tool_commits
    }

    /// Whether the text index lacks a change.
    pub(crate) fn is_index_behind(&self) -> bool {
        self.indexed_change < self.last_change
    }

    /// Takes the next number in the order of changes.
    pub(crate) fn next_change(&mut self) -> u64 {
        self.last_change += 1;
        self.last_change
    }

    /// Moves the counts with a changed room, and gives it the next number in the order of
    /// changes if consoles list it.
    pub(crate) fn record_change(&mut self, before: PriorState, record: &mut RoomRecord) {
        let mut counts = self.counts;
        listing::record_change(before, record, &mut counts, || {
            ChangeId::of_single_writer(self.next_change())
        });
        self.counts = counts;
    }

    /// Takes a room that is about to be deleted off the counts. Returns the place of that in the order
    /// of changes if consoles list the room.
    pub(crate) fn unlist(&mut self, record: &RoomRecord) -> Option<u64> {
        listing::unlist(record, &mut self.counts).then(|| self.next_change())
    }

    /// Takes the next number of a message.
    pub(crate) fn next_n(&mut self) -> u64 {
        self.last_n += 1;
        self.last_n
    }
}

#[cfg(test)]
mod tests {
    use super::LAGS_BEHIND;
    use crate::persistence::testing::*;

    #[tokio::test]
    async fn a_start_reads_the_ends_of_indexes() {
        let store = TestStore::in_sqlite();
        let plan: Vec<String> = store
            .sqlite()
            .readers()
            .read(|conn| {
                let mut plan = conn.prepare(&format!("EXPLAIN QUERY PLAN {LAGS_BEHIND}"))?;
                let lines = plan.query_map([1, 2], |row| row.get(3))?;
                lines.collect()
            })
            .await
            .expect("it plans");
        assert!(
            plan.iter().any(|line| line.contains("rooms_by_change")),
            "{plan:?}"
        );
    }
}
