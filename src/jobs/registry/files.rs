//! The jobs' files: one with its state for each job, and the results beside them.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Job, JobKind, JobState};
use crate::chat::Timestamp;
use crate::jobs::output::OutputFile;

/// The directory of the jobs in the data directory.
const DIRECTORY: &str = "jobs";
/// How long a job that has ended, and its file, are kept.
pub(crate) const KEPT_MS: i64 = 24 * 60 * 60 * 1_000;
/// How the names of jobs' own files end.
const STATE_END: &str = "job";
const EXPORT_PREFIX: &str = "export-";
const BACKUP_PREFIX: &str = "backup-";

/// Where the jobs of a data directory have their files.
pub(crate) fn directory(data_dir: &Path) -> PathBuf {
    data_dir.join(DIRECTORY)
}

/// A job with what is not shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) job: Job,
    pub(super) ended_at: Option<Timestamp>,
    /// Its result: a name in the directory, or the path of a backup on another disk.
    pub(super) file: Option<PathBuf>,
    #[serde(skip)]
    pub(super) cancel: CancellationToken,
}

impl Entry {
    pub(super) fn begin(kind: JobKind, cancel: CancellationToken) -> Self {
        Self {
            job: Job {
                id: Uuid::now_v7(),
                kind,
                state: JobState::Running,
                done: 0,
                total: 0,
                message: None,
                created_at: Timestamp::now(),
            },
            ended_at: None,
            file: None,
            cancel,
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.job.state == JobState::Running
    }

    pub(super) fn end(&mut self, state: JobState, message: String, file: Option<PathBuf>) {
        self.job.state = state;
        self.job.message = Some(message);
        self.ended_at = Some(Timestamp::now());
        self.file = file;
    }
}

/// What the name of a file ends with, such as `jsonl` or `db.age`.
pub(super) fn end_of(file: &Path) -> &str {
    let name = file.file_name().and_then(|name| name.to_str());
    name.and_then(|name| name.split_once('.'))
        .map_or("", |(_, end)| end)
}

/// What a browser saves the result of a job as: the kind, the time, and the end of the file's name.
pub(super) fn download_name(job: &Job, end: &str) -> String {
    let kind = match job.kind {
        JobKind::Erase => "receipt",
        kind => kind.name(),
    };
    let at = job.created_at.to_string().replace(':', "-");
    format!("shoptalk-{kind}-{at}.{end}")
}

/// Why a job has failed that was running when the server ended.
pub(super) fn interrupted(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Backup | JobKind::Export => {
            "the server was stopped before it was done; start it again"
        }
        JobKind::Erase => {
            "the server was stopped before it was done: what was decided is erased by the next start; \
             start it again to see whether anything is left"
        }
        JobKind::Rewrite => {
            "the server was stopped before it was done; the next one does it when the chat is quiet"
        }
    }
}

/// The directory with the jobs' files.
#[derive(Debug, Clone)]
pub(super) struct JobFiles {
    directory: PathBuf,
}

impl JobFiles {
    pub(super) fn in_data_dir(data_dir: &Path) -> Self {
        Self {
            directory: directory(data_dir),
        }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where a result is.
    pub(super) fn path(&self, file: &Path) -> PathBuf {
        self.directory.join(file)
    }

    pub(super) fn export(id: Uuid, end: &str) -> PathBuf {
        format!("{EXPORT_PREFIX}{id}.{end}").into()
    }

    pub(super) fn receipt(id: Uuid) -> PathBuf {
        format!("receipt-{id}.json").into()
    }

    /// Keeps a backup as the result of a job, whatever the rotation does with it: under a second
    /// name of the same file, which takes no space. On another disk it is the file itself.
    pub(super) fn keep_backup(&self, id: Uuid, backup: &Path) -> PathBuf {
        let name = backup.file_name().unwrap_or_default().to_string_lossy();
        let end = name.split_once('.').map_or("db", |(_, end)| end);
        let kept = PathBuf::from(format!("{BACKUP_PREFIX}{id}.{end}"));
        match std::fs::hard_link(backup, self.path(&kept)) {
            Ok(()) => kept,
            Err(_) => backup.to_owned(),
        }
    }

    /// Makes the directory, if it is not there.
    pub(super) fn make_directory(&self) -> io::Result<()> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory)
    }

    /// Writes a job's state, whole or not at all.
    pub(super) fn write(&self, entry: &Entry) -> io::Result<()> {
        self.make_directory()?;
        let file = tempfile::NamedTempFile::new_in(&self.directory)?;
        serde_json::to_writer(file.as_file(), entry)?;
        file.as_file().sync_all()?;
        file.persist(self.state_path(entry))?;
        Ok(())
    }

    /// Writes a result, whole or not at all.
    pub(super) fn write_result(&self, name: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = OutputFile::create(&self.path(name))?;
        io::Write::write_all(file.file(), bytes)?;
        file.finish()
    }

    fn state_path(&self, entry: &Entry) -> PathBuf {
        self.directory.join(format!("{}.{STATE_END}", entry.job.id))
    }

    /// Removes a job's files, but no backup outside of the directory.
    pub(super) fn remove(&self, entry: &Entry) {
        // The result first: what is listed is there.
        let result = entry.file.iter().filter(|file| file.is_relative());
        let paths = result.map(|file| self.path(file));
        for path in paths.chain([self.state_path(entry)]) {
            if let Err(error) = remove_if_there(&path) {
                tracing::warn!(%error, path = %path.display(), "cannot remove a file of a job");
            }
        }
    }

    /// Removes the results of a job, of whatever kind. Blocking.
    pub(super) fn remove_results(&self, id: Uuid) -> io::Result<()> {
        let id = id.to_string();
        let is_result = |name: &PathBuf| {
            name.to_string_lossy().contains(&id)
                && name.extension().is_none_or(|end| end != STATE_END)
        };
        let names = names(&self.directory)?;
        let mut results = names.iter().filter(|name| is_result(name));
        results.try_for_each(|name| remove_if_there(&self.path(name)))
    }

    /// Removes whatever is there.
    pub(super) fn clear(&self) -> io::Result<()> {
        for name in names(&self.directory)? {
            remove_if_there(&self.path(&name))?;
        }
        Ok(())
    }

    /// Reads the jobs in the order of their starts. One that was running has failed; whatever
    /// belongs to none is removed.
    pub(super) fn load(&self) -> io::Result<Vec<Entry>> {
        let (states, others): (Vec<_>, Vec<_>) = names(&self.directory)?
            .into_iter()
            .partition(|name| name.extension().is_some_and(|end| end == STATE_END));
        let mut entries = Vec::new();
        for name in states {
            let path = self.path(&name);
            match serde_json::from_slice::<Entry>(&std::fs::read(&path)?) {
                Ok(entry) => entries.push(entry),
                Err(error) => {
                    tracing::warn!(%error, path = %path.display(), "removed the file of a job, which cannot be read");
                    remove_if_there(&path)?;
                }
            }
        }
        for entry in entries.iter_mut().filter(|entry| entry.is_running()) {
            let why = interrupted(entry.job.kind).to_owned();
            entry.end(JobState::Failed, why, None);
            self.write(entry)?;
        }
        for name in others {
            let is_result = |entry: &Entry| entry.file.as_ref() == Some(&name);
            if !entries.iter().any(is_result) {
                remove_if_there(&self.path(&name))?;
            }
        }
        entries.sort_by_key(|entry| entry.job.id);
        Ok(entries)
    }
}

/// Removes the exports of a data directory: they may hold somebody who is erased.
pub(crate) fn remove_exports(data_dir: &Path) -> io::Result<()> {
    let directory = directory(data_dir);
    for name in names(&directory)? {
        if name.to_string_lossy().starts_with(EXPORT_PREFIX) {
            remove_if_there(&directory.join(name))?;
        }
    }
    Ok(())
}

/// Whether a file of the jobs' directory is a backup.
pub(crate) fn is_backup(name: &str) -> bool {
    name.starts_with(BACKUP_PREFIX)
}

/// The names in a directory; none if it is not there.
fn names(directory: &Path) -> io::Result<Vec<PathBuf>> {
    match std::fs::read_dir(directory) {
        Ok(entries) => entries.map(|entry| Ok(entry?.file_name().into())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
