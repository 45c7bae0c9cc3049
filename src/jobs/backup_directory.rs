//! The directory of automatic backups: their names, the manifest beside each, and their removal.
//!
//! What has another name, such as the operator's own files, is never touched.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};

use super::backup::{self, PARTIAL_SUFFIX, StagedBackup};
use super::rotation;
use crate::chat::Timestamp;
use crate::persistence::BackupManifest;

/// The format of the time in a name: `shoptalk-2026-11-29T06-35-00Z.db`.
const NAME_FORMAT: &str = "shoptalk-%Y-%m-%dT%H-%M-%SZ";
const DATABASE_END: &str = ".db";
/// Encrypted ones end with `.db.age`.
const ENCRYPTED_END: &str = ".db.age";
const MANIFEST_END: &str = ".json";
/// If a name is taken, the following seconds are tried, at most this many.
const SECONDS_TRIED: i64 = 60;

/// A backup in the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBackup {
    /// Where it is.
    pub path: PathBuf,
    /// When it was made, as its name says.
    pub made_at: Timestamp,
    /// Its size.
    pub bytes: u64,
    /// Whether it takes an identity to read it.
    pub encrypted: bool,
}

/// The manifest beside each backup, for people and for tools that cannot read the backup itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// The backup's name.
    pub file: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// The version of the program that made it.
    pub version: String,
    /// The number of its schema.
    pub schema: u64,
    /// The epoch of the database.
    pub epoch: String,
    /// Rooms in it.
    pub rooms: u64,
    /// Messages in it.
    pub messages: u64,
    /// Visitors in it.
    pub visitors: u64,
    /// Agents in it.
    pub agents: u64,
    /// Whether it takes an identity to read it.
    pub encrypted: bool,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of the file as it lies here, so that `sha256sum` can check a copy of it.
    pub sha256: String,
}

/// The backups of a directory, the oldest first. None if the directory does not exist.
pub fn list(directory: &Path) -> io::Result<Vec<StoredBackup>> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some((made_at, encrypted)) = parse(&name.to_string_lossy()) else {
            continue;
        };
        // It may have been removed meanwhile.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        found.push(StoredBackup {
            path: entry.path(),
            made_at,
            bytes: metadata.len(),
            encrypted,
        });
    }
    found.sort_by_key(|backup| backup.made_at);
    Ok(found)
}

/// When a backup of this name was made, and whether it is encrypted.
fn parse(name: &str) -> Option<(Timestamp, bool)> {
    let (stem, encrypted) = match name.strip_suffix(ENCRYPTED_END) {
        Some(stem) => (stem, true),
        None => (name.strip_suffix(DATABASE_END)?, false),
    };
    let time = NaiveDateTime::parse_from_str(stem, NAME_FORMAT).ok()?;
    let made_at = Timestamp(time.and_utc().timestamp_millis());
    Some((made_at, encrypted))
}

fn stem(made_at: Timestamp) -> String {
    let time = DateTime::<Utc>::from_timestamp_millis(made_at.0).unwrap_or(DateTime::UNIX_EPOCH);
    time.format(NAME_FORMAT).to_string()
}

/// Makes the directory, closed to other users, and removes what killed backups have left in it.
/// To be called while no backup is made.
pub fn prepare(directory: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_ours = name.starts_with("shoptalk-");
        let is_lone_manifest = name.strip_suffix(MANIFEST_END).is_some_and(|stem| {
            [DATABASE_END, ENCRYPTED_END]
                .iter()
                .all(|end| !directory.join(format!("{stem}{end}")).exists())
        });
        if is_ours && (name.ends_with(PARTIAL_SUFFIX) || is_lone_manifest) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Moves a finished backup into the directory and writes its manifest beside it. A failure leaves
/// neither of them.
pub fn store(directory: &Path, staged: StagedBackup) -> io::Result<StoredBackup> {
    let manifest = staged.manifest().clone();
    let encrypted = staged.is_encrypted();
    let sha256 = staged.sha256().to_owned();
    let bytes = staged.path().metadata()?.len();
    let (path, made_at) = move_in(directory, &staged, &manifest)?;
    let stored = StoredBackup {
        path,
        made_at,
        bytes,
        encrypted,
    };
    let name = stored.path.file_name().unwrap_or_default();
    let beside = ManifestFile {
        file: name.to_string_lossy().into_owned(),
        made_at: manifest.made_at,
        version: manifest.version,
        schema: manifest.schema,
        epoch: manifest.epoch,
        rooms: manifest.rooms,
        messages: manifest.messages,
        visitors: manifest.visitors,
        agents: manifest.agents,
        encrypted,
        bytes,
        sha256,
    };
    match write_manifest(&manifest_path(&stored.path), &beside) {
        Ok(()) => Ok(stored),
        Err(error) => {
            // The cause is reported, not that the rest stays, which it may for the same reason.
            let _ = remove(&stored);
            Err(error)
        }
    }
}

fn move_in(
    directory: &Path,
    staged: &StagedBackup,
    manifest: &BackupManifest,
) -> io::Result<(PathBuf, Timestamp)> {
    let end = match staged.is_encrypted() {
        true => ENCRYPTED_END,
        false => DATABASE_END,
    };
    let second = manifest.made_at.0.div_euclid(1_000) * 1_000;
    for later in 0..SECONDS_TRIED {
        let made_at = Timestamp(second + later * 1_000);
        let path = directory.join(format!("{}{end}", stem(made_at)));
        match backup::move_out(staged.path(), &path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            moved => return moved.map(|()| (path, made_at)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn write_manifest(path: &Path, manifest: &ManifestFile) -> io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(PARTIAL_SUFFIX);
    let mut text = serde_json::to_vec_pretty(manifest)?;
    text.push(b'\n');
    let write = || {
        let mut file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&partial)?;
        file.write_all(&text)?;
        file.sync_all()?;
        std::fs::rename(&partial, path)
    };
    write().inspect_err(|_| {
        let _ = std::fs::remove_file(&partial);
    })?;
    backup::fsync_parent(path)
}

/// Removes the backups that the rotation does not keep, but never `newest`, whatever its time is.
/// Returns how many.
pub fn rotate(directory: &Path, newest: &StoredBackup) -> io::Result<usize> {
    let backups = list(directory)?;
    let outdated = rotation::outdated(backups.iter().map(|backup| backup.made_at).collect());
    let mut removed = 0;
    for backup in &backups {
        if backup.path != newest.path && outdated.contains(&backup.made_at) {
            remove(backup)?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Removes the oldest backups until `missing_bytes` more are free, if the newest ones can stay.
/// Returns the removed ones. Removes none if that is not enough.
pub fn make_room(directory: &Path, missing_bytes: u64) -> io::Result<Vec<StoredBackup>> {
    let backups = list(directory)?;
    let sizes = backups.iter().map(|backup| (backup.made_at, backup.bytes));
    let Some(oldest) = rotation::oldest_to_free(sizes.collect(), missing_bytes) else {
        return Ok(Vec::new());
    };
    let gone: Vec<_> = backups
        .into_iter()
        .filter(|backup| oldest.contains(&backup.made_at))
        .collect();
    gone.iter().try_for_each(remove)?;
    Ok(gone)
}

fn remove(backup: &StoredBackup) -> io::Result<()> {
    let remove_if_there = |path: &Path| match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    remove_if_there(&backup.path)?;
    remove_if_there(&manifest_path(&backup.path))
}

/// The path of a backup's manifest.
fn manifest_path(backup: &Path) -> PathBuf {
    let name = backup.to_string_lossy();
    let stem = name
        .strip_suffix(ENCRYPTED_END)
        .or_else(|| name.strip_suffix(DATABASE_END))
        .unwrap_or(&name);
    PathBuf::from(format!("{stem}{MANIFEST_END}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(directory)
            .expect("listed")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }

    fn staged(directory: &Path, made_at: Timestamp) -> StagedBackup {
        let path = directory.join("staged");
        std::fs::write(&path, "abc").expect("written");
        StagedBackup::for_test(
            path,
            BackupManifest {
                version: "1".into(),
                schema: 5,
                epoch: "e".into(),
                made_at,
                rooms: 1,
                messages: 2,
                visitors: 3,
                agents: 4,
            },
        )
    }

    #[test]
    fn a_backup_is_stored_under_its_time_with_a_manifest() {
        let (outside, directory) = (
            tempfile::tempdir().expect("one"),
            tempfile::tempdir().expect("two"),
        );
        let at = Timestamp(1_796_020_500_123);
        let first = store(directory.path(), staged(outside.path(), at)).expect("stored");
        let second =
            store(directory.path(), staged(outside.path(), at)).expect("stored in the next second");
        assert_eq!(second.made_at.0 - first.made_at.0, 1_000);
        assert_eq!(
            names(directory.path()),
            [
                "shoptalk-2026-11-30T06-35-00Z.db",
                "shoptalk-2026-11-30T06-35-00Z.json",
                "shoptalk-2026-11-30T06-35-01Z.db",
                "shoptalk-2026-11-30T06-35-01Z.json",
            ]
        );
        let text = std::fs::read_to_string(manifest_path(&first.path)).expect("read");
        let manifest: ManifestFile = serde_json::from_str(&text).expect("a manifest");
        assert_eq!(manifest.sha256, "00ff");
        assert_eq!((manifest.messages, manifest.bytes), (2, 3));
        assert_eq!(list(directory.path()).expect("listed"), [first, second]);
        assert_eq!(list(Path::new("/no/such/directory")).expect("none"), []);
    }

    #[test]
    fn a_backup_without_its_manifest_does_not_stay() {
        let (outside, directory) = (
            tempfile::tempdir().expect("one"),
            tempfile::tempdir().expect("two"),
        );
        let at = Timestamp(1_796_020_500_123);
        // Something is in the place of the manifest that no file replaces.
        let taken = directory.path().join("shoptalk-2026-11-30T06-35-00Z.json");
        std::fs::create_dir(&taken).expect("made");
        let failed = store(directory.path(), staged(outside.path(), at));
        failed.expect_err("the manifest cannot be written");
        assert_eq!(
            names(directory.path()),
            ["shoptalk-2026-11-30T06-35-00Z.json"]
        );
        assert_eq!(names(outside.path()), [""; 0]);
    }

    #[test]
    fn only_its_own_leftovers_and_outdated_backups_are_removed() {
        let directory = tempfile::tempdir().expect("a directory");
        let dir = directory.path();
        for name in [
            "erasures.jsonl",
            "shoptalk-old.db",
            "notes.partial",
            "shoptalk-2026-01-01T00-00-00Z.db.x.partial",
            "shoptalk-2026-01-01T00-00-00Z.json",
            "shoptalk-2026-01-02T00-00-00Z.db.age",
            "shoptalk-2026-01-02T00-00-00Z.json",
            "shoptalk-2026-01-02T00-00-01Z.db",
            "shoptalk-2026-01-02T00-00-02Z.db",
            "before-upgrade-from-schema-4-2025-01-01T00-00-00.000Z.db",
        ] {
            std::fs::write(dir.join(name), "x").expect("written");
        }
        prepare(dir).expect("prepared");
        let newest = list(dir).expect("listed").pop().expect("one");
        assert_eq!(rotate(dir, &newest).expect("rotated"), 2);
        assert_eq!(
            names(dir),
            [
                "before-upgrade-from-schema-4-2025-01-01T00-00-00.000Z.db",
                "erasures.jsonl",
                "notes.partial",
                "shoptalk-2026-01-02T00-00-02Z.db",
                "shoptalk-old.db",
            ]
        );
    }

    #[test]
    fn room_is_made_only_if_it_is_enough() {
        let directory = tempfile::tempdir().expect("a directory");
        for day in 1..=4 {
            let name = format!("shoptalk-2026-01-0{day}T00-00-00Z.db");
            std::fs::write(directory.path().join(name), "ten bytes.").expect("written");
        }
        assert_eq!(make_room(directory.path(), 21).expect("tried"), []);
        assert_eq!(list(directory.path()).expect("listed").len(), 4);
        assert_eq!(make_room(directory.path(), 11).expect("made").len(), 2);
        assert_eq!(list(directory.path()).expect("listed").len(), 2);
    }
}
