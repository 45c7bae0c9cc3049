//! The peer: Socket.IO on Node with its own SQLite, one transaction and fsync a message, as a
//! competent developer would write it in a day (load/peer). It is measured in turns with
//! Shoptalk, by the same generator and on the same cores.

use std::path::{Path, PathBuf};

use tokio::process::Command;

/// The token by which the peer knows agents.
pub(crate) const AGENT: &str = "load";
/// The first Node whose SQLite needs no flag.
const NODE: (u32, u32) = (22, 13);

/// What is needed to start the peer.
#[derive(Clone)]
pub(crate) struct Program {
    node: PathBuf,
    directory: PathBuf,
    lobby: String,
}

impl Program {
    /// Finds the peer's packages and a Node that can run it. The error is what to install.
    pub(crate) fn find(directory: &Path, lobby: &str) -> Result<Self, String> {
        if !directory.join("node_modules/socket.io").is_dir() {
            return Err(format!(
                "the peer's packages are not installed: run `npm ci` in {}",
                directory.display()
            ));
        }
        // A Node that was installed with the packages is preferred to the machine's own.
        let beside = directory.join("node_modules/node/bin/node");
        let node = [beside, PathBuf::from("node")]
            .into_iter()
            .find(|node| version(node).is_some_and(|version| version >= NODE));
        let node = node.ok_or_else(|| {
            format!(
                "the peer needs Node {}.{} or newer: run `npm install --no-save node@22` in {}",
                NODE.0,
                NODE.1,
                directory.display()
            )
        })?;
        Ok(Self {
            node,
            directory: directory.to_owned(),
            lobby: lobby.to_owned(),
        })
    }

    /// The command that serves a database on a free port.
    pub(crate) fn command(&self, database: &Path) -> Command {
        let mut command = Command::new(&self.node);
        command
            .arg("--disable-warning=ExperimentalWarning")
            .arg(self.directory.join("server.mjs"))
            .arg(database)
            .env("PEER_AGENT", AGENT)
            .env("PEER_LOBBY", &self.lobby);
        command
    }
}

fn version(node: &Path) -> Option<(u32, u32)> {
    let message = std::process::Command::new(node).arg("--version").output();
    let message = String::from_utf8(message.ok()?.stdout).ok()?;
    let mut numbers = message.trim().strip_prefix('v')?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}
