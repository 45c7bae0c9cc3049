use std::sync::Arc;

use anyhow::Result;

use super::Setup;
use crate::conversations::{Conversations, Layout, Measured};
use crate::delivery_check::DeliveryCheck;
use crate::report::{Goal, Report, median};
use crate::server::{Process, Server};

/// Shoptalk or the peer, with people who talk over it, measured in turns with the other.
pub(super) struct Contender {
    /// Whether it is Shoptalk.
    pub(super) ours: bool,
    server: Server,
    process: Process,
    pub(super) participants: Conversations,
    check: Arc<DeliveryCheck>,
    /// Of each turn, and of the warm-up the closed sockets.
    measured: Vec<Measured>,
    /// Processor time of its turns, in seconds: the server's, and the load generator's.
    cpu: f64,
    own_cpu: f64,
    _dir: tempfile::TempDir,
}

impl Contender {
    /// All there are, Shoptalk first.
    pub(super) async fn all(setup: &Setup, layout: Layout) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        for (ours, target) in setup.targets() {
            let dir = setup.directory()?;
            let server = Server::start(&target, dir.path()).await?;
            let check = Arc::new(DeliveryCheck::default());
            all.push(Self {
                ours,
                process: server.process()?,
                participants: Conversations::start(&server, layout, &check).await?,
                server,
                check,
                measured: Vec::new(),
                cpu: 0.0,
                own_cpu: 0.0,
                _dir: dir,
            });
        }
        Ok(all)
    }

    /// Of what was before the first turn only the closed sockets count.
    pub(super) fn warm(&mut self) -> Result<()> {
        let warm = self.participants.take()?;
        self.measured.push(warm.closed_only()?);
        Ok(())
    }

    /// Measures a turn. Returns what the turn does.
    pub(super) async fn turn<T>(
        &mut self,
        turn: impl AsyncFnOnce(&mut Conversations) -> Result<T>,
    ) -> Result<T> {
        let (before, own) = (self.process.cpu_seconds()?, Process::own().cpu_seconds()?);
        let brought = turn(&mut self.participants).await?;
        self.cpu += self.process.cpu_seconds()? - before;
        self.own_cpu += Process::own().cpu_seconds()? - own;
        Ok(brought)
    }

    /// Ends a turn, after whatever follows it without being a part of it.
    pub(super) fn end_turn(&mut self) -> Result<&Measured> {
        self.measured.push(self.participants.take()?);
        Ok(&self.measured[self.measured.len() - 1])
    }

    /// All turns together.
    pub(super) fn whole(&self) -> Result<Measured> {
        Measured::sum(&self.measured)
    }

    /// A figure's name.
    pub(super) fn figure(&self, what: &str) -> String {
        let who = if self.ours { "" } else { "the peer, " };
        format!("{who}{what}")
    }

    /// Reports the processor time per message or delivery, of which there were `count`.
    pub(super) fn report_cpu(
        &self,
        report: &mut Report,
        scenario: &'static str,
        where_: &str,
        (count, what): (u64, &str),
    ) {
        for (whose, seconds) in [
            ("server CPU", self.cpu),
            ("the load generator's CPU", self.own_cpu),
        ] {
            let figure = self.figure(&format!("{where_}: {whose} per {what}"));
            let each = seconds / count as f64 * 1e6;
            report.add(scenario, figure, each, "µs", Goal::None);
        }
    }

    /// Reports closed sockets and lost messages, and stops the server.
    pub(super) async fn end(
        self,
        report: &mut Report,
        scenario: &'static str,
        where_: &str,
    ) -> Result<()> {
        for (what, count) in self.whole()?.closings() {
            let figure = self.figure(&format!("{where_}: {what}"));
            report.add(scenario, figure, count as f64, "", Goal::AtMost(0.0));
        }
        report.check(scenario, &self.check);
        drop(self.participants);
        self.server.stop().await
    }
}

/// The median of the rounds' ratios.
pub(super) fn ratio(ours: &[f64], theirs: &[f64]) -> f64 {
    median(
        ours.iter()
            .zip(theirs)
            .map(|(ours, theirs)| ours / theirs)
            .collect(),
    )
}
