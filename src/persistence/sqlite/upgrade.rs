//! Upgrades an older database, after making a backup of it.
//!
//! A step of the schema is one transaction, so a kill leaves the database between two steps and
//! the next start continues. A marker file shows that start that the backup has been made: it
//! exists from the moment the backup is complete until the last step is done.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use age::x25519::Recipient;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use crate::encryption;
use crate::persistence::sqlite::backup_file;
use crate::persistence::sqlite::data_directory::{self, DATABASE_FILE};
use crate::persistence::sqlite::schema;
use crate::persistence::sqlite::tx_error::classify;
use crate::persistence::{OpenError, StoreOptions};

/// Exists while an upgrade is under way; holds the schema that it began with and the backup.
const MARKER_FILE: &str = "shoptalk.db.upgrading";
const BACKUP_PREFIX: &str = "before-upgrade-";
const STAGED_FILE: &str = "before-upgrade.partial";
const ENCRYPTED_FILE: &str = "before-upgrade.age.partial";
/// Pages copied between two checks whether progress is to be reported.
const PAGES_PER_STEP: i32 = 64;
/// Operations of SQLite's virtual machine between two such checks.
const OPERATIONS_PER_CHECK: i32 = 100_000;
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// Brings the schema up to date. The caller holds the directory's lock.
pub(crate) fn upgrade(conn: &mut Connection, options: &StoreOptions) -> Result<(), OpenError> {
    let upgrade = Upgrade {
        data_dir: &options.data_dir,
        backup_dir: &options.backup_dir,
        recipients: &options.backup_recipients,
        reporter: Reporter::new(options.still_upgrading),
    };
    let from = schema::version(conn).map_err(|error| upgrade.sqlite(&error))?;
    let holds_data = from > 0 && from < schema::LATEST;
    if holds_data && schema::has_accounts(conn).map_err(|error| upgrade.sqlite(&error))? {
        upgrade.with_backup(conn, from)
    } else {
        upgrade.migrate(conn)?;
        upgrade.remove_marker()
    }
}

struct Upgrade<'a> {
    data_dir: &'a Path,
    backup_dir: &'a Path,
    recipients: &'a [Recipient],
    reporter: Reporter,
}

/// Reports at once, then about once a second.
#[derive(Clone)]
struct Reporter {
    report: fn(),
    reported: Option<Instant>,
}

impl Reporter {
    fn new(report: fn()) -> Self {
        Self {
            report,
            reported: None,
        }
    }

    fn look(&mut self) {
        if self
            .reported
            .is_none_or(|reported| reported.elapsed() >= REPORT_INTERVAL)
        {
            (self.report)();
            self.reported = Some(Instant::now());
        }
    }
}

impl Upgrade<'_> {
    fn with_backup(&self, conn: &mut Connection, from: u64) -> Result<(), OpenError> {
        let to = schema::LATEST;
        match self.marker()? {
            Some(marker) if marker.schema < from => {
                tracing::info!(backup = %marker.backup.display(), from, to, "going on with the upgrade of the database");
            }
            earlier => {
                self.check_space(conn)?;
                tracing::info!(
                    from,
                    to,
                    "upgrading the database; a backup of it is made first"
                );
                let backup = self.back_up(conn, from)?;
                self.write_marker(&Marker {
                    schema: from,
                    backup: backup.clone(),
                })?;
                // An attempt that ended before its first step left the same again.
                if let Some(earlier) = earlier
                    && earlier.backup != backup
                {
                    remove_if_there(&earlier.backup)
                        .map_err(|cause| io_failed(&earlier.backup, cause))?;
                }
                tracing::info!(backup = %backup.display(), "the backup is made; the older version can restore it");
            }
        }
        self.migrate(conn)?;
        self.remove_marker()?;
        tracing::info!(from, to, "the database is upgraded");
        Ok(())
    }

    fn migrate(&self, conn: &mut Connection) -> Result<(), OpenError> {
        let mut reporter = self.reporter.clone();
        let watch = move || {
            reporter.look();
            // `true` would interrupt the statement.
            false
        };
        conn.progress_handler(OPERATIONS_PER_CHECK, Some(watch))
            .map_err(|error| self.sqlite(&error))?;
        let migrated = schema::migrate(conn);
        conn.progress_handler(0, None::<fn() -> bool>)
            .map_err(|error| self.sqlite(&error))?;
        migrated.map_err(|error| self.database(schema::describe(&error)))
    }

    /// Makes a backup of the whole database beside the other backups.
    fn back_up(&self, conn: &Connection, from: u64) -> Result<PathBuf, OpenError> {
        data_directory::create(self.backup_dir)?;
        let staged = self.backup_dir.join(STAGED_FILE);
        remove_if_there(&staged).map_err(|cause| io_failed(&staged, cause))?;
        data_directory::create_database(&staged)?;
        self.copy(conn, &staged)
            .map_err(|error| self.sqlite(&error))?;
        let sealed = backup_file::seal(&staged)
            .and_then(|_| backup_file::verify(&staged))
            .map_err(|error| {
                self.database(format!(
                    "no backup could be made before its upgrade, and nothing was changed: {error}"
                ))
            })?;
        let made_at = sealed.made_at.to_string().replace(':', "-");
        let mut name = format!("{BACKUP_PREFIX}from-schema-{from}-{made_at}.db");
        let mut finished = staged.clone();
        if !self.recipients.is_empty() {
            name.push_str(".age");
            finished = self.encrypt(&staged)?;
        }
        let backup = self.backup_dir.join(name);
        std::fs::rename(finished, &backup)
            .and_then(|()| remove_if_there(&staged))
            .and_then(|()| File::open(self.backup_dir)?.sync_all())
            .map_err(|cause| io_failed(&backup, cause))?;
        Ok(backup)
    }

    /// Encrypts a backup under another name.
    fn encrypt(&self, plain: &Path) -> Result<PathBuf, OpenError> {
        let encrypted = self.backup_dir.join(ENCRYPTED_FILE);
        remove_if_there(&encrypted).map_err(|cause| io_failed(&encrypted, cause))?;
        data_directory::create_database(&encrypted)?;
        File::options()
            .write(true)
            .open(&encrypted)
            .and_then(|target| encryption::encrypt(plain, &target, self.recipients))
            .map_err(|cause| io_failed(&encrypted, cause))?;
        Ok(encrypted)
    }

    fn copy(&self, conn: &Connection, to: &Path) -> rusqlite::Result<()> {
        let mut target = Connection::open(to)?;
        target.pragma_update(None, "synchronous", "OFF")?;
        let backup = Backup::new(conn, &mut target)?;
        let mut reporter = self.reporter.clone();
        while backup.step(PAGES_PER_STEP)? != StepResult::Done {
            reporter.look();
        }
        Ok(())
    }

    /// Refuses an upgrade that would fill the disk: before anything is changed, and with figures.
    fn check_space(&self, conn: &Connection) -> Result<(), OpenError> {
        let pages = |name| -> rusqlite::Result<u64> {
            conn.pragma_query_value(None, name, |row| {
                row.get::<_, i64>(0).map(i64::unsigned_abs)
            })
        };
        let size = pages("page_count")
            .and_then(|count| Ok(count * pages("page_size")?))
            .map_err(|error| self.sqlite(&error))?;
        data_directory::create(self.backup_dir)?;
        let free =
            |directory: &Path| free_bytes(directory).map_err(|cause| io_failed(directory, cause));
        let same_disk = device(self.data_dir).and_then(|data| Ok(data == device(self.backup_dir)?));
        let same_disk = same_disk.map_err(|cause| io_failed(self.backup_dir, cause))?;
        let lacking = lacking_space(
            size,
            free(self.data_dir)?,
            (!same_disk).then_some(free(self.backup_dir)?),
            // An encrypted one is made from a plain one.
            if self.recipients.is_empty() { 1 } else { 2 },
        );
        let Some((which, needed, found)) = lacking else {
            return Ok(());
        };
        let directory = match which {
            Disk::Data => self.data_dir,
            Disk::Backups => self.backup_dir,
        };
        Err(self.database(format!(
            "its upgrade needs {} MiB of free space in {} and finds {}; make room there, or go \
             back to the older version. Nothing was changed",
            needed.div_ceil(1 << 20),
            directory.display(),
            found >> 20,
        )))
    }

    fn marker_path(&self) -> PathBuf {
        self.data_dir.join(MARKER_FILE)
    }

    fn marker(&self) -> Result<Option<Marker>, OpenError> {
        let path = self.marker_path();
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Marker::parse(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(io_failed(&path, cause)),
        }
    }

    fn write_marker(&self, marker: &Marker) -> Result<(), OpenError> {
        let path = self.marker_path();
        let partial = path.with_extension("upgrading.partial");
        let write = || -> io::Result<()> {
            let mut file = File::options()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&partial)?;
            file.write_all(marker.to_string().as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&partial, &path)?;
            File::open(self.data_dir)?.sync_all()
        };
        write().map_err(|cause| io_failed(&path, cause))
    }

    fn remove_marker(&self) -> Result<(), OpenError> {
        let path = self.marker_path();
        remove_if_there(&path).map_err(|cause| io_failed(&path, cause))
    }

    fn sqlite(&self, error: &rusqlite::Error) -> OpenError {
        self.database(classify(error).to_string())
    }

    fn database(&self, cause: String) -> OpenError {
        OpenError::Database {
            path: self.data_dir.join(DATABASE_FILE),
            cause,
        }
    }
}

/// The content of the marker file.
#[derive(Debug, PartialEq, Eq)]
struct Marker {
    /// The schema of the backup.
    schema: u64,
    backup: PathBuf,
}

impl Marker {
    /// `None` for anything but the output of `to_string`: then another backup is made.
    fn parse(text: &str) -> Option<Self> {
        let (schema, backup) = text.strip_suffix('\n')?.split_once('\n')?;
        Some(Self {
            schema: schema.parse().ok()?,
            backup: PathBuf::from(backup),
        })
    }
}

impl std::fmt::Display for Marker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}\n{}", self.schema, self.backup.display())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disk {
    Data,
    Backups,
}

/// The disk that is too small for the upgrade of a database of `size` bytes, with what it needs
/// and has. A step may write every page into the write-ahead log and sort as much again, and
/// the backup takes `copies` more, on a disk of its own if `free_for_backups` is given.
fn lacking_space(
    size: u64,
    free: u64,
    free_for_backups: Option<u64>,
    copies: u64,
) -> Option<(Disk, u64, u64)> {
    let for_backup = size * copies;
    let needed = size * 2
        + if free_for_backups.is_some() {
            0
        } else {
            for_backup
        };
    if free < needed {
        return Some((Disk::Data, needed, free));
    }
    free_for_backups
        .filter(|free| *free < for_backup)
        .map(|free| (Disk::Backups, for_backup, free))
}

/// Bytes that this user can still write to the file system of a directory.
fn free_bytes(directory: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(directory)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

fn device(directory: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(std::fs::metadata(directory)?.dev())
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn io_failed(path: &Path, cause: io::Error) -> OpenError {
    OpenError::Io {
        path: path.to_owned(),
        cause,
    }
}

#[cfg(test)]
mod tests;
