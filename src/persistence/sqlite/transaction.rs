use rusqlite::{Connection, Params};

use crate::chat::Timestamp;
use crate::persistence::RuleSettings;
use crate::persistence::sqlite::state::State;

/// The open transaction that a write runs in, and the state that is written with it.
pub(crate) struct Tx<'c> {
    /// The writer's connection, inside BEGIN IMMEDIATE.
    pub(crate) conn: &'c Connection,
    /// Restored when the write fails.
    pub(crate) state: State,
    /// The time of the write, the same for everything that it does.
    pub(crate) now: Timestamp,
    /// What the rules were configured to.
    pub(crate) rules: RuleSettings,
    /// Set when a change of a visitor is still to be applied to some of their rooms.
    pub(crate) visitor_changes_pending: bool,
}

impl Tx<'_> {
    /// Runs a cached statement and returns how many rows it changed.
    pub(crate) fn execute(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.conn.prepare_cached(sql)?.execute(params)
    }
}
