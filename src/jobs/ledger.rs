//! The ledger: a file beside the backups that lists what was erased, by id alone. A backup that is
//! older than an erasure still has what was erased, and so has an older export: `restore` reads the
//! ledger and erases it again, the imports leave it out.
//!
//! It is appended to and never rewritten. Each line is whole JSON; one that a power cut has left
//! unfinished is skipped: its content is still unrecorded in the database, and is appended again.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::chat::{MessageId, RoomId, Timestamp, VisitorId};
use crate::persistence::Erased;

/// The file's name in the directory of the backups.
pub const LEDGER_FILE: &str = "erasures.jsonl";
/// Ids in a line, at most.
const LINE_IDS: usize = 1_000;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    at: Timestamp,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    visitors: Vec<Uuid>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rooms: Vec<Uuid>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    redacted: Vec<Redacted>,
}

/// A message whose text was removed.
#[derive(Debug, Serialize, Deserialize)]
struct Redacted {
    room: Uuid,
    message: Uuid,
}

/// The contents of a ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerContents {
    /// Everything that was erased.
    pub erased: Erased,
    /// When the newest line was written.
    pub newest: Option<Timestamp>,
}

/// The ledger in a directory of backups.
#[derive(Debug, Clone)]
pub struct Ledger {
    path: PathBuf,
}

impl Ledger {
    /// The ledger in this directory. Nothing is made before something is appended.
    pub fn in_directory(directory: &Path) -> Self {
        Self {
            path: directory.join(LEDGER_FILE),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends what was erased and is not listed yet, and makes it durable.
    ///
    /// # Errors
    ///
    /// When the directory or the file cannot be written.
    pub fn append(&self, erased: &Erased) -> io::Result<()> {
        let mut missing = erased.clone();
        // A ledger that cannot be read is appended to all the same.
        if let Ok(Some(known)) = self.read() {
            missing.remove(&known.erased);
        }
        if missing.is_empty() {
            return Ok(());
        }
        let directory = self.path.parent().unwrap_or(Path::new("."));
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
        let mut file = File::options()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.path)?;
        let mut text = String::new();
        if !ends_with_newline(&mut file)? {
            text.push('\n');
        }
        for line in lines(&missing, Timestamp::now()) {
            text.push_str(&serde_json::to_string(&line)?);
            text.push('\n');
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        File::open(directory)?.sync_all()
    }

    /// Reads it. `None` when there is none.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or a whole line of it is not one of a ledger.
    pub fn read(&self) -> io::Result<Option<LedgerContents>> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut contents = LedgerContents::default();
        for text in BufReader::new(file).lines() {
            let text = text?;
            // An interrupted append may have left a part of a line.
            let Ok(line) = serde_json::from_str::<Line>(&text) else {
                if text.ends_with('}') {
                    return Err(io::Error::other(format!(
                        "this line is not understood: {text}"
                    )));
                }
                continue;
            };
            contents.newest = contents.newest.max(Some(line.at));
            contents.erased.visitors.extend(line.visitors);
            contents.erased.rooms.extend(line.rooms);
            let redacted = line.redacted.into_iter();
            let redacted = redacted.map(|it| (it.room, it.message));
            contents.erased.messages.extend(redacted);
        }
        Ok(Some(contents))
    }
}

impl LedgerContents {
    /// Reads all ledgers that may know of what is in `file`, which is brought back: those beside the
    /// server's backups, wherever these are, and the one beside the file.
    ///
    /// # Errors
    ///
    /// When one cannot be read.
    pub fn read_all(data_dir: &Path, backup_dir: &Path, file: &Path) -> Result<Self, LedgerError> {
        let mut all = Self::read_kept(data_dir, backup_dir)?;
        let beside = file.parent().unwrap_or(Path::new(""));
        all.merge(Self::read_in(beside)?);
        Ok(all)
    }

    /// Reads the ledgers beside the server's backups, wherever these are.
    ///
    /// # Errors
    ///
    /// When one cannot be read.
    pub fn read_kept(data_dir: &Path, backup_dir: &Path) -> Result<Self, LedgerError> {
        let by_default = data_dir.join("backups");
        let mut all = Self::read_in(backup_dir)?;
        if by_default != backup_dir {
            all.merge(Self::read_in(&by_default)?);
        }
        Ok(all)
    }

    fn read_in(directory: &Path) -> Result<Self, LedgerError> {
        let ledger = Ledger::in_directory(directory);
        let contents = ledger.read().map_err(|cause| LedgerError {
            path: ledger.path,
            cause,
        })?;
        Ok(contents.unwrap_or_default())
    }

    /// Adds the contents of another ledger.
    pub fn merge(&mut self, other: Self) {
        self.erased.extend(other.erased);
        self.newest = self.newest.max(other.newest);
    }
}

/// A ledger cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot read {}, which lists what was erased: {cause}; correct it, or move it away to continue without it", path.display()
)]
pub struct LedgerError {
    /// Which one.
    pub path: PathBuf,
    /// Why.
    pub cause: io::Error,
}

/// What ledgers list, to be asked by id.
#[derive(Debug, Default)]
pub struct ErasedIds {
    visitors: HashSet<VisitorId>,
    rooms: HashSet<RoomId>,
    messages: HashSet<(RoomId, MessageId)>,
}

impl ErasedIds {
    /// Whether the visitor was erased.
    pub fn has_visitor(&self, visitor: VisitorId) -> bool {
        self.visitors.contains(&visitor)
    }

    /// Whether the room, or its visitor, was erased.
    pub fn has_room(&self, room: RoomId, visitor: VisitorId) -> bool {
        self.rooms.contains(&room) || self.has_visitor(visitor)
    }

    /// Whether the text of the message was removed.
    pub fn has_text(&self, room: RoomId, message: MessageId) -> bool {
        self.messages.contains(&(room, message))
    }
}

impl From<Erased> for ErasedIds {
    fn from(erased: Erased) -> Self {
        Self {
            visitors: erased.visitors.into_iter().collect(),
            rooms: erased.rooms.into_iter().collect(),
            messages: erased.messages.into_iter().collect(),
        }
    }
}

fn ends_with_newline(file: &mut File) -> io::Result<bool> {
    use std::os::unix::fs::FileExt;
    let length = file.metadata()?.len();
    if length == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.read_exact_at(&mut last, length - 1)?;
    Ok(last == *b"\n")
}

fn lines(erased: &Erased, at: Timestamp) -> impl Iterator<Item = Line> {
    let line = move || Line {
        at,
        visitors: Vec::new(),
        rooms: Vec::new(),
        redacted: Vec::new(),
    };
    let visitors = erased.visitors.chunks(LINE_IDS).map(move |ids| Line {
        visitors: ids.to_vec(),
        ..line()
    });
    let rooms = erased.rooms.chunks(LINE_IDS).map(move |ids| Line {
        rooms: ids.to_vec(),
        ..line()
    });
    let redacted = erased.messages.chunks(LINE_IDS).map(move |ids| Line {
        redacted: ids
            .iter()
            .map(|(room, message)| Redacted {
                room: *room,
                message: *message,
            })
            .collect(),
        ..line()
    });
    visitors.chain(rooms).chain(redacted)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn erased(count: usize) -> Erased {
        let ids = || (0..count).map(|_| Uuid::new_v4()).collect();
        Erased {
            visitors: ids(),
            rooms: ids(),
            messages: vec![(Uuid::new_v4(), Uuid::new_v4())],
        }
    }

    #[test]
    fn what_was_appended_is_read_also_past_a_line_that_was_cut_off() {
        let directory = tempfile::tempdir().expect("a directory");
        let ledger = Ledger::in_directory(&directory.path().join("backups"));
        assert_eq!(ledger.read().expect("it reads"), None);
        let (first, second) = (erased(1), erased(LINE_IDS + 1));
        ledger.append(&first).expect("appended");
        let cut_off = br#"{"at":"2026-01-01T00:00:00.000Z","roo"#;
        let mut file = File::options().append(true).open(ledger.path());
        let file = file.as_mut().expect("it opens");
        file.write_all(cut_off).expect("written");
        ledger.append(&second).expect("appended");
        let mut all = LedgerContents::default();
        for erased in [first, second] {
            all.merge(LedgerContents {
                erased,
                newest: None,
            });
        }
        let mut read = LedgerContents::default();
        read.merge(ledger.read().expect("it reads").expect("it is there"));
        assert_eq!(read.erased, all.erased);
        assert!(read.newest.is_some());
        let mode = ledger.path().metadata().expect("there").permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }

    #[test]
    fn a_line_of_something_else_is_an_error() {
        let directory = tempfile::tempdir().expect("a directory");
        let ledger = Ledger::in_directory(directory.path());
        std::fs::write(ledger.path(), "{\"rooms\":[]}\n").expect("written");
        assert!(ledger.read().is_err());
    }
}
