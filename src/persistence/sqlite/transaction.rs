use rusqlite::{Connection, Params};

use crate::chat::Timestamp;
use crate::persistence::RuleSettings;
use crate::persistence::sqlite::state::State;

/// What a write may touch: the open transaction and the state that goes with it.
pub(crate) struct Tx<'c> {
    /// The writer's connection, inside BEGIN IMMEDIATE.
    pub(crate) conn: &'c Connection,
    /// Taken back when the write fails.
    pub(crate) state: State,
    /// One moment for all that the write does.
    pub(crate) now: Timestamp,
    /// What the rules were configured to.
    pub(crate) rules: RuleSettings,
    /// Set when rooms are left that have to follow a change of their visitor.
    pub(crate) visitor_changes_left: bool,
}

impl Tx<'_> {
    /// Runs a cached statement and returns how many rows it changed.
    pub(crate) fn execute(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.conn.prepare_cached(sql)?.execute(params)
    }
}
