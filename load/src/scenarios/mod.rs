//! The scenarios, each a function that measures and reports.

pub(crate) mod closed_loop;
pub(crate) mod fanout;
pub(crate) mod history;
pub(crate) mod idle;
pub(crate) mod lobby;
pub(crate) mod open;
pub(crate) mod pairs;
pub(crate) mod soak;
pub(crate) mod stored;
pub(crate) mod storm;

use std::path::PathBuf;

/// What every scenario needs.
pub(crate) struct Bench {
    /// What is measured.
    pub(crate) target: crate::server::Target,
    /// Where data directories are made; they are removed afterwards.
    pub(crate) scratch: PathBuf,
    pub(crate) report: crate::report::Report,
}

impl Bench {
    /// A directory of its own.
    pub(crate) fn directory(&self) -> anyhow::Result<tempfile::TempDir> {
        Ok(tempfile::tempdir_in(&self.scratch)?)
    }
}
