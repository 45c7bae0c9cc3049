//! The figures that `shoptalk stats` prints.

use std::fmt;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::backup_directory;
use crate::chat::{Counts, Timestamp};
use crate::persistence::{Store, StoreError, StoreStats};

/// The figures of a data directory: those of its database, and those of its files and its disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// The database.
    #[serde(flatten)]
    pub database: StoreStats,
    /// Bytes of its write-ahead log; none with PostgreSQL, whose files are not this program's.
    pub log_bytes: Option<u64>,
    /// Bytes that are free on its disk; none with PostgreSQL.
    pub free_bytes: Option<u64>,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum StatsError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The data directory cannot be read.
    #[error("cannot read the data directory: {0}")]
    Io(#[from] io::Error),
}

impl Stats {
    /// Gathers the figures of a data directory.
    ///
    /// # Errors
    ///
    /// When the database or its directory cannot be read.
    pub async fn gather(
        store: &Store,
        data_dir: &Path,
        backup_dir: &Path,
    ) -> Result<Self, StatsError> {
        let mut database = store.stats().await?;
        if store.is_shared() {
            return Ok(Self {
                database,
                log_bytes: None,
                free_bytes: None,
            });
        }
        let disk = rustix::fs::statvfs(data_dir).map_err(io::Error::from)?;
        let log = match data_dir.join("shoptalk.db-wal").metadata() {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error.into()),
        };
        let scheduled = backup_directory::list(backup_dir)?;
        let scheduled = scheduled.last().map(|backup| backup.made_at);
        database.last_backup_at = database.last_backup_at.max(scheduled);
        Ok(Self {
            database,
            log_bytes: Some(log),
            free_bytes: Some(disk.f_bavail.saturating_mul(disk.f_frsize)),
        })
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            database,
            log_bytes,
            free_bytes,
        } = self;
        let Counts {
            waiting,
            active,
            closed,
        } = database.rooms;
        let (spam, empty) = (database.spam_rooms, database.empty_rooms);
        let rooms = waiting + active + closed + spam + empty;
        let at = |at: Option<Timestamp>| at.map_or("never".to_owned(), |at| at.to_string());
        writeln!(out, "database       {}", size(database.database_bytes))?;
        if let (Some(log_bytes), Some(free_bytes)) = (log_bytes, free_bytes) {
            writeln!(out, "  unused in it {}", size(database.unused_bytes))?;
            writeln!(out, "log            {}", size(*log_bytes))?;
            writeln!(out, "free on disk   {}", size(*free_bytes))?;
        }
        writeln!(
            out,
            "rooms          {rooms} ({waiting} waiting, {active} active, {closed} closed, {spam} spam, {empty} without messages)"
        )?;
        writeln!(out, "messages       {}", database.messages)?;
        writeln!(out, "visitors       {}", database.visitors)?;
        writeln!(out, "agents         {}", database.agents)?;
        writeln!(out, "oldest room    {}", at(database.oldest_at))?;
        writeln!(out, "newest message {}", at(database.newest_at))?;
        // PostgreSQL is backed up by its own tools.
        match log_bytes {
            Some(_) => writeln!(out, "last backup    {}", at(database.last_backup_at)),
            None => Ok(()),
        }
    }
}

/// Bytes, and the same in a unit that is easy to read.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let (mut tenths, mut unit) = (u128::from(bytes) * 10 / 1024, 0);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!(
        "{}.{} {} ({bytes} bytes)",
        tenths / 10,
        tenths % 10,
        UNITS[unit]
    )
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_shown_in_a_fitting_unit() {
        assert_eq!(size(0), "0.0 KiB (0 bytes)");
        assert_eq!(size(1536), "1.5 KiB (1536 bytes)");
        assert_eq!(size(5 * 1024 * 1024), "5.0 MiB (5242880 bytes)");
        assert_eq!(size(3 << 40), "3.0 TiB (3298534883328 bytes)");
    }
}
