//! How many transactions each slot has had, as this node has seen it, in a file of the data
//! directory. A database below that is an older copy: restored to an earlier time, or a replica that
//! was promoted without its last commits. It gets a new epoch, so that clients take nothing of it for
//! what they have already.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::persistence::{OpenError, create_data_directory};

/// The file's name.
const FILE: &str = "slots.json";

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SeenCommits {
    epoch: String,
    /// Transactions by slot.
    commits: BTreeMap<usize, u64>,
}

impl SeenCommits {
    /// What a database with this epoch has.
    pub(crate) fn new(epoch: &str, commits: impl IntoIterator<Item = (usize, u64)>) -> Self {
        Self {
            epoch: epoch.to_owned(),
            commits: commits.into_iter().collect(),
        }
    }

    /// Whether `now` lacks transactions of the same epoch that were seen before.
    pub(crate) fn are_missing_in(&self, now: &Self) -> bool {
        let lacks = |(slot, seen): (&usize, &u64)| now.commits.get(slot).unwrap_or(&0) < seen;
        self.epoch == now.epoch && self.commits.iter().any(lacks)
    }
}

/// The file.
pub(crate) struct MarksFile {
    path: PathBuf,
    written: SeenCommits,
}

impl MarksFile {
    /// Reads the file in a data directory, which is made if it is missing.
    pub(crate) fn open(data_dir: &Path) -> Result<Self, OpenError> {
        create_data_directory(data_dir)?;
        let path = data_dir.join(FILE);
        let failed = |cause| OpenError::Io {
            path: path.clone(),
            cause,
        };
        let written = match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| {
                failed(std::io::Error::new(
                    ErrorKind::InvalidData,
                    format!("{error}; remove it if the database was never restored"),
                ))
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => SeenCommits::default(),
            Err(error) => return Err(failed(error)),
        };
        Ok(Self { path, written })
    }

    /// What was seen before.
    pub(crate) fn seen(&self) -> &SeenCommits {
        &self.written
    }

    /// Writes what was seen, if that is new. Losing the last second of it does no harm.
    pub(crate) fn write(&mut self, seen: SeenCommits) -> std::io::Result<()> {
        if seen == self.written {
            return Ok(());
        }
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        serde_json::to_writer(&mut file, &seen)?;
        file.flush()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        self.written = seen;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_copy_lacks_what_was_seen() {
        let seen = SeenCommits::new("a", [(0, 5), (2, 7)]);
        let lacks = |epoch, commits: &[(usize, u64)]| {
            seen.are_missing_in(&SeenCommits::new(epoch, commits.iter().copied()))
        };
        assert!(!lacks("a", &[(0, 5), (1, 1), (2, 8)]));
        assert!(lacks("a", &[(0, 4), (2, 7)]));
        assert!(lacks("a", &[(0, 5)]));
        assert!(!lacks("b", &[(0, 1)]), "another epoch is told apart anyway");
    }

    #[test]
    fn what_was_written_is_read_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let seen = SeenCommits::new("a", [(1, 3)]);
        let mut file = MarksFile::open(directory.path()).expect("it opens");
        assert_eq!(*file.seen(), SeenCommits::default());
        file.write(seen.clone()).expect("written");
        let again = MarksFile::open(directory.path()).expect("it opens");
        assert_eq!(*again.seen(), seen);
        std::fs::write(directory.path().join(FILE), "{").expect("written");
        assert!(MarksFile::open(directory.path()).is_err());
    }
}
