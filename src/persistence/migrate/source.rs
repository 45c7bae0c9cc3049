use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::cell::Cell;
use super::tables::{TOTAL, Table};
use super::{MigrateError, blocking};
use crate::persistence::Synchronous;
use crate::persistence::sqlite::connection::Connector;
use crate::persistence::sqlite::data_directory::{self, DATABASE_FILE};
use crate::persistence::sqlite::schema;
use crate::persistence::sqlite::state::State;

/// Rows that are sent at once.
const ROWS_AT_ONCE: usize = 1_000;

/// The values of some rows, one row behind the other.
pub(super) type Rows = Vec<Vec<Cell>>;

/// The SQLite database, which nobody else writes to: the directory is locked, and so is the file.
pub(super) struct Source {
    conn: Option<Connection>,
    path: PathBuf,
    /// Held until the end.
    _lock: File,
    pub(super) epoch: String,
    pub(super) state: State,
    /// The highest numbers that rooms and audit entries were ever given.
    pub(super) last_room: i64,
    pub(super) last_audit: i64,
    /// How many rows move, about.
    pub(super) total: u64,
}

impl Source {
    /// Locks the directory and begins to read.
    pub(super) fn open(data_dir: &Path, lock: File) -> Result<Self, MigrateError> {
        let path = data_dir.join(DATABASE_FILE);
        let failed = |error: rusqlite::Error| unreadable(&path, &error);
        let connector = Connector {
            path: path.clone(),
            synchronous: Synchronous::Full,
        };
        let conn = connector.writer().map_err(failed)?;
        // A command that has opened the database before waits until the copy is complete.
        conn.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
        let last = |table: &str| {
            conn.query_row(
                "SELECT ifnull(max(seq), 0) FROM sqlite_sequence WHERE name = ?1",
                [table],
                |row| row.get::<_, i64>(0),
            )
        };
        Ok(Self {
            epoch: schema::epoch(&conn).map_err(failed)?,
            state: State::load(&conn).map_err(failed)?,
            last_room: last("rooms").map_err(failed)?,
            last_audit: last("audit").map_err(failed)?,
            total: conn
                .query_row(TOTAL, [], |row| row.get::<_, i64>(0))
                .map_err(failed)?
                .unsigned_abs(),
            conn: Some(conn),
            _lock: lock,
            path,
        })
    }

    /// Takes the directory's lock.
    pub(super) fn lock(data_dir: &Path) -> Result<File, MigrateError> {
        Ok(data_directory::lock(data_dir)?)
    }

    /// Sends the rows of a table. An early end of the receiver ends it.
    pub(super) async fn read(
        &mut self,
        table: &'static Table,
        rows: mpsc::Sender<Rows>,
    ) -> Result<(), MigrateError> {
        let conn = self.conn.take().ok_or(MigrateError::Interrupted)?;
        let path = self.path.clone();
        let (conn, result) = blocking(move || {
            let result = send(&conn, &path, table, &rows);
            (conn, result)
        })
        .await?;
        self.conn = Some(conn);
        result
    }

    /// The numbers of a query that finds one row of them.
    pub(super) fn numbers(&self, sql: &str) -> Result<Vec<i64>, MigrateError> {
        let conn = self.conn.as_ref().ok_or(MigrateError::Interrupted)?;
        let read = || -> rusqlite::Result<Vec<i64>> {
            let mut statement = conn.prepare(sql)?;
            let columns = statement.column_count();
            statement.query_row([], |row| {
                (0..columns)
                    .map(|column| Ok(row.get::<_, Option<i64>>(column)?.unwrap_or(0)))
                    .collect()
            })
        };
        read().map_err(|error| unreadable(&self.path, &error))
    }
}

fn send(
    conn: &Connection,
    path: &Path,
    table: &Table,
    sender: &mpsc::Sender<Rows>,
) -> Result<(), MigrateError> {
    let failed = |error: rusqlite::Error| unreadable(path, &error);
    let mut statement = conn.prepare(table.read).map_err(failed)?;
    let mut found = statement.query([]).map_err(failed)?;
    let mut rows = Vec::with_capacity(ROWS_AT_ONCE);
    while let Some(row) = found.next().map_err(failed)? {
        let mut cells = Vec::with_capacity(table.columns.len());
        for (column, (name, kind)) in table.columns.iter().enumerate() {
            let value = row.get_ref(column).map_err(failed)?;
            cells.push(kind.cell(value).ok_or(MigrateError::BadValue {
                table: table.name,
                column: name,
            })?);
        }
        rows.push(cells);
        if rows.len() == ROWS_AT_ONCE && sender.blocking_send(std::mem::take(&mut rows)).is_err() {
            return Ok(());
        }
    }
    // Nobody receives it when the copy has failed, which the other side reports.
    let _ = sender.blocking_send(rows);
    Ok(())
}

fn unreadable(path: &Path, error: &rusqlite::Error) -> MigrateError {
    MigrateError::Source {
        path: path.to_owned(),
        cause: error.to_string(),
    }
}
