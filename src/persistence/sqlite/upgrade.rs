//! Upgrades an older database, after making a backup of it.
//!
//! A step of the schema is one transaction, so a kill leaves the database between two steps and
//! the next start continues. A marker file shows that start that the backup has been made: it is
//! written when the backup is complete, and stays until the last step is done.

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
/// The backup while it is made. Automatic backups remove such names, so nothing of a killed upgrade
/// stays for long when the older version is started again.
const STAGED_FILE: &str = "shoptalk-before-upgrade.partial";
/// What is encrypted, in the data directory: nothing plain gets to the directory of backups, which
/// may be on another machine.
const PLAIN_FILE: &str = "backup-before-upgrade.partial";
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
                self.make_room(conn, earlier)?;
                self.check_space(conn)?;
                tracing::info!(
                    from,
                    to,
                    "upgrading the database; a backup of it is made first"
                );
                let backup = self.back_up(conn, from)?;
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

    /// Makes a backup of the whole database beside the other backups, and the marker.
    fn back_up(&self, conn: &Connection, from: u64) -> Result<PathBuf, OpenError> {
        let backup = self.try_back_up(conn, from);
        if backup.is_err() {
            // The cause is reported, not that the rest stays, which it may for the same reason.
            let _ = self.remove_unfinished();
        }
        backup
    }

    fn try_back_up(&self, conn: &Connection, from: u64) -> Result<PathBuf, OpenError> {
        let staged = self.backup_dir.join(STAGED_FILE);
        let is_encrypted = !self.recipients.is_empty();
        let copy = match is_encrypted {
            true => self.data_dir.join(PLAIN_FILE),
            false => staged.clone(),
        };
        data_directory::create_database(&copy)?;
        self.copy(conn, &copy)
            .map_err(|error| self.sqlite(&error))?;
        let sealed = backup_file::seal(&copy)
            .and_then(|_| backup_file::verify(&copy))
            .map_err(|error| {
                self.database(format!(
                    "no backup could be made before its upgrade, and nothing was changed: {error}"
                ))
            })?;
        let made_at = sealed.made_at.to_string().replace(':', "-");
        let mut name = format!("{BACKUP_PREFIX}from-schema-{from}-{made_at}.db");
        if is_encrypted {
            name.push_str(".age");
            self.encrypt(&copy, &staged)?;
            self.remove(&copy)?;
        }
        let backup = self.backup_dir.join(name);
        // Before the backup has its name: one that is not in the marker would stay forever.
        self.write_marker(&Marker {
            schema: from,
            backup: backup.clone(),
        })?;
        std::fs::rename(&staged, &backup)
            .and_then(|()| File::open(self.backup_dir)?.sync_all())
            .map_err(|cause| io_failed(&backup, cause))?;
        Ok(backup)
    }

    /// Encrypts the copy under the name of the unfinished backup.
    fn encrypt(&self, plain: &Path, encrypted: &Path) -> Result<(), OpenError> {
        data_directory::create_database(encrypted)?;
        File::options()
            .write(true)
            .open(encrypted)
            .and_then(|target| encryption::encrypt(plain, &target, self.recipients))
            .map_err(|cause| io_failed(encrypted, cause))
    }

    /// Removes what an attempt has left that ended before its first step: on a disk that had just
    /// enough space, the next one would find too little.
    fn make_room(&self, conn: &Connection, earlier: Option<Marker>) -> Result<(), OpenError> {
        // The older version may have run since, so another backup is made.
        if let Some(earlier) = earlier {
            self.remove(&earlier.backup)?;
        }
        self.remove_unfinished()?;
        // A killed step may have written all of the database into it.
        conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .map_err(|error| self.sqlite(&error))
    }

    /// Removes a backup that is not finished.
    fn remove_unfinished(&self) -> Result<(), OpenError> {
        let staged = self.backup_dir.join(STAGED_FILE);
        let plain = self.data_dir.join(PLAIN_FILE);
        for path in [staged, plain] {
            self.remove(Path::new(&format!("{}-journal", path.display())))?;
            self.remove(&path)?;
        }
        Ok(())
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
            // An encrypted one is made from a plain one, which is beside the database.
            if self.recipients.is_empty() { 0 } else { 1 },
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
        self.remove(&self.marker_path())
    }

    /// Removes a file, if it is there.
    fn remove(&self, path: &Path) -> Result<(), OpenError> {
        match std::fs::remove_file(path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(io_failed(path, cause)),
            _ => Ok(()),
        }
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
/// and has. A step may write every page into the write-ahead log and sort as much again; the
/// backup takes as much, on a disk of its own if `free_for_backups` is given, and `copies` more
/// beside the database while it is made.
fn lacking_space(
    size: u64,
    free: u64,
    free_for_backups: Option<u64>,
    copies: u64,
) -> Option<(Disk, u64, u64)> {
    let backups_here = if free_for_backups.is_some() { 0 } else { 1 };
    let needed = size * (2 + copies + backups_here);
    if free < needed {
        return Some((Disk::Data, needed, free));
    }
    free_for_backups
        .filter(|free| *free < size)
        .map(|free| (Disk::Backups, size, free))
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

fn io_failed(path: &Path, cause: io::Error) -> OpenError {
    OpenError::Io {
        path: path.to_owned(),
        cause,
    }
}

#[cfg(test)]
mod tests;
