//! The report of an import: a line for each row that was not imported unchanged, and counts.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// How much of it is done.
    pub done: u64,
    /// How much there is.
    pub total: u64,
}

/// What an import is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Reading and sorting the source.
    Reading,
    /// Committing rooms.
    Importing,
}

/// Who watches an import.
pub trait Observer: Send + Sync {
    /// A line of the report.
    fn line(&self, line: &str);
    /// It is this far.
    fn progress(&self, progress: Progress);
}

/// What happened to a row that was not imported unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Finding {
    NameCut,
    TextSplit,
    Blank,
    Nul,
    UnknownSender,
    Orphan,
    NoUser,
    BadTime,
    TimeInGap,
    Doubled,
    Redacted,
    AgentTaken,
    AgentInactive,
    AgentPassword,
}

impl Finding {
    fn count_label(self) -> &'static str {
        match self {
            Self::NameCut => "names cut",
            Self::TextSplit => "texts split",
            Self::Blank => "blank messages left out",
            Self::Nul => "messages with NUL left out",
            Self::UnknownSender => "messages of unknown senders left out",
            Self::Orphan => "messages without a room left out",
            Self::NoUser => "rooms whose user is missing",
            Self::BadTime => "unreadable times",
            Self::TimeInGap => "times that the clocks skipped",
            Self::Doubled => "rooms that are in the source twice",
            Self::Redacted => "texts left out because they were removed",
            Self::AgentTaken => "agents whose user name was taken",
            Self::AgentInactive => "inactive agents left out",
            Self::AgentPassword => "agents without a usable password",
        }
    }
}

/// The report of one import.
pub(super) struct Report {
    observer: Arc<dyn Observer>,
    findings: BTreeMap<&'static str, u64>,
}

impl Report {
    pub(super) fn new(observer: Arc<dyn Observer>) -> Self {
        Self {
            observer,
            findings: BTreeMap::new(),
        }
    }

    /// Reports a row.
    pub(super) fn note(&mut self, finding: Finding, line: &str) {
        *self.findings.entry(finding.count_label()).or_default() += 1;
        self.observer.line(line);
    }

    pub(super) fn line(&self, line: &str) {
        self.observer.line(line);
    }

    pub(super) fn observer(&self) -> Arc<dyn Observer> {
        Arc::clone(&self.observer)
    }

    pub(super) fn progress(&self, phase: Phase, done: u64, total: u64) {
        self.observer.progress(Progress { phase, done, total });
    }

    /// What was found, counted.
    pub(super) fn counts(&self) -> Vec<(&'static str, u64)> {
        self.findings
            .iter()
            .map(|(label, count)| (*label, *count))
            .collect()
    }
}

/// What an import did, or with `--dry-run` would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// The app of the chat.
    pub app: String,
    /// Rooms that were made.
    pub rooms_created: u64,
    /// Rooms that were there already and got messages.
    pub rooms_appended: u64,
    /// Rooms in which nothing changed.
    pub rooms_unchanged: u64,
    /// Rooms without a message, which were left out.
    pub rooms_empty: u64,
    /// Rooms that were left out because they, or their visitors, were erased.
    pub rooms_erased: u64,
    /// Messages that were added.
    pub messages_added: u64,
    /// Messages that were there already.
    pub messages_present: u64,
    /// Agents that were added.
    pub agents_added: u64,
    /// Anonymous customers whose session has not ended.
    pub sessions: u64,
    /// Rows that were not imported unchanged, counted by what happened to them.
    pub findings: Vec<(&'static str, u64)>,
}

impl Summary {
    /// The summary in sentences.
    pub fn describe(&self, dry_run: bool) -> String {
        let counted = |number: u64, unit: &str| match number {
            1 => format!("1 {unit}"),
            _ => format!("{number} {unit}s"),
        };
        let mut text = format!(
            "{}{} and {} of the app {}",
            if dry_run {
                "would import "
            } else {
                "imported "
            },
            counted(self.rooms_created + self.rooms_appended, "room"),
            counted(self.messages_added, "message"),
            self.app
        );
        let mut also = |count: u64, what: &str| {
            if count > 0 {
                // Writing to memory does not fail.
                let _ = write!(text, "\n{count:>10} {what}");
            }
        };
        also(self.rooms_created, "new rooms");
        also(self.rooms_appended, "rooms with new messages");
        also(self.rooms_unchanged, "rooms unchanged");
        also(self.rooms_empty, "rooms without messages skipped");
        also(self.rooms_erased, "rooms left out because they were erased");
        also(self.messages_present, "messages already imported");
        also(self.agents_added, "agents added");
        also(self.sessions, "customers whose session goes on");
        for (label, count) in &self.findings {
            also(*count, label);
        }
        text
    }
}
