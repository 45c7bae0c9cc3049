//! Replaces the database with a backup.
//!
//! The new database is prepared under another name. Then the present files are set aside and the
//! new one takes their place, which is not one step for the system: a write-ahead log must never
//! be beside a database that it does not belong to. So a file records the intention first, and whoever
//! opens the database next finishes what a kill has interrupted.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::chat::Timestamp;
use crate::persistence::sqlite::backup_file;
use crate::persistence::sqlite::commit_mark;
use crate::persistence::sqlite::data_directory::{self, DATABASE_FILE};
use crate::persistence::{Erased, RestoreError, RestoreReport};

mod prepare;
mod present;

use prepare::prepare;

/// The new database until it takes the place of the present one.
const PREPARED_FILE: &str = "shoptalk.db.restored";
/// Exists while the files are being exchanged.
const INTENTION_FILE: &str = "shoptalk.db.exchanging";
/// What SQLite keeps beside a database.
const BESIDE: [&str; 2] = ["-wal", "-shm"];
/// The end of a database's name while all of it is written again.
const REWRITTEN_END: &str = "-rewritten";

/// Replaces the database of a directory with a backup. The present files are kept in a directory
/// of their own. What was erased since, by the present files and by `erased`, is erased again.
pub fn restore(
    data_dir: &Path,
    backup: &Path,
    erased: &Erased,
) -> Result<RestoreReport, RestoreError> {
    data_directory::create(data_dir)?;
    let _lock = data_directory::lock(data_dir)?;
    finish_exchange(data_dir).map_err(|cause| in_directory(data_dir, cause))?;
    let manifest = backup_file::verify(backup)?;
    let prepared = data_dir.join(PREPARED_FILE);
    let present = data_dir.join(DATABASE_FILE);
    let made = prepare(backup, &prepared, &present, erased).inspect_err(|_| {
        // Only the first failure is reported; the next restore removes what cannot be removed now.
        let _ = remove_database(&prepared);
    })?;
    let aside = present.exists().then(|| aside_directory(data_dir));
    exchange(data_dir, aside.as_deref()).map_err(|cause| in_directory(data_dir, cause))?;
    Ok(RestoreReport {
        manifest,
        set_aside: aside,
        kept_from_present: made.present.kept,
        erasures_from_present: made.present.erased.is_some(),
        erased_again: made.erased_again,
    })
}

fn in_directory(data_dir: &Path, cause: io::Error) -> RestoreError {
    RestoreError::Io {
        path: data_dir.to_owned(),
        cause,
    }
}

fn aside_directory(data_dir: &Path) -> PathBuf {
    let now = Timestamp::now().to_string().replace(':', "-");
    data_dir.join(format!("before-restore-{now}"))
}

/// Puts the prepared database in the place of the present files.
fn exchange(data_dir: &Path, aside: Option<&Path>) -> io::Result<()> {
    if let Some(aside) = aside {
        std::fs::create_dir(aside)?;
        for end in ["", BESIDE[0], BESIDE[1]] {
            let name = format!("{DATABASE_FILE}{end}");
            let file = data_dir.join(&name);
            if file.exists() {
                // A second link, so that no file is missing whenever this is interrupted.
                std::fs::hard_link(&file, aside.join(&name))?;
            }
        }
        File::open(aside)?.sync_all()?;
    }
    File::create(data_dir.join(INTENTION_FILE))?.sync_all()?;
    File::open(data_dir)?.sync_all()?;
    finish_exchange(data_dir)
}

/// Finishes an exchange that was begun, if one was. The caller holds the directory's lock.
pub(crate) fn finish_exchange(data_dir: &Path) -> io::Result<()> {
    let intention = data_dir.join(INTENTION_FILE);
    if !intention.exists() {
        // Files that a restore left behind that was killed before the exchange.
        return remove_database(&data_dir.join(PREPARED_FILE));
    }
    let database = data_dir.join(DATABASE_FILE);
    commit_mark::remove(data_dir)?;
    for end in BESIDE {
        remove_if_there(&PathBuf::from(format!("{}{end}", database.display())))?;
    }
    let prepared = data_dir.join(PREPARED_FILE);
    if prepared.exists() {
        std::fs::rename(prepared, database)?;
    }
    File::open(data_dir)?.sync_all()?;
    std::fs::remove_file(intention)?;
    File::open(data_dir)?.sync_all()
}

fn remove_database(path: &Path) -> io::Result<()> {
    for end in ["", BESIDE[0], BESIDE[1], "-journal", REWRITTEN_END] {
        remove_if_there(&PathBuf::from(format!("{}{end}", path.display())))?;
    }
    Ok(())
}

fn rewritten_path(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}{REWRITTEN_END}", path.display()))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
