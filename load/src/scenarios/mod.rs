//! The scenarios, each a function that measures and reports.

pub(crate) mod burst;
pub(crate) mod change_cost;
pub(crate) mod closed_loop;
pub(crate) mod consoles;
pub(crate) mod everyday;
pub(crate) mod fanout;
pub(crate) mod history;
pub(crate) mod idle;
pub(crate) mod joined;
pub(crate) mod lobby;
pub(crate) mod open;
pub(crate) mod pairs;
pub(crate) mod rates;
pub(crate) mod soak;
pub(crate) mod store;
pub(crate) mod stored;
pub(crate) mod storm;

use std::path::PathBuf;

/// What every scenario needs.
pub(crate) struct Bench {
    /// What is measured.
    pub(crate) target: crate::server::Target,
    /// What is measured in turns with it, where a scenario can.
    pub(crate) peer: Option<crate::peer::Program>,
    /// Where data directories are made; they are removed afterwards.
    pub(crate) scratch: PathBuf,
    pub(crate) report: crate::report::Report,
}

impl Bench {
    /// The server, and the peer if there is one.
    pub(crate) fn contestants(&self) -> Vec<(&'static str, crate::server::Target)> {
        let peer = self.peer.clone().map(crate::server::Target::Peer);
        let peer = peer.map(|peer| ("the peer", peer));
        std::iter::once(("Shoptalk", self.target.clone()))
            .chain(peer)
            .collect()
    }

    /// A directory of its own.
    pub(crate) fn directory(&self) -> anyhow::Result<tempfile::TempDir> {
        Ok(tempfile::tempdir_in(&self.scratch)?)
    }
}
