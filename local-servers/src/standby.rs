//! Standbys: another server that repeats what one has committed, and takes its place.

use std::time::{Duration, Instant};

use crate::postgres::{MAINTENANCE, checked};
use crate::{Error, Postgres};

/// Whether a commit of the first server waits until the standby has it on its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replication {
    Synchronous,
    Asynchronous,
}

/// How long a standby may take to connect: long enough for the slowest machine.
const CONNECT: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(10);

impl Postgres {
    /// Starts a standby of this server, and returns when it repeats everything.
    pub fn start_standby(&self, replication: Replication) -> Result<Self, Error> {
        let mut standby = Self::prepare(self.programs.clone())?;
        let mut copy = standby.own_program("pg_basebackup");
        copy.args(["--no-sync", "--checkpoint=fast", "--wal-method=stream"])
            .args(["--write-recovery-conf", "--dbname", &self.url(MAINTENANCE)])
            .arg("--pgdata")
            .arg(standby.data());
        checked("pg_basebackup", copy.output())?;
        standby.start_on_a_free_port()?;
        if replication == Replication::Synchronous {
            self.set("synchronous_standby_names = '*'")?;
        }
        self.wait_for_standby(replication)?;
        Ok(standby)
    }

    fn wait_for_standby(&self, replication: Replication) -> Result<(), Error> {
        let wanted = match replication {
            Replication::Synchronous => "streaming|sync",
            Replication::Asynchronous => "streaming|async",
        };
        let start = Instant::now();
        loop {
            let state = self.psql(
                MAINTENANCE,
                "SELECT state, sync_state FROM pg_stat_replication",
            )?;
            if state.lines().any(|line| line == wanted) {
                return Ok(());
            }
            if start.elapsed() > CONNECT {
                return Err(Error::NotReady {
                    program: "the standby",
                    seconds: CONNECT.as_secs(),
                    log: self.log(),
                });
            }
            std::thread::sleep(POLL);
        }
    }

    /// Makes this standby a server that takes writes, whose commits wait for no other. The server
    /// that it repeats has to be stopped first.
    pub fn promote(&self) -> Result<(), Error> {
        let mut command = self.own_program("pg_ctl");
        command.args(["promote", "--pgdata"]).arg(self.data());
        checked("pg_ctl promote", command.output())?;
        self.set("synchronous_standby_names = ''")
    }
}
