use uuid::Uuid;

use crate::chat::Timestamp;

/// A job of one of several nodes, as all of them see it. Kinds and states are those of
/// `jobs::registry`, which are written and read here as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedJob {
    /// Its id.
    pub id: Uuid,
    /// What it does.
    pub kind: String,
    /// Whether it is running, and how it has ended.
    pub state: String,
    /// Units that are done.
    pub done: u64,
    /// Units in all.
    pub total: u64,
    /// Its result, or why it failed.
    pub message: Option<String>,
    /// When it was started.
    pub created_at: Timestamp,
    /// When it ended; `None` while it is running.
    pub ended_at: Option<Timestamp>,
    /// Its file.
    pub file: Option<SharedJobFile>,
}

/// The file of a job, which is stored in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedJobFile {
    /// What its name ends with, such as `jsonl`.
    pub end: String,
    /// Bytes of all parts.
    pub bytes: u64,
}

/// Whether a job has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobBegun {
    /// It has.
    Begun,
    /// One of its kind is running on some node.
    Running,
    /// As many as may be kept are kept.
    Full,
}

/// What the store says to a job that reports its progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobOrder {
    /// It goes on.
    Continue,
    /// Somebody has cancelled it.
    Cancel,
}

/// Why jobs of a kind have failed whose node has not reported for long.
#[derive(Debug, Clone, Copy)]
pub struct Interrupted {
    /// Of a job of this kind.
    pub kind: &'static str,
    /// Why it has failed, and what to do.
    pub message: &'static str,
}
