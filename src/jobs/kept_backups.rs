//! Copies of the database that are kept, and until when.

use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::backup_directory::{self, StoredBackup};
use super::registry;
use super::rotation;
use super::schedule::BackupSettings;
use crate::chat::Timestamp;

/// How the name of a directory begins with files that a restore has set aside.
const SET_ASIDE_PREFIX: &str = "before-restore-";

/// A copy of the database that is older than an erasure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct KeptBackup {
    /// The file, or the directory with files that a restore has set aside.
    pub file: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it is deleted at the latest, as long as backups are made; null when nobody but the
    /// operator deletes it.
    pub kept_until: Option<Timestamp>,
}

/// The copies that are kept now: in the directory of backups, in the data directory's own, where
/// backups before upgrades may be, those of jobs, and what restores have set aside. Sorted by name.
pub fn list(settings: &BackupSettings, now: Timestamp) -> Vec<KeptBackup> {
    let by_default = settings.data_dir.join("backups");
    let mut kept = files_in(&settings.directory, is_database);
    if by_default != settings.directory {
        kept.extend(files_in(&by_default, is_database));
    }
    kept.extend(files_in(&settings.data_dir, |name| {
        name.starts_with(SET_ASIDE_PREFIX)
    }));
    let of_jobs = files_in(
        &registry::directory(&settings.data_dir),
        registry::is_backup,
    );
    kept.extend(of_jobs.into_iter().map(|backup| KeptBackup {
        kept_until: Some(Timestamp(backup.made_at.0 + registry::KEPT_MS)),
        ..backup
    }));
    // A directory that cannot be read has shown no files above, either.
    let rotated = backup_directory::list(&settings.directory).unwrap_or_default();
    date(&mut kept, &rotated, settings, now);
    kept.sort_by(|one, other| one.file.cmp(&other.file));
    kept
}

fn is_database(name: &str) -> bool {
    name.ends_with(".db") || name.ends_with(".db.age")
}

/// Dates those that the rotation removes.
fn date(
    kept: &mut [KeptBackup],
    rotated: &[StoredBackup],
    settings: &BackupSettings,
    now: Timestamp,
) {
    let times = rotated.iter().map(|backup| backup.made_at).collect();
    let every_ms = i64::try_from(settings.every.as_millis()).unwrap_or(i64::MAX);
    let removals = rotation::removals(times, every_ms, now);
    for backup in rotated {
        let file = backup.path.display().to_string();
        if let Some(kept) = kept.iter_mut().find(|kept| kept.file == file) {
            kept.made_at = backup.made_at;
            kept.kept_until = removals.get(&backup.made_at).copied();
        }
    }
}

/// The entries of a directory with such a name. None if the directory does not exist.
fn files_in(directory: &Path, is_wanted: impl Fn(&str) -> bool) -> Vec<KeptBackup> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let kept = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let name = entry.file_name().into_string().ok()?;
        let changed = entry.metadata().ok()?.modified().ok()?;
        let changed = changed.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        is_wanted(&name).then(|| KeptBackup {
            file: entry.path().display().to_string(),
            made_at: Timestamp(i64::try_from(changed.as_millis()).unwrap_or(i64::MAX)),
            kept_until: None,
        })
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn those_that_the_rotation_removes_say_when_and_others_stay() {
        let data_dir = tempfile::tempdir().expect("a directory");
        let directory = tempfile::tempdir().expect("a directory");
        let by_default = data_dir.path().join("backups");
        std::fs::create_dir(&by_default).expect("made");
        std::fs::create_dir(data_dir.path().join("before-restore-x")).expect("made");
        std::fs::write(by_default.join("before-upgrade-x.db"), "").expect("written");
        for name in [
            "erasures.jsonl",
            "mine.db",
            "shoptalk-2026-11-28T03-00-00Z.db.age",
            "shoptalk-2026-11-29T03-00-00Z.db.age",
        ] {
            std::fs::write(directory.path().join(name), "").expect("written");
        }
        let mut settings = BackupSettings {
            data_dir: data_dir.path().to_owned(),
            directory: directory.path().to_owned(),
            every: Duration::from_secs(24 * 60 * 60),
            min_free_bytes: 0,
            recipients: Vec::new(),
            is_postgres: false,
        };
        let now = Timestamp(1_796_020_500_000);
        let until = |settings: &BackupSettings| -> Vec<(String, Option<String>)> {
            let mut kept: Vec<_> = list(settings, now)
                .into_iter()
                .map(|kept| {
                    let name = Path::new(&kept.file).file_name().expect("a name");
                    let until = kept.kept_until.map(|at| at.to_string());
                    (name.to_string_lossy().into_owned(), until)
                })
                .collect();
            kept.sort();
            kept
        };
        let kept = until(&settings);
        let named = |name: &str| {
            let found = kept.iter().find(|(file, _)| file == name);
            found.expect(name).1.clone()
        };
        assert_eq!(kept.len(), 5);
        for stays in ["mine.db", "before-restore-x", "before-upgrade-x.db"] {
            assert_eq!(named(stays), None);
        }
        // 24 more daily backups are of 24 other hours.
        let first = named("shoptalk-2026-11-28T03-00-00Z.db.age");
        assert_eq!(first.as_deref(), Some("2026-12-22T06:35:00.000Z"));
        settings.every = Duration::ZERO;
        assert!(until(&settings).iter().all(|(_, until)| until.is_none()));
    }
}
