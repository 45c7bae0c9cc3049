//! An import: the lines of an export, read and checked one at a time, and committed by whole rooms.
//!
//! The file is checked to its end before anything is written, so a file with a bad line changes
//! nothing. A kill leaves whole rooms; another run imports those that are missing.

mod assembler;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek};
use std::path::{Path, PathBuf};

use self::assembler::Assembler;
use super::ledger::ErasedIds;
use crate::chat::{Agent, AgentId};
use crate::persistence::{
    AuditAction, Principal, Store, TransferCounts, TransferItem, WholeRoom, WriteError,
};

/// Messages of one transaction, about; a larger room is committed alone.
const BATCH_MESSAGES: usize = 2_000;
/// Rooms, visitors and agents of one transaction, at most.
const BATCH_ITEMS: usize = 500;
/// Bytes of a line, at most: no line that an export writes is as long.
const LINE_BYTES: usize = 1024 * 1024;
/// Bad lines that are named, at most.
const NAMED_LINES: usize = 20;

/// Why an import failed.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// The system's error.
        cause: io::Error,
    },
    /// Lines of the file are wrong; nothing was imported.
    #[error("{}", describe(path, lines, *more))]
    BadLines {
        /// Which file.
        path: PathBuf,
        /// The first of them.
        lines: Vec<BadLine>,
        /// How many others there are.
        more: u64,
    },
    /// The store failed; rooms that were committed before stay.
    #[error("{cause}; what was imported until then stays: run the import again to continue")]
    Store {
        /// Why.
        cause: WriteError,
    },
}

/// A line that cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// Its number, from 1 on.
    pub number: u64,
    /// What is wrong, and what to do.
    pub problem: String,
}

fn describe(path: &Path, lines: &[BadLine], more: u64) -> String {
    let mut text = format!("{} cannot be imported, and nothing was:", path.display());
    for BadLine { number, problem } in lines {
        text.push_str(&format!(" line {number}: {problem};"));
    }
    if more > 0 {
        text.push_str(&format!(" and {more} more bad lines;"));
    }
    text.push_str(" export again, or correct these lines, then run the import again");
    text
}

/// How far an import is, in bytes of the file. It is read twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportProgress {
    /// Bytes that were read.
    pub done: u64,
    /// Bytes to read.
    pub total: u64,
}

/// Imports a file, without what was erased. `progress` is called now and then.
///
/// # Errors
///
/// When the file cannot be read or has a bad line, or the store fails.
pub async fn import(
    store: &Store,
    path: &Path,
    erased: &ErasedIds,
    mut progress: impl FnMut(ImportProgress),
) -> Result<TransferCounts, ImportError> {
    let cannot_read = |cause| cannot_read(path, cause);
    let mut file = File::open(path).map_err(cannot_read)?;
    let metadata = file.metadata().map_err(cannot_read)?;
    if !metadata.is_file() {
        let why = "it is read twice, so it has to be a regular file; save the export to one first";
        return Err(cannot_read(io::Error::new(
            io::ErrorKind::InvalidInput,
            why,
        )));
    }
    let bytes = metadata.len();
    let total = bytes.saturating_mul(2);
    check_lines(path, &mut file, |done| {
        progress(ImportProgress { done, total });
    })?;
    file.rewind().map_err(cannot_read)?;
    let counts = commit_lines(store, path, erased, &mut file, |done| {
        progress(ImportProgress {
            done: bytes + done,
            total,
        });
    })
    .await?;
    store
        .audit(AuditAction::Imported, Principal::CommandLine, None)
        .await
        .map_err(|cause| ImportError::Store { cause })?;
    Ok(counts)
}

fn cannot_read(path: &Path, cause: io::Error) -> ImportError {
    ImportError::Read {
        path: path.to_owned(),
        cause,
    }
}

/// Checks all lines. Calls `read` with the number of bytes that were read.
fn check_lines(path: &Path, file: &mut File, mut read: impl FnMut(u64)) -> Result<(), ImportError> {
    let mut assembler = Assembler::default();
    let mut bad = BadLines::default();
    let mut lines = Lines::new(file);
    while let Some(line) = lines.next().map_err(|cause| cannot_read(path, cause))? {
        if let Err(problem) = assembler.take(&line, &mut |_| ()) {
            bad.add(lines.number, problem);
        }
        if lines.number.is_multiple_of(1_000) {
            read(lines.bytes);
        }
    }
    if let Err(problem) = assembler.finish(&mut |_| ()) {
        bad.add(lines.number + 1, problem);
    }
    bad.into_result(path)
}

/// Commits what is in the checked lines, by whole rooms. Calls `read` with the number of bytes that
/// were read.
async fn commit_lines(
    store: &Store,
    path: &Path,
    erased: &ErasedIds,
    file: &mut File,
    mut read: impl FnMut(u64),
) -> Result<TransferCounts, ImportError> {
    let mut assembler = Assembler::default();
    let present = store.agents().await;
    let present = present.map_err(|cause| ImportError::Store {
        cause: cause.into(),
    })?;
    let mut batch = Batch::new(erased, &present);
    let mut lines = Lines::new(file);
    loop {
        let line = lines.next().map_err(|cause| cannot_read(path, cause))?;
        let taken = match &line {
            Some(line) => assembler.take(line, &mut |item| batch.add(item)),
            None => assembler.finish(&mut |item| batch.add(item)),
        };
        if let Err(problem) = taken {
            // It was valid a moment ago, so somebody is writing to the file.
            let mut bad = BadLines::default();
            bad.add(
                lines.number,
                format!("{problem} (the file has changed during the import)"),
            );
            bad.into_result(path)?;
        }
        if batch.is_full() || line.is_none() {
            let items = batch.take();
            if !items.is_empty() {
                batch.counts += store
                    .import_items(items)
                    .await
                    .map_err(|cause| ImportError::Store { cause })?;
            }
            read(lines.bytes);
        }
        if line.is_none() {
            return Ok(batch.counts);
        }
    }
}

#[derive(Default)]
struct BadLines {
    lines: Vec<BadLine>,
    more: u64,
}

impl BadLines {
    fn add(&mut self, number: u64, problem: String) {
        if self.lines.len() < NAMED_LINES {
            self.lines.push(BadLine { number, problem });
        } else {
            self.more += 1;
        }
    }

    fn into_result(self, path: &Path) -> Result<(), ImportError> {
        if self.lines.is_empty() {
            return Ok(());
        }
        Err(ImportError::BadLines {
            path: path.to_owned(),
            lines: self.lines,
            more: self.more,
        })
    }
}

/// What the next transaction imports, and what the import has done so far.
struct Batch<'e> {
    erased: &'e ErasedIds,
    /// The agents who were there before.
    present: &'e [Agent],
    /// Agents of the file who are there under another id, because they have the same user name.
    same_agents: HashMap<AgentId, AgentId>,
    items: Vec<TransferItem>,
    messages: usize,
    counts: TransferCounts,
}

impl<'e> Batch<'e> {
    fn new(erased: &'e ErasedIds, present: &'e [Agent]) -> Self {
        Self {
            erased,
            present,
            same_agents: HashMap::new(),
            items: Vec::new(),
            messages: 0,
            counts: TransferCounts::default(),
        }
    }

    /// Adds an item, unless it was erased.
    fn add(&mut self, mut item: TransferItem) {
        match &mut item {
            TransferItem::Agent(agent) => {
                let name = agent.username.to_lowercase();
                let mut present = self.present.iter();
                let same = present.find(|present| present.username.to_lowercase() == name);
                self.same_agents
                    .extend(same.map(|present| (agent.id, present.id)));
            }
            TransferItem::Tag(_) => {}
            TransferItem::Visitor(line) if self.erased.has_visitor(line.id) => {
                self.counts.erased_visitors += 1;
                return;
            }
            TransferItem::Visitor(_) => {}
            TransferItem::Room(room)
                if (self.erased).has_room(room.line.room.id, room.line.visitor_id) =>
            {
                self.counts.erased_rooms += 1;
                return;
            }
            TransferItem::Room(room) => {
                self.rename_agents(room);
                let id = room.line.room.id;
                self.messages += room.messages.len() + room.notes.len();
                for message in &mut room.messages {
                    if !message.redacted && self.erased.has_text(id, message.id) {
                        message.content.clear();
                        message.redacted = true;
                        self.counts.redacted += 1;
                    }
                }
            }
        }
        self.items.push(item);
    }

    /// Gives what agents have written to those who are there, under their ids here.
    fn rename_agents(&self, room: &mut WholeRoom) {
        let WholeRoom {
            line,
            messages,
            notes,
            ..
        } = room;
        let assignee = line.desk.assignee.iter_mut();
        let of_messages = messages.iter_mut().filter_map(|it| it.agent_id.as_mut());
        let of_notes = notes.iter_mut().map(|note| &mut note.agent_id);
        for id in assignee.chain(of_messages).chain(of_notes) {
            *id = self.same_agents.get(id).copied().unwrap_or(*id);
        }
    }

    fn take(&mut self) -> Vec<TransferItem> {
        self.messages = 0;
        std::mem::take(&mut self.items)
    }

    fn is_full(&self) -> bool {
        self.messages >= BATCH_MESSAGES || self.items.len() >= BATCH_ITEMS
    }
}

/// The lines of a file, of a bounded length.
struct Lines<'f> {
    file: BufReader<&'f mut File>,
    /// The number of the line that was read last.
    number: u64,
    bytes: u64,
}

impl<'f> Lines<'f> {
    fn new(file: &'f mut File) -> Self {
        Self {
            file: BufReader::with_capacity(64 * 1024, file),
            number: 0,
            bytes: 0,
        }
    }

    /// The next line without its line break; `None` at the end of the file. A longer line is cut, and
    /// the beginning that is returned is not JSON.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        use std::io::Read;
        let mut line = Vec::new();
        let mut limited = (&mut self.file).take(LINE_BYTES as u64);
        let mut read = limited.read_until(b'\n', &mut line)? as u64;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if read == LINE_BYTES as u64 && line.last() != Some(&b'\n') {
            read += self.file.skip_until(b'\n')? as u64;
        }
        self.bytes += read;
        while line.last().is_some_and(u8::is_ascii_whitespace) {
            line.pop();
        }
        Ok(Some(line))
    }
}

#[cfg(test)]
mod tests;
