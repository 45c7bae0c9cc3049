//! The scenarios, each a function that measures and reports.

mod across_nodes;
pub(crate) mod backups;
mod bare_stores;
pub(crate) mod burst;
pub(crate) mod change_cost;
pub(crate) mod closed_loop;
mod contender;
pub(crate) mod everyday;
pub(crate) mod fanout;
pub(crate) mod history;
pub(crate) mod idle;
pub(crate) mod joined;
pub(crate) mod lobby;
pub(crate) mod nodes;
pub(crate) mod notifications;
pub(crate) mod open;
pub(crate) mod pairs;
pub(crate) mod rates;
pub(crate) mod reports;
mod rounds;
pub(crate) mod soak;
pub(crate) mod store;
pub(crate) mod stored;
pub(crate) mod stored_postgres;
pub(crate) mod storm;
pub(crate) mod talk;

use std::path::PathBuf;

use crate::peer::Program;
use crate::report::Report;
use crate::server::Target;

/// What every scenario needs.
pub(crate) struct Setup {
    /// What is measured.
    pub(crate) target: Target,
    /// What is measured in turns with it, where a scenario can.
    pub(crate) peer: Option<Program>,
    /// Where data directories are made; they are removed afterwards.
    pub(crate) scratch: PathBuf,
    pub(crate) report: Report,
}

impl Setup {
    /// The server, and the peer if there is one; and which of them is ours.
    pub(crate) fn targets(&self) -> Vec<(bool, Target)> {
        let peer = self.peer.clone().map(|peer| (false, Target::Peer(peer)));
        std::iter::once((true, self.target.clone()))
            .chain(peer)
            .collect()
    }

    /// A directory of its own.
    pub(crate) fn directory(&self) -> anyhow::Result<tempfile::TempDir> {
        Ok(tempfile::tempdir_in(&self.scratch)?)
    }
}
