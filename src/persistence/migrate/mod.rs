//! Moving a database from SQLite to PostgreSQL: all of it in one transaction there, with the same
//! epoch, so that clients, sessions and cursors go on where they were.
//!
//! From `Moved { finished: false }` on, nobody opens the SQLite database. A run that was killed left
//! nothing in PostgreSQL, or everything, which shows in the epoch; another run does the rest.

mod cell;
mod source;
mod tables;
mod target;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use self::source::Source;
use self::tables::TABLES;
use self::target::Target;
use crate::persistence::postgres::connect::without_password;
use crate::persistence::sqlite::moved::{MOVED_FILE, Moved};
use crate::persistence::{OpenError, Store, StoreOptions};

/// Batches of rows that wait to be written.
const BATCHES_AHEAD: usize = 4;

/// How far a move is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrateStep {
    /// Nobody opens the SQLite database from now on.
    Marked,
    /// This many rows of so many were copied.
    Copied {
        /// Rows that were.
        done: u64,
        /// Rows in all, about.
        total: u64,
    },
    /// Everything was copied and compared, and is about to be committed.
    Compared,
    /// It is in PostgreSQL.
    Committed,
}

/// What a move has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrated {
    /// The database was moved.
    Now,
    /// An earlier run had moved it.
    Before,
}

/// Why a database was not moved. What is in SQLite is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The SQLite database cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    Source {
        /// Its file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// A value in the SQLite database is not of its kind.
    #[error(
        "the SQLite database is damaged: {table}.{column} holds a value of another kind; restore a backup, then try again"
    )]
    BadValue {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// It moves, or has moved, elsewhere.
    #[error(
        "the database of this directory moves to {0}, or has moved there; name that one with --to"
    )]
    Elsewhere(String),
    /// PostgreSQL cannot be used, or has failed.
    #[error("cannot use {url}: {cause}; nothing was moved, and the same command tries again")]
    Target {
        /// The URL without a password.
        url: String,
        /// Why.
        cause: String,
    },
    /// Another shop is in the PostgreSQL database.
    #[error(
        "{url} has data of its own, or a server runs on it, so nothing was moved; name a new, empty database (CREATE DATABASE)"
    )]
    InUse {
        /// The URL without a password.
        url: String,
    },
    /// The copy is not what was copied.
    #[error(
        "the copy of the table {table} differs from the original, so nothing was moved; please report this"
    )]
    Differs {
        /// The table.
        table: &'static str,
    },
    /// A part of this program has ended early.
    #[error("the move was interrupted; the same command tries again")]
    Interrupted,
}

/// Moves the database of a directory. Nobody may serve it; `step` is called with what was done.
///
/// # Errors
///
/// When a database cannot be used. The same call tries again, and completes what was begun.
pub async fn migrate(
    options: StoreOptions,
    to: &str,
    mut step: impl FnMut(MigrateStep),
) -> Result<Migrated, MigrateError> {
    let data_dir = options.data_dir.clone();
    let name = without_password(to);
    let moved = read_marker(&data_dir)?;
    match &moved {
        Some(moved) if moved.to != name => return Err(MigrateError::Elsewhere(moved.to.clone())),
        Some(Moved { finished: true, .. }) => return Ok(Migrated::Before),
        Some(_) => {}
        // Upgrades it, and completes whatever was interrupted.
        None => {
            let store = blocking(|| Store::open(options)).await??;
            store.close().await;
        }
    }
    let lock = Source::lock(&data_dir)?;
    let target = Target::open(to).await?;
    let marker = Moved {
        to: name,
        finished: false,
    };
    write_marker(&marker, &data_dir)?;
    step(MigrateStep::Marked);
    let directory = data_dir.clone();
    let mut source = blocking(move || Source::open(&directory, lock)).await??;
    let copied = copy(&mut source, &target, &mut step).await;
    if moved.is_none() && copied.as_ref().is_err_and(MigrateError::is_certain) {
        // It can be served again as before.
        remove_marker(&data_dir)?;
    }
    copied?;
    step(MigrateStep::Committed);
    let marker = Moved {
        finished: true,
        ..marker
    };
    write_marker(&marker, &data_dir)?;
    Ok(Migrated::Now)
}

impl MigrateError {
    /// Whether nothing can be in PostgreSQL.
    fn is_certain(&self) -> bool {
        matches!(
            self,
            Self::InUse { .. } | Self::Differs { .. } | Self::BadValue { .. } | Self::Source { .. }
        )
    }
}

async fn copy(
    source: &mut Source,
    target: &Target,
    step: &mut impl FnMut(MigrateStep),
) -> Result<(), MigrateError> {
    if target.begin(source).await? {
        return Ok(());
    }
    let (mut done, total) = (0, source.total);
    for table in TABLES {
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        let mut copied = |rows| {
            done += rows;
            // Small tables are not counted.
            step(MigrateStep::Copied {
                done,
                total: total.max(done),
            });
        };
        let (read, written) = tokio::join!(
            source.read(table, sender),
            target.copy(table, receiver, &mut copied),
        );
        read.and(written)?;
    }
    for table in TABLES {
        target.compare(source, table).await?;
    }
    target.write_numbers(source).await?;
    step(MigrateStep::Compared);
    target.commit().await
}

fn read_marker(data_dir: &Path) -> Result<Option<Moved>, MigrateError> {
    let path = data_dir.join(MOVED_FILE);
    Ok(Moved::read(data_dir).map_err(|cause| OpenError::Io { path, cause })?)
}

fn write_marker(marker: &Moved, data_dir: &Path) -> Result<(), MigrateError> {
    let path = data_dir.join(MOVED_FILE);
    let written = marker.write(data_dir);
    Ok(written.map_err(|cause| OpenError::Io { path, cause })?)
}

fn remove_marker(data_dir: &Path) -> Result<(), MigrateError> {
    let path = data_dir.join(MOVED_FILE);
    let removed = std::fs::remove_file(&path);
    Ok(removed.map_err(|cause| OpenError::Io { path, cause })?)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, MigrateError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| MigrateError::Interrupted)
}
